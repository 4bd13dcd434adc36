// Conv, ConvTranspose, Gemm, MatMul and their integer forms.
#include <algorithm>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/spatial_padding.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;

struct At {
  std::size_t x, w, bias;
};
constexpr At real_at{0, 1, 2}, integer_at{0, 3, 8}, dynamic_at{0, 1, 3};

constexpr std::array<int, 4> filters_last = {1, 2, 3, 0};

/// A bias, of zeros if the node has none: in units of the products where those are of codes.
std::int32_t bias(NodeWriter& writer, const At& at, std::int64_t channels) {
  const Grid* x = writer.grid(at.x);
  const Grid* w = writer.grid(at.w);
  const bool integer = x && w;
  Tensor elements = writer.has_input(at.bias)
                        ? writer.constant(at.bias, "the bias")
                        : Tensor::zeros(integer ? DType::i32 : DType::f32, Shape{channels});
  if (elements.elements() != channels) {
    fail(ErrorCode::unsupported, "a bias of {} elements for {} channels", elements.elements(),
         channels);
  }
  elements = elements.reshaped(Shape{channels});
  if (!integer) return writer.own("/bias", elements);
  Grid grid;
  for (const float scale : w->scale) grid.scale.push_back(x->scale[0] * scale);
  grid.zero_point.assign(grid.scale.size(), 0);
  return writer.own("/bias", elements, &grid);
}

/// The first of the weights' zero points that is not 0: operators have none for signed weights.
std::optional<std::int64_t> off_center(const NodeWriter& writer, const At& at) {
  const Grid* grid = writer.grid(at.w);
  const DType type = writer.type(at.w);
  if (!grid || writer.forms().stored_type(type, grid) == DType::u8) return std::nullopt;
  Grid scratch;
  for (const std::int64_t z : writer.forms().stored_grid(type, grid, scratch)->zero_point) {
    if (z != 0) return z;
  }
  return std::nullopt;
}

void expect_centered(const NodeWriter& writer, const At& at) {
  if (const auto zero_point = off_center(writer, at)) {
    fail(ErrorCode::unsupported,
         "weights with zero point {} as signed codes; accepted: 0, or u8 throughout", *zero_point);
  }
}

constexpr std::array<int, 2> transposed = {1, 0};

void write_conv(NodeWriter& writer, const At& at) {
  expect_centered(writer, at);
  const auto w = writer.shape(at.w);
  const auto x = writer.shape(at.x);
  if (w.size() != 4) {
    fail(ErrorCode::unsupported, "weights of {} axes; accepted: 4 (two spatial ones)", w.size());
  }
  SpatialWindow window(writer.attributes(), {w[2], w[3]}, x);
  std::int32_t image = writer.tensor(at.x, Layout::image);
  const bool same = window.is_same({x[2], x[3]});
  if (!same && window.is_padded()) image = padded(writer, image, writer.input(at.x), window);
  const auto padding = same && window.is_padded() ? schema::Padding::SAME : schema::Padding::VALID;

  const std::int64_t group = writer.attributes().integer("group", 1);
  const bool depthwise = group > 1 && group == x[1] && w[1] == 1;
  std::int32_t weights;
  if (depthwise) {
    weights = writer.own_weights(at.w, filters_last, 3);
  } else {
    weights = writer.tensor(at.w, Layout::image);
  }
  const std::int32_t sums = bias(writer, at, w[0]);
  const schema::Activation activation = writer.take_activation();
  const auto stride_h = std::int32_t(window.stride[0]), stride_w = std::int32_t(window.stride[1]);
  const auto dilation_h = std::int32_t(window.dilation[0]);
  const auto dilation_w = std::int32_t(window.dilation[1]);
  const OptionsRow options =
      depthwise
          ? writer.file().options(schema::CreateDepthwiseConv2DOptions(
                writer.builder(), padding, stride_w, stride_h, std::int32_t(w[0] / x[1]),
                activation, dilation_w, dilation_h))
          : writer.file().options(schema::CreateConv2DOptions(
                writer.builder(), padding, stride_w, stride_h, activation, dilation_w, dilation_h));
  writer.emit(depthwise ? BuiltinOperator::DEPTHWISE_CONV_2D : BuiltinOperator::CONV_2D,
              {image, weights, sums}, Layout::image, options);
}

