#include <algorithm>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/fourier.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { signal, dft_length, axis };

struct Direction {
  bool inverse, onesided;
  explicit Direction(const Attributes& attributes)
      : inverse(attributes.integer("inverse", 0) != 0),
        onesided(attributes.integer("onesided", 0) != 0) {}
  /// Half a spectrum back to a real signal.
  bool real_result() const { return inverse && onesided; }
};

void expect_scalar(const InferContext& context, int i, std::string_view what) {
  if (rank_of(context, i) > 1) context.expect_rank(i, what, 0);
  if (rank_of(context, i) == 1) expect_extent(what, context.input(i).shape[0], 1);
}

/// The axis, unless only data tell.
std::optional<int> known_axis(const InferContext& context, int rank) {
  std::int64_t given = -2;
  if (context.has_input(axis)) {
    const auto value = context.integers(axis);
    if (!value) return std::nullopt;
    expect_count("axis", value->size(), 1);
    given = (*value)[0];
  }
  const int result = normalize_axis(given, rank, "axis");
  if (result == rank - 1) fail(ErrorCode::model, "axis {} is that of complex numbers", given);
  return result;
}

/// The extents of the result, of which only data may tell some.
SymbolicShape result_shape(InferContext& context) {
  const Direction direction(context.attributes());
  SymbolicShape y = context.input(signal).shape;
  const int rank = int(y.size());
  y.back() = direction.real_result() ? 1 : 2;
  const auto along = known_axis(context, rank);
  if (!along) {
    for (int i = 0; i + 1 < rank; ++i) y[std::size_t(i)] = context.open_extent(0, i);
    return y;
  }
  Dim& extent = y[std::size_t(*along)];
  if (context.has_input(dft_length)) {
    const auto length = context.elements(dft_length);
    if (length) expect_count("dft_length", length->size(), 1);
    extent = length ? (*length)[0] : context.open_extent(0, *along);
    if (!length) return y;
  } else if (direction.real_result()) {
    extent = (extent - 1) * 2;
  }
  if (extent.is_constant()) {
    expect_between("dft_length", extent.constant(), 1, std::numeric_limits<std::int32_t>::max());
  }
  if (direction.onesided && !direction.inverse) extent = Dim::floor_div(extent, 2) + 1;
  return y;
}

void infer(InferContext& context) {
  expect_float(context, signal, "input");
  const TensorType& x = context.input(signal);
  if (x.shape.size() < 2) {
    fail(ErrorCode::model, "input has rank {}; accepted: at least 2 (a signal, complex numbers)",
         x.shape.size());
  }
  expect_between("last extent of input", expect_known("last extent of input", x.shape.back()), 1,
                 2);
  if (context.has_input(dft_length)) {
    expect_index(context, dft_length, "dft_length");
    expect_scalar(context, dft_length, "dft_length");
  }
  if (context.has_input(axis)) {
    expect_index(context, axis, "axis");
    expect_scalar(context, axis, "axis");
  }
  const DType type = x.dtype;
  context.set_output(0, {type, result_shape(context)});
}

/// A line of numbers along an axis; `parts` is 1 if they are real.
struct Line {
  std::int64_t start, stride, extent, parts;

  std::complex<double> load(const Tensor& x, std::int64_t n) const {
    if (n >= extent) return 0;
    const std::int64_t at = (start + n * stride) * parts;
    return {load_one<double>(x, at), parts == 2 ? load_one<double>(x, at + 1) : 0};
  }
  void store(std::complex<double> value, Tensor& y, std::int64_t n) const {
    const std::int64_t at = (start + n * stride) * parts;
    store_one(value.real(), y, at);
    if (parts == 2) store_one(value.imag(), y, at + 1);
  }
};

