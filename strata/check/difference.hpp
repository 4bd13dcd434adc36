#pragma once

#include <cstdint>

#include "strata/tensor/tensor.hpp"

namespace strata::check {

/// How far one tensor, or several, lie from others that are the measure.
struct Difference {
  double max_abs = 0;      ///< infinite where only one side is NaN, or infinities differ
  double max_measure = 0;  ///< largest magnitude of the measure
  double error_energy = 0, measure_energy = 0;  ///< sums of squares
  std::int64_t count = 0;                       ///< elements

  /// max_abs / max_measure; 0 if both are 0.
  double relative() const;
  /// Signal to quantization noise ratio in decibels; infinite without any difference.
  double sqnr_db() const;
  /// Both together.
  void add(const Difference& other);
};

/// Element by element as numbers; shapes are the same, types may differ.
Difference measure(const Tensor& measure, const Tensor& other);

/// Largest finite magnitude of the elements; 0 if there are none.
double magnitude(const Tensor& tensor);

/// On how many rows (of the last axis) two tensors of scores have the same best ones.
struct TopAgreement {
  std::int64_t rows = 0;
  std::int64_t same_best = 0;   ///< rows whose best class is the same
  std::int64_t shared = 0;      ///< classes that are among the k best of both, over all rows
  std::int64_t considered = 0;  ///< rows times k
  void add(const TopAgreement& other);
};
/// No rows unless these are floats of rank 1 or 2 with more than one class.
TopAgreement top_agreement(const Tensor& a, const Tensor& b, std::size_t k);

}  // namespace strata::check
