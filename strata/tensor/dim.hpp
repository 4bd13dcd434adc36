#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/tensor/shape.hpp"

namespace strata {

/// Values of symbolic dimensions, by name; what a Binding fixes.
class DimValues {
 public:
  void set(std::string_view symbol, std::int64_t value);
  const std::int64_t* find(std::string_view symbol) const;
  std::span<const std::pair<std::string, std::int64_t>> items() const { return items_; }
  bool operator==(const DimValues&) const = default;

 private:
  std::vector<std::pair<std::string, std::int64_t>> items_;  // sorted by name
};

/// Most symbols, functions and terms in one expression, counted as often as they are written.
constexpr std::size_t max_dim_size = 4096;
/// Most functions within functions.
constexpr int max_dim_depth = 100;

/// An extent or a small integer that may depend on symbols: a polynomial with integer coefficients
/// over symbols and over atoms floor(a/b), max(a,b), min(a,b). Kept in a normal form, so that equal
/// expressions built in different orders compare equal ("N*4", "(H+1)/2"). Constants take no heap.
/// Arithmetic throws model on overflow, unsupported for an expression beyond max_dim_size.
class Dim {
 public:
  Dim() = default;
  Dim(std::int64_t value) : constant_(value) {}  // NOLINT: a number is a Dim
  static Dim symbol(std::string_view name);

  bool is_constant() const { return !expression_; }
  /// The number; only if is_constant().
  std::int64_t constant() const { return constant_; }
  std::optional<std::int64_t> as_constant() const {
    return is_constant() ? std::optional(constant_) : std::nullopt;
  }
  /// The name, if this is exactly one symbol.
  std::optional<std::string_view> as_symbol() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);

  /// a / b if the division is exact for all values of the symbols under which b is not 0, else
  /// nothing.
  static std::optional<Dim> divide_exactly(const Dim& a, const Dim& b);
  /// Rounds towards minus infinity. Throws model if b is the constant 0.
  static Dim floor_div(const Dim& a, const Dim& b);
  static Dim max(const Dim& a, const Dim& b);
  static Dim min(const Dim& a, const Dim& b);

  /// The number under these values. Throws usage naming a symbol without value, model on overflow
  /// or division by zero.
  std::int64_t evaluate(const DimValues& values) const;
  /// Adds the names of all symbols to `names` (no duplicates).
  void collect_symbols(std::vector<std::string>& names) const;

  struct Expression;  ///< see dim_terms.hpp
  /// Null for a constant.
  const Expression* expression() const { return expression_.get(); }
  explicit Dim(std::shared_ptr<const Expression> expression) : expression_(std::move(expression)) {}

 private:
  std::int64_t constant_ = 0;
  std::shared_ptr<const Expression> expression_;
};

/// "N", "4*N+1", "floor((H+1)/2)", "\"batch size\""; parse_dim reads it back. Throws model with the
/// position.
std::string to_string(const Dim& dim);
Dim parse_dim(std::string_view text);

/// Extents that may be symbolic; as in Shape, outermost first.
using SymbolicShape = std::vector<Dim>;

/// Throws usage naming a symbol without value, model for a negative extent.
Shape evaluate(const SymbolicShape& shape, const DimValues& values);
std::string to_string(const SymbolicShape& shape);
/// Reads what to_string wrote off the front of `text`, which keeps the rest. Throws model.
SymbolicShape take_symbolic_shape(std::string_view& text);
std::optional<Shape> as_constant(const SymbolicShape& shape);

/// numpy broadcasting. A symbol against a constant other than 1 takes the constant; two different
/// symbols give their max. Throws model where constants disagree.
SymbolicShape broadcast(const SymbolicShape& a, const SymbolicShape& b);

}  // namespace strata