/// Element n of a spectrum of which x holds the first half: that of a real signal is its own
/// mirror image, conjugated.
std::complex<double> mirrored(const Line& line, const Tensor& x, std::int64_t n,
                              std::int64_t length) {
  const std::int64_t mirror = (length - n) % length;
  if (n == mirror) return line.load(x, n).real();
  return n < mirror ? line.load(x, n) : std::conj(line.load(x, mirror));
}

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[signal].shape();
  const Shape& y = args.outputs[0].shape();
  const Direction direction(args.attributes());
  std::int64_t given = args.has_input(axis) ? index_at(args.inputs[axis], 0) : -2;
  if (given < 0) given += x.rank();
  if (given < 0 || given >= x.rank() - 1) return {"axis is out of range"};
  const int along = int(given);
  std::int64_t length = x[along];
  if (args.has_input(dft_length)) {
    length = index_at(args.inputs[dft_length], 0);
  } else if (direction.real_result()) {
    length = 2 * (length - 1);
  }
  const std::int64_t outputs = direction.onesided && !direction.inverse ? length / 2 + 1 : length;
  if (length < 1 || y[along] != outputs) return {"dft_length does not fit the result"};
  Fourier fourier(args.scratch, length, direction.inverse ? 1 : -1);
  const double scale = direction.inverse ? 1 / double(length) : 1;
  const std::int64_t inner = x.elements(along + 1, x.rank() - 1);
  for (std::int64_t i = 0; i < x.elements(0, along) * inner; ++i) {
    const std::int64_t o = i / inner;
    const Line from{o * x[along] * inner + i % inner, inner, x[along], x[-1]};
    const Line to{o * outputs * inner + i % inner, inner, outputs, y[-1]};
    for (std::int64_t n = 0; n < length; ++n) {
      fourier.input()[std::size_t(n)] = direction.real_result()
                                            ? mirrored(from, args.inputs[signal], n, length)
                                            : from.load(args.inputs[signal], n);
    }
    const auto result = fourier.transform();
    for (std::int64_t k = 0; k < outputs; ++k) {
      to.store(result[std::size_t(k)] * scale, args.outputs[0], k);
    }
  }
  return {};
}

std::size_t scratch_bytes(const CostArgs& args) {
  std::int64_t longest = 0;  // the axis is an operand: half a spectrum along any of them
  for (const std::int64_t extent : args.outputs[0]) longest = std::max(longest, 2 * extent);
  return Fourier::scratch_bytes(longest);
}

Cost cost(const CostArgs& args) {
  constexpr std::int64_t levels = 12;  // of a transform of some thousand elements
  return {.flops = 4 * levels * args.outputs[0].elements()};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto middle = scalar<std::int64_t>(1);
  const std::int64_t one = 1;
  const Attributes onesided{{"onesided", one}};
  const Attributes inverse{{"inverse", one}};
  const Attributes back{{"inverse", one}, {"onesided", one}};
  return {{"real", {f32({1, 10, 10, 1}), omitted(), middle}},
          {"complex", {f32({2, 7, 2})}},
          {"onesided", {f32({2, 9, 1})}, onesided},
          {"inverse", {f32({2, 5, 3, 2}), omitted(), middle}, inverse},
          {"back_even", {f32({2, 5, 2})}, back},
          {"back_odd", {f32({2, 5, 2}), scalar<std::int64_t>(9)}, back},
          {"padded", {f32({2, 5, 1}), scalar<std::int64_t>(8)}},
          {"cut", {f32({2, 9, 2}), scalar<std::int32_t>(4)}, onesided},
          {"long", {f32({1, 100, 1})}, onesided},
          {"f64", {input(DType::f64, {6, 1})}},
          {"symbolic", {f32({Dim::symbol("N"), 6, 1})}, onesided},
          {"empty", {f32({0, 6, 1})}}};
}

constexpr AttributeDef attributes[] = {{"inverse", AttributeKind::integer},
                                       {"onesided", AttributeKind::integer}};

}  // namespace

extern const OpDef dft_op;
constinit const OpDef dft_op = {.name = "DFT",
                                .inputs = {1, 3},
                                .attributes = attributes,
                                .infer = infer,
                                .reference = reference,
                                .scratch_bytes = scratch_bytes,
                                .cost = cost,
                                .cases = cases};

}  // namespace strata::ir
