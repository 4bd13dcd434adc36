#pragma once

#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// Convolution on plain layout as a product: per image and group, weights (O, K) times columns
/// (K, pixels), K = channels x kernel. Columns are gathered in panels of two vectors of output
/// pixels (the last may have one), a chunk of panels at a time, into the worker's scratch.
/// Packed constants: weights (O, K) and bias (O), both f32.
struct Im2colPlan {
  VectorForm vector{};
  TileShape shape;
  int reduction = 0;  ///< K
  std::int64_t pixels = 0;
  int panels = 0;
  int last_vectors = 0, last_lanes = 0;  ///< of the last panel, and pixels in its last vector
  int chunk_panels = 0;
  int chunks = 0;
  int parts = 1;  ///< of a group's output channels; a work unit is a chunk with a part
};

Im2colPlan plan_im2col(const ConvProblem& p, VectorForm vector);
std::int64_t im2col_units(const Im2colPlan& plan, const ConvProblem& p);
std::size_t im2col_worker_bytes(const Im2colPlan& plan);
std::size_t im2col_packed_bytes(const ConvProblem& p);
void pack_im2col(const ConvProblem& p, const Constants& constants, std::byte* packed);
void run_im2col(const Im2colPlan& plan, FindTile* find, const Args& args, std::int64_t begin,
                std::int64_t end) noexcept;

}  // namespace strata::kernels
