#include <algorithm>
#include <numeric>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/ir/ops/sliced.hpp"

namespace strata::ir {
namespace {

/// Slice i is the same as the first slice of its group.
struct Groups {
  std::vector<std::int64_t> first;     // of each group, in the order of the result
  std::vector<std::int64_t> of_slice;  // group of each slice
};

template <class C>
int compare(C a, C b) {
  if (a < b) return -1;
  if (b < a) return 1;
  return (a != a) - (b != b);  // NaN comes last and equals NaN
}

/// Orders slices by their elements, outermost first.
int compare_slices(const Tensor& x, const AxisView& view, std::int64_t a, std::int64_t b) {
  return dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t o = 0; o < view.outer; ++o) {
      for (std::int64_t j = 0; j < view.inner; ++j) {
        const int order = compare(load_one<C>(x, (o * view.extent + a) * view.inner + j),
                                  load_one<C>(x, (o * view.extent + b) * view.inner + j));
        if (order != 0) return order;
      }
    }
    return 0;
  });
}

Groups group_slices(const Attributes& attributes, const Tensor& x) {
  const auto [shape, axis] = sliced(attributes, x.shape());
  const AxisView view(shape, axis);
  std::vector<std::int64_t> order(std::size_t(view.extent));
  std::iota(order.begin(), order.end(), std::int64_t(0));
  std::ranges::stable_sort(
      order, [&](std::int64_t a, std::int64_t b) { return compare_slices(x, view, a, b) < 0; });
  Groups groups;
  groups.of_slice.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || compare_slices(x, view, order[i - 1], order[i]) != 0) {
      groups.first.push_back(order[i]);
    }
    groups.of_slice[std::size_t(order[i])] = std::int64_t(groups.first.size()) - 1;
  }
  if (attributes.integer("sorted", 1) != 0) return groups;
  // In the order in which they occur.
  std::vector<std::int64_t> rank(groups.first.size());
  std::iota(rank.begin(), rank.end(), std::int64_t(0));
  std::ranges::sort(rank, {}, [&](std::int64_t g) { return groups.first[std::size_t(g)]; });
  std::vector<std::int64_t> place(rank.size());
  for (std::size_t i = 0; i < rank.size(); ++i) place[std::size_t(rank[i])] = std::int64_t(i);
  for (std::int64_t& group : groups.of_slice) group = place[std::size_t(group)];
  std::ranges::sort(groups.first);
  return groups;
}

void infer(InferContext& context) {
  const TensorType& x = context.input(0);
  auto [shape, axis] = sliced(context.attributes(), x.shape);
  Dim& extent = shape[std::size_t(axis)];
  const Dim slices = extent;
  const auto known = context.running() ? context.constant(0) : std::nullopt;
  const Dim groups =
      known ? Dim(std::int64_t(group_slices(context.attributes(), *known).first.size()))
            : context.open_extent(0, axis);
  extent = groups;
  context.set_output(0, {x.dtype, std::move(shape)});
  context.set_output(1, {DType::i64, {groups}});
  context.set_output(2, {DType::i64, {slices}});
  context.set_output(3, {DType::i64, {groups}});
}

/// Output i, if it is wanted.
std::int64_t* indices(const EvalArgs& args, std::size_t i) {
  if (i >= args.outputs.size() || !args.outputs[i].present()) return nullptr;
  return args.outputs[i].mutable_data<std::int64_t>().data();
}

// Allocates: its sizes are known only when its work is done.
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const Groups groups = group_slices(args.attributes(), x);
  const auto [shape, axis] = sliced(args.attributes(), x.shape());
  const AxisView view(shape, axis);
  const auto count = std::int64_t(groups.first.size());
  if (args.outputs[0].present()) {
    for (std::int64_t o = 0; o < view.outer; ++o) {
      for (std::int64_t g = 0; g < count; ++g) {
        const std::int64_t from = groups.first[std::size_t(g)];
        copy_elements(x, (o * view.extent + from) * view.inner, args.outputs[0],
                      (o * count + g) * view.inner, view.inner);
      }
    }
  }
  if (auto* first = indices(args, 1)) std::ranges::copy(groups.first, first);
  if (auto* inverse = indices(args, 2)) std::ranges::copy(groups.of_slice, inverse);
  if (auto* counts = indices(args, 3)) {
    std::fill_n(counts, count, 0);
    for (const std::int64_t group : groups.of_slice) ++counts[group];
  }
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t zero = 0;
  const OpCase::Input vector = values<float>({6}, {2, 1, 1, 3, 4, 3});
  return {{"sorted", {vector}, {}, 4},
          {"as_met", {vector}, {{"sorted", zero}}, 4},
          {"rows",
           {values<std::int32_t>({3, 2}, {1, 0, 1, 0, 2, 3})},
           {{"axis", zero}, {"sorted", zero}},
           4},
          {"open", {f32({2, 3})}, {{"axis", std::int64_t(-1)}}, 4}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"sorted", AttributeKind::integer}};

}  // namespace

extern const OpDef unique_op;
constinit const OpDef unique_op = {.name = "Unique",
                                   .outputs = {1, 4},
                                   .attributes = attributes,
                                   .infer = infer,
                                   .reference = reference,
                                   .cost = cost,
                                   .cases = cases};

}  // namespace strata::ir
