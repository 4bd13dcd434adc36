#include <algorithm>
#include <cstring>
#include <vector>

#include "strata/kernels/gemm/plan.hpp"
#include "strata/kernels/movement/copy_2d.hpp"
#include "strata/tensor/dtype.hpp"

namespace strata::kernels {
namespace {

template <class T>
T read(const void* data, std::int64_t index) {
  T value;  // constants need no alignment
  std::memcpy(&value, static_cast<const std::byte*>(data) + index * std::int64_t(sizeof(T)),
              sizeof(T));
  return value;
}

float scale_of(const GemmProblem& p, const Constants& constants, std::int64_t column) {
  if (p.weights == WeightType::i8_tensor) return read<float>(constants.data[1], 0);
  return p.weights == WeightType::i8_channel ? read<float>(constants.data[1], column) : 1.0f;
}

/// A panel as f32: to[k, c] = B[k][column + c], placed as `move` says.
template <class T>
void decode_panel(const GemmProblem& p, const Constants& constants, std::int64_t column,
                  const Copy2d& move, float* to) {
  for (std::int64_t c = 0; c < move.rows; ++c) {
    const float scale = scale_of(p, constants, column + c);
    for (std::int64_t k = 0; k < p.k; ++k) {
      const std::int64_t at = (column + c) * move.in_row + k * move.in_column;
      to[k * move.out_column + c * move.out_row] = float(read<T>(constants.data[0], at)) * scale;
    }
  }
}

void pack_panel(const GemmProblem& p, const Constants& constants, std::size_t element,
                std::int64_t column, const Copy2d& move, std::byte* to) {
  if (element != sizeof(float) || p.weights == WeightType::f32) {
    const std::byte* b = static_cast<const std::byte*>(constants.data[0]);
    return copy_2d(move, element, b + column * move.in_row * std::int64_t(element), to);
  }
  auto* out = reinterpret_cast<float*>(to);
  switch (p.weights) {
    case WeightType::f32:
      break;
    case WeightType::f16:
      return decode_panel<Half>(p, constants, column, move, out);
    case WeightType::bf16:
      return decode_panel<BFloat16>(p, constants, column, move, out);
    case WeightType::i8_tensor:
    case WeightType::i8_channel:
      return decode_panel<std::int8_t>(p, constants, column, move, out);
  }
}

/// Through a copy of the panel as f32, in rows of k.
void pack_constant_pairs(const GemmProblem& p, const PairKernels& kernels,
                         const Constants& constants, std::int64_t column, std::int64_t valid,
                         std::int64_t width, std::byte* to) {
  GemmProblem rows = p;
  rows.transpose_b = true;
  std::vector<float> decoded(std::size_t(p.k * valid));
  const Copy2d move{.rows = valid,
                    .columns = p.k,
                    .in_row = p.transpose_b ? p.k : 1,
                    .in_column = p.transpose_b ? 1 : p.n,
                    .out_row = p.k,
                    .out_column = 1};
  pack_panel(p, constants, sizeof(float), column, move,
             reinterpret_cast<std::byte*>(decoded.data()));
  pack_panel_pairs(rows, kernels, decoded.data(), 0, valid, width, reinterpret_cast<Bf16Pair*>(to));
}

}  // namespace

std::size_t gemm_bias_offset(const GemmPlan& plan, const GemmProblem& p, std::size_t element) {
  if (!p.constant_b) return 0;
  return (std::size_t(plan.depth * plan.columns) * element + 63) / 64 * 64;
}

std::size_t gemm_packed_bytes(const GemmPlan& plan, const GemmProblem& p, std::size_t element) {
  if (!p.constant_b && !p.epilogue.bias) return 0;
  const std::size_t vectors = element == 1 ? 2 : 1;  // bias and scales
  return gemm_bias_offset(plan, p, element) + vectors * std::size_t(plan.columns) * sizeof(float);
}

void pack_gemm(const GemmPlan& plan, const GemmProblem& p, const Constants& constants,
               const GemmKernels& kernels, std::byte* packed) {
  const std::size_t element = kernels.element;
  if (gemm_packed_bytes(plan, p, element) == 0) return;
  const std::int64_t panel = 2 * plan.vector.lanes;
  for (std::int64_t i = 0; p.constant_b && i < plan.panels; ++i) {
    const std::int64_t column = i * panel;
    const std::int64_t width = std::min(panel, plan.columns - column);
    const std::int64_t valid = std::min(width, p.n - column);
    std::byte* to = packed + std::size_t(column * plan.depth) * element;
    if (kernels.pairs) {
      pack_constant_pairs(p, *kernels.pairs, constants, column, valid, width, to);
      continue;
    }
    if (valid < width) std::memset(to, 0, std::size_t(p.k * width) * element);
    const Copy2d move{.rows = valid,
                      .columns = p.k,
                      .in_row = p.transpose_b ? p.k : 1,
                      .in_column = p.transpose_b ? 1 : p.n,
                      .out_row = 1,
                      .out_column = width};
    pack_panel(p, constants, element, column, move, to);
  }
  auto* bias = reinterpret_cast<float*>(packed + gemm_bias_offset(plan, p, element));
  std::fill_n(bias, plan.columns, 0.0f);
  if (p.epilogue.bias) {
    std::memcpy(bias, constants.data[2], std::size_t(p.n) * sizeof(float));
  }
  if (element != 1) return;
  float* scale = bias + plan.columns;
  std::fill_n(scale, plan.columns, 0.0f);
  for (std::int64_t c = 0; c < p.n; ++c) scale[c] = scale_of(p, constants, c);
}

}  // namespace strata::kernels
