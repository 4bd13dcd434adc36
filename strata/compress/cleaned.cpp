#include "strata/compress/cleaned.hpp"

#include "strata/ir/passes/execution.hpp"

namespace strata::compress {

ir::Graph cleaned(ir::Graph model) {
  ir::PassOptions options;
  // Fused nodes hide what is to be compressed.
  for (const ir::Pass* pass : ir::execution_passes()) options.off.emplace_back(pass->name);
  ir::optimize(model, options);
  return model;
}

}  // namespace strata::compress
