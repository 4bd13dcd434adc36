#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view modes[] = {"constant", "reflect", "edge", "wrap"};

void infer(InferContext& context) {
  expect_dtype(context, 1, "pads", DType::i64);
  context.expect_rank(1, "pads", 1);
  expect_word(context.attributes(), "mode", "constant", modes);
  const std::string_view mode = text_view(context.attributes(), "mode", "constant");
  TensorType y = context.input(0);
  const int rank = int(y.shape.size());
  std::vector<std::int64_t> axes;
  for (int i = 0; i < rank; ++i) axes.push_back(i);
  if (context.has_input(3)) expect_index(context, 3, "axes");
  if (!context.integers(1) || (context.has_input(3) && !context.integers(3))) {
    return context.set_open_output(0, y.dtype, rank);
  }
  if (context.has_input(3)) {
    axes = expect_integers(context, 3, "axes");
    normalize_axes(axes, rank, "axes");
  }
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    const auto& value = context.input(2).shape;
    if (value.size() > 1 || (value.size() == 1 && value[0] != Dim(1))) {
      fail(ErrorCode::model, "constant_value has shape {}; accepted: a scalar", to_string(value));
    }
  }
  const std::vector<std::int64_t> pads = expect_integers(context, 1, "pads");
  expect_count("pads", pads.size(), 2 * axes.size());
  for (std::size_t i = 0; i < axes.size(); ++i) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const std::int64_t before = pads[i];
    const std::int64_t after = pads[i + axes.size()];
    expect_between("pads entry", before, -most, most);
    expect_between("pads entry", after, -most, most);
    Dim& extent = y.shape[std::size_t(normalize_axis(axes[i], rank, "axes"))];
    if (mode != "constant" && extent == Dim(0) && (before > 0 || after > 0)) {
      fail(ErrorCode::model, "mode {} pads axis {}, which has extent 0", mode, axes[i]);
    }
    const Dim padded = extent + (before + after);
    if (padded.is_constant() && padded.constant() < 0) {
      fail(ErrorCode::model, "pads {} and {} leave axis {} of extent {} with a negative extent",
           before, after, axes[i], to_string(extent));
    }
    extent = padded;
  }
  context.set_output(0, std::move(y));
}

/// Where in [0, extent) position `i` finds its element; -1: outside (constant).
std::int64_t source_index(std::int64_t i, std::int64_t extent, std::string_view mode) {
  if (i >= 0 && i < extent) return i;
  if (mode == "edge") return i < 0 ? 0 : extent - 1;
  if (mode == "wrap") return (i % extent + extent) % extent;
  if (mode == "constant") return -1;
  if (extent == 1) return 0;
  const std::int64_t period = 2 * (extent - 1);  // 0 1 2 3 2 1 | 0 1 ...
  const std::int64_t phase = (i % period + period) % period;
  return phase < extent ? phase : period - phase;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  Tensor& y = args.outputs[0];
  const int rank = x.shape().rank();
  const std::string_view mode = text_view(args.attributes(), "mode", "constant");
  if (mode != "constant" && x.elements() == 0 && y.elements() != 0) {
    return {"there are no elements to pad with"};
  }
  std::array<std::int64_t, max_rank> before{};
  const std::int64_t padded = args.inputs[1].elements() / 2;
  for (std::int64_t i = 0; i < padded; ++i) {
    const int axis =
        args.has_input(3) ? normalize_axis(index_at(args.inputs[3], i), rank, "axes") : int(i);
    before[std::size_t(axis)] = index_at(args.inputs[1], i);
  }
  std::array<std::int64_t, max_rank> at{};
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    std::int64_t offset = 0;
    for (int a = 0; a < rank && offset >= 0; ++a) {
      const auto axis = std::size_t(a);
      const std::int64_t from = source_index(at[axis] - before[axis], x.shape()[a], mode);
      offset = from < 0 ? -1 : offset + from * stride_of(x.shape(), a);
    }
    if (offset >= 0) {
      copy_elements(x, offset, y, i, 1);
    } else if (args.has_input(2)) {
      copy_elements(args.inputs[2], 0, y, i, 1);
    } else {
      const std::uint64_t zero = 0;
      copy_elements(Tensor::borrow(y.dtype(), {}, static_cast<const void*>(&zero)), 0, y, i, 1);
    }
    for (int a = rank - 1; a >= 0 && ++at[std::size_t(a)] == y.shape()[a]; --a) {
      at[std::size_t(a)] = 0;
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"constant", {f32({2, 3}), i64({1, 0, 0, 2})}},
          {"value", {f32({2, 3}), i64({0, 1, 1, 1}), scalar(2.5f)}},
          {"image", {f32({1, 2, 3, 3}), i64({0, 0, 1, 1, 0, 0, 1, 1})}},
          {"reflect", {f32({3, 4}), i64({2, 3, 1, 2})}, {{"mode", "reflect"}}},
          {"reflect_twice", {f32({3}), i64({5, 6})}, {{"mode", "reflect"}}},
          {"edge", {f32({2, 3}), i64({1, 2, 2, 1})}, {{"mode", "edge"}}},
          {"wrap", {f32({3, 2}), i64({2, 1, 1, 1})}, {{"mode", "wrap"}}},
          {"axes", {f32({2, 3, 4}), i64({1, 2}), omitted(), i64({-1})}},
          {"cropped", {f32({4, 5}), i64({-1, 2, 0, -3})}},
          {"symbolic", {f32({Dim::symbol("N"), 3}), i64({0, 1, 0, 1})}},
          {"bytes", {values<std::uint8_t>({2}, {7, 9}), i64({1, 1}), scalar<std::uint8_t>(3)}}};
}

constexpr AttributeDef attributes[] = {{"mode", AttributeKind::string}};

}  // namespace

extern const OpDef pad_op;
constinit const OpDef pad_op = {.name = "Pad",
                                .inputs = {2, 4},
                                .attributes = attributes,
                                .infer = infer,
                                .reference = reference,
                                .cases = cases};

}  // namespace strata::ir
