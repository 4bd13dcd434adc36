#include "strata/kernels/conv/block.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "strata/base/error.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const ConvBlockProblem& block(const Problem& problem) {
  return static_cast<const ConvBlockProblem&>(problem);
}

/// Rows [begin, end) of a plane.
struct Rows {
  std::int64_t begin = 0, end = 0;
  std::int64_t count() const { return end - begin; }
};

/// Rows of its input that a convolution needs for rows of its result.
Rows input_rows(const ConvProblem& p, Rows out) {
  const std::int64_t first = out.begin * p.stride_h - p.pad_top;
  const std::int64_t last =
      (out.end - 1) * p.stride_h - p.pad_top + (p.kernel_h - 1) * p.dilation_h;
  return {std::max<std::int64_t>(0, first), std::min(p.height, last + 1)};
}

Rows band_of(const ConvBlockProblem& b, std::int64_t band) {
  const std::int64_t begin = band * b.band_rows;
  return {begin, std::min(b.out_height, begin + b.band_rows)};
}

/// How a tensor in blocks of channels lies in memory, in floats.
struct Planes {
  std::int64_t count;  ///< of an image
  std::int64_t row;
  static Planes of(std::int64_t channels, std::int64_t width, std::int64_t unit) {
    return {(channels + unit - 1) / unit, width * unit};
  }
};

std::int64_t unit_of(const Layout& layout) { return layout.blocked_axis == 1 ? layout.block : 1; }

Planes result_planes(const ConvBlockProblem& b, std::size_t stage) {
  const ConvProblem& p = b.stages[stage].problem;
  return Planes::of(p.out_channels, p.out_width, unit_of(b.layouts.out[0]));
}

/// Floats of the windows of all stages before this one.
std::int64_t window_offset(const ConvBlockProblem& b, std::size_t stage) {
  std::int64_t floats = 0;
  for (std::size_t k = 0; k < stage; ++k) {
    const Planes planes = result_planes(b, k);
    floats += planes.count * planes.row * b.stages[k].window;
  }
  return floats;
}

/// The part of a stage that computes some rows of its result.
ConvProblem part_of(const ConvProblem& p, Rows out) {
  const Rows in = input_rows(p, out);
  ConvProblem part = p;
  part.batch = 1;
  part.pad_top = in.begin - (out.begin * p.stride_h - p.pad_top);
  part.height = in.count();
  part.out_height = out.count();
  part.in_plane_rows = p.height;
  part.out_plane_rows = p.out_height;
  return part;
}

/// Most bytes of scratch that a stage needs for one band: that of the first or of the last, which
/// alone may reach into the padding.
std::size_t stage_scratch_bytes(const ConvBlockProblem& b, std::size_t k) {
  const BlockStage& stage = b.stages[k];
  if (!stage.row->scratch_bytes) return 0;
  const std::int64_t height = stage.problem.out_height;
  const std::int64_t rows =
      std::min<std::int64_t>(k + 1 < b.stages.size() ? stage.window : b.band_rows, height);
  return std::max(stage.row->scratch_bytes(part_of(stage.problem, {0, rows})),
                  stage.row->scratch_bytes(part_of(stage.problem, {height - rows, height})));
}

/// Runs bands of one image one after the other.
class BandRunner {
 public:
  BandRunner(const ConvBlockProblem& b, const Args& args, std::int64_t image)
      : block_(b), args_(args), image_(image) {}

  const char* run(std::int64_t band) {
    find_rows(band_of(block_, band));
    for (std::size_t k = 0; k < block_.stages.size(); ++k) {
      if (fresh_[k].count() <= 0) continue;
      if (const char* message = run_stage(k)) return message;
    }
    return nullptr;
  }

