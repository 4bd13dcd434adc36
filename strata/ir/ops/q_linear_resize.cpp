// Bilinear resizing of quantized pictures; x and y share a grid, which the result does not ask for.
#include <algorithm>
#include <limits>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_resize.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view linear[] = {"linear"};

void infer(InferContext& context) {
  if (expect_arithmetic(context) == Arithmetic::onnx) {
    fail(ErrorCode::model,
         "arithmetic is onnx; accepted: tflite_reference, tflite_optimized, tflite_xnnpack");
  }
  expect_byte(context, 0, "x");
  context.expect_rank(0, "x", 4);
  expect_word(context.attributes(), "mode", "linear", linear);
  expect_word(context.attributes(), "coordinate_transformation_mode", "asymmetric",
              resize_corner_names);
  const auto sizes = integers_view(context.attributes(), "sizes");
  expect_count("sizes (height and width)", sizes.size(), 2);
  const SymbolicShape& x = context.input(0).shape;
  for (std::size_t i = 0; i < 2; ++i) {
    expect_between("entry of sizes", sizes[i], 1, 1 << 20);
    if (const auto extent = x[i + 2].as_constant()) {
      expect_between("extent of x", *extent, 1, 1 << 20);
    }
  }
  context.set_output(0, {context.input(0).dtype, {x[0], x[1], sizes[0], sizes[1]}});
}

/// One plane.
template <class T>
void resize_plane(ResizeRule rule, const T* x, T* y, const ResizeAxis& rows,
                  const ResizeAxis& columns) {
  for (std::int64_t i = 0; i < rows.output; ++i) {
    const ResizeTap row = resize_tap(rule, rows, i);
    const T* upper = x + row.first * columns.input;
    const T* lower = x + row.second * columns.input;
    for (std::int64_t j = 0; j < columns.output; ++j) {
      const ResizeTap column = resize_tap(rule, columns, j);
      const std::int32_t pixels[4] = {upper[column.first], upper[column.second],
                                      lower[column.first], lower[column.second]};
      y[i * columns.output + j] =
          T(std::clamp<std::int32_t>(resize_mix(rule, pixels, row, column),
                                     std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
  }
}

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const std::string_view name =
      text_view(args.attributes(), "coordinate_transformation_mode", "asymmetric");
  const auto corners =
      ResizeCorners(std::ranges::find(resize_corner_names, name) - resize_corner_names);
  const ResizeAxis rows{x[2], y[2], corners}, columns{x[3], y[3], corners};
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  dispatch_byte(args.inputs[0].dtype(), [&]<class T>() {
    const T* from = args.inputs[0].data<T>().data();
    T* to = args.outputs[0].mutable_data<T>().data();
    const ResizeRule rule = resize_rule(arithmetic, std::is_signed_v<T>);
    for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane) {
      resize_plane(rule, from, to, rows, columns);
      from += x[2] * x[3];
      to += y[2] * y[3];
    }
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = 8 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const auto make = [](std::string_view name, DType type, std::string_view arithmetic,
                       std::string_view corners) {
    return OpCase{name,
                  {input(type, {Dim::symbol("N"), 2, 3, 4})},
                  {{"arithmetic", std::string(arithmetic)},
                   {"coordinate_transformation_mode", std::string(corners)},
                   {"sizes", Ints{7, 5}}}};
  };
  return {make("i8", DType::i8, "tflite_reference", "half_pixel"),
          make("i8_corners", DType::i8, "tflite_reference", "align_corners"),
          make("u8", DType::u8, "tflite_reference", "half_pixel"),
          make("u8_optimized", DType::u8, "tflite_optimized", "asymmetric"),
          make("xnnpack", DType::i8, "tflite_xnnpack", "half_pixel"),
          make("xnnpack_u8", DType::u8, "tflite_xnnpack", "align_corners")};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string, true},
                                       {"coordinate_transformation_mode", AttributeKind::string},
                                       {"mode", AttributeKind::string},
                                       {"sizes", AttributeKind::integers, true}};

}  // namespace

extern const OpDef q_linear_resize_op;
constinit const OpDef q_linear_resize_op = {.name = "QLinearResize",
                                            .domain = "strata",
                                            .attributes = attributes,
                                            .infer = infer,
                                            .reference = reference,
                                            .cost = cost,
                                            .cases = cases};

}  // namespace strata::ir
