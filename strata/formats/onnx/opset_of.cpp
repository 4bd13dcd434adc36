#include "strata/formats/onnx/opset_of.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

constexpr int oldest = 13;

struct Row {
  std::string_view op;
  int opset;
  std::string_view attribute = {};  ///< set: only if the node has this attribute
  int inputs = 0;                   ///< only if it has at least as many inputs
};

// What ONNX added after opset 13.
constexpr Row rows[] = {
    {"AffineGrid", 20},
    {"Attention", 24},
    {"Attention", 25, "left_window_size"},
    {"Attention", 25, "right_window_size"},
    {"AveragePool", 19, "dilations"},
    {"BatchNormalization", 14},
    {"Bernoulli", 15},
    {"BitCast", 26},
    {"BitwiseAnd", 18},
    {"BitwiseNot", 18},
    {"BitwiseOr", 18},
    {"BitwiseXor", 18},
    {"BlackmanWindow", 17},
    {"Cast", 19, "saturate"},
    {"Cast", 24, "round_mode"},
    {"CastLike", 15},
    {"CastLike", 19, "saturate"},
    {"CastLike", 24, "round_mode"},
    {"CausalConvWithState", 27},
    {"CenterCropPad", 18},
    {"Col2Im", 18},
    {"CumProd", 26},
    {"DFT", 17, "axis"},
    {"DFT", 20},
    {"DeformConv", 19},
    {"DequantizeLinear", 21, "block_size"},
    {"DequantizeLinear", 23, "output_dtype"},
    {"GRU", 14, "layout"},
    {"Gelu", 20},
    {"GridSample", 20},
    {"GroupNormalization", 21},
    {"HammingWindow", 17},
    {"HannWindow", 17},
    {"HardSwish", 14},
    {"ImageDecoder", 20},
    {"LSTM", 14, "layout"},
    {"LayerNormalization", 17},
    {"LinearAttention", 27},
    {"LpPool", 18, "ceil_mode"},
    {"LpPool", 18, "dilations"},
    {"MelWeightMatrix", 17},
    {"Mish", 18},
    {"Pad", 18, {}, 4},
    {"QuantizeLinear", 19, "saturate"},
    {"QuantizeLinear", 21, "block_size"},
    {"QuantizeLinear", 21, "output_dtype"},
    {"QuantizeLinear", 23, "precision"},
    {"RMSNormalization", 23},
    {"RNN", 14, "layout"},
    {"ReduceL1", 18, {}, 2},
    {"ReduceL2", 18, {}, 2},
    {"ReduceLogSum", 18, {}, 2},
    {"ReduceLogSumExp", 18, {}, 2},
    {"ReduceMax", 18, {}, 2},
    {"ReduceMean", 18, {}, 2},
    {"ReduceMin", 18, {}, 2},
    {"ReduceProd", 18, {}, 2},
    {"ReduceSumSquare", 18, {}, 2},
    {"ReduceL1", 18, "noop_with_empty_axes"},
    {"ReduceL2", 18, "noop_with_empty_axes"},
    {"ReduceLogSum", 18, "noop_with_empty_axes"},
    {"ReduceLogSumExp", 18, "noop_with_empty_axes"},
    {"ReduceMax", 18, "noop_with_empty_axes"},
    {"ReduceMean", 18, "noop_with_empty_axes"},
    {"ReduceMin", 18, "noop_with_empty_axes"},
    {"ReduceProd", 18, "noop_with_empty_axes"},
    {"ReduceSumSquare", 18, "noop_with_empty_axes"},
    {"Reshape", 14, "allowzero"},
    {"Resize", 18, "antialias"},
    {"Resize", 18, "axes"},
    {"Resize", 18, "keep_aspect_ratio_policy"},
    {"RoiAlign", 16},
    {"RotaryEmbedding", 23},
    {"STFT", 17},
    {"ScatterElements", 18, "reduction"},
    {"ScatterND", 18, "reduction"},
    {"Shape", 15, "end"},
    {"Shape", 15, "start"},
    {"SpaceToDepth", 28, "mode"},
    {"Split", 18, "num_outputs"},
    {"SwiGLU", 28},
    {"Swish", 24},
    {"TensorScatter", 24},
    {"Trilu", 14},
};

constexpr std::uint32_t set_of(std::initializer_list<DType> types) {
  std::uint32_t set = 0;
  for (const DType type : types) set |= 1u << std::uint32_t(type);
  return set;
}
constexpr std::uint32_t f8 =
    set_of({DType::f8e4m3fn, DType::f8e4m3fnuz, DType::f8e5m2, DType::f8e5m2fnuz});

