#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/window.hpp"

namespace strata::ir {
namespace {

void infer_pool(InferContext& context) {
  expect_image(context, 0, "X");
  const Attributes& attributes = context.attributes();
  expect_between("ceil_mode", attributes.integer("ceil_mode", 0), 0, 1);
  const TensorType& x = context.input(0);
  SymbolicShape shape{x.shape[0], x.shape[1]};
  const auto kernel = integers_view(attributes, "kernel_shape");
  for (Dim& extent : infer_window(context, kernel, attributes.integer("ceil_mode", 0) != 0)) {
    shape.push_back(extent);
  }
  context.set_output(0, {x.dtype, shape});
  context.set_output(1, {DType::i64, shape});
}

void infer_max(InferContext& context) {
  const DType type = context.input(0).dtype;
  if (!is_float(type) && type != DType::i8 && type != DType::u8) {
    fail(ErrorCode::model, "X has element type {}; accepted: float, i8, u8", to_string(type));
  }
  expect_between("storage_order", context.attributes().integer("storage_order", 0), 0, 1);
  infer_pool(context);
}

void infer_lp(InferContext& context) {
  expect_float(context, 0, "X");
  expect_between("p", context.attributes().integer("p", 2), 1,
                 std::numeric_limits<std::int32_t>::max());
  infer_pool(context);
}

void infer_average(InferContext& context) {
  expect_float(context, 0, "X");
  expect_between("count_include_pad", context.attributes().integer("count_include_pad", 0), 0, 1);
  infer_pool(context);
}

/// Calls visit(offset in the image) for each tap of a window that is not padding.
template <class Visit>
void taps(const Window& window, const std::array<std::int64_t, 3>& at, Visit visit) {
  const auto& [d, h, w] = window;
  const auto in_d = d.taps_inside(at[0]), in_h = h.taps_inside(at[1]), in_w = w.taps_inside(at[2]);
  for (std::int64_t kd = in_d.first; kd < in_d.end; ++kd) {
    const std::int64_t id = d.position(at[0], kd);
    for (std::int64_t kh = in_h.first; kh < in_h.end; ++kh) {
      const std::int64_t row = (id * h.input + h.position(at[1], kh)) * w.input;
      for (std::int64_t kw = in_w.first; kw < in_w.end; ++kw) visit(row + w.position(at[2], kw));
    }
  }
}

/// Calls pool(plane, window position, output offset) for each output of a node.
template <class Pool>
void for_each_window(const EvalArgs& args, const Window& window, Pool pool) {
  const Shape& y = args.outputs[0].shape();
  std::int64_t offset = 0;
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane) {
    for (std::int64_t d = 0; d < window[0].output; ++d) {
      for (std::int64_t h = 0; h < window[1].output; ++h) {
        for (std::int64_t w = 0; w < window[2].output; ++w) {
          pool(plane, std::array<std::int64_t, 3>{d, h, w}, offset++);
        }
      }
    }
  }
}

Window window_of(const EvalArgs& args) {
  return resolve_window(args.attributes(), args.inputs[0].shape(), args.outputs[0].shape(),
                        integers_view(args.attributes(), "kernel_shape"));
}

/// The index of an element whose image is stored with its first spatial axis innermost.
std::int64_t column_major(const Window& window, std::int64_t index) {
  const auto& [d, h, w] = window;
  const std::int64_t image = d.input * h.input * w.input;
  const std::int64_t at_w = index % w.input;
  const std::int64_t at_h = index / w.input % h.input;
  const std::int64_t at_d = index / (w.input * h.input) % d.input;
  return index / image * image + (at_w * h.input + at_h) * d.input + at_d;
}

/// The maximum of each window and where in X it lies; the first of equal ones. A window of padding
/// alone gives the lowest number and index 0.
template <class T>
void max_pool(const EvalArgs& args, T lowest) {
  const Window window = window_of(args);
  const std::int64_t image = window[0].input * window[1].input * window[2].input;
  const T* x = args.inputs[0].data<T>().data();
  T* y = args.outputs[0].mutable_data<T>().data();
  const bool indexed = args.outputs.size() > 1 && args.outputs[1].present();
  const bool by_columns = args.attributes().integer("storage_order", 0) != 0;
  std::int64_t* indices = indexed ? args.outputs[1].mutable_data<std::int64_t>().data() : nullptr;
  for_each_window(args, window, [&](std::int64_t plane, const auto& at, std::int64_t offset) {
    std::int64_t best = -1;
    taps(window, at, [&](std::int64_t tap) {
      if (best < 0 || x[plane * image + tap] > x[best]) best = plane * image + tap;
    });
    y[offset] = best < 0 ? lowest : x[best];
    if (!indexed) return;
    const std::int64_t index = std::max<std::int64_t>(best, 0);
    indices[offset] = by_columns ? column_major(window, index) : index;
  });
}

Status max_reference(const EvalArgs& args) {
  switch (args.inputs[0].dtype()) {
    case DType::i8:
      max_pool<std::int8_t>(args, std::numeric_limits<std::int8_t>::lowest());
      break;
    case DType::u8:
      max_pool<std::uint8_t>(args, 0);
      break;
    default:
      dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
        max_pool<T>(args, narrow<T>(-std::numeric_limits<double>::infinity()));
      });
  }
  return {};
}

