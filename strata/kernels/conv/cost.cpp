#include "strata/kernels/conv/cost.hpp"

#include <algorithm>

namespace strata::kernels {
namespace {

constexpr double cycles_per_second = 3.5e9;
constexpr double bytes_per_second = 60e9;  // from the caches beyond the first
constexpr double call_seconds = 1e-7;

/// Multiply-adds of a whole vector per cycle.
double products_per_cycle(const VectorForm& vector) { return vector.lanes == 8 ? 2 : 1; }

/// Bytes of the activations, each moved once.
double activation_bytes(const ConvProblem& p) {
  const double x = double(p.batch * p.channels) * double(p.height * p.width);
  const double y = double(p.batch * p.out_channels) * double(p.out_height * p.out_width);
  return 4 * (x + (p.epilogue.residual ? 2 : 1) * y);
}

}  // namespace

/// A step of a tile takes its products, its loads or the latency of one accumulator, whichever is
/// longest; each round of the outer loops and each tile have a fixed cost besides.
CostEstimate direct_cost(const DirectPlan& plan, const ConvProblem& p, DirectForm form,
                         std::size_t element) {
  constexpr double loads_per_cycle = 2, latency = 4, round_cycles = 8, tile_cycles = 60;
  const TileShape& s = plan.shape;
  const double rounds = double(s.count[0]) * s.count[1] * s.count[2];
  const double positions = double(plan.tile_rows) * plan.out_width / std::max(1, plan.column_tiles);
  const double conversions = element == sizeof(float) ? 0 : 2;  // cycles per vector of weights
  const bool half = element == sizeof(float) && plan.vector.lanes == 16 && plan.last_channels <= 8;
  double cycles = 0;
  for (const bool last : {false, true}) {
    const double panels = last ? 1 : plan.panels - 1;
    const double vectors = last ? plan.last_vectors - (half ? 0.5 : 0) : 2;
    const double products = positions * vectors / products_per_cycle(plan.vector);
    const double step = std::max(
        {products + conversions * vectors, (positions + vectors) / loads_per_cycle, latency});
    // Partly written vectors go through memory.
    const bool partial = last && plan.last_lanes < plan.vector.lanes;
    const double store = positions * vectors * (partial ? 8 : 2);
    cycles += panels * (step * plan.reduction + round_cycles * rounds + tile_cycles + store);
  }
  cycles *= double(plan.tiles) * double(p.batch * p.groups);
  // Positions lie a whole pixel apart and share no cache line: measured on ResNet-50's layers.
  if (form == DirectForm::channels_last) cycles *= 1.08;
  const double bytes = activation_bytes(p) + 2.0 * double(direct_scratch_bytes(plan)) +
                       double(direct_packed_bytes(plan, element));
  return {call_seconds + cycles / cycles_per_second + bytes / bytes_per_second};
}

CostEstimate winograd_cost(const WinogradPlan& plan, const ConvProblem& p) {
  constexpr double efficiency = 0.9, tile_cycles = 40;
  constexpr double weight_bytes_per_second = 25e9;  // several times those of direct convolution
  const double products = double(plan.tiles) * plan.products;
  const double parts = std::max(1.0, double(plan.tiles) / plan.vector.positions);
  // Loads, additions and stores of the transforms, per vector and side.
  const double transform_cycles = 3.2 * plan.products + 8;
  const double cycles =
      products * plan.channels * plan.out_blocks / (efficiency * products_per_cycle(plan.vector)) +
      parts * plan.products * plan.panels * tile_cycles +
      double(plan.tiles) * (plan.in_blocks + plan.out_blocks) * transform_cycles;
  const double bytes =
      activation_bytes(p) + 2.0 * double(plan.blocks) * double(winograd_block_bytes(plan));
  const double weights = double(winograd_packed_bytes(plan));
  return {call_seconds + cycles / cycles_per_second + bytes / bytes_per_second +
          weights / weight_bytes_per_second};
}

CostEstimate strassen_cost(const StrassenPlan& plan, const ConvProblem& p) {
  constexpr double weight_bytes_per_second = 40e9;  // nearly twice those of direct convolution
  const double cycles = strassen_vector_products(plan) / products_per_cycle(plan.vector);
  return {call_seconds + cycles / cycles_per_second + activation_bytes(p) / bytes_per_second +
          double(strassen_packed_bytes(plan)) / weight_bytes_per_second};
}

CostEstimate depthwise_cost(const DepthwisePlan& plan, const ConvProblem& p) {
  const double products_cycle = plan.lanes == 4 ? 0.6 : 1;
  // Only kernels of a known width are unrolled.
  const bool unrolled = plan.dilation_w == 1 && plan.stride_w <= 2 &&
                        (plan.kernel_w == 3 || (plan.kernel_w == 5 && plan.group == 1));
  const double per_tap = plan.group * (unrolled ? 1 : 4) / products_cycle;
  const double outputs = double(p.batch * plan.vectors) * double(p.out_height * p.out_width);
  const double cycles = outputs * (per_tap * double(p.kernel_h * p.kernel_w) + 2);
  // Neighbours in memory are other channels: each vector of a row touches every line anew.
  const double moved = activation_bytes(p) * (plan.channels_last ? 1.5 : 0.7);
  return {call_seconds + cycles / cycles_per_second + moved / bytes_per_second};
}

CostEstimate im2col_cost(const Im2colPlan& plan, const ConvProblem& p) {
  constexpr double efficiency = 0.85, gather_cycles = 4, tile_cycles = 200;
  const double vectors = double(p.batch) * (2.0 * (plan.panels - 1) + plan.last_vectors);
  const double products = vectors * double(p.out_channels) * plan.reduction /
                          (efficiency * products_per_cycle(plan.vector));
  const double gathered = gather_cycles * vectors * plan.reduction * double(p.groups) * plan.parts;
  const double channels = double(p.out_channels / p.groups);
  const double tiles_per_group =
      std::max(1.0, channels / plan.vector.positions) * double(p.batch) * plan.panels;
  const double cycles = products + gathered + tile_cycles * tiles_per_group * double(p.groups);
  const double weights = double(im2col_packed_bytes(p)) * std::max(1, plan.chunks);
  return {call_seconds + cycles / cycles_per_second +
          (activation_bytes(p) + weights) / bytes_per_second};
}

CostEstimate im2win_cost(const Im2winPlan& plan, const ConvProblem& p) {
  constexpr double pixel_cycles = 6;  // to start the copy of a pixel
  const double pixels =
      double(p.batch * p.out_height) * double(plan.whole.padded_width) * double(p.kernel_h);
  const double copied = 2.0 * 4.0 * pixels * double(p.channels);
  const CostEstimate tiles = direct_cost(plan.whole, p, DirectForm::channels_last, sizeof(float));
  return {tiles.seconds + pixels * pixel_cycles / cycles_per_second + copied / bytes_per_second};
}

}  // namespace strata::kernels
