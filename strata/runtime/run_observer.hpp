#pragma once

#include <span>

#include "strata/runtime/context.hpp"
#include "strata/runtime/segments.hpp"

namespace strata::runtime {

/// A plan that is about to run.
struct PlanCall {
  const ir::Graph& graph;  ///< of the session or body that runs
  const Segment* segment;  ///< of that graph; null: it has one plan
  Context& context;
  std::span<const Tensor> inputs, outputs;
  std::span<const void* const> in;  ///< their memory
  std::span<void* const> out;
};

/// Runs the plans of a session in the place of the session, and hears of control flow: for
/// profiles and comparisons.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Runs call.context, in whatever way.
  virtual void run_plan(const PlanCall& call) = 0;
  /// Around a control flow node, and (begin_body, end_body) each call of one of its bodies.
  virtual void begin_control(const ir::Node&, std::span<const Tensor> /*operands*/) {}
  virtual void end_control(const ir::Node&, std::span<const Tensor> /*results*/) {}
  /// A value is copied, as others have it too.
  virtual void copied(const Tensor& /*from*/, const Tensor& /*to*/) {}
  virtual void begin_body(std::span<const Tensor> /*inputs*/) {}
  virtual void end_body(std::span<const Tensor> /*outputs*/) {}
};

}  // namespace strata::runtime
