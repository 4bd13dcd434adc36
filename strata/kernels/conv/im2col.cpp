#include "strata/kernels/conv/im2col.hpp"

#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

/// A chunk of columns stays in the second-level cache while all weights pass by.
constexpr std::int64_t chunk_bytes = 256 << 10;

std::int64_t weight_count(const ConvProblem& p) {
  return p.out_channels * (p.channels / p.groups) * p.kernel_h * p.kernel_w;
}

/// Neighbouring output pixels of one row, and where they go in a panel's rows.
struct Run {
  std::int64_t row, column;
  int length;
  int lane;
};

/// to[i] = x[input column of i] for a run; columns outside the input are 0.
void gather_run(const ConvProblem& p, const float* x, const Run& run, std::int64_t tap, float* to) {
  const std::int64_t first = run.column * p.stride_w - p.pad_left + tap * p.dilation_w;
  if (p.stride_w == 1) {
    const std::int64_t begin = std::clamp<std::int64_t>(-first, 0, run.length);
    const std::int64_t end = std::clamp<std::int64_t>(p.width - first, begin, run.length);
    std::fill(to, to + begin, 0.0f);
    std::memcpy(to + begin, x + first + begin, std::size_t(end - begin) * sizeof(float));
    std::fill(to + end, to + run.length, 0.0f);
    return;
  }
  for (int i = 0; i < run.length; ++i) {
    const std::int64_t column = first + i * p.stride_w;
    to[i] = column >= 0 && column < p.width ? x[column] : 0.0f;
  }
}

/// All rows (c, kh, kw) of a panel's columns for one run; `lanes` floats apart.
void gather(const ConvProblem& p, const float* x, const Run& run, int lanes, float* panel) {
  float* to = panel + run.lane;
  for (std::int64_t c = 0; c < p.channels / p.groups; ++c) {
    for (std::int64_t i = 0; i < p.kernel_h; ++i) {
      const std::int64_t row = run.row * p.stride_h - p.pad_top + i * p.dilation_h;
      const float* from = x + (c * p.height + row) * p.width;
      for (std::int64_t j = 0; j < p.kernel_w; ++j, to += lanes) {
        if (row < 0 || row >= p.height) {
          std::fill(to, to + run.length, 0.0f);
        } else {
          gather_run(p, from, run, j, to);
        }
      }
    }
  }
}

int panel_vectors(const Im2colPlan& plan, int panel) {
  return panel + 1 < plan.panels ? 2 : plan.last_vectors;
}

/// Columns of the chunk's panels, each (K, lanes); lanes behind the last pixel stay as they are.
void gather_chunk(const Im2colPlan& plan, const ConvProblem& p, const float* x, int first, int last,
                  float* columns) {
  for (int panel = first; panel < last; ++panel) {
    const int lanes = panel_vectors(plan, panel) * plan.vector.lanes;
    const std::int64_t begin = std::int64_t(panel) * 2 * plan.vector.lanes;
    const std::int64_t end = std::min(plan.pixels, begin + lanes);
    for (std::int64_t pixel = begin; pixel < end;) {
      const std::int64_t column = pixel % p.out_width;
      const int length = int(std::min(end - pixel, p.out_width - column));
      gather(p, x, {pixel / p.out_width, column, length, int(pixel - begin)}, lanes, columns);
      pixel += length;
    }
    columns += std::int64_t(plan.reduction) * lanes;
  }
}

struct Operands {
  const float* x;
  const float* weights;
  const float* bias;      // or null
  const float* residual;  // or null
  float* y;
};

Operands operands_of(const Args& args, const ConvProblem& p) {
  const auto in = [&](int i) { return static_cast<const float*>(args.in[i]); };
  Operands o{in(0), nullptr, nullptr, nullptr, static_cast<float*>(args.out[0])};
  int next = 1;
  if (p.constant_weights) {
    o.weights = reinterpret_cast<const float*>(args.packed);
    o.bias = o.weights + weight_count(p);
  } else {
    o.weights = in(next++);
    if (p.epilogue.bias) o.bias = in(next++);
  }
  if (p.epilogue.residual) o.residual = in(next);
  return o;
}

/// Output channels [begin, end) of the product with the chunk's panels.
void multiply(const Im2colPlan& plan, FindTile* find, const Operands& o, const float* columns,
              std::int64_t begin, std::int64_t end, std::int64_t y_image, int first, int last) {
  static constexpr float no_bias[16] = {};
  const std::int64_t tiles = (end - begin + plan.vector.positions - 1) / plan.vector.positions;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t channel = begin + (end - begin) * tile / tiles;
    const int height = int(begin + (end - begin) * (tile + 1) / tiles - channel);
    TileOperands t;
    t.x = o.weights + channel * plan.reduction;
    t.bias = o.bias ? o.bias + channel : no_bias;
    t.scale = nullptr;
    const float* w = columns;
    for (int panel = first; panel < last; ++panel) {
      const int vectors = panel_vectors(plan, panel);
      const std::int64_t at = y_image + channel * plan.pixels + panel * 2 * plan.vector.lanes;
      t.w = w;
      t.y = o.y + at;
      t.residual = o.residual ? o.residual + at : nullptr;
      t.last_lanes = panel + 1 < plan.panels ? plan.vector.lanes : plan.last_lanes;
      t.prefetch = static_cast<const std::byte*>(t.w);
      find(1, height, (vectors - 1) * plan.vector.lanes + t.last_lanes)(plan.shape, t);
      w += std::int64_t(plan.reduction) * vectors * plan.vector.lanes;
    }
  }
}

}  // namespace