// Element types that ONNX gave to ops after opset 13, and after the types themselves.
constexpr struct TypeRow {
  std::string_view ops;  ///< separated by spaces
  int opset;
  std::uint32_t types;
} type_rows[] = {
    {"BatchNormalization", 14, set_of({DType::bf16})},
    {"CumSum", 14, set_of({DType::bf16, DType::f16})},
    {"Relu", 14, set_of({DType::i8, DType::i16, DType::i32, DType::i64})},
    {"Add Div Mul Sub", 14, set_of({DType::i8, DType::i16, DType::u8, DType::u16})},
    {"Pow", 15, set_of({DType::bf16})},
    {"GreaterOrEqual If LeakyRelu LessOrEqual Loop PRelu Scan Where", 16, set_of({DType::bf16})},
    {"DequantizeLinear QuantizeLinear", 19, set_of({DType::bf16, DType::f16})},
    {"IsInf", 20, set_of({DType::bf16, DType::f16}) | f8},
    {"IsNaN", 20, f8},
    {"ConstantOfShape", 20, set_of({DType::bf16}) | f8},
    {"ReduceMax ReduceMin", 20, set_of({DType::boolean})},
    {"QLinearMatMul", 21, set_of({DType::bf16, DType::f16})},
    {"Flatten Pad QLinearMatMul Squeeze Transpose Unsqueeze", 21, f8},
    {"DequantizeLinear QuantizeLinear", 21, set_of({DType::i16, DType::u16})},
    {"Acos Acosh Asin Asinh Atan Atanh AveragePool Bernoulli Conv ConvTranspose Cos "
     "Cosh DeformConv Det Dropout Elu EyeLike GRU GlobalAveragePool GlobalLpPool "
     "GlobalMaxPool GridSample HardSigmoid HardSwish InstanceNormalization LSTM "
     "LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial "
     "NegativeLogLikelihoodLoss RNN RandomNormal RandomNormalLike RandomUniform "
     "RandomUniformLike RoiAlign Round Selu Sin Sinh Softplus Softsign Tan "
     "ThresholdedRelu",
     22, set_of({DType::bf16})},
    {"Dropout", 22, f8},
    {"TopK", 24, set_of({DType::bf16})},
    {"Range", 27, set_of({DType::bf16, DType::f16})},
    {"Celu Compress Einsum OneHot ReverseSequence Unique", 28, set_of({DType::bf16})},
    {"Celu", 28, set_of({DType::f16, DType::f64})},
    {"BitShift", 28, set_of({DType::i8, DType::i16, DType::i32, DType::i64})},
};

bool lists(std::string_view ops, std::string_view name) {
  while (!ops.empty()) {
    const std::size_t end = std::min(ops.find(' '), ops.size());
    if (ops.substr(0, end) == name) return true;
    ops.remove_prefix(std::min(end + 1, ops.size()));
  }
  return false;
}

/// Of all operands and results.
std::uint32_t types_of(const ir::Graph& graph, const ir::Node& node) {
  std::uint32_t set = 0;
  for (const auto* ids : {&node.inputs, &node.outputs}) {
    for (const ir::ValueId id : *ids) {
      if (id != ir::no_value) set |= set_of({graph.value(id).type.dtype});
    }
  }
  return set;
}

}  // namespace

int opset_of(const ir::Graph& graph, const ir::Node& node) {
  int opset = oldest;
  for (const Row& row : rows) {
    if (row.op != node.op->name || int(node.inputs.size()) < row.inputs) continue;
    // With the axis as an attribute it has its form of opset 17.
    if (row.op == "DFT" && row.attribute.empty() && node.attributes.has("axis")) continue;
    if (row.attribute.empty() || node.attributes.has(row.attribute)) {
      opset = std::max(opset, row.opset);
    }
  }
  const std::uint32_t types = types_of(graph, node);
  for (const TypeRow& row : type_rows) {
    if ((row.types & types) == 0 || row.opset <= opset) continue;
    if (lists(row.ops, node.op->name)) opset = row.opset;
  }
  return opset;
}

int opset_of(DType type) {
  switch (type) {
    case DType::f8e4m3fn:
    case DType::f8e4m3fnuz:
    case DType::f8e5m2:
    case DType::f8e5m2fnuz:
      return 19;
    case DType::i4:
    case DType::u4:
      return 21;
    case DType::f4e2m1:
      return 23;
    case DType::f8e8m0:
      return 24;
    case DType::i2:
    case DType::u2:
      return 25;
    case DType::f6e2m3:
    case DType::f6e3m2:
      return 28;
    default:
      return oldest;
  }
}

int ir_version_of(int opset) {
  constexpr struct {
    int opset, version;
  } releases[] = {{13, 7}, {15, 8}, {19, 9}, {21, 10}, {23, 11}, {24, 12}, {25, 13}};
  int version = 0;
  for (const auto& release : releases) {
    if (opset >= release.opset) version = release.version;
  }
  return version;
}

}  // namespace strata::formats::onnx
