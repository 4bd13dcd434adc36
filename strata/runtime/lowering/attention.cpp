#include "strata/kernels/attention/attention.hpp"

#include <algorithm>
#include <cmath>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/lowering/transposed.hpp"

namespace strata::runtime {
namespace {

using kernels::AttentionProblem;
using kernels::BatchPlaces;

/// What the body computes for the node's operands, if that is attention and nothing else. Types
/// that the body says are those of an example.
std::optional<ir::AttentionForm> read_form(const LowerContext& context, const ir::Graph& body) {
  std::vector<ir::TensorType> types;
  for (const ir::ValueId id : context.node().inputs) {
    const Shape& shape = context.shape(id);
    types.push_back({context.dtype(id), {shape.begin(), shape.end()}});
  }
  const ir::Graph flat = flattened(ir::with_input_types(body, types));
  const ir::Uses uses(flat);
  for (const ir::NodeId id : flat.order()) {
    if (!ir::is_op(flat.node(id), "Softmax")) continue;
    auto form = ir::match_attention(flat, uses, id).form;
    if (!form || form->nodes.size() != flat.order().size()) return std::nullopt;
    if (flat.outputs.size() != 1 || flat.outputs[0] != form->result) return std::nullopt;
    return form;
  }
  return std::nullopt;
}

/// Sizes and places of a problem whose operands may be repeated along axes of the batch.
class ProblemMaker {
 public:
  ProblemMaker(const Transposed& q, const Transposed& k, const Transposed& v)
      : problem_(std::make_unique<AttentionProblem>()), batch_axes_(q.shape.rank() - 2) {
    const bool fits = batch_axes_ >= 0 && batch_axes_ <= 2 && k.shape.rank() == q.shape.rank() &&
                      v.shape.rank() == q.shape.rank() && k.shape[-2] == q.shape[-1] &&
                      v.shape[-2] == k.shape[-1];
    if (!fits) {
      refuse();
      return;
    }
    problem_->queries = q.shape[-2];
    problem_->depth = q.shape[-1];
    problem_->keys = k.shape[-1];
    problem_->columns = v.shape[-1];
    for (int axis = 0; axis < batch_axes_; ++axis) {
      for (const Transposed* operand : {&q, &k, &v}) take_extent(axis, operand->shape[axis]);
    }
    if (!problem_) return;
    problem_->batch_inner = std::max<std::int64_t>(extents_[batch_axes_ == 2 ? 1 : 0], 1);
    problem_->batch = extents_[0] * extents_[1];
    problem_->q = places(q);
    problem_->k = places(k);
    std::swap(problem_->k.row, problem_->k.column);  // K, not its transpose
    problem_->v = places(v);
  }

  void add_mask(const Shape& shape, bool zero_if_all_masked = false) {
    if (!problem_) return;
    const Transposed mask(shape, {});
    const int rank = shape.rank();
    bool fits = rank >= 1 && shape[-1] == problem_->keys;
    for (int axis = 2; fits && axis <= rank; ++axis) {
      const bool batch = axis > 2 && axis <= batch_axes_ + 2;
      const std::int64_t whole = axis == 2 ? problem_->queries
                                 : batch   ? extents_[batch_axes_ + 2 - axis]
                                           : 1;
      fits = shape[-axis] == 1 || shape[-axis] == whole;
    }
    if (!fits) return refuse();
    problem_->masked = true;
    problem_->zero_if_all_masked = zero_if_all_masked;
    problem_->mask = {mask.stride(-4), mask.stride(-3), mask.stride(-2), 1};
  }

  /// Y is stored with its axes in this order (empty: as they are).
  void place_result(const std::vector<std::int64_t>& perm, const Shape& stored) {
    if (!problem_) return;
    std::vector<std::int64_t> shape(extents_, extents_ + batch_axes_);
    shape.insert(shape.end(), {problem_->queries, problem_->columns});
    std::vector<std::int64_t> inverse(perm.size()), written(shape);
    if (!perm.empty() && perm.size() != shape.size()) return refuse();
    for (std::size_t i = 0; i < perm.size(); ++i) {
      written[i] = shape[std::size_t(perm[i])];
      inverse[std::size_t(perm[i])] = std::int64_t(i);
    }
    if (Shape(written) != stored) return refuse();
    problem_->y = places(Transposed(stored, inverse));
    if (problem_->y.column != 1) refuse();
  }

  void set_scale(float scale) {
    if (problem_) problem_->scale = scale;
  }
  std::unique_ptr<AttentionProblem> take() { return std::move(problem_); }

 private:
  void refuse() { problem_ = nullptr; }

  void take_extent(int axis, std::int64_t extent) {
    std::int64_t& whole = extents_[axis];
    if (extent == 1 || extent == whole) return;
    if (whole != 1) return refuse();
    whole = extent;
  }

  BatchPlaces places(const Transposed& operand) const {
    const auto rank = operand.strides.size();
    return {operand.stride(-4), operand.stride(-3), operand.strides[rank - 2],
            operand.strides[rank - 1]};
  }