/// How many taps along one axis lie in the input or its stated padding.
std::int64_t padded_taps(const WindowAxis& axis, std::int64_t o) {
  const std::int64_t left = axis.input + axis.pad_end - axis.position(o, 0);
  return left <= 0 ? 0 : std::min(axis.kernel, (left + axis.dilation - 1) / axis.dilation);
}

template <class T>
void average_pool(const EvalArgs& args) {
  const Window window = window_of(args);
  const std::int64_t image = window[0].input * window[1].input * window[2].input;
  const bool with_padding = args.attributes().integer("count_include_pad", 0) != 0;
  const T* x = args.inputs[0].data<T>().data();
  T* y = args.outputs[0].mutable_data<T>().data();
  for_each_window(args, window, [&](std::int64_t plane, const auto& at, std::int64_t offset) {
    double sum = 0;
    std::int64_t count = 0;
    taps(window, at, [&](std::int64_t tap) {
      sum += double(x[plane * image + tap]);
      ++count;
    });
    if (with_padding) {
      count = padded_taps(window[0], at[0]) * padded_taps(window[1], at[1]) *
              padded_taps(window[2], at[2]);
    }
    y[offset] = narrow<T>(count == 0 ? 0 : sum / double(count));
  });
}

Status average_reference(const EvalArgs& args) {
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() { average_pool<T>(args); });
  return {};
}

/// The p-th root of the sum of the p-th powers of magnitudes; padding adds nothing.
template <class T>
void lp_pool(const EvalArgs& args) {
  const Window window = window_of(args);
  const std::int64_t image = window[0].input * window[1].input * window[2].input;
  const auto p = double(args.attributes().integer("p", 2));
  const T* x = args.inputs[0].data<T>().data();
  T* y = args.outputs[0].mutable_data<T>().data();
  for_each_window(args, window, [&](std::int64_t plane, const auto& at, std::int64_t offset) {
    double sum = 0;
    taps(window, at,
         [&](std::int64_t tap) { sum += std::pow(std::fabs(double(x[plane * image + tap])), p); });
    y[offset] = narrow<T>(std::pow(sum, 1 / p));
  });
}

Status lp_reference(const EvalArgs& args) {
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() { lp_pool<T>(args); });
  return {};
}

Cost cost(const CostArgs& args) {
  std::int64_t flops = args.outputs[0].elements();
  for (const std::int64_t k : integers_view(args.node.attributes, "kernel_shape")) flops *= k;
  return {.flops = flops};
}

using Ints = std::vector<std::int64_t>;

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {
      {"plain", {f32({1, 3, 6, 6})}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}},
      {"overlapping",
       {f32({2, 2, 7, 5})},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}},
      {"ceil",
       {f32({1, 2, 6, 7})},
       {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 3}}, {"ceil_mode", one}}},
      {"ceil_never_starts_in_padding",
       {f32({1, 1, 4, 4})},
       {{"kernel_shape", Ints{1, 1}},
        {"strides", Ints{2, 2}},
        {"ceil_mode", one},
        {"pads", Ints{0, 0, 1, 1}}}},
      {"dilated", {f32({1, 2, 8, 9})}, {{"kernel_shape", Ints{2, 3}}, {"dilations", Ints{3, 2}}}},
      {"same_upper",
       {f32({1, 2, 5, 6})},
       {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"auto_pad", "SAME_UPPER"}}},
      {"same_lower",
       {f32({1, 2, 5, 6})},
       {{"kernel_shape", Ints{2, 3}}, {"strides", Ints{2, 2}}, {"auto_pad", "SAME_LOWER"}}},
      {"one_dimension", {f32({2, 3, 9})}, {{"kernel_shape", Ints{4}}, {"pads", Ints{2, 1}}}},
      {"three_dimensions",
       {f32({1, 2, 4, 5, 4})},
       {{"kernel_shape", Ints{2, 2, 3}}, {"strides", Ints{1, 2, 1}}}},
      {"symbolic", {f32({Dim::symbol("N"), 2, 5, 5})}, {{"kernel_shape", Ints{3, 3}}}},
      {"f16", {input(DType::f16, {1, 2, 5, 5})}, {{"kernel_shape", Ints{3, 3}}}}};
}

