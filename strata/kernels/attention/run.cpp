#include <algorithm>

#include "strata/kernels/attention/plan.hpp"
#include "strata/kernels/movement/copy_2d.hpp"

namespace strata::kernels {
namespace {

constexpr float no_bias[2 * 16] = {};  // for the widest vectors

const float* input(const Args& args, std::size_t i) {
  return static_cast<const float*>(args.in[i]);
}

/// Columns [column, column + panel) of a (rows, columns) matrix that lies as `places` say, as
/// panels of whole vectors; columns that do not exist are 0.
struct PanelSource {
  const float* from;
  std::int64_t rows, columns;
  std::int64_t row, column;  ///< strides
};

void pack_panel(const AttentionPlan& plan, const PanelSource& s, std::int64_t panel, float* to) {
  const std::int64_t lanes = plan.vector.lanes, first = panel * 2 * lanes;
  const std::int64_t valid = std::min(2 * lanes, s.columns - first);
  const std::int64_t width = (valid + lanes - 1) / lanes * lanes;
  to += first * s.rows;
  if (valid < width) std::fill_n(to, s.rows * width, 0.0f);
  const Copy2d move{.rows = valid,
                    .columns = s.rows,
                    .in_row = s.column,
                    .in_column = s.row,
                    .out_row = 1,
                    .out_column = width};
  copy_2d(move, sizeof(float), reinterpret_cast<const std::byte*>(s.from + first * s.column),
          reinterpret_cast<std::byte*>(to));
}

void pack(const AttentionPlan& plan, const Args& args, std::int64_t begin, std::int64_t end) {
  const auto& p = static_cast<const AttentionProblem&>(*args.problem);
  auto* scratch = reinterpret_cast<float*>(args.scratch);
  const std::int64_t panels = plan.key_panels + plan.value_panels;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t b = i / panels, panel = i % panels;
    float* to = scratch + b * (plan.packed_keys(p) + plan.packed_values(p));
    if (panel < plan.key_panels) {
      const float* keys = input(args, 1) + p.offset(p.k, b);
      pack_panel(plan, {keys, p.depth, p.keys, p.k.column, p.k.row}, panel, to);
    } else {
      const float* values = input(args, 2) + p.offset(p.v, b);
      pack_panel(plan, {values, p.keys, p.columns, p.v.row, p.v.column}, panel - plan.key_panels,
                 to + plan.packed_keys(p));
    }
  }
}

/// A block of queries with all keys.
class QueryBlock {
 public:
  QueryBlock(const AttentionPlan& plan, const AttentionKernels& kernels, const Args& args,
             std::int64_t unit)
      : plan_(plan),
        kernels_(kernels),
        args_(args),
        p_(static_cast<const AttentionProblem&>(*args.problem)),
        batch_(unit / plan.row_blocks),
        tile_begin_(unit % plan.row_blocks * plan.tiles / plan.row_blocks),
        tile_end_((unit % plan.row_blocks + 1) * plan.tiles / plan.row_blocks),
        first_row_(tile_row(tile_begin_)),
        rows_(tile_row(tile_end_) - first_row_),
        packed_keys_(reinterpret_cast<const float*>(args.scratch) +
                     batch_ * (plan.packed_keys(p_) + plan.packed_values(p_))),
        packed_values_(packed_keys_ + plan.packed_keys(p_)),
        queries_(reinterpret_cast<float*>(args.worker_scratch)),
        scores_(queries_ + plan.block_rows * plan.query_row),
        sums_(scores_ + plan.block_rows * plan.score_row),
        largest_(sums_ + plan.block_rows * plan.padded_columns),
        total_(largest_ + plan.block_rows) {}

  void run() {
    copy_queries();
    for (std::int64_t block = 0; block < plan_.key_blocks; ++block) {
      const std::int64_t first = block * plan_.block_keys;
      const std::int64_t keys = std::min(plan_.block_keys, p_.keys - first);
      score(first, keys);
      soften(first, keys);
      add_values(first, keys);
    }
    write();
  }

 private:
  /// First row of a tile of queries: heights differ by one at most.
  std::int64_t tile_row(std::int64_t tile) const { return tile * p_.queries / plan_.tiles; }

  /// Times the scale.
  void copy_queries() {
    const float* from = input(args_, 0) + p_.offset(p_.q, batch_) + first_row_ * p_.q.row;
    ScaledRows scaled{from, p_.q.row, queries_, plan_.query_row, rows_, p_.depth, &p_.scale, 0};
    if (p_.q.column != 1) {
      const Copy2d move{.rows = rows_,
                        .columns = p_.depth,
                        .in_row = p_.q.row,
                        .in_column = p_.q.column,
                        .out_row = plan_.query_row,
                        .out_column = 1};
      copy_2d(move, sizeof(float), reinterpret_cast<const std::byte*>(from),
              reinterpret_cast<std::byte*>(queries_));
      scaled.from = queries_;
      scaled.from_row = plan_.query_row;
    }
    kernels_.scale_rows(scaled);
  }

