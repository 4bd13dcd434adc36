#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "strata/runtime/memory_plan.hpp"
#include "strata/runtime/program.hpp"

namespace strata::runtime {

struct BindOptions {
  int threads = 1;
  /// Most bytes the arena may have; exceeded: Error naming the step that does not fit.
  std::optional<std::size_t> memory_budget;
};

/// A buffer with its size and place.
struct BoundBuffer {
  Shape shape;
  std::size_t bytes = 0;
  std::size_t offset = 0;            ///< in the arena, if it lies there
  std::int32_t first = 0, last = 0;  ///< steps between which it is needed
  int root = 0;           ///< the buffer whose bytes these are (itself, unless a view or in place)
  std::size_t begin = 0;  ///< of these in the root's bytes
  Tensor known;           ///< elements of a Buffer::Kind::known
};

/// One kernel call with all sizes known.
struct BoundStep {
  std::vector<int> in, out;  ///< buffers: those of the Step, or of the block that this one runs
  std::unique_ptr<kernels::Problem> problem;
  const kernels::Row* row = nullptr;
  Packed packed;
  std::vector<std::int64_t> units;  ///< per phase
  std::size_t scratch_offset = 0;
  std::size_t worker_scratch_offset = 0;
  std::size_t worker_scratch_bytes = 0;
  /// Not run: a reorder between layouts that are the same bytes at these sizes, or a convolution
  /// that is part of a block, which runs in the place of its last step.
  bool skipped = false;
  bool placed = false;  ///< a Concat that finds all its operands where they belong
};

/// Steps that run as one, by bands of rows of the last one's result.
struct BoundBlock {
  std::vector<std::size_t> steps;  ///< in order; all but the last are skipped
  std::int64_t band_rows = 0;
  std::size_t kept_bytes = 0;  ///< of the results that do not exist as a whole
  double saved_seconds = 0;    ///< modelled
};

/// A program for one set of dimensions: every size, the order, every byte placed, the exact peak.
/// Immutable; shared by contexts.
class Binding {
 public:
  /// `earlier`: another binding of the program, whose placement order is tried first.
  /// Throws usage if a budget does not hold, naming the step and what it needs; unsupported if the
  /// program cannot do these sizes (compile with them as typical ones).
  static std::shared_ptr<const Binding> bind(std::shared_ptr<const Program> program,
                                             const DimValues& dims, const BindOptions& options = {},
                                             const Binding* earlier = nullptr);

  const Program& program() const { return *program_; }
  const DimValues& dims() const { return dims_; }
  int threads() const { return threads_; }
  /// Bytes of the arena, scratch of all threads included.
  std::size_t peak_bytes() const { return memory_.peak; }
  /// The step at which most bytes are alive.
  const Step& fullest_step() const;
  /// Largest sum of bytes alive at one step: no plan can be smaller.
  std::size_t bound_bytes() const { return memory_.bound; }
  const std::vector<BoundStep>& steps() const { return steps_; }
  const std::vector<BoundBuffer>& buffers() const { return buffers_; }
  const std::vector<BoundBlock>& blocks() const { return blocks_; }
  /// Shapes of the graph's values by id.
  const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  friend class Binder;
  Binding() = default;
  std::shared_ptr<const Program> program_;
  DimValues dims_;
  int threads_ = 1;
  std::vector<Shape> shapes_;
  std::vector<BoundBuffer> buffers_;
  std::vector<BoundStep> steps_;
  std::vector<BoundBlock> blocks_;
  MemoryPlan memory_;
};

}  // namespace strata::runtime