Im2colPlan plan_im2col(const ConvProblem& p, VectorForm vector) {
  Im2colPlan plan;
  plan.vector = vector;
  plan.reduction = int(p.channels / p.groups * p.kernel_h * p.kernel_w);
  plan.pixels = p.out_height * p.out_width;
  const std::int64_t vectors = (plan.pixels + vector.lanes - 1) / vector.lanes;
  plan.panels = int((vectors + 1) / 2);
  plan.last_vectors = int(vectors - 2 * (plan.panels - 1));
  plan.last_lanes = int(plan.pixels - (vectors - 1) * vector.lanes);
  plan.shape.inner = plan.shape.last_inner = plan.reduction;
  plan.shape.x_column = plan.reduction;
  plan.shape.y_column = plan.pixels;
  plan.shape.y_vector = vector.lanes;
  plan.shape.bias_per_lane = false;
  plan.shape.epilogue = p.epilogue;
  const std::int64_t panel_bytes =
      std::int64_t(plan.reduction) * 2 * vector.lanes * std::int64_t(sizeof(float));
  constexpr std::int64_t enough_units = 16;
  const std::int64_t others = std::max<std::int64_t>(1, p.batch * p.groups);
  const std::int64_t wanted = (enough_units + others - 1) / others;
  const std::int64_t most =
      std::max<std::int64_t>(1, chunk_bytes / std::max<std::int64_t>(1, panel_bytes));
  plan.chunk_panels = int(std::clamp<std::int64_t>(plan.panels / wanted, 1, most));
  plan.chunks = (plan.panels + plan.chunk_panels - 1) / plan.chunk_panels;
  const std::int64_t worth = p.out_channels / p.groups / (4 * vector.positions);
  plan.parts = int(std::clamp<std::int64_t>(wanted / std::max(1, plan.chunks), 1,
                                            std::max<std::int64_t>(1, worth)));
  return plan;
}

std::int64_t im2col_units(const Im2colPlan& plan, const ConvProblem& p) {
  return p.batch * p.groups * plan.chunks * plan.parts;
}

std::size_t im2col_worker_bytes(const Im2colPlan& plan) {
  return std::size_t(plan.chunk_panels) * std::size_t(plan.reduction) * 2 *
         std::size_t(plan.vector.lanes) * sizeof(float);
}

std::size_t im2col_packed_bytes(const ConvProblem& p) {
  return p.constant_weights ? std::size_t(weight_count(p) + p.out_channels) * sizeof(float) : 0;
}

void pack_im2col(const ConvProblem& p, const Constants& constants, std::byte* packed) {
  if (!p.constant_weights) return;
  const WeightReader weights(p, constants);
  const std::int64_t count = weight_count(p);
  float* to = reinterpret_cast<float*>(packed);
  weights.with_values([&](const auto& read) {
    for (std::int64_t i = 0; i < count; ++i) to[i] = read(i);
  });
  for (std::int64_t o = 0; o < p.out_channels; ++o) {
    to[count + o] = constants.data[2] ? WeightReader::at<float>(constants.data[2], o) : 0.0f;
  }
}

void run_im2col(const Im2colPlan& plan, FindTile* find, const Args& args, std::int64_t begin,
                std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const Operands o = operands_of(args, p);
  float* columns = reinterpret_cast<float*>(args.worker_scratch);
  const std::int64_t channels = p.out_channels / p.groups;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t part = u % plan.parts;
    const int chunk = int(u / plan.parts % plan.chunks);
    const std::int64_t group = u / plan.parts / plan.chunks % p.groups;
    const std::int64_t image = u / plan.parts / plan.chunks / p.groups;
    const int first = chunk * plan.chunk_panels;
    const int last = std::min(plan.panels, first + plan.chunk_panels);
    if (part == 0 || u == begin) {  // else the columns are there already
      const std::int64_t channel = image * p.channels + group * (p.channels / p.groups);
      gather_chunk(plan, p, o.x + channel * p.height * p.width, first, last, columns);
    }
    multiply(plan, find, o, columns, group * channels + channels * part / plan.parts,
             group * channels + channels * (part + 1) / plan.parts,
             image * p.out_channels * plan.pixels, first, last);
  }
}

}  // namespace strata::kernels