std::vector<OpCase> max_cases() {
  using namespace example;
  std::vector<OpCase> all = cases();
  all.push_back({"indices",
                 {f32({2, 2, 5, 5})},
                 {{"kernel_shape", Ints{3, 2}}, {"pads", Ints{1, 1, 1, 0}}},
                 2});
  all.push_back({"column_major",
                 {f32({2, 2, 5, 4})},
                 {{"kernel_shape", Ints{2, 2}}, {"storage_order", std::int64_t(1)}},
                 2});
  all.push_back({"i8",
                 {values<std::int8_t>({1, 1, 2, 2}, {-3, -128, -4, -5})},
                 {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}}});
  return all;
}

std::vector<OpCase> lp_cases() {
  std::vector<OpCase> all = cases();
  for (const std::int64_t p : {1, 3}) {
    all.push_back({p == 1 ? "l1" : "l3",
                   {example::f32({1, 2, 5, 5})},
                   {{"kernel_shape", Ints{2, 2}}, {"p", p}, {"pads", Ints{1, 0, 0, 1}}}});
  }
  return all;
}

std::vector<OpCase> average_cases() {
  using namespace example;
  std::vector<OpCase> all = cases();
  all.push_back({"include_pad",
                 {f32({1, 2, 5, 5})},
                 {{"kernel_shape", Ints{3, 3}},
                  {"pads", Ints{1, 1, 1, 1}},
                  {"strides", Ints{2, 2}},
                  {"count_include_pad", std::int64_t(1)}}});
  all.push_back({"include_pad_ceil",
                 {f32({1, 2, 6, 6})},
                 {{"kernel_shape", Ints{3, 3}},
                  {"pads", Ints{1, 1, 1, 1}},
                  {"strides", Ints{3, 3}},
                  {"count_include_pad", std::int64_t(1)},
                  {"ceil_mode", std::int64_t(1)}}});
  return all;
}

constexpr AttributeDef max_attributes[] = {
    {"auto_pad", AttributeKind::string},    {"ceil_mode", AttributeKind::integer},
    {"dilations", AttributeKind::integers}, {"kernel_shape", AttributeKind::integers, true},
    {"pads", AttributeKind::integers},      {"storage_order", AttributeKind::integer},
    {"strides", AttributeKind::integers}};
constexpr AttributeDef average_attributes[] = {{"auto_pad", AttributeKind::string},
                                               {"ceil_mode", AttributeKind::integer},
                                               {"count_include_pad", AttributeKind::integer},
                                               {"dilations", AttributeKind::integers},
                                               {"kernel_shape", AttributeKind::integers, true},
                                               {"pads", AttributeKind::integers},
                                               {"strides", AttributeKind::integers}};

constexpr AttributeDef lp_attributes[] = {
    {"auto_pad", AttributeKind::string},    {"ceil_mode", AttributeKind::integer},
    {"dilations", AttributeKind::integers}, {"kernel_shape", AttributeKind::integers, true},
    {"p", AttributeKind::integer},          {"pads", AttributeKind::integers},
    {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef average_pool_op, lp_pool_op, max_pool_op;

constinit const OpDef average_pool_op = {.name = "AveragePool",
                                         .attributes = average_attributes,
                                         .infer = infer_average,
                                         .reference = average_reference,
                                         .cost = cost,
                                         .cases = average_cases};
constinit const OpDef lp_pool_op = {.name = "LpPool",
                                    .attributes = lp_attributes,
                                    .infer = infer_lp,
                                    .reference = lp_reference,
                                    .cost = cost,
                                    .cases = lp_cases};
constinit const OpDef max_pool_op = {.name = "MaxPool",
                                     .outputs = {1, 2},
                                     .attributes = max_attributes,
                                     .infer = infer_max,
                                     .reference = max_reference,
                                     .cost = cost,
                                     .cases = max_cases};

}  // namespace strata::ir
