#pragma once

#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/gemm/gemm.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// Sums of the quarters of X over `count` consecutive floats:
///   s[0] = a21 + a22, s[1] = s[0] - a11, s[2] = a11 - a21, s[3] = a12 - s[1].
struct StrassenSums {
  const float* a11;
  const float* a12;
  const float* a21;
  const float* a22;
  float* s[4];
  float* copies[3];  ///< of a11, a12 and a22; null if none are wanted
  std::int64_t count;
};

/// A quarter of X, or a sum of such, as tiles read it.
struct StrassenFactor {
  const float* x;
  std::ptrdiff_t row, round;  ///< floats from one to the next
};

/// One tile of each quarter of Y: all seven products, in the order of StrassenPlan.
struct StrassenTile {
  StrassenFactor factors[7];
  int rounds, inner;  ///< blocks of the reduction, and floats of x in each, a multiple of 4
  const float* weights;
  const float* left_bias;  ///< of the lanes of Y11 and Y21
  const float* right_bias;
  const float* residual;         ///< placed as y, or null
  float* y;                      ///< of Y11
  std::ptrdiff_t y12, y21, y22;  ///< floats from there
  std::ptrdiff_t y_row, y_vector;
  const Epilogue* epilogue;
};
using StrassenTileFunction = void(const StrassenTile&) noexcept;

struct StrassenKernels {
  void (*sums)(const StrassenSums&) noexcept;
  /// For so many rows, at least half of the vector form's positions, and 1 or 2 vectors.
  StrassenTileFunction* (*tile)(int rows, int vectors) noexcept;
};

namespace avx512 {
extern const StrassenKernels strassen;
}
namespace avx2 {
extern const StrassenKernels strassen;
}

/// One step of Strassen's algorithm in Winograd's form (Strassen 1969, Winograd 1971): Y = X W,
/// each in quarters, by seven products of quarters instead of eight:
///   S1 = X21 + X22, S2 = S1 - X11, S3 = X11 - X21, S4 = X12 - S2,
///   T1 = W12 - W11, T2 = W22 - T1, T3 = W22 - W12, T4 = T2 - W21;
///   U1 = X11 W11, U2 = U1 + S2 T2, U3 = U2 + S3 T3, Y21 = U3 - X22 T4,
///   P5 = S1 T1, Y22 = U3 + P5, Y12 = U2 + P5 + S4 W22, Y11 = U1 + X12 W21.
/// For a tile of each quarter, sums run on in registers from one product to the next; U1, U2 and U3
/// wait in the first cache meanwhile. T are made once, when packing; S for a block of tiles. Rows
/// are positions of a plane or of a matrix; X has channels in blocks or rows of k. With odd m the
/// halves share a row, which is then computed twice, by one worker.
/// Packed constants: per panel of two vectors of the left half's columns the weights of the seven
/// products in that order, (k / 2, lanes) each; then the bias of all columns.
struct StrassenPlan {
  VectorForm vector{};
  std::int64_t rows = 0;      ///< of a half
  std::int64_t second = 0;    ///< first row of the lower half
  std::int64_t k = 0, n = 0;  ///< of a half
  std::int64_t images = 1;
  std::int64_t tiles = 0, blocks = 0;  ///< of a half; a block stays in the second cache
  bool shares_row = false;             ///< the halves have a row in common: m is odd
  std::int64_t panels = 0, column_blocks = 0;
  int last_vectors = 0;                                         ///< of the last panel
  int rounds = 1, inner = 0;                                    ///< blocks of k and floats of each
  std::ptrdiff_t x_image = 0, x_row = 0, x_round = 0, x_k = 0;  ///< x_k: from X11 to X12
  std::ptrdiff_t y_image = 0, y_row = 0, y_vector = 0, y_panel = 0;
  std::ptrdiff_t y_n = 0;                       ///< from Y11 to Y12
  bool copies = false;                          ///< rows of X would fall into few sets of a cache
  std::ptrdiff_t sum_row = 0;                   ///< floats of a row of S
  std::int64_t block_rows = 0, sum_floats = 0;  ///< of a block, and of all of one S
  Epilogue epilogue;
};

/// Why it cannot be done: static text, or null.
const char* strassen_rejects(const ConvProblem& p, const VectorForm& vector);
const char* strassen_rejects(const GemmProblem& p, const VectorForm& vector);
StrassenPlan plan_strassen(const ConvProblem& p, const VectorForm& vector);
StrassenPlan plan_strassen(const GemmProblem& p, const VectorForm& vector);

/// What a result adds up is at most 9 times what a plain sum would have of factors as large as the
/// largest of X and of W (18 for each two products), and factors are sums of four numbers with
/// three roundings. This bounds errors by the largest numbers of a sample, as Winograd's: a row of
/// small numbers has the rounding of the largest ones.
constexpr double strassen_rounding = 2 * 9;

std::int64_t strassen_units(const StrassenPlan& plan);
std::size_t strassen_worker_scratch_bytes(const StrassenPlan& plan);
std::size_t strassen_packed_bytes(const StrassenPlan& plan);
/// Weight (k, n) lies at k * by_k + n * by_n floats.
void pack_strassen(const StrassenPlan& plan, const Constants& constants, std::ptrdiff_t by_k,
                   std::ptrdiff_t by_n, std::byte* packed);
void run_strassen(const StrassenPlan& plan, const StrassenKernels& kernels, const Args& args,
                  std::int64_t begin, std::int64_t end) noexcept;

/// How many products of vectors take as long.
double strassen_vector_products(const StrassenPlan& plan);

}  // namespace strata::kernels
