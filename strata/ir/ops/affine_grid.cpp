#include <array>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "theta");
  context.expect_rank(0, "theta", 3);
  expect_dtype(context, 1, "size", DType::i64);
  const std::int64_t length = expect_length(context, 1, "size");
  expect_between("length of size", length, 4, 5);
  const std::int64_t spatial = length - 2;
  const TensorType& theta = context.input(0);
  expect_extent("extent 1 of theta", theta.shape[1], spatial);
  expect_extent("extent 2 of theta", theta.shape[2], spatial + 1);
  const auto size = context.elements(1);
  if (size) expect_extent("batch of size", (*size)[0], theta.shape[0]);
  SymbolicShape shape{theta.shape[0]};
  for (std::int64_t i = 0; i < spatial; ++i) {
    shape.push_back(size ? (*size)[std::size_t(i + 2)] : context.open_extent(0, int(i) + 1));
    if (!shape.back().is_constant()) continue;
    expect_between("size entry", shape.back().constant(), 0,
                   std::numeric_limits<std::int32_t>::max());
  }
  shape.push_back(spatial);
  context.set_output(0, {theta.dtype, std::move(shape)});
}

/// Coordinate of pixel i of `extent` in [-1, 1]: its centre is on the edge (align_corners), or half
/// a pixel inside.
double position(std::int64_t i, std::int64_t extent, bool align_corners) {
  if (align_corners) return extent == 1 ? 0 : double(2 * i) / double(extent - 1) - 1;
  return double(2 * i + 1) / double(extent) - 1;
}

/// Pixel p of a grid in homogeneous coordinates, innermost axis first: (x, y, 1) or (x, y, z, 1).
std::array<double, 4> homogeneous(std::int64_t p, const Shape& grid, int spatial, bool corners) {
  std::array<double, 4> at{};
  for (int i = 0; i < spatial; ++i) {
    const std::int64_t extent = grid[spatial - i];
    at[std::size_t(i)] = position(p % extent, extent, corners);
    p /= extent;
  }
  at[std::size_t(spatial)] = 1;
  return at;
}

Status reference(const EvalArgs& args) {
  const Tensor& theta = args.inputs[0];
  const Shape& y = args.outputs[0].shape();
  const int spatial = y.rank() - 2;
  const bool corners = args.attributes().integer("align_corners", 0) != 0;
  const std::int64_t pixels = y.elements(1, spatial + 1);
  for (std::int64_t i = 0; i < y[0] * pixels; ++i) {
    const auto at = homogeneous(i % pixels, y, spatial, corners);
    for (int row = 0; row < spatial; ++row) {
      double sum = 0;
      for (int k = 0; k <= spatial; ++k) {
        const std::int64_t entry = (i / pixels * spatial + row) * (spatial + 1) + k;
        sum += load_one<double>(theta, entry) * at[std::size_t(k)];
      }
      store_one(sum, args.outputs[0], i * spatial + row);
    }
  }
  return {};
}

/// The base grid is a constant matrix: grid = base * theta^T.
Replacement decompose(Builder& builder, const Node& node) {
  const TensorType& type = type_of(builder, node.outputs[0]);
  const int spatial = int(type.shape.size()) - 2;
  SymbolicShape one = type.shape;  // the grid of one sample
  one[0] = 1;
  const auto grid = as_constant(one);
  if (!grid || grid->elements() == 0) return std::nullopt;
  const bool corners = node.attributes.integer("align_corners", 0) != 0;
  const std::int64_t pixels = grid->elements(1, spatial + 1);
  Tensor base = Tensor::zeros(type.dtype, {pixels, spatial + 1});
  for (std::int64_t p = 0; p < pixels; ++p) {
    const auto at = homogeneous(p, *grid, spatial, corners);
    for (int k = 0; k <= spatial; ++k) {
      store_one(at[std::size_t(k)], base, p * (spatial + 1) + k);
    }
  }
  std::vector<std::int64_t> dims(grid->begin(), grid->end());
  dims[0] = -1;
  const ValueId turned =
      builder.op("Transpose", {node.inputs[0]}, {{"perm", std::vector<std::int64_t>{0, 2, 1}}});
  const ValueId moved = builder.op("MatMul", {builder.constant(std::move(base)), turned});
  return {{builder.op("Reshape", {moved, builder.integers(std::move(dims))})}};
}

Cost cost(const CostArgs& args) {
  return {.macs = args.outputs[0].elements() * args.inputs[0][-1]};
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes corners{{"align_corners", std::int64_t(1)}};
  return {{"plane", {f32({2, 2, 3}), i64({2, 3, 5, 6})}},
          {"plane_corners", {f32({1, 2, 3}), i64({1, 3, 4, 1})}, corners},
          {"space", {f32({2, 3, 4}), i64({2, 1, 2, 3, 4})}},
          {"space_corners", {f32({1, 3, 4}), i64({1, 1, 2, 3, 4})}, corners},
          {"f16", {input(DType::f16, {1, 2, 3}), i64({1, 1, 2, 2})}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3}), i64({2, 3, 4, 5})}},
          {"empty", {f32({1, 2, 3}), i64({1, 1, 0, 2})}}};
}

constexpr AttributeDef attributes[] = {{"align_corners", AttributeKind::integer}};

}  // namespace

extern const OpDef affine_grid_op;
constinit const OpDef affine_grid_op = {.name = "AffineGrid",
                                        .inputs = {2, 2},
                                        .attributes = attributes,
                                        .infer = infer,
                                        .reference = reference,
                                        .cost = cost,
                                        .decompose = decompose,
                                        .cases = cases};

}  // namespace strata::ir
