#include "strata/ir/ops/matrix_product.hpp"

namespace strata::ir {
namespace {

template <class T>
const T* at(const MatrixView& view, std::int64_t i, std::int64_t j) {
  return static_cast<const T*>(view.tensor.raw()) + view.offset + i * view.row + j * view.column;
}

template <class T>
void multiply_floats(const MatrixProduct& p, T* y) {
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      double sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum += double(*at<T>(p.a, i, k)) * double(*at<T>(p.b, k, j));
      }
      sum *= p.alpha;
      if (p.c.tensor.present()) sum += p.beta * double(*at<T>(p.c, i, j));
      *y++ = narrow<T>(sum);
    }
  }
}

template <class T>
void multiply_integers(const MatrixProduct& p, T* y) {
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      std::uint64_t sum = p.c.tensor.present() ? std::uint64_t(*at<T>(p.c, i, j)) : 0;
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum += std::uint64_t(*at<T>(p.a, i, k)) * std::uint64_t(*at<T>(p.b, k, j));
      }
      *y++ = T(sum);
    }
  }
}

}  // namespace

void multiply(const MatrixProduct& product, Tensor& y, std::int64_t offset) {
  dispatch(y.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(y.mutable_raw()) + offset;
    if constexpr (std::is_integral_v<T>) {
      multiply_integers<T>(product, to);
    } else {
      multiply_floats<T>(product, to);
    }
  });
}

}  // namespace strata::ir