  /// All rows of x times one packed panel.
  void multiply(const TileShape& shape, const float* x, const float* panel, int vectors, float* y,
                bool adds) const {
    TileOperands tile{};
    tile.w = panel;
    tile.bias = no_bias;
    tile.last_lanes = plan_.vector.lanes;
    tile.prefetch =
        reinterpret_cast<const std::byte*>(panel + vectors * plan_.vector.lanes * shape.inner);
    for (std::int64_t t = tile_begin_; t < tile_end_; ++t) {
      const std::int64_t row = tile_row(t) - first_row_;
      tile.x = x + row * shape.x_column;
      tile.y = y + row * shape.y_column;
      tile.residual = adds ? tile.y : nullptr;
      kernels_.tile(1, int(tile_row(t + 1) - tile_row(t)), vectors * plan_.vector.lanes)(shape,
                                                                                         tile);
    }
  }

  TileShape shape_of(std::int64_t depth, std::int64_t x_row, std::int64_t y_row) const {
    TileShape shape;
    shape.inner = shape.last_inner = int(depth);
    shape.x_column = x_row;
    shape.y_column = y_row;
    shape.y_vector = plan_.vector.lanes;
    return shape;
  }

  /// Vectors of the panel that begins at a column.
  int vectors_at(std::int64_t column, std::int64_t padded_columns) const {
    return padded_columns - column > plan_.vector.lanes ? 2 : 1;
  }

  void score(std::int64_t first, std::int64_t keys) const {
    const TileShape shape = shape_of(p_.depth, plan_.query_row, plan_.score_row);
    for (std::int64_t key = first; key < first + keys; key += 2 * plan_.vector.lanes) {
      multiply(shape, queries_, packed_keys_ + key * p_.depth, vectors_at(key, plan_.padded_keys),
               scores_ + key - first, false);
    }
  }

  void soften(std::int64_t first, std::int64_t keys) const {
    SoftenBlock block{};
    block.scores = scores_;
    block.row = plan_.score_row;
    block.rows = int(rows_);
    block.keys = int(keys);
    if (p_.masked) {
      block.mask = input(args_, 3) + p_.offset(p_.mask, batch_) + first_row_ * p_.mask.row + first;
      block.mask_row = p_.mask.row;
    }
    block.largest = largest_;
    block.total = total_;
    block.sums = sums_;
    block.sums_row = plan_.padded_columns;
    block.first = first == 0;
    kernels_.soften(block);
  }

  void add_values(std::int64_t first, std::int64_t keys) const {
    const TileShape shape = shape_of(keys, plan_.score_row, plan_.padded_columns);
    const std::int64_t lanes = plan_.vector.lanes;
    for (std::int64_t column = 0; column < plan_.padded_columns; column += 2 * lanes) {
      const int vectors = vectors_at(column, plan_.padded_columns);
      multiply(shape, scores_, packed_values_ + column * p_.keys + first * vectors * lanes, vectors,
               sums_ + column, first > 0);
    }
  }

  void write() const {
    for (std::int64_t r = 0; r < rows_; ++r) {
      total_[r] = total_[r] == 0 && p_.zero_if_all_masked ? 0 : 1 / total_[r];
    }
    float* y = static_cast<float*>(args_.out[0]) + p_.offset(p_.y, batch_) + first_row_ * p_.y.row;
    kernels_.scale_rows({sums_, plan_.padded_columns, y, p_.y.row, rows_, p_.columns, total_, 1});
  }

  const AttentionPlan& plan_;
  const AttentionKernels& kernels_;
  const Args& args_;
  const AttentionProblem& p_;
  const std::int64_t batch_, tile_begin_, tile_end_, first_row_, rows_;
  const float* packed_keys_;
  const float* packed_values_;
  float* queries_;  // (rows, depth), times the scale
  float* scores_;   // (rows, keys of a block), then powers of e
  float* sums_;     // (rows, columns): powers times V
  float* largest_;  // score of each row so far
  float* total_;    // of powers of each row so far
};

}  // namespace

void run_attention(const AttentionPlan& plan, const AttentionKernels& kernels, const Args& args,
                   int phase, std::int64_t begin, std::int64_t end) {
  if (phase == 0) return pack(plan, args, begin, end);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    QueryBlock(plan, kernels, args, unit).run();
  }
}

}  // namespace strata::kernels
