// Bilinear resizing of quantized pictures; x and y share a grid, which the result does not ask for.
#include <cmath>
#include <limits>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view transformations[] = {"asymmetric", "half_pixel", "align_corners"};
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
              transformations);
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

enum class Corners { asymmetric, half_pixel, align };

/// Pixels of one axis: how many in and out.
struct Axis {
  std::int64_t input, output;
  Corners corners;

  float scale() const {
    return corners == Corners::align && output > 1 ? float(input - 1) / float(output - 1)
                                                   : float(input) / float(output);
  }
};

/// Between which pixels one of the output lies. The weight is that of the second.
template <class Weight>
struct Between {
  std::int64_t first, second;
  Weight weight;
};

/// Weights in 1024ths; before the first pixel they are negative, on equal pixels.
Between<std::int64_t> between_1024ths(const Axis& axis, std::int64_t o) {
  std::int64_t scale = (1024 * axis.input + axis.output / 2) / axis.output;
  if (axis.corners == Corners::align && axis.output > 1) {
    scale = (1024 * (axis.input - 1) + (axis.output - 1) / 2) / (axis.output - 1);
  }
  const std::int64_t at = o * scale + (axis.corners == Corners::half_pixel ? scale / 2 - 512 : 0);
  const std::int64_t first = std::clamp<std::int64_t>(at / 1024, 0, axis.input - 1);
  const std::int64_t second = std::clamp<std::int64_t>((at + 1023) / 1024, 0, axis.input - 1);
  return {first, second, at - 1024 * first};
}

Between<float> between_real(const Axis& axis, std::int64_t o) {
  const float at = axis.corners == Corners::half_pixel ? (float(o) + 0.5f) * axis.scale() - 0.5f
                                                       : float(o) * axis.scale();
  const auto most = axis.input - 1;
  const std::int64_t first = std::clamp<std::int64_t>(std::int64_t(std::floor(at)), 0, most);
  const std::int64_t second = std::clamp<std::int64_t>(std::int64_t(std::ceil(at)), 0, most);
  return {first, second, at - float(first)};
}

/// Weights in 2048ths, of a position kept within the pixels.
Between<std::int64_t> between_2048ths(const Axis& axis, std::int64_t o) {
  const float scale = axis.scale();
  const float offset = axis.corners == Corners::half_pixel ? 0.5f * scale - 0.5f : 0.0f;
  const float at = std::clamp(float(o) * scale + offset, 0.0f, float(axis.input - 1));
  const auto first = std::int64_t(at);
  return {first, std::min(first + 1, axis.input - 1), std::lrint(2048.0f * (at - float(first)))};
}

std::int64_t mixed_1024ths(const std::int64_t (&p)[4], std::int64_t wy, std::int64_t wx) {
  const std::int64_t sum = p[0] * (1024 - wy) * (1024 - wx) + p[2] * wy * (1024 - wx) +
                           p[1] * (1024 - wy) * wx + p[3] * wy * wx;
  return (sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20);
}

std::int64_t mixed_real(const std::int64_t (&p)[4], float wy, float wx) {
  return std::int64_t(float(p[0]) * (1 - wy) * (1 - wx) + float(p[2]) * wy * (1 - wx) +
                      float(p[1]) * (1 - wy) * wx + float(p[3]) * wy * wx + 0.5f);
}

std::int64_t mixed_2048ths(const std::int64_t (&p)[4], std::int64_t wy, std::int64_t wx) {
  const std::int64_t top = p[0] * 2048 + (p[1] - p[0]) * wx;
  const std::int64_t bottom = p[2] * 2048 + (p[3] - p[2]) * wx;
  return (top * 2048 + (bottom - top) * wy + (1 << 21)) >> 22;
}

/// One plane; `p` are the pixels around: upper left, upper right, lower left, lower right.
template <class T, class Find, class Mix>
void resize_plane(const T* x, T* y, const Axis& rows, const Axis& columns, Find find, Mix mix) {
  for (std::int64_t i = 0; i < rows.output; ++i) {
    const auto row = find(rows, i);
    for (std::int64_t j = 0; j < columns.output; ++j) {
      const auto column = find(columns, j);
      const T* upper = x + row.first * columns.input;
      const T* lower = x + row.second * columns.input;
      const std::int64_t p[4] = {upper[column.first], upper[column.second], lower[column.first],
                                 lower[column.second]};
      y[i * columns.output + j] =
          T(std::clamp<std::int64_t>(mix(p, row.weight, column.weight),
                                     std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    }
  }
}

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const std::string_view name =
      text_view(args.attributes(), "coordinate_transformation_mode", "asymmetric");
  const auto corners = Corners(std::ranges::find(transformations, name) - transformations);
  const Axis rows{x[2], y[2], corners}, columns{x[3], y[3], corners};
  const bool xnnpack = arithmetic_of(args.attributes()) == Arithmetic::tflite_xnnpack;
  dispatch_byte(args.inputs[0].dtype(), [&]<class T>() {
    const T* from = args.inputs[0].data<T>().data();
    T* to = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t plane = 0; plane < x[0] * x[1]; ++plane) {
      if (xnnpack) {
        resize_plane(from, to, rows, columns, between_2048ths, mixed_2048ths);
      } else if (std::is_signed_v<T>) {
        resize_plane(from, to, rows, columns, between_1024ths, mixed_1024ths);
      } else {
        resize_plane(from, to, rows, columns, between_real, mixed_real);
      }
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
