#include "strata/compress/cleaned.hpp"

#include "strata/ir/passes/pipeline.hpp"

namespace strata::compress {

ir::Graph cleaned(ir::Graph model) {
  ir::PassOptions options;
  // Fused nodes hide what is to be compressed.
  options.off = {"fuse"};
  ir::optimize(model, options);
  return model;
}

}  // namespace strata::compress
