#include "strata/check/difference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "strata/data/metrics.hpp"

namespace strata::check {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Elements as doubles; integers beyond 2^53 lose low bits on both sides alike.
template <class Each>
void for_pairs(const Tensor& a, const Tensor& b, const Each& each) {
  const auto doubles = [](const Tensor& tensor) { return tensor.cast(DType::f64); };
  const Tensor x = doubles(a), y = doubles(b);
  const auto p = x.data<double>(), q = y.data<double>();
  for (std::size_t i = 0; i < p.size(); ++i) each(p[i], q[i]);
}

}  // namespace

double Difference::relative() const {
  if (max_abs == 0) return 0;
  return max_measure > 0 ? max_abs / max_measure : infinity;
}

double Difference::sqnr_db() const {
  if (error_energy == 0) return infinity;
  return 10 * std::log10(measure_energy / error_energy);
}

void Difference::add(const Difference& other) {
  max_abs = std::max(max_abs, other.max_abs);
  max_measure = std::max(max_measure, other.max_measure);
  error_energy += other.error_energy;
  measure_energy += other.measure_energy;
  count += other.count;
}

Difference measure(const Tensor& measure, const Tensor& other) {
  STRATA_ASSERT(measure.shape() == other.shape());
  Difference result;
  result.count = measure.elements();
  if (measure.dtype() == other.dtype() && std::ranges::equal(measure.bytes(), other.bytes())) {
    result.max_measure = magnitude(measure);
    for_pairs(measure, measure, [&](double a, double) {
      if (std::isfinite(a)) result.measure_energy += a * a;
    });
    return result;
  }
  for_pairs(measure, other, [&](double a, double b) {
    if (std::isfinite(a)) {
      result.max_measure = std::max(result.max_measure, std::fabs(a));
      result.measure_energy += a * a;
    }
    if (a == b || (std::isnan(a) && std::isnan(b))) return;
    const double error = std::fabs(a - b);
    result.max_abs = std::max(result.max_abs, std::isfinite(error) ? error : infinity);
    result.error_energy += std::isfinite(error) ? error * error : infinity;
  });
  return result;
}

double magnitude(const Tensor& tensor) {
  double largest = 0;
  const Tensor doubles = tensor.cast(DType::f64);
  for (const double x : doubles.data<double>()) {
    if (std::isfinite(x)) largest = std::max(largest, std::fabs(x));
  }
  return largest;
}

void TopAgreement::add(const TopAgreement& other) {
  rows += other.rows;
  same_best += other.same_best;
  shared += other.shared;
  considered += other.considered;
}

TopAgreement top_agreement(const Tensor& a, const Tensor& b, std::size_t k) {
  TopAgreement result;
  const int rank = a.shape().rank();
  const bool scores = is_float(a.dtype()) && is_float(b.dtype()) && (rank == 1 || rank == 2) &&
                      a.elements() > 0 && a.shape()[rank - 1] > 1;
  if (!scores) return result;
  const auto classes = std::size_t(a.shape()[rank - 1]);
  k = std::min(k, classes);
  const std::vector<float> x = a.to_float(), y = b.to_float();
  for (std::size_t row = 0; row < x.size(); row += classes) {
    const auto best_a = data::top_k(std::span(x).subspan(row, classes), k);
    const auto best_b = data::top_k(std::span(y).subspan(row, classes), k);
    ++result.rows;
    result.same_best += best_a[0] == best_b[0];
    result.considered += std::int64_t(k);
    result.shared += std::ranges::count_if(
        best_a, [&](std::int32_t label) { return std::ranges::count(best_b, label) > 0; });
  }
  return result;
}

}  // namespace strata::check
