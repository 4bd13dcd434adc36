#pragma once

#include <vector>

#include "strata/ir/op.hpp"
#include "strata/kernels/row.hpp"

namespace strata::runtime {

/// A node run by its op's reference implementation; what any op falls back on.
/// in: the inputs of the node that are present; out: its outputs that are wanted.
struct ReferenceProblem : kernels::Problem {
  explicit ReferenceProblem(const ir::Node& n)
      : Problem(kernels::ProblemKind::reference), node(&n) {}

  struct Operand {
    DType dtype = DType::f32;
    Shape shape;
    bool present = false;
  };
  const ir::Node* node;
  std::vector<Operand> inputs, outputs;  // as the node lists them
};

/// The last row of every target.
const kernels::Row& reference_row();

}  // namespace strata::runtime
