#include "strata/kernels/kernels.hpp"

#include "strata/kernels/arg/arg.hpp"
#include "strata/kernels/attention/attention.hpp"
#include "strata/kernels/bytes/bytes.hpp"
#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/convert/convert.hpp"
#include "strata/kernels/elementwise/elementwise.hpp"
#include "strata/kernels/gemm/gemm.hpp"
#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/kernels/movement/movement.hpp"
#include "strata/kernels/norm/norm.hpp"
#include "strata/kernels/pool/pool.hpp"
#include "strata/kernels/reduce/reduce.hpp"
#include "strata/kernels/rnn/recurrent.hpp"

namespace strata::kernels {

std::vector<const Row*> builtin_rows() {
  std::vector<const Row*> rows;
  for (const std::span<const Row> family :
       {conv_rows(), conv_transpose_rows(), gemm_rows(), pool_rows(), elementwise_rows(),
        norm_rows(), attention_rows(), reduce_rows(), arg_rows(), concat_rows(), movement_rows(),
        convert_rows(), integer_conv_rows(), dynamic_conv_rows(), integer_conv_transpose_rows(),
        recurrent_rows(), byte_rows()}) {
    for (const Row& row : family) rows.push_back(&row);
  }
  return rows;
}

}  // namespace strata::kernels
