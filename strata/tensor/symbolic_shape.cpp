#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/tensor/dim.hpp"

namespace strata {
namespace {

Dim broadcast(const Dim& a, const Dim& b) {
  if (a == b || b == Dim(1)) return a;
  if (a == Dim(1)) return b;
  if (a.is_constant() && b.is_constant()) {
    fail(ErrorCode::model, "{} against {}", a.constant(), b.constant());
  }
  if (a.is_constant()) return a;
  if (b.is_constant()) return b;
  return Dim::max(a, b);
}

void expect_rank(const SymbolicShape& shape) {
  if (shape.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "shape {} has {} axes, at most {} are accepted", to_string(shape),
         shape.size(), max_rank);
  }
}

}  // namespace

Shape evaluate(const SymbolicShape& shape, const DimValues& values) {
  expect_rank(shape);
  std::array<std::int64_t, max_rank> dims{};
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    dims[axis] = shape[axis].evaluate(values);
    if (dims[axis] < 0) {
      fail(ErrorCode::model, "axis {} of shape {} becomes {}", axis, to_string(shape), dims[axis]);
    }
  }
  return Shape(std::span<const std::int64_t>(dims.data(), shape.size()));
}

std::string to_string(const SymbolicShape& shape) {
  std::string text = "[";
  for (const Dim& dim : shape) {
    if (text.size() > 1) text += ',';
    text += to_string(dim);
  }
  return text + ']';
}

std::optional<Shape> as_constant(const SymbolicShape& shape) {
  if (!std::ranges::all_of(shape, &Dim::is_constant)) return std::nullopt;
  return evaluate(shape, {});
}

SymbolicShape broadcast(const SymbolicShape& a, const SymbolicShape& b) {
  return with_context(
      [&] { return fmt::format("shapes {} and {} do not broadcast", to_string(a), to_string(b)); },
      [&] {
        SymbolicShape result = a.size() >= b.size() ? a : b;
        for (std::size_t i = 1; i <= std::min(a.size(), b.size()); ++i) {
          result[result.size() - i] = broadcast(a[a.size() - i], b[b.size() - i]);
        }
        return result;
      });
}

}  // namespace strata
