#pragma once

#include "strata/kernels/conv/direct.hpp"

namespace strata::kernels {

/// Convolution on channels last after putting rows of the input in the order of windows (Lu et al.,
/// "Im2win: Memory Efficient Convolution on SIMD Architectures", IEEE HPEC 2022): for an output
/// row, column by column the kernel_h pixels that windows there read. A window is then one run of
/// floats and overlaps its neighbour, so that the copy has kernel_h / stride_h times the input,
/// where im2col's has kernel_w / stride_w times as much again. A few output rows at a time are
/// copied into the worker's scratch, padding included. Packed constants: those of
/// DirectForm::windows.
struct Im2winPlan {
  DirectPlan whole;       ///< of all rows; its scratch is not used
  int rows = 1;           ///< that are copied at a time
  int blocks = 1;         ///< of such rows in an image
  std::size_t bytes = 0;  ///< of their copy
};

Im2winPlan plan_im2win(const ConvProblem& p, VectorForm vector);
std::int64_t im2win_units(const Im2winPlan& plan, const ConvProblem& p);
void run_im2win(const Im2winPlan& plan, FindTile* find, const Args& args, std::int64_t begin,
                std::int64_t end) noexcept;

}  // namespace strata::kernels
