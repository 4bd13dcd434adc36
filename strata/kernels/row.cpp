#include "strata/kernels/row.hpp"

namespace strata::kernels {

std::string_view to_string(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::conv:
      return "conv";
    case ProblemKind::gemm:
      return "gemm";
    case ProblemKind::pool:
      return "pool";
    case ProblemKind::unary:
      return "unary";
    case ProblemKind::binary:
      return "binary";
    case ProblemKind::reduce:
      return "reduce";
    case ProblemKind::softmax:
      return "softmax";
    case ProblemKind::concat:
      return "concat";
    case ProblemKind::strided_copy:
      return "strided_copy";
    case ProblemKind::pad:
      return "pad";
    case ProblemKind::reorder:
      return "reorder";
    case ProblemKind::reference:
      return "reference";
  }
  return "unknown";
}

}  // namespace strata::kernels