 private:
  /// From the last stage to the first: what each has to compute; windows move on.
  void find_rows(Rows wanted) {
    const std::size_t last = block_.stages.size() - 1;
    fresh_[last] = wanted;
    for (std::size_t k = last; k-- > 0;) {
      const Rows held = held_[k];
      if (fresh_[k + 1].count() <= 0) {
        fresh_[k] = {held.end, held.end};
        continue;
      }
      const Rows needed = input_rows(block_.stages[k + 1].problem, fresh_[k + 1]);
      fresh_[k] = {std::max(needed.begin, held.end), needed.end};
      slide(k, needed.begin);
      held_[k] = {needed.begin, std::max(needed.end, held.end)};
    }
  }

  float* window(std::size_t stage) const {
    return reinterpret_cast<float*>(args_.worker_scratch) + window_offset(block_, stage);
  }

  /// Moves the rows from `begin` on that the window has to its start.
  void slide(std::size_t stage, std::int64_t begin) const {
    const Rows held = held_[stage];
    if (begin <= held.begin || begin >= held.end) return;
    const Planes planes = result_planes(block_, stage);
    float* plane = window(stage);
    for (std::int64_t i = 0; i < planes.count; ++i) {
      std::memmove(plane, plane + (begin - held.begin) * planes.row,
                   std::size_t((held.end - begin) * planes.row) * sizeof(float));
      plane += block_.stages[stage].window * planes.row;
    }
  }

  /// A part of an operand of the whole block.
  const float* whole(const void* data, std::int64_t channels, std::int64_t height,
                     std::int64_t width, std::int64_t row, const Layout& layout) const {
    const Planes planes = Planes::of(channels, width, unit_of(layout));
    return static_cast<const float*>(data) + (image_ * planes.count * height + row) * planes.row;
  }

  const char* run_stage(std::size_t k) const {
    const BlockStage& stage = block_.stages[k];
    const bool last = k + 1 == block_.stages.size();
    const Rows out = fresh_[k];
    const Rows in = input_rows(stage.problem, out);
    ConvProblem part = part_of(stage.problem, out);
    if (k > 0) part.in_plane_rows = block_.stages[k - 1].window;
    if (!last) part.out_plane_rows = stage.window;
    const ConvProblem& p = stage.problem;
    const void* x[2] = {};
    x[0] = k == 0
               ? whole(args_.in[0], p.channels, p.height, p.width, in.begin, block_.layouts.in[0])
               : window(k - 1) + (in.begin - held_[k - 1].begin) * result_planes(block_, k - 1).row;
    if (p.epilogue.residual) {
      x[1] = whole(args_.in[1], p.out_channels, p.out_height, p.out_width, out.begin,
                   block_.layouts.out[0]);
    }
    void* y = last ? const_cast<float*>(whole(args_.out[0], p.out_channels, p.out_height,
                                              p.out_width, out.begin, block_.layouts.out[0]))
                   : window(k) + (out.begin - held_[k].begin) * result_planes(block_, k).row;
    std::byte* scratch =
        args_.worker_scratch + block_window_bytes(block_);  // one stage's after the other
    const Args args{&part, x, &y, stage.packed, scratch, nullptr};
    const int phases = stage.row->phases ? stage.row->phases(part) : 1;
    for (int phase = 0; phase < phases; ++phase) {
      const std::int64_t units = stage.row->units(part, phase);
      if (const char* message = stage.row->run(args, phase, 0, units)) return message;
    }
    return nullptr;
  }

  const ConvBlockProblem& block_;
  const Args& args_;
  std::int64_t image_;
  std::array<Rows, most_block_stages> held_{}, fresh_{};
};

