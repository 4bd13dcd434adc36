#include "strata/tensor/dim_terms.hpp"

#include <algorithm>
#include <iterator>

#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"

namespace strata {
namespace {

bool atom_less(const DimAtomRef& a, const DimAtomRef& b) { return compare(*a, *b) < 0; }

[[noreturn]] void too_large() {
  fail(ErrorCode::unsupported,
       "a symbolic dimension has become too large an expression, at most {} symbols and operations "
       "nested {} deep are accepted",
       max_dim_size, max_dim_depth);
}

/// Sets size and depth; what recurses over an expression is bounded by them.
void measure(Dim::Expression& expression) {
  for (const DimTerm& term : expression.terms) {
    ++expression.size;
    for (const DimAtomRef& factor : term.factors) {
      expression.size += factor->size;
      expression.depth = std::max(expression.depth, factor->depth);
    }
    if (expression.size > max_dim_size) too_large();
  }
  if (expression.depth > max_dim_depth) too_large();
}

}  // namespace

std::int64_t dim_add(std::int64_t a, std::int64_t b) {
  const auto sum = checked_add(a, b);
  if (!sum) fail(ErrorCode::model, "dimension {} + {} exceeds 63 bits", a, b);
  return *sum;
}

std::int64_t dim_mul(std::int64_t a, std::int64_t b) {
  const auto product = checked_mul(a, b);
  if (!product) fail(ErrorCode::model, "dimension {} * {} exceeds 63 bits", a, b);
  return *product;
}

std::int64_t dim_floor_div(std::int64_t a, std::int64_t b) {
  if (b == 0) fail(ErrorCode::model, "dimension {} is divided by 0", a);
  if (b == -1) return dim_mul(a, -1);
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

std::strong_ordering compare(const DimAtom& a, const DimAtom& b) {
  if (&a == &b) return std::strong_ordering::equal;
  if (const auto order = a.kind <=> b.kind; order != 0) return order;
  if (const auto order = a.name <=> b.name; order != 0) return order;
  if (const auto order = a.size <=> b.size; order != 0) return order;
  return std::lexicographical_compare_three_way(
      a.operands.begin(), a.operands.end(), b.operands.begin(), b.operands.end(),
      [](const Dim& x, const Dim& y) { return compare(x, y); });
}

std::strong_ordering compare_factors(const std::vector<DimAtomRef>& a,
                                     const std::vector<DimAtomRef>& b) {
  if (const auto order = b.size() <=> a.size(); order != 0) return order;
  return std::lexicographical_compare_three_way(
      a.begin(), a.end(), b.begin(), b.end(),
      [](const DimAtomRef& x, const DimAtomRef& y) { return compare(*x, *y); });
}

std::strong_ordering compare(const Dim& a, const Dim& b) {
  if (a.is_constant() || b.is_constant()) {
    if (a.is_constant() && b.is_constant()) return a.constant() <=> b.constant();
    return b.is_constant() <=> a.is_constant();  // numbers last
  }
  const Dim::Expression& x = *a.expression();
  const Dim::Expression& y = *b.expression();
  if (&x == &y) return std::strong_ordering::equal;
  if (const auto order = x.size <=> y.size; order != 0) return order;
  return std::lexicographical_compare_three_way(
      x.terms.begin(), x.terms.end(), y.terms.begin(), y.terms.end(),
      [](const DimTerm& s, const DimTerm& t) {
        if (const auto order = compare_factors(s.factors, t.factors); order != 0) return order;
        return s.coefficient <=> t.coefficient;
      });
}

DimTerms to_terms(const Dim& dim) {
  if (!dim.is_constant()) return dim.expression()->terms;
  if (dim.constant() == 0) return {};
  return {DimTerm{dim.constant(), {}}};
}

Dim from_terms(DimTerms terms) {
  if (terms.empty()) return 0;
  if (terms.front().factors.empty()) return terms.front().coefficient;
  auto expression = std::make_shared<Dim::Expression>();
  expression->terms = std::move(terms);
  measure(*expression);
  const DimTerm& first = expression->terms.front();
  if (expression->terms.size() == 1 && first.coefficient == 1 && first.factors.size() == 1 &&
      first.factors[0]->kind == DimAtom::Kind::symbol) {
    expression->symbol = first.factors[0].get();
  }
  return Dim(std::shared_ptr<const Dim::Expression>(std::move(expression)));
}

Dim from_atom(DimAtom atom) {
  for (const Dim& operand : atom.operands) {
    atom.size += operand.is_constant() ? 1 : operand.expression()->size;
    const int depth = operand.is_constant() ? 0 : operand.expression()->depth;
    atom.depth = std::max(atom.depth, depth + 1);
  }
  DimTerm term{1, {}};
  term.factors.push_back(std::make_shared<const DimAtom>(std::move(atom)));
  DimTerms terms;
  terms.push_back(std::move(term));
  return from_terms(std::move(terms));
}

DimTerms add_terms(const DimTerms& a, const DimTerms& b) {
  DimTerms sum;
  sum.reserve(a.size() + b.size());
  auto x = a.begin();
  auto y = b.begin();
  while (x != a.end() && y != b.end()) {
    const auto order = compare_factors(x->factors, y->factors);
    if (order < 0) {
      sum.push_back(*x++);
    } else if (order > 0) {
      sum.push_back(*y++);
    } else {
      const std::int64_t coefficient = dim_add(x->coefficient, y->coefficient);
      if (coefficient != 0) sum.push_back({coefficient, x->factors});
      ++x, ++y;
    }
  }
  sum.insert(sum.end(), x, a.end());
  sum.insert(sum.end(), y, b.end());
  return sum;
}

DimTerms scale_terms(const DimTerms& terms, const DimTerm& by) {
  DimTerms product;
  product.reserve(terms.size());
  for (const DimTerm& term : terms) {
    DimTerm& scaled = product.emplace_back();
    scaled.coefficient = dim_mul(term.coefficient, by.coefficient);
    std::ranges::merge(term.factors, by.factors, std::back_inserter(scaled.factors), atom_less);
  }
  return product;
}

std::optional<std::vector<DimAtomRef>> divide_factors(const std::vector<DimAtomRef>& a,
                                                      const std::vector<DimAtomRef>& b) {
  if (!std::ranges::includes(a, b, atom_less)) return std::nullopt;
  std::vector<DimAtomRef> quotient;
  std::ranges::set_difference(a, b, std::back_inserter(quotient), atom_less);
  return quotient;
}

}  // namespace strata
