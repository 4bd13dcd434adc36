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

/// A line of complex numbers along an axis.
struct Line {
  const Tensor& x;
  std::int64_t parts;  ///< 1: real numbers
  std::int64_t start, stride;

  std::complex<double> operator()(std::int64_t n) const {
    const std::int64_t at = (start + n * stride) * parts;
    return {load_one<double>(x, at), parts == 2 ? load_one<double>(x, at + 1) : 0};
  }
};

/// Element n of the real signal whose spectrum is conjugate symmetric and known up to its middle.
double real_signal(const Line& line, std::int64_t n, std::int64_t length, std::int64_t count) {
  const std::complex<double> sum = fourier_sum(n, length, count, 1, [&](std::int64_t k) {
    const bool alone = k == 0 || 2 * k == length;  // its own conjugate
    return alone ? std::complex<double>(line(k).real()) : 2.0 * line(k);
  });
  return sum.real() / double(length);
}

struct Transform {
  const EvalArgs& args;
  Direction direction;
  std::int64_t length;

  /// Of one line; writes its elements from `to` on.
  void run(const Line& line, std::int64_t extent, std::int64_t to, std::int64_t outputs,
           std::int64_t stride) const {
    Tensor& y = args.outputs[0];
    for (std::int64_t k = 0; k < outputs; ++k) {
      const std::int64_t at = to + k * stride;
      if (direction.real_result()) {
        const std::int64_t count = std::min(extent, length / 2 + 1);
        store_one(real_signal(line, k, length, count), y, at);
        continue;
      }
      std::complex<double> sum =
          fourier_sum(k, length, std::min(extent, length), direction.inverse ? 1 : -1, line);
      if (direction.inverse) sum /= double(length);
      store_one(sum.real(), y, 2 * at);
      store_one(sum.imag(), y, 2 * at + 1);
    }
  }
};

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
  const Transform transform{args, direction, length};
  const std::int64_t inner = x.elements(along + 1, x.rank() - 1);
  for (std::int64_t o = 0; o < x.elements(0, along); ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      const Line line{args.inputs[signal], x[-1], o * x[along] * inner + i, inner};
      transform.run(line, x[along], o * outputs * inner + i, outputs, inner);
    }
  }
  return {};
}

Cost cost(const CostArgs& args) {
  const Shape& x = args.inputs[signal];
  std::int64_t longest = 1;
  for (const std::int64_t extent : x) longest = std::max(longest, extent);
  return {.macs = 4 * args.outputs[0].elements() * longest};
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
                                .cost = cost,
                                .cases = cases};

}  // namespace strata::ir
