#include "strata/ir/ops/matrix_product.hpp"

#include "strata/ir/ops/broadcast.hpp"
#include "strata/ir/ops/operands.hpp"

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

SymbolicShape infer_product(const InferContext& context, int left, int right) {
  SymbolicShape a = context.input(left).shape;
  SymbolicShape b = context.input(right).shape;
  if (a.empty() || b.empty()) {
    fail(ErrorCode::model, "operands {} and {}; scalars are not accepted", to_string(a),
         to_string(b));
  }
  const bool vector_a = a.size() == 1;
  const bool vector_b = b.size() == 1;
  if (vector_a) a.insert(a.begin(), 1);
  if (vector_b) b.push_back(1);
  expect_extent("inner extent of B", b[b.size() - 2], a.back());
  SymbolicShape shape =
      broadcast(SymbolicShape(a.begin(), a.end() - 2), SymbolicShape(b.begin(), b.end() - 2));
  if (!vector_a) shape.push_back(a[a.size() - 2]);
  if (!vector_b) shape.push_back(b.back());
  return shape;
}

}  // namespace strata::ir
