#pragma once

#include <map>

#include "strata/runtime/binding.hpp"

namespace strata::check {

/// Follows one run and says by how much its values may differ from another correct way to compute
/// the same, by rounding alone (strata/ir/tolerance.hpp).
class Rounding {
 public:
  explicit Rounding(const runtime::Binding& binding) : binding_(binding) {}

  /// An input of the graph, with the error that it may have already.
  void add_input(std::size_t i, const Tensor& tensor, double error = 0);
  /// A step's result: what rounding its own node may add, on top of what its inputs bring along.
  double add_result(std::size_t step, ir::ValueId value, const Tensor& tensor);
  /// From here on the value counts as free of error: it is compared, or taken from elsewhere.
  void settle(ir::ValueId value) { known_[origin(value)].error = 0; }
  /// The error a value may have by now.
  double error(ir::ValueId value) { return find(value).error; }
  /// The value whose bytes a view shows.
  ir::ValueId origin(ir::ValueId value) const;

 private:
  struct Known {
    double magnitude = 0;
    double error = 0;
  };
  const Known& find(ir::ValueId value);
  /// `products_rounding`: how many times the rounding of a plain sum of products the step's row may
  /// have.
  double own_error(const ir::Node& node, ir::ValueId value, double magnitude, bool inexact_inputs,
                   double products_rounding);

  const runtime::Binding& binding_;
  std::map<ir::ValueId, Known> known_;
};

}  // namespace strata::check
