#include "strata/tensor/dim.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "strata/base/error.hpp"
#include "strata/tensor/dim_terms.hpp"

namespace strata {
namespace {

using Kind = DimAtom::Kind;

// Terms of quotient and rest at which a long division counts as not exact.
constexpr std::size_t max_division = 256;

/// floor(a / b) as whole + floor(rest / b), where b is a single term with a positive coefficient
/// and the coefficients of what b's factors divide in rest are in [0, that of b).
struct Division {
  DimTerms whole;
  DimTerms rest;
};

Division split(const DimTerms& a, const DimTerm& b) {
  Division result;
  for (const DimTerm& term : a) {
    const auto factors = divide_factors(term.factors, b.factors);
    const std::int64_t quotient = factors ? dim_floor_div(term.coefficient, b.coefficient) : 0;
    const std::int64_t remainder = term.coefficient - quotient * b.coefficient;
    if (quotient != 0) result.whole.push_back({quotient, *factors});
    if (remainder != 0) result.rest.push_back({remainder, term.factors});
  }
  return result;
}

Dim floor_atom(const Dim& numerator, const Dim& denominator) {
  return from_atom({.kind = Kind::floor_div, .operands = {numerator, denominator}});
}

/// floor((floor(x/k) + y) / b) = floor((x + y*k) / (k*b)) for positive numbers k and b.
std::optional<Dim> merge_nested(const DimTerms& numerator, std::int64_t c, std::int64_t b) {
  const auto nested = std::ranges::find_if(numerator, [](const DimTerm& term) {
    return term.coefficient == 1 && term.factors.size() == 1 &&
           term.factors[0]->kind == Kind::floor_div && term.factors[0]->operands[1].is_constant();
  });
  if (nested == numerator.end()) return std::nullopt;
  const std::vector<Dim>& inner = nested->factors[0]->operands;
  DimTerms others = numerator;
  others.erase(others.begin() + (nested - numerator.begin()));
  const Dim y = from_terms(std::move(others)) + c;
  return Dim::floor_div(inner[0] + y * inner[1], inner[1] * b);
}

/// floor(rest / b) for a number b > 1 and coefficients in [0, b).
Dim divide_rest(DimTerms rest, std::int64_t b) {
  std::int64_t c = 0;
  if (!rest.empty() && rest.back().factors.empty()) {
    c = rest.back().coefficient;
    rest.pop_back();
  }
  if (rest.empty()) return 0;
  // What all but c have in common divides out, as floor(x + c/g) only sees floor(c/g).
  std::int64_t common = b;
  for (const DimTerm& term : rest) common = std::gcd(common, term.coefficient);
  for (DimTerm& term : rest) term.coefficient /= common;
  b /= common;
  c /= common;
  if (auto merged = merge_nested(rest, c, b)) return *merged;
  return floor_atom(from_terms(std::move(rest)) + Dim(c), b);
}

Dim extremum(Kind kind, const Dim& a, const Dim& b) {
  std::vector<Dim> candidates;
  for (const Dim* operand : {&a, &b}) {
    const DimTerms terms = to_terms(*operand);
    if (terms.size() == 1 && terms[0].coefficient == 1 && terms[0].factors.size() == 1 &&
        terms[0].factors[0]->kind == kind) {
      const std::vector<Dim>& inner = terms[0].factors[0]->operands;
      candidates.insert(candidates.end(), inner.begin(), inner.end());
    } else {
      candidates.push_back(*operand);
    }
  }
  // One of two operands that differ by a number always wins.
  std::vector<Dim> kept;
  for (const Dim& candidate : candidates) {
    const auto rival = std::ranges::find_if(
        kept, [&](const Dim& other) { return (candidate - other).is_constant(); });
    if (rival == kept.end()) {
      kept.push_back(candidate);
    } else if (((candidate - *rival).constant() > 0) == (kind == Kind::max)) {
      *rival = candidate;
    }
  }
  if (kept.size() == 1) return kept[0];
  std::ranges::sort(kept, [](const Dim& x, const Dim& y) { return compare(x, y) < 0; });
  return from_atom({.kind = kind, .operands = std::move(kept)});
}

std::int64_t value_of(const DimAtom& atom, const DimValues& values) {
  if (atom.kind == Kind::symbol) {
    const std::int64_t* value = values.find(atom.name);
    if (value == nullptr) {
      fail(ErrorCode::usage, "the dimension '{}' has no value", atom.name);
    }
    return *value;
  }
  std::int64_t result = atom.operands[0].evaluate(values);
  for (std::size_t i = 1; i < atom.operands.size(); ++i) {
    const std::int64_t next = atom.operands[i].evaluate(values);
    switch (atom.kind) {
      case Kind::floor_div:
        result = dim_floor_div(result, next);
        break;
      case Kind::max:
        result = std::max(result, next);
        break;
      default:
        result = std::min(result, next);
    }
  }
  return result;
}

void collect(const DimAtom& atom, std::vector<std::string>& names) {
  if (atom.kind == Kind::symbol && std::ranges::find(names, atom.name) == names.end()) {
    names.push_back(atom.name);
  }
  for (const Dim& operand : atom.operands) operand.collect_symbols(names);
}

auto find_name(auto& items, std::string_view symbol) {
  return std::ranges::lower_bound(items, symbol, std::less<>{},
                                  [](const auto& item) { return std::string_view(item.first); });
}

}  // namespace

void DimValues::set(std::string_view symbol, std::int64_t value) {
  const auto place = find_name(items_, symbol);
  if (place != items_.end() && place->first == symbol) {
    place->second = value;
  } else {
    items_.emplace(place, symbol, value);
  }
}

const std::int64_t* DimValues::find(std::string_view symbol) const {
  const auto place = find_name(items_, symbol);
  return place != items_.end() && place->first == symbol ? &place->second : nullptr;
}

Dim Dim::symbol(std::string_view name) {
  if (name.empty()) fail(ErrorCode::model, "a symbolic dimension needs a name");
  return from_atom({.name = std::string(name)});
}

std::optional<std::string_view> Dim::as_symbol() const {
  if (is_constant() || expression_->symbol == nullptr) return std::nullopt;
  return expression_->symbol->name;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return dim_add(a.constant(), b.constant());
  return from_terms(add_terms(to_terms(a), to_terms(b)));
}

Dim operator-(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    std::int64_t difference;
    if (!__builtin_sub_overflow(a.constant(), b.constant(), &difference)) return difference;
    fail(ErrorCode::model, "dimension {} - {} exceeds 63 bits", a.constant(), b.constant());
  }
  return from_terms(add_terms(to_terms(a), scale_terms(to_terms(b), {-1, {}})));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return dim_mul(a.constant(), b.constant());
  DimTerms product;
  for (const DimTerm& term : to_terms(b)) {
    product = to_terms(from_terms(add_terms(product, scale_terms(to_terms(a), term))));
  }
  return from_terms(std::move(product));
}