struct Block {
  static const char* rejects(const Problem&) { return "runs blocks of convolutions only"; }
  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    options.push_back(problem.layouts);
  }
  static CostEstimate cost(const Problem& problem, const Machine& machine) {
    double seconds = 0;
    for (const BlockStage& stage : block(problem).stages) {
      seconds += stage.row->cost(stage.problem, machine).seconds;
    }
    return {seconds};
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    const ConvBlockProblem& b = block(problem);
    std::size_t scratch = 0;
    for (std::size_t k = 0; k < b.stages.size(); ++k) {
      scratch = std::max(scratch, stage_scratch_bytes(b, k));
    }
    return block_window_bytes(b) + scratch;
  }
  static std::uint32_t in_place(const Problem& problem) {
    const BlockStage& last = block(problem).stages.back();
    return last.row->in_place ? last.row->in_place(last.problem) : 0;
  }
  static std::int64_t units(const Problem& problem, int) {
    return block(problem).batch * block(problem).bands;
  }

  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    const ConvBlockProblem& b = block(*args.problem);
    for (std::int64_t u = begin; u < end;) {
      const std::int64_t image = u / b.bands;
      const std::int64_t image_end = std::min(end, (image + 1) * b.bands);
      BandRunner runner(b, args, image);
      for (; u < image_end; ++u) {
        if (const char* message = runner.run(u % b.bands)) return message;
      }
    }
    return nullptr;
  }
};

constexpr std::array block_rows{
    row_of<Block>("conv_f32_block_avx512", ProblemKind::conv, Isa::avx512),
    row_of<Block>("conv_f32_block_avx2", ProblemKind::conv, Isa::avx2),
    row_of<Block>("conv_f32_block_baseline", ProblemKind::conv, Isa::baseline),
};

}  // namespace

ConvBlockProblem::ConvBlockProblem(std::vector<BlockStage> all)
    : ConvProblem(all.back().problem), stages(std::move(all)) {
  STRATA_ASSERT(stages.size() <= most_block_stages);
  layouts.in[0] = stages.front().problem.layouts.in[0];
  // Parts are copied while running, which must not allocate.
  for (BlockStage& stage : stages) stage.problem.layouts = {};
}

void ConvBlockProblem::set_band_rows(std::int64_t rows) {
  band_rows = std::max<std::int64_t>(1, std::min(rows, out_height));
  bands = (out_height + band_rows - 1) / band_rows;
  for (BlockStage& stage : stages) stage.window = 0;
  for (std::int64_t band = 0; band < bands; ++band) {
    Rows needed = band_of(*this, band);
    for (std::size_t k = stages.size() - 1; k-- > 0;) {
      needed = input_rows(stages[k + 1].problem, needed);
      stages[k].window = std::max(stages[k].window, needed.count());
    }
  }
}

std::size_t block_window_bytes(const ConvBlockProblem& block) {
  const auto bytes = std::size_t(window_offset(block, block.stages.size())) * sizeof(float);
  return (bytes + 63) / 64 * 64;
}

std::size_t block_weight_bytes(const ConvBlockProblem& block) {
  std::size_t bytes = 0;
  for (const BlockStage& stage : block.stages) {
    if (stage.row->packed_bytes) bytes += stage.row->packed_bytes(stage.problem);
  }
  return bytes;
}

const char* rejects_as_stage(const Row& row, const ConvProblem& p) {
  if (!p.constant_weights) return "its weights are not constant";
  if (p.layouts.out[0].blocked_axis != 1) return "its result is not in blocks of channels";
  if (p.height < 1 || p.out_height < 1 || p.pad_top < 0 ||
      p.pad_top > (p.kernel_h - 1) * p.dilation_h ||
      (p.out_height - 1) * p.stride_h - p.pad_top >= p.height) {
    return "rows of its result depend on no row of its input";
  }
  ConvProblem part = p;
  part.in_plane_rows = p.height;
  part.out_plane_rows = p.out_height;
  if (row.rejects(part)) return "its kernel computes whole planes only";
  if (row.worker_scratch_bytes && row.worker_scratch_bytes(p) > 0) {
    return "its kernel needs memory of each worker";
  }
  return nullptr;
}

const Row& conv_block_row(Isa isa) {
  for (const Row& row : block_rows) {
    if (has_isa(isa, row.isa)) return row;
  }
  return block_rows.back();
}

}  // namespace strata::kernels
