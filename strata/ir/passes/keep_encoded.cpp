#include "strata/ir/passes/keep_encoded.hpp"

#include <algorithm>
#include <cmath>

#include "strata/ir/op.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "strata/tensor/encodings/affine.hpp"

namespace strata::ir {
namespace {

using Sharing = AffineFormat::Sharing;

bool are_scales(const Tensor& scales) {
  return scales.dtype() == DType::f32 && std::ranges::all_of(scales.data<float>(), [](float s) {
           return s > 0 && std::isfinite(s);
         });
}

/// One DequantizeLinear of constants.
class Dequantized {
 public:
  Dequantized(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  std::optional<EncodedTensor> run() {
    const bool has_zero_points = node_.inputs.size() > 2 && node_.inputs[2] != no_value;
    if (!read(0, codes_) || !read(1, scales_) || !are_scales(scales_) ||
        (has_zero_points && !read(2, zero_points_)) ||
        graph_.value(node_.outputs[0]).type.dtype != DType::f32) {
      return std::nullopt;
    }
    return is_narrow_float(codes_.dtype()) ? float8() : affine();
  }

 private:
  bool read(std::size_t i, Tensor& to) const {
    const auto& constant = graph_.value(node_.inputs[i]).constant;
    if (!constant || !constant->is_dense()) return false;
    to = constant->decode();
    return true;
  }

  bool has_one_scale() const { return scales_.elements() == 1 && scales_.shape().rank() <= 1; }

  bool zero_points_are_zero() const {
    const auto bytes = zero_points_.bytes();
    return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
  }

  std::optional<EncodedTensor> float8() const {
    const bool e4m3 = codes_.dtype() == DType::f8e4m3fn;
    if ((!e4m3 && codes_.dtype() != DType::f8e5m2) || !has_one_scale() || !zero_points_are_zero()) {
      return std::nullopt;
    }
    EncodedTensor result;
    result.encoding = e4m3 ? &f8e4m3_tensor_encoding : &f8e5m2_tensor_encoding;
    result.shape = codes_.shape();
    result.parts = {codes_, scales_.reshaped(Shape{})};
    return result;
  }

  std::optional<EncodedTensor> affine() {
    AffineFormat format;
    switch (codes_.dtype()) {
      case DType::i8:
      case DType::i4:
      case DType::i2:
        // Symmetric codes have no zero points; those of others stay numbers of the node.
        if (!zero_points_are_zero()) return std::nullopt;
        break;
      case DType::u4:
      case DType::u2:
        format.symmetric = false;
        break;
      default:
        return std::nullopt;
    }
    format.bits = bits_of(codes_.dtype());
    const std::int64_t block = node_.attributes.integer("block_size", 0);
    const int rank = codes_.shape().rank();
    std::int64_t axis = node_.attributes.integer("axis", 1);
    if (axis < 0) axis += rank;
    if (block != 0) return blocks(format, block, int(axis));
    if (has_one_scale()) {
      scales_ = scales_.reshaped(Shape{});
      return made(format, 0, Shape{});
    }
    if (axis < 0 || axis >= rank || scales_.shape() != Shape{codes_.shape()[int(axis)]}) {
      return std::nullopt;
    }
    format.sharing = Sharing::channel;
    return made(format, int(axis), scales_.shape());
  }

  /// Blocks of a vector, or of a matrix along either axis, behind axes of extent 1: rows lie along
  /// the other.
  std::optional<EncodedTensor> blocks(AffineFormat format, std::int64_t block, int axis) {
    const Shape shape = codes_.shape();
    const int rank = shape.rank(), leading = std::max(rank - 2, 0);
    if (block > 1 << 16 || rank < 1 || axis < leading || axis >= rank ||
        scales_.shape().rank() != rank || shape.elements(0, leading) != 1 ||
        scales_.shape().elements(0, leading) != 1) {
      return std::nullopt;
    }
    format.sharing = Sharing::group;
    format.group = int(block);
    if (shape.rank() == 1) {
      const Shape wanted{1, scales_.shape()[0]};
      scales_ = scales_.reshaped(wanted);
      if (zero_points_.present()) zero_points_ = zero_points_.reshaped(wanted);
      return made(format, 0, wanted);
    }
    const auto by_rows = [&](const Tensor& tensor) {
      const Tensor matrix = tensor.reshaped(Shape{tensor.shape()[-2], tensor.shape()[-1]});
      return axis == rank - 1 ? matrix : transposed(matrix);
    };
    scales_ = by_rows(scales_);
    if (zero_points_.present()) zero_points_ = by_rows(zero_points_);
    return made(format, axis == rank - 1 ? rank - 2 : rank - 1, scales_.shape());
  }

  std::optional<EncodedTensor> made(const AffineFormat& format, int axis,
                                    const Shape& scale_shape) const {
    const Encoding* encoding = find_affine(format);
    if (!encoding || scales_.shape() != affine_scale_shape(format, codes_.shape(), axis)) {
      return std::nullopt;
    }
    Tensor zero_points = Tensor::zeros(DType::u8, scale_shape);
    if (zero_points_.present()) {
      std::ranges::copy(zero_points_.bytes(), static_cast<std::byte*>(zero_points.mutable_raw()));
    }
    return make_affine(*encoding, axis, codes_, scales_, zero_points);
  }

  const Graph& graph_;
  const Node& node_;
  Tensor codes_, scales_, zero_points_;
};

std::optional<EncodedTensor> half(const Graph& graph, const Node& node) {
  const auto& codes = graph.value(node.inputs[0]).constant;
  if (!codes->is_dense() || (codes->dtype != DType::f16 && codes->dtype != DType::bf16) ||
      graph.value(node.outputs[0]).type.dtype != DType::f32) {
    return std::nullopt;
  }
  EncodedTensor result;
  result.encoding = codes->dtype == DType::f16 ? &f16_encoding : &bf16_encoding;
  result.shape = codes->shape;
  result.parts = {codes->decode()};
  return result;
}

/// The encoding with a scale for each channel in the place of one for all; null if none.
const Encoding* per_channel(const Encoding& encoding) {
  const AffineFormat* format = affine_format(encoding);
  if (!format || !format->symmetric || format->sharing != Sharing::tensor) return nullptr;
  AffineFormat wanted = *format;
  wanted.sharing = Sharing::channel;
  return find_affine(wanted);
}

/// Codes that a DequantizeLinear of scale 1 made floats, times their scales: how weights of
/// products are exported.
std::optional<EncodedTensor> scaled(const Graph& graph, const Node& node) {
  const EncodedTensor& codes = *graph.value(node.inputs[0]).constant;
  const EncodedTensor& factors = *graph.value(node.inputs[1]).constant;
  const Encoding* channels = per_channel(*codes.encoding);
  const bool is_float8 =
      codes.encoding == &f8e4m3_tensor_encoding || codes.encoding == &f8e5m2_tensor_encoding;
  if ((!channels && !is_float8) || !factors.is_dense() || codes.parts[1].to_float()[0] != 1) {
    return std::nullopt;
  }
  const Tensor scales = factors.decode();
  if (!are_scales(scales)) return std::nullopt;
  EncodedTensor result = codes;
  result.parts[1] = scales;
  if (scales.shape() == Shape{}) return result;
  const int rank = codes.shape.rank();
  if (!channels || rank == 0 || scales.shape() != Shape{codes.shape[rank - 1]}) {
    return std::nullopt;
  }
  result.encoding = channels;
  result.axis = rank - 1;
  return result;
}

/// Groups of a matrix, as DequantizeLinear knows them, become those of the weight they belong to.
std::optional<EncodedTensor> reshaped(const Graph& graph, const Node& node) {
  const EncodedTensor& from = *graph.value(node.inputs[0]).constant;
  const AffineFormat* format = affine_format(*from.encoding);
  const auto shape = as_constant(graph.value(node.outputs[0]).type.shape);
  if (!format || !shape || shape->rank() == 0 || shape->elements() == 0) return std::nullopt;
  EncodedTensor result = from;
  result.shape = *shape;
  if (format->sharing != Sharing::tensor) {
    // Channels along the first axis (behind those of extent 1) or the last, which stays.
    const int last = from.shape.rank() - 1;
    if (from.shape.elements(0, from.axis) == 1 && (*shape)[0] == from.shape[from.axis]) {
      if (last == 0 && shape->rank() > 1) return std::nullopt;
      result.axis = 0;
    } else if (from.axis == last && (*shape)[-1] == from.shape[last]) {
      result.axis = shape->rank() - 1;
    } else {
      return std::nullopt;
    }
  }
  if (format->bits == 8) result.parts[0] = from.parts[0].reshaped(*shape);
  if (affine_scale_shape(*format, *shape, result.axis) != from.parts[1].shape()) {
    return std::nullopt;
  }
  return result;
}

}  // namespace

std::optional<EncodedTensor> keep_encoded(const Graph& graph, const Node& node) {
  if (is_op(node, "Cast")) return half(graph, node);
  if (is_op(node, "DequantizeLinear")) return Dequantized(graph, node).run();
  if (is_op(node, "Mul")) return scaled(graph, node);
  if (is_op(node, "Reshape")) return reshaped(graph, node);
  return std::nullopt;
}

}  // namespace strata::ir
