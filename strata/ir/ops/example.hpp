#pragma once

#include <initializer_list>
#include <utility>

#include "strata/ir/op.hpp"

namespace strata::ir::example {

/// Operands of example cases, in few words.
inline OpCase::Input input(DType type, SymbolicShape shape) {
  return {.type = {type, std::move(shape)}};
}
inline OpCase::Input f32(SymbolicShape shape) { return input(DType::f32, std::move(shape)); }
/// Seeded like an input, but a constant of the graph.
inline OpCase::Input weight(SymbolicShape shape) {
  return {.type = {DType::f32, std::move(shape)}, .constant = true};
}
inline OpCase::Input omitted() { return {.omitted = true}; }

/// A constant with these elements; the shape is [count] unless given.
template <class T>
OpCase::Input values(const Shape& shape, std::initializer_list<T> elements) {
  return {.type = {dtype_of<T>, SymbolicShape(shape.begin(), shape.end())},
          .value = Tensor::from<T>(shape, elements)};
}
inline OpCase::Input i64(std::initializer_list<std::int64_t> elements) {
  return values<std::int64_t>({std::int64_t(elements.size())}, elements);
}
template <class T>
OpCase::Input scalar(T value) {
  return values<T>({}, {value});
}

}  // namespace strata::ir::example
