#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view modes[] = {"linear", "circular"};

void infer(InferContext& context) {
  expect_word(context.attributes(), "mode", "linear", modes);
  const TensorType& cache = context.input(0);
  const int rank = int(cache.shape.size());
  const int axis = normalize_axis(context.attributes().integer("axis", -2), rank, "axis");
  if (axis == 0) fail(ErrorCode::model, "axis names axis 0; accepted: any but the batch's");
  context.expect_same_dtype(0, 1);
  context.expect_rank(1, "update", rank);
  for (int i = 0; i < rank; ++i) {
    const Dim& given = context.input(1).shape[std::size_t(i)];
    const Dim& own = cache.shape[std::size_t(i)];
    if (i != axis) {
      expect_extent(fmt::format("extent {} of update", i), given, own);
    } else if (given.is_constant() && own.is_constant()) {
      expect_between("sequence length of update", given.constant(), 0, own.constant());
    }
  }
  if (context.has_input(2)) {
    expect_dtype(context, 2, "write_indices", DType::i64);
    context.expect_rank(2, "write_indices", 1);
    expect_extent("length of write_indices", context.input(2).shape[0], cache.shape[0]);
  }
  context.set_output(0, cache);
}

Status reference(const EvalArgs& args) {
  const Tensor& update = args.inputs[1];
  Tensor& y = args.outputs[0];
  const int axis = normalize_axis(args.attributes().integer("axis", -2), y.shape().rank(), "axis");
  const AxisView view(y.shape(), axis);
  const std::int64_t length = update.shape()[axis];
  const bool circular = text_view(args.attributes(), "mode", "linear") == "circular";
  if (length > view.extent) return {"update is longer than the cache"};
  copy_elements(args.inputs[0], 0, y, 0, y.elements());
  if (y.elements() == 0 || length == 0) return {};
  const std::int64_t runs_per_sample = view.outer / y.shape()[0];
  for (std::int64_t o = 0; o < view.outer; ++o) {
    std::int64_t start = args.has_input(2) ? index_at(args.inputs[2], o / runs_per_sample) : 0;
    if (circular) start = (start % view.extent + view.extent) % view.extent;
    if (start < 0 || (!circular && start > view.extent - length)) {
      return {"the update does not fit into the cache at its write index"};
    }
    for (std::int64_t t = 0; t < length; ++t) {
      const std::int64_t at = (start + t) % view.extent;
      copy_elements(update, (o * length + t) * view.inner, y, (o * view.extent + at) * view.inner,
                    view.inner);
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes circular{{"mode", "circular"}};
  return {{"linear", {f32({2, 3, 4, 5}), f32({2, 3, 2, 5}), i64({0, 2})}},
          {"no_indices", {f32({2, 4, 5}), f32({2, 4, 5})}},
          {"circular", {f32({2, 4, 5}), f32({2, 3, 5}), i64({3, 9})}, circular},
          {"axis",
           {input(DType::f16, {1, 3, 2}), input(DType::f16, {1, 3, 1}), i64({1})},
           {{"axis", std::int64_t(-1)}}},
          {"symbolic", {f32({Dim::symbol("N"), 4, 3}), f32({Dim::symbol("N"), 1, 3})}},
          {"nothing", {f32({2, 4, 3}), f32({2, 0, 3}), i64({0, 4})}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"mode", AttributeKind::string}};

}  // namespace

extern const OpDef tensor_scatter_op;
constinit const OpDef tensor_scatter_op = {.name = "TensorScatter",
                                           .inputs = {2, 3},
                                           .attributes = attributes,
                                           .infer = infer,
                                           .reference = reference,
                                           .cases = cases};

}  // namespace strata::ir
