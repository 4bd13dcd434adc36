#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "strata/tensor/dim.hpp"

namespace strata {

/// A symbol, or a function of other expressions: what polynomials are made of besides numbers.
struct DimAtom {
  enum class Kind : std::uint8_t { symbol, floor_div, max, min };

  Kind kind = Kind::symbol;
  std::string name;           // of a symbol
  std::vector<Dim> operands;  // numerator and denominator; for max and min two or more, sorted
  std::size_t size = 1;       // as counted for max_dim_size
  int depth = 0;              // of functions within functions
};
using DimAtomRef = std::shared_ptr<const DimAtom>;

/// coefficient * product of the factors, which are sorted; a power repeats its base.
struct DimTerm {
  std::int64_t coefficient = 0;
  std::vector<DimAtomRef> factors;
};
using DimTerms = std::vector<DimTerm>;

/// Sorted as compare_factors says, no two of the same factors, no coefficient 0, not just a number.
struct Dim::Expression {
  DimTerms terms;
  std::size_t size = 0;
  int depth = 0;
  const DimAtom* symbol = nullptr;  // set if this is one symbol
};

/// Total orders by structure.
std::strong_ordering compare(const Dim& a, const Dim& b);
std::strong_ordering compare(const DimAtom& a, const DimAtom& b);
/// Products of higher degree come first, then by the factors. Multiplying both sides by the same
/// factors keeps the order, which is what division relies on.
std::strong_ordering compare_factors(const std::vector<DimAtomRef>& a,
                                     const std::vector<DimAtomRef>& b);

/// The terms of a Dim, and the Dim of terms in normal form. Throws unsupported beyond max_dim_size.
DimTerms to_terms(const Dim& dim);
Dim from_terms(DimTerms terms);
Dim from_atom(DimAtom atom);

DimTerms add_terms(const DimTerms& a, const DimTerms& b);
/// One term times all of the others.
DimTerms scale_terms(const DimTerms& terms, const DimTerm& by);
/// Factors of a without those of b; nothing if b has one that a has not.
std::optional<std::vector<DimAtomRef>> divide_factors(const std::vector<DimAtomRef>& a,
                                                      const std::vector<DimAtomRef>& b);

/// Throws model on overflow.
std::int64_t dim_add(std::int64_t a, std::int64_t b);
std::int64_t dim_mul(std::int64_t a, std::int64_t b);
/// Rounds towards minus infinity; throws model for a divisor 0 and on overflow.
std::int64_t dim_floor_div(std::int64_t a, std::int64_t b);

}  // namespace strata
