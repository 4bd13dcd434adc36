#include "strata/kernels/row.hpp"

namespace strata::kernels {

std::string_view to_string(Precision precision) {
  return precision == Precision::bf16 ? "bf16" : "f32";
}

std::string_view to_string(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::conv:
      return "conv";
    case ProblemKind::conv_transpose:
      return "conv_transpose";
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
    case ProblemKind::arg_extremum:
      return "arg_extremum";
    case ProblemKind::layer_norm:
      return "layer_norm";
    case ProblemKind::attention:
      return "attention";
    case ProblemKind::concat:
      return "concat";
    case ProblemKind::strided_copy:
      return "strided_copy";
    case ProblemKind::pad:
      return "pad";
    case ProblemKind::reorder:
      return "reorder";
    case ProblemKind::cast:
      return "cast";
    case ProblemKind::integer_conv:
      return "integer_conv";
    case ProblemKind::dynamic_conv:
      return "dynamic_conv";
    case ProblemKind::integer_conv_transpose:
      return "integer_conv_transpose";
    case ProblemKind::recurrent:
      return "recurrent";
    case ProblemKind::byte_table:
      return "byte_table";
    case ProblemKind::byte_binary:
      return "byte_binary";
    case ProblemKind::byte_pool:
      return "byte_pool";
    case ProblemKind::byte_resize:
      return "byte_resize";
    case ProblemKind::quantize:
      return "quantize";
    case ProblemKind::dequantize:
      return "dequantize";
    case ProblemKind::reference:
      return "reference";
  }
  return "unknown";
}

}  // namespace strata::kernels
