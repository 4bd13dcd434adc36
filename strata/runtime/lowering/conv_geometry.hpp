#pragma once

#include "strata/runtime/lowering/window.hpp"

namespace strata::runtime {

template <class Problem>
void set_vertical(Problem& problem, const WindowAxis& window) {
  problem.stride_h = window.stride;
  problem.dilation_h = window.dilation;
  problem.pad_top = window.pad_begin;
  problem.pad_bottom = window.pad_end;
}

template <class Problem>
void set_horizontal(Problem& problem, const WindowAxis& window) {
  problem.stride_w = window.stride;
  problem.dilation_w = window.dilation;
  problem.pad_left = window.pad_begin;
  problem.pad_right = window.pad_end;
}

/// Sizes of a convolution over one or two spatial axes; one axis is a plane of height 1.
/// Problem: ConvProblem or IntegerConvProblem.
template <class Problem>
void set_geometry(Problem& problem, const ir::Attributes& attributes, const Shape& x,
                  const Shape& w, const Shape& y) {
  const int spatial = x.rank() - 2;
  problem.batch = x[0];
  problem.channels = x[1];
  problem.out_channels = y[1];
  problem.groups = attributes.integer("group", 1);
  problem.width = x[-1];
  problem.out_width = y[-1];
  problem.kernel_w = w[-1];
  set_horizontal(problem, window_axis(attributes, spatial - 1, spatial, x[-1], w[-1], y[-1]));
  problem.height = problem.out_height = problem.kernel_h = 1;
  if (spatial == 2) {
    problem.height = x[2];
    problem.out_height = y[2];
    problem.kernel_h = w[2];
    set_vertical(problem, window_axis(attributes, 0, spatial, x[2], w[2], y[2]));
  }
}

}  // namespace strata::runtime
