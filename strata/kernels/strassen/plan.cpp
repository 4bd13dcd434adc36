#include <algorithm>

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Sizes that both kinds of problems have. Halves of k and of n must fill vectors.
const char* size_rejects(std::int64_t m, std::int64_t k, std::int64_t n, const VectorForm& vector) {
  if (k % (2 * vector.lanes) != 0) return "halves of the reduction are no multiple of a vector";
  if (n % (2 * vector.lanes) != 0) return "halves of the columns are no multiple of a vector";
  if (k == 0 || n == 0) return "nothing to multiply";
  // A row that halves share must not be in one tile twice: its activation would be applied twice.
  const bool too_few = m < vector.positions || (m % 2 == 1 && m < 2 * vector.positions);
  return too_few ? "too few rows of one sample" : nullptr;
}

std::int64_t rows_of_sample(const GemmProblem& p) {
  return p.sample_rows > 0 ? p.sample_rows : p.m;
}

/// Tiles, units and scratch, from sizes and the layout of X.
void plan_tiles(StrassenPlan& plan, std::int64_t m) {
  constexpr std::int64_t block_bytes = 1 << 20, most_tiles = 8, enough_units = 8;
  const int most_rows = plan.vector.positions;
  plan.rows = divide_up(m, 2);
  plan.second = m - plan.rows;
  plan.tiles = divide_up(plan.rows, most_rows);
  // What a tile of each half reads: four quarters of X and four S.
  const std::int64_t tile_bytes = 8 * most_rows * plan.k * std::int64_t(sizeof(float));
  const std::int64_t block_tiles =
      std::clamp<std::int64_t>(block_bytes / tile_bytes, 1, most_tiles);
  const std::int64_t vectors = plan.n / plan.vector.lanes;
  plan.panels = divide_up(vectors, 2);
  plan.last_vectors = int(vectors - 2 * (plan.panels - 1));
  const auto enough = [&](std::int64_t others) {
    return divide_up(enough_units, std::max<std::int64_t>(plan.images * others, 1));
  };
  // The first block has both tiles of a row that halves share.
  plan.shares_row = m % 2 == 1;
  const std::int64_t most_blocks =
      std::max<std::int64_t>(plan.shares_row ? plan.tiles / 2 : plan.tiles, 1);
  plan.blocks = std::clamp<std::int64_t>(
      std::max(divide_up(plan.tiles, block_tiles), enough(plan.panels)), 1, most_blocks);
  plan.block_rows = std::min(plan.rows, divide_up(plan.tiles, plan.blocks) * most_rows);
  plan.column_blocks = std::clamp<std::int64_t>(enough(plan.blocks), 1, plan.panels);
  plan.sum_floats = plan.rounds * plan.block_rows * plan.sum_row;
}

}  // namespace

const char* strassen_rejects(const ConvProblem& p, const VectorForm& vector) {
  if (!p.constant_weights) return "weights are not constant";
  if (p.weights != WeightType::f32) return "weights are not f32";
  if (is_part(p)) return "a part";
  if (!is_pointwise(p)) return "not pointwise";
  if (p.groups != 1) return "grouped";
  if (!fits_int(p)) return "a size beyond 2^31";
  return size_rejects(p.height * p.width, p.channels, p.out_channels, vector);
}

const char* strassen_rejects(const GemmProblem& p, const VectorForm& vector) {
  if (!p.constant_b) return "B is not constant";
  if (!p.shares_b()) return "constant matrices differ within the batch";
  if (p.weights != WeightType::f32) return "weights are not f32";
  if (p.transpose_a) return "A is transposed";
  if (p.alpha != 1) return "a factor";
  if (p.batch_inner != 1) return "a batch of two axes";
  constexpr double most = 2147483647.0;
  if (double(p.m) * double(p.k) > most || double(p.n) * double(p.k) > most) {
    return "a size beyond 2^31";
  }
  const std::int64_t rows = rows_of_sample(p);
  if (p.batch > 1 && rows != p.m) return "samples within the matrices of a batch";
  if (rows == 0 || p.m % rows != 0) return "no whole samples";
  return size_rejects(rows, p.k, p.n, vector);
}

StrassenPlan plan_strassen(const ConvProblem& p, const VectorForm& vector) {
  StrassenPlan plan;
  const std::int64_t positions = p.height * p.width;
  const int block = vector.block;
  plan.vector = vector;
  plan.epilogue = p.epilogue;
  plan.k = p.channels / 2;
  plan.n = p.out_channels / 2;
  plan.images = p.batch;
  plan.rounds = int(plan.k / block);
  plan.inner = block;
  plan.x_row = plan.y_row = block;
  plan.x_round = positions * block;
  plan.x_k = plan.k * positions;
  plan.x_image = p.channels * positions;
  plan.y_vector = positions * block;
  plan.y_panel = 2 * plan.y_vector;
  plan.y_n = plan.n * positions;
  plan.y_image = p.out_channels * positions;
  plan.sum_row = block;
  plan_tiles(plan, positions);
  return plan;
}

StrassenPlan plan_strassen(const GemmProblem& p, const VectorForm& vector) {
  StrassenPlan plan;
  plan.vector = vector;
  plan.epilogue = p.epilogue;
  plan.k = p.k / 2;
  plan.n = p.n / 2;
  const std::int64_t rows = rows_of_sample(p);
  plan.images = p.batch * (p.m / rows);
  plan.inner = int(plan.k);
  plan.x_row = p.stored_row_of_a();
  plan.x_image = p.batch > 1 ? p.a_stride : rows * plan.x_row;
  plan.x_k = plan.k;
  plan.y_row = p.n;
  plan.y_vector = vector.lanes;
  plan.y_panel = 2 * vector.lanes;
  plan.y_n = plan.n;
  plan.y_image = rows * p.n;
  // Rows a multiple of 2 KB apart fall into few sets of the first cache.
  plan.copies = plan.x_row % 512 == 0;
  plan.sum_row = plan.k + 16;
  plan_tiles(plan, rows);
  return plan;
}

std::int64_t strassen_units(const StrassenPlan& plan) {
  return plan.images * plan.blocks * plan.column_blocks;
}

std::size_t strassen_worker_scratch_bytes(const StrassenPlan& plan) {
  return std::size_t((plan.copies ? 7 : 4) * plan.sum_floats) * sizeof(float);
}

double strassen_vector_products(const StrassenPlan& plan) {
  constexpr double tile = 100, round = 8, store = 2, sum = 10;  // cycles
  const double vectors = double(plan.n / plan.vector.lanes), rows = double(plan.rows);
  const double k = double(plan.k);
  const double tiles = double(plan.tiles * plan.panels) * (tile + round * plan.rounds);
  const double sums = rows * k / plan.vector.lanes;  // by one worker
  return double(plan.images) * (7 * (rows * vectors * (k + store) + tiles) + sums * sum);
}

}  // namespace strata::kernels
