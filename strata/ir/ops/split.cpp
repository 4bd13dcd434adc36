#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// The extents of sizes that are not known yet.
std::vector<Dim> open_extents(InferContext& context, int axis) {
  std::vector<Dim> parts;
  for (int i = 0; i < int(context.node().outputs.size()); ++i) {
    parts.push_back(context.open_extent(i, axis));
  }
  return parts;
}

/// Extent of each output along the axis.
std::vector<Dim> part_extents(InferContext& context, int axis) {
  const std::size_t count = context.node().outputs.size();
  const Dim& whole = context.input(0).shape[std::size_t(axis)];
  if (context.has_input(1)) {
    if (context.attributes().has("num_outputs")) {
      fail(ErrorCode::model, "both the input split and the attribute num_outputs are given");
    }
    expect_dtype(context, 1, "split", DType::i64);
    if (!context.elements(1)) return open_extents(context, axis);
    std::vector<Dim> parts = expect_elements(context, 1, "split");
    expect_count("split", parts.size(), count);
    Dim sum;
    for (const Dim& part : parts) {
      if (part.is_constant() && part.constant() < 0) {
        fail(ErrorCode::model, "split has the negative entry {}", part.constant());
      }
      sum = sum + part;
    }
    expect_extent("sum of split", sum, whole);
    return parts;
  }
  const std::int64_t stated = context.attributes().integer("num_outputs", std::int64_t(count));
  if (stated != std::int64_t(count)) {
    fail(ErrorCode::model, "num_outputs is {}, but there are {} outputs", stated, count);
  }
  const auto last = std::int64_t(count) - 1;
  const Dim part = Dim::floor_div(whole + last, std::int64_t(count));
  std::vector<Dim> parts(count, part);
  parts.back() = whole - part * Dim(last);
  if (parts.back().is_constant() && parts.back().constant() < 0) {
    fail(ErrorCode::model, "extent {} does not split into {} parts", to_string(whole), count);
  }
  return parts;
}

void infer(InferContext& context) {
  const TensorType x = context.input(0);
  const int axis =
      normalize_axis(context.attributes().integer("axis", 0), int(x.shape.size()), "axis");
  const std::vector<Dim> parts = part_extents(context, axis);
  auto elements = x.shape.size() == 1 ? context.elements(0) : std::nullopt;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    TensorType part = x;
    part.shape[std::size_t(axis)] = parts[i];
    context.set_output(int(i), std::move(part));
    if (!parts[i].is_constant()) elements.reset();
    if (!elements) continue;
    const auto end = elements->begin() + parts[i].constant();
    context.set_elements(int(i), std::vector<Dim>(elements->begin(), end));
    elements->erase(elements->begin(), end);
  }
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const int axis = normalize_axis(args.attributes().integer("axis", 0), x.shape().rank(), "axis");
  const AxisView view(x.shape(), axis);
  std::int64_t start = 0;
  for (std::size_t i = 0; i < args.outputs.size(); ++i) {
    Tensor& y = args.outputs[i];
    // An output that nobody wants has no shape here, but it still takes its part of the input.
    const std::int64_t extent = args.has_input(1)
                                    ? index_at(args.inputs[1], std::int64_t(i))
                                    : (view.extent + std::int64_t(args.outputs.size()) - 1) /
                                          std::int64_t(args.outputs.size());
    if (y.present()) {
      const std::int64_t row = y.shape()[axis] * view.inner;
      if (start + y.shape()[axis] > view.extent) return {"split exceeds the extent of the axis"};
      for (std::int64_t o = 0; o < view.outer; ++o) {
        copy_elements(x, (o * view.extent + start) * view.inner, y, o * row, row);
      }
    }
    start += extent;
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  const auto make = [](std::string_view name, std::vector<OpCase::Input> inputs,
                       Attributes attributes, int outputs) {
    return OpCase{.name = name,
                  .inputs = std::move(inputs),
                  .attributes = std::move(attributes),
                  .outputs = outputs};
  };
  return {make("equal", {f32({2, 6})}, {{"axis", one}, {"num_outputs", std::int64_t(3)}}, 3),
          make("uneven", {f32({7, 2})}, {{"num_outputs", std::int64_t(3)}}, 3),
          make("stated", {f32({2, 6, 2}), i64({1, 0, 5})}, {{"axis", one}}, 3),
          make("negative_axis", {f32({2, 4}), i64({3, 1})}, {{"axis", -one}}, 2),
          make("symbolic", {f32({Dim::symbol("N"), 4}), i64({2, 2})}, {{"axis", one}}, 2)};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"num_outputs", AttributeKind::integer}};

}  // namespace

extern const OpDef split_op;
constinit const OpDef split_op = {.name = "Split",
                                  .inputs = {1, 2},
                                  .outputs = {1, variadic},
                                  .attributes = attributes,
                                  .infer = infer,
                                  .reference = reference,
                                  .cases = cases};

}  // namespace strata::ir