  std::unique_ptr<AttentionProblem> problem_;
  int batch_axes_;
  std::int64_t extents_[2] = {1, 1};
};

std::unique_ptr<kernels::Problem> lower_fused(const LowerContext& context, Operands& operands) {
  const ir::Node& node = context.node();
  if (!ir::has_parts(node) || node.outputs.size() != 1 || !context.all_f32()) return nullptr;
  const ir::Graph& body = node.attributes.graph("body");
  const auto form = read_form(context, body);
  if (!form) return nullptr;
  const auto outer = [&](ir::ValueId id) {
    const auto input = std::ranges::find(body.inputs, id);
    return input == body.inputs.end() ? ir::no_value
                                      : node.inputs[std::size_t(input - body.inputs.begin())];
  };
  std::vector<Transposed> seen;
  for (const auto* operand : {&form->q, &form->k, &form->v}) {
    const ir::ValueId value = outer(operand->value);
    if (value == ir::no_value) return nullptr;
    const Shape& shape = context.shape(value);
    if (!operand->perm.empty() && int(operand->perm.size()) != shape.rank()) return nullptr;
    seen.emplace_back(shape, operand->perm);
    operands.in.push_back(value);
  }
  ProblemMaker maker(seen[0], seen[1], seen[2]);
  if (form->mask != ir::no_value) {
    const ir::ValueId mask = outer(form->mask);
    if (mask == ir::no_value) return nullptr;
    maker.add_mask(context.shape(mask));
    operands.in.push_back(mask);
  }
  maker.place_result(form->result_perm, context.shape(context.output()));
  maker.set_scale(form->scale);
  operands.out = {context.output()};
  return maker.take();
}

/// The forms of the op Attention that are plain: as many heads of keys as of queries, nothing
/// before them, no positions that decide.
bool is_plain(const LowerContext& context) {
  const ir::Node& node = context.node();
  const ir::Attributes& attributes = node.attributes;
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != ir::no_value) return false;
  }
  constexpr std::size_t past_key = 4, past_value = 5, valid_keys = 6;
  const bool by_position =
      attributes.integer("is_causal", 0) != 0 || attributes.integer("left_window_size", -1) >= 0 ||
      attributes.integer("right_window_size", -1) >= 0 || context.has_input(valid_keys);
  return !by_position && !context.has_input(past_key) && !context.has_input(past_value) &&
         attributes.real("softcap", 0) == 0 &&
         (!attributes.has("softmax_precision") ||
          attributes.dtype("softmax_precision") == DType::f32) &&
         attributes.integer("q_num_heads", 1) == attributes.integer("kv_num_heads", 1);
}

/// (batch, heads, tokens, size), or (batch, tokens, heads * size) as if it were apart.
Transposed heads_of(const Shape& shape, std::int64_t heads, const std::vector<std::int64_t>& perm) {
  if (shape.rank() == 4) return {shape, perm};
  std::vector<std::int64_t> apart;
  for (const std::int64_t axis : perm) apart.push_back(axis == 1 ? 2 : axis == 2 ? 1 : axis);
  return {Shape{shape[0], shape[1], heads, shape[2] / heads}, apart};
}

std::unique_ptr<kernels::Problem> lower_op(const LowerContext& context, Operands& operands) {
  if (!context.all_f32() || !is_plain(context)) return nullptr;
  const ir::Attributes& attributes = context.node().attributes;
  const std::int64_t heads = attributes.integer("q_num_heads", 1);
  const Transposed q = heads_of(context.shape(context.input(0)), heads, {0, 1, 2, 3});
  const Transposed k = heads_of(context.shape(context.input(1)), heads, {0, 1, 3, 2});
  const Transposed v = heads_of(context.shape(context.input(2)), heads, {0, 1, 2, 3});
  if (q.shape[1] != k.shape[1]) return nullptr;
  const double root = std::sqrt(double(q.shape[-1]));
  const float scale = attributes.has("scale") ? attributes.real("scale", 1) : float(1 / root);
  if (!ir::is_attention_scale(double(scale))) return nullptr;
  ProblemMaker maker(q, k, v);
  maker.set_scale(scale);
  operands.in = {context.input(0), context.input(1), context.input(2)};
  constexpr std::size_t mask = 3;
  if (context.has_input(mask)) {
    maker.add_mask(context.shape(context.input(mask)), true);
    operands.in.push_back(context.input(mask));
  }
  const bool apart = context.shape(context.output()).rank() == 3;
  if (apart) {
    maker.place_result({0, 2, 1, 3}, Shape{q.shape[0], q.shape[2], heads, v.shape[-1]});
  } else {
    maker.place_result({}, context.shape(context.output()));
  }
  operands.out = {context.output()};
  return maker.take();
}

constexpr Lowering table[] = {{"strata.Fused", lower_fused}, {"Attention", lower_op}};

}  // namespace

std::span<const Lowering> attention_lowerings() { return table; }

}  // namespace strata::runtime
