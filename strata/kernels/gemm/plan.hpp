#pragma once

#include "strata/kernels/gemm/few_rows.hpp"
#include "strata/kernels/gemm/gemm.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// How a product runs; worked out anew at each call, from sizes only. B goes in panels of two
/// vectors of columns (the last may have one), A in tiles of rows of balanced heights; the whole
/// reduction of a tile with a panel runs in registers. A work unit is a block of tiles with a block
/// of panels: tiles of a block stay in the second cache while panels stream by.
/// Packed constants: panels (k, panel columns) one after the other; from the next 64-byte boundary
/// the bias of all panels' columns; then, for integer weights, their scales.
struct GemmPlan {
  VectorForm vector{};
  std::int64_t panels = 0;
  int last_vectors = 0;      ///< of the last panel
  int last_lanes = 0;        ///< columns to write of its last vector
  std::int64_t columns = 0;  ///< of all panels
  std::int64_t tiles = 0, row_blocks = 0, column_blocks = 0;
  bool few_rows = false;        ///< one tile, whose time goes into reading B
  bool direct_b = false;        ///< few rows, and B (k, n) is read as it lies
  bool packs_b = false;         ///< phase 0 packs B into scratch
  std::int64_t b_copies = 0;    ///< different B in a batch
  bool copies_a = false;        ///< each unit copies its rows of A into the worker's scratch
  std::int64_t a_row = 0;       ///< floats between rows of A as tiles read it
  std::int64_t block_rows = 0;  ///< most rows of a block
};

GemmPlan plan_gemm(const GemmProblem& problem, const VectorForm& vector);

std::int64_t gemm_units(const GemmPlan& plan, const GemmProblem& problem, int phase);
/// Offsets in bytes of the bias and of the scales in packed constants.
std::size_t gemm_bias_offset(const GemmPlan& plan, const GemmProblem& problem, std::size_t element);
/// Packed constants with weights of `element` bytes: 4 is f32, else as they are stored.
std::size_t gemm_packed_bytes(const GemmPlan& plan, const GemmProblem& problem,
                              std::size_t element);
void pack_gemm(const GemmPlan& plan, const GemmProblem& problem, const Constants& constants,
               std::size_t element, std::byte* packed);

std::size_t gemm_scratch_bytes(const GemmPlan& plan, const GemmProblem& problem);
std::size_t gemm_worker_scratch_bytes(const GemmPlan& plan, const GemmProblem& problem);
/// The functions of an instruction set for one type of packed weights.
struct GemmKernels {
  FindTile* tile;
  FindFewRows* few_rows;
  FindFewRows* unpacked_few_rows;
  std::size_t element;  ///< bytes of a packed weight
};

/// Executes units of a phase.
void run_gemm(const GemmPlan& plan, const GemmKernels& kernels, const Args& args, int phase,
              std::int64_t begin, std::int64_t end);

/// Phase 0: packs panels [begin, end) of all batches' B.
void pack_panels(const GemmPlan& plan, const GemmProblem& problem, const float* b, float* packed,
                 std::int64_t begin, std::int64_t end);
/// alpha * rows [first, first + count) of A (as transposed, if so) into rows of plan.a_row floats.
void copy_rows_of_a(const GemmPlan& plan, const GemmProblem& problem, const float* a, float* copy,
                    std::int64_t first, std::int64_t count);

}  // namespace strata::kernels
