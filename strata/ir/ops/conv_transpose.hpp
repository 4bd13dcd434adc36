#pragma once

#include "strata/ir/ops/window.hpp"

namespace strata::ir {

/// Shape of a transposed convolution's output: N, filters, spatial extents. X is operand 0,
/// `weights` says which one W is (channels, filters of a group, kernel).
SymbolicShape infer_transposed(const InferContext& context, int weights);

/// The convolution that this one is the transpose of: its input is our output. Pads follow from
/// the stated output where auto_pad or output_shape ask for it.
Window transposed_window(const EvalArgs& args, std::size_t weights);

}  // namespace strata::ir
