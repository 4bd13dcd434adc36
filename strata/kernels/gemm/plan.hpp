#pragma once

#include "strata/kernels/bf16/bf16.hpp"
#include "strata/kernels/gemm/few_rows.hpp"
#include "strata/kernels/gemm/gemm.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// How a product runs; worked out anew at each call, from sizes only. B goes in panels of two
/// vectors of columns (the last may have one), A in tiles of rows of balanced heights; the whole
/// reduction of a tile with a panel runs in registers. A work unit is a block of tiles with a block
/// of panels: tiles of a block stay in the second cache while panels stream by.
/// Packed constants: panels (k, panel columns) one after the other; from the next 64-byte boundary
/// the bias of all panels' columns; then, for integer weights, their scales. On bf16, both operands
/// are in words of two neighbours of the reduction, A is always copied, and B never read as it
/// lies.
struct GemmPlan {
  VectorForm vector{};
  std::int64_t depth = 0;  ///< steps of the reduction: k, or words of pairs
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

/// `pairs`: on bf16.
GemmPlan plan_gemm(const GemmProblem& problem, const VectorForm& vector, bool pairs);

std::int64_t gemm_units(const GemmPlan& plan, const GemmProblem& problem, int phase);
/// Offsets in bytes of the bias and of the scales in packed constants.
std::size_t gemm_bias_offset(const GemmPlan& plan, const GemmProblem& problem, std::size_t element);
/// Packed constants with weights of `element` bytes: 4 is f32, else as they are stored.
std::size_t gemm_packed_bytes(const GemmPlan& plan, const GemmProblem& problem,
                              std::size_t element);

std::size_t gemm_scratch_bytes(const GemmPlan& plan);
std::size_t gemm_worker_scratch_bytes(const GemmPlan& plan, const GemmProblem& problem);
/// The functions of an instruction set for one type of packed weights.
struct GemmKernels {
  FindTile* tile;
  FindFewRows* few_rows;
  FindFewRows* unpacked_few_rows;
  std::size_t element;                 ///< bytes of a packed weight, or of a pair
  const PairKernels* pairs = nullptr;  ///< for bf16
};

void pack_gemm(const GemmPlan& plan, const GemmProblem& problem, const Constants& constants,
               const GemmKernels& kernels, std::byte* packed);

/// Executes units of a phase.
void run_gemm(const GemmPlan& plan, const GemmKernels& kernels, const Args& args, int phase,
              std::int64_t begin, std::int64_t end);

/// Phase 0: packs panels [begin, end) of all batches' B.
void pack_panels(const GemmPlan& plan, const GemmProblem& problem, const GemmKernels& kernels,
                 const float* b, float* packed, std::int64_t begin, std::int64_t end);
/// alpha * rows [first, first + count) of A (as transposed, if so) into rows of plan.a_row floats.
void copy_rows_of_a(const GemmPlan& plan, const GemmProblem& problem, const float* a, float* copy,
                    std::int64_t first, std::int64_t count);

/// The same for bf16: one panel, to[word][column] from `column` on, which has `valid` columns and
/// `width` with those that do not exist (0)...
void pack_panel_pairs(const GemmProblem& problem, const PairKernels& kernels, const float* b,
                      std::int64_t column, std::int64_t valid, std::int64_t width, Bf16Pair* to);
/// ... and rows of A in words.
void copy_rows_as_pairs(const GemmPlan& plan, const GemmProblem& problem,
                        const PairKernels& kernels, const float* a, Bf16Pair* copy,
                        std::int64_t first, std::int64_t count);

}  // namespace strata::kernels