void write_conv_transpose(NodeWriter& writer, const At& at) {
  expect_centered(writer, at);
  const auto w = writer.shape(at.w);
  const auto x = writer.shape(at.x);
  const auto y = writer.output_shape();
  if (w.size() != 4 || writer.attributes().integer("group", 1) != 1) {
    fail(ErrorCode::unsupported, "weights of {} axes in {} groups; accepted: 4 axes, one group",
         w.size(), writer.attributes().integer("group", 1));
  }
  const SpatialWindow window(writer.attributes(), {w[2], w[3]}, x);
  if (window.dilation != std::array<std::int64_t, 2>{1, 1}) {
    fail(ErrorCode::unsupported, "dilations {} and {}; accepted: 1", window.dilation[0],
         window.dilation[1]);
  }
  // The padding is that of the convolution whose transpose this is.
  const bool same = window.is_padded() && window.is_same({y[2], y[3]});
  std::vector<std::int64_t> whole = {y[0], y[2], y[3], y[1]};
  const bool cut = window.is_padded() && !same;
  if (cut) {
    for (std::size_t i = 0; i < 2; ++i) whole[i + 1] += window.before[i] + window.after[i];
  }
  const std::int32_t weights = writer.own_weights(at.w, filters_last, 0);
  const std::vector<std::int32_t> operands = {writer.own_integers("/shape", whole), weights,
                                              writer.tensor(at.x, Layout::image),
                                              bias(writer, at, w[1])};
  const schema::Activation activation = cut ? schema::Activation::NONE : writer.take_activation();
  const OptionsRow options = writer.file().options(schema::CreateTransposeConvOptions(
      writer.builder(), same ? schema::Padding::SAME : schema::Padding::VALID,
      std::int32_t(window.stride[1]), std::int32_t(window.stride[0]), activation));
  if (!cut) return writer.emit(BuiltinOperator::TRANSPOSE_CONV, operands, Layout::image, options);
  const std::int32_t between = writer.forms().make_between(writer.result(), "/whole", whole);
  writer.file().add_operator(BuiltinOperator::TRANSPOSE_CONV, operands, {between}, options);
  const std::vector<std::int64_t> begin = {0, window.before[0], window.before[1], 0};
  const std::vector<std::int64_t> size = {y[0], y[2], y[3], y[1]};
  writer.emit(BuiltinOperator::SLICE,
              {between, writer.own_integers("/begin", begin), writer.own_integers("/size", size)},
              Layout::image);
}

/// `weights`: [N,K].
void write_fully_connected(NodeWriter& writer, const At& at, std::int32_t weights,
                           std::int64_t columns) {
  expect_centered(writer, at);
  const bool keep = writer.shape(at.x).size() != 2;
  const std::int32_t sums = bias(writer, at, columns);
  const std::int32_t x = writer.tensor(at.x, Layout::plain);
  const schema::Activation activation = writer.take_activation();
  const OptionsRow options = writer.file().options(schema::CreateFullyConnectedOptions(
      writer.builder(), activation, schema::WeightsFormat::DEFAULT, keep));
  writer.emit(BuiltinOperator::FULLY_CONNECTED, {x, weights, sums}, Layout::plain, options);
}

void write_matmul(NodeWriter& writer, const At& at) {
  const auto b = writer.shape(at.w);
  const bool constant = writer.graph().is_constant(writer.input(at.w));
  const Grid* grid = writer.grid(at.w);
  if (writer.shape(at.x).size() < 2 || b.size() < 2) {
    fail(ErrorCode::unsupported, "operands of {} and {} axes; accepted: 2 or more",
         writer.shape(at.x).size(), b.size());
  }
  if (constant && b.size() == 2 && !off_center(writer, at)) {
    const std::int32_t weights = writer.own_weights(at.w, transposed, 0);
    return write_fully_connected(writer, {at.x, at.w, writer.node().inputs.size()}, weights, b[1]);
  }
  if (grid && grid->scale.size() > 1) {
    fail(ErrorCode::unsupported, "scales per column of a matrix that is computed in the run");
  }
  writer.emit(BuiltinOperator::BATCH_MATMUL,
              {writer.tensor(at.x, Layout::plain), writer.tensor(at.w, Layout::plain)},
              Layout::plain,
              writer.file().options(schema::CreateBatchMatMulOptions(writer.builder())));
}

}  // namespace

void export_conv(NodeWriter& writer) { write_conv(writer, real_at); }
void export_q_linear_conv(NodeWriter& writer) { write_conv(writer, integer_at); }
void export_dynamic_quant_conv(NodeWriter& writer) { write_conv(writer, dynamic_at); }
void export_conv_transpose(NodeWriter& writer) { write_conv_transpose(writer, real_at); }
void export_q_linear_conv_transpose(NodeWriter& writer) {
  write_conv_transpose(writer, integer_at);
}

void export_gemm(NodeWriter& writer) {
  const ir::Attributes& attributes = writer.attributes();
  if (attributes.real("alpha", 1) != 1 || attributes.integer("transA", 0) != 0 ||
      (writer.has_input(2) && attributes.real("beta", 1) != 1)) {
    fail(ErrorCode::unsupported, "alpha {}, beta {}, transA {}; accepted: 1, 1, 0",
         attributes.real("alpha", 1), attributes.real("beta", 1), attributes.integer("transA", 0));
  }
  const bool by_rows = attributes.integer("transB", 0) != 0;
  const auto w = writer.shape(1);
  const std::int32_t weights =
      by_rows ? writer.tensor(1, Layout::plain) : writer.own_weights(1, transposed, 0);
  write_fully_connected(writer, real_at, weights, w[by_rows ? 0 : 1]);
}
void export_q_linear_gemm(NodeWriter& writer) {
  write_fully_connected(writer, integer_at, writer.tensor(3, Layout::plain), writer.shape(3)[0]);
}
void export_dynamic_quant_gemm(NodeWriter& writer) {
  write_fully_connected(writer, dynamic_at, writer.tensor(1, Layout::plain), writer.shape(1)[0]);
}
void export_matmul(NodeWriter& writer) { write_matmul(writer, real_at); }
void export_q_linear_matmul(NodeWriter& writer) { write_matmul(writer, integer_at); }

}  // namespace strata::formats::tflite
