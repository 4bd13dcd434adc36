#include "strata/formats/onnx/opset_of.hpp"

#include <algorithm>
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
    {"CausalConvWithState", 27},
    {"CenterCropPad", 18},
    {"Col2Im", 18},
    {"CumProd", 26},
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
    {"Split", 18, "num_outputs"},
    {"SwiGLU", 28},
    {"Swish", 24},
    {"TensorScatter", 24},
    {"Trilu", 14},
};

}  // namespace

int opset_of(const ir::Node& node) {
  int opset = oldest;
  for (const Row& row : rows) {
    if (row.op != node.op->name || int(node.inputs.size()) < row.inputs) continue;
    if (row.attribute.empty() || node.attributes.has(row.attribute)) {
      opset = std::max(opset, row.opset);
    }
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