bool operator==(const Dim& a, const Dim& b) { return compare(a, b) == 0; }

std::optional<Dim> Dim::divide_exactly(const Dim& a, const Dim& b) {
  const DimTerms divisor = to_terms(b);
  if (divisor.empty()) return std::nullopt;
  // Long division: the leading term of the rest must be the leading term of the divisor times one
  // of the quotient.
  DimTerms quotient;
  for (DimTerms rest = to_terms(a); !rest.empty();) {
    const auto factors = divide_factors(rest[0].factors, divisor[0].factors);
    if (!factors ||
        (divisor[0].coefficient != -1 && rest[0].coefficient % divisor[0].coefficient != 0)) {
      return std::nullopt;
    }
    quotient.push_back({dim_floor_div(rest[0].coefficient, divisor[0].coefficient), *factors});
    DimTerm negative = quotient.back();
    negative.coefficient = dim_mul(negative.coefficient, -1);
    rest = add_terms(rest, scale_terms(divisor, negative));
    if (quotient.size() + rest.size() > max_division) return std::nullopt;
  }
  return from_terms(std::move(quotient));
}

Dim Dim::floor_div(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return dim_floor_div(a.constant(), b.constant());
  const DimTerms divisor = to_terms(b);
  if (divisor.empty()) fail(ErrorCode::model, "dimension {} is divided by 0", to_string(a));
  if (divisor[0].coefficient < 0) return floor_div(0 - a, 0 - b);
  if (divisor.size() > 1) {
    if (auto quotient = divide_exactly(a, b)) return *quotient;
    return a == Dim(0) ? a : floor_atom(a, b);
  }
  Division parts = split(to_terms(a), divisor[0]);
  const Dim whole = from_terms(std::move(parts.whole));
  if (parts.rest.empty()) return whole;
  if (b.is_constant()) return whole + divide_rest(std::move(parts.rest), b.constant());
  return whole + floor_atom(from_terms(std::move(parts.rest)), b);
}

Dim Dim::max(const Dim& a, const Dim& b) { return extremum(Kind::max, a, b); }
Dim Dim::min(const Dim& a, const Dim& b) { return extremum(Kind::min, a, b); }

std::int64_t Dim::evaluate(const DimValues& values) const {
  if (is_constant()) return constant_;
  if (expression_->symbol != nullptr) return value_of(*expression_->symbol, values);
  std::int64_t sum = 0;
  for (const DimTerm& term : expression_->terms) {
    std::int64_t product = term.coefficient;
    for (const DimAtomRef& factor : term.factors) {
      product = dim_mul(product, value_of(*factor, values));
    }
    sum = dim_add(sum, product);
  }
  return sum;
}

void Dim::collect_symbols(std::vector<std::string>& names) const {
  if (is_constant()) return;
  for (const DimTerm& term : expression_->terms) {
    for (const DimAtomRef& factor : term.factors) collect(*factor, names);
  }
}

}  // namespace strata
