#include <algorithm>
#include <limits>
#include <set>

#include "strata/base/checked.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/einsum_equation.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

using Ints = std::vector<std::int64_t>;

bool contains(const EinsumTerm& term, int label) {
  return std::find(term.begin(), term.end(), label) != term.end();
}

EinsumEquation equation_of(const Attributes& attributes, const std::vector<SymbolicShape>& shapes) {
  std::vector<std::size_t> ranks;
  for (const SymbolicShape& shape : shapes) ranks.push_back(shape.size());
  return parse_einsum(text_view(attributes, "equation", ""), ranks);
}

/// All labels of the inputs, once each.
EinsumTerm labels_of(const EinsumEquation& equation) {
  std::set<int> labels;
  for (const EinsumTerm& term : equation.inputs) labels.insert(term.begin(), term.end());
  return {labels.begin(), labels.end()};
}

void infer(InferContext& context) {
  expect_between("number of operands", context.inputs(), 1, 256);
  expect_number(context, 0, "input 0");
  std::vector<SymbolicShape> shapes;
  for (int i = 0; i < context.inputs(); ++i) {
    context.expect_same_dtype(0, i);
    shapes.push_back(context.input(i).shape);
  }
  const EinsumEquation equation = equation_of(context.attributes(), shapes);
  for (const int label : labels_of(equation)) einsum_extent(equation, shapes, label);
  SymbolicShape y;
  for (const int label : equation.output) y.push_back(einsum_extent(equation, shapes, label));
  if (y.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "result of rank {}; accepted: at most {}", y.size(), max_rank);
  }
  context.set_output(0, {context.input(0).dtype, std::move(y)});
}

/// A value and the label of each of its axes.
struct Labelled {
  ValueId value;
  EinsumTerm axes;
  std::int64_t axis(int label) const {
    return std::find(axes.begin(), axes.end(), label) - axes.begin();
  }
};

/// Writes an einsum in terms of products, sums and movement.
class Contraction {
 public:
  explicit Contraction(Builder& builder) : builder_(builder) {}

  /// Sums away what the operand names twice, and what is not in `keep`.
  Labelled simplified(Labelled x, const EinsumTerm& keep) {
    for (std::size_t i = 0; i < x.axes.size(); ++i) {
      for (std::size_t j = x.axes.size() - 1; j > i; --j) {
        if (x.axes[i] == x.axes[j]) take_diagonal(x, i, j);
      }
    }
    return summed(std::move(x), [&](int label) { return !contains(keep, label); });
  }

  Labelled combined(Labelled a, Labelled b, const EinsumTerm& keep) {
    // What only one operand has is summed beforehand; so is an axis that meets one of one element.
    const auto lone = [&](const Labelled& x, const Labelled& other, int label) {
      if (contains(keep, label)) return false;
      return !contains(other.axes, label) ||
             (dim(other, label) == Dim(1) && dim(x, label) != Dim(1));
    };
    for (int pass = 0; pass < 2; ++pass) {  // the second time, for the axes of one element
      const Labelled shorter_a = summed(a, [&](int label) { return lone(a, b, label); });
      b = summed(b, [&](int label) { return lone(b, a, label); });
      a = shorter_a;
    }
    EinsumTerm batch, left, inner, right;
    for (const int label : a.axes) {
      (!contains(b.axes, label) ? left : contains(keep, label) ? batch : inner).push_back(label);
    }
    for (const int label : b.axes) {
      if (!contains(a.axes, label)) right.push_back(label);
    }
    const bool fits = batch.size() + left.size() + right.size() <= std::size_t(max_rank);
    if (inner.empty() && fits) return multiplied(a, b, batch, left, right);
    return contracted(a, b, batch, left, inner, right);
  }

  Labelled transposed(const Labelled& x, const EinsumTerm& order) {
    Ints perm;
    for (const int label : order) perm.push_back(x.axis(label));
    if (std::is_sorted(perm.begin(), perm.end())) return x;
    return {builder_.op("Transpose", {x.value}, {{"perm", std::move(perm)}}), order};
  }

 private:
  Dim dim(const Labelled& x, int label) {
    return type_of(builder_, x.value).shape[std::size_t(x.axis(label))];
  }

  template <class Which>
  Labelled summed(Labelled x, Which which) {
    Ints axes;
    EinsumTerm rest;
    for (std::size_t i = 0; i < x.axes.size(); ++i) {
      which(x.axes[i]) ? axes.push_back(std::int64_t(i)) : rest.push_back(x.axes[i]);
    }
    if (axes.empty()) return x;
    return {builder_.op("ReduceSum", {x.value, builder_.integers(std::move(axes))},
                        {{"keepdims", std::int64_t(0)}}),
            std::move(rest)};
  }

  /// [0, n) along `axis` of a tensor of this rank.
  ValueId counting(const Labelled& x, std::size_t axis, std::size_t place, std::size_t rank) {
    const ValueId zero = builder_.constant(Tensor::scalar<std::int64_t>(0));
    const ValueId one = builder_.constant(Tensor::scalar<std::int64_t>(1));
    const ValueId extent = builder_.op("Squeeze", {extent_of(x, x.axes[axis])});
    const ValueId range = builder_.op("Range", {zero, extent, one});
    Ints shape(rank, 1);
    shape[place] = -1;
    return builder_.op("Reshape", {range, builder_.integers(std::move(shape))});
  }

  void take_diagonal(Labelled& x, std::size_t i, std::size_t j) {
    const std::size_t rank = x.axes.size();
    const ValueId eye = builder_.op("Equal", {counting(x, i, i, rank), counting(x, i, j, rank)});
    const ValueId zero = scalar_like(builder_, x.value, 0);
    x.value = builder_.op("Where", {eye, x.value, zero});
    x.value = builder_.op("ReduceSum", {x.value, builder_.integers({std::int64_t(j)})},
                          {{"keepdims", std::int64_t(0)}});
    x.axes.erase(x.axes.begin() + std::ptrdiff_t(j));
  }

  /// The extent as i64 [1].
  ValueId extent_of(const Labelled& x, int label) {
    const Dim extent = dim(x, label);
    if (extent.is_constant()) return builder_.integers({extent.constant()});
    const std::int64_t axis = x.axis(label);
    return builder_.op("Shape", {x.value}, {{"start", axis}, {"end", axis + 1}});
  }

  /// The product of the extents as i64 [1].
  ValueId size_of_all(const Labelled& x, const EinsumTerm& labels) {
    ValueId size = builder_.integers({1});
    for (const int label : labels) size = builder_.op("Mul", {size, extent_of(x, label)});
    return size;
  }

  ValueId reshaped(ValueId x, std::vector<ValueId> extents) {
    if (extents.empty()) return builder_.op("Reshape", {x, builder_.integers({})});
    return builder_.op("Reshape",
                       {x, builder_.op("Concat", std::move(extents), {{"axis", std::int64_t(0)}})},
                       {{"allowzero", std::int64_t(1)}});
  }

  /// The operand as (batch..., all of `first`, all of `second`).
  ValueId matrix(const Labelled& x, const EinsumTerm& batch, const EinsumTerm& first,
                 const EinsumTerm& second) {
    EinsumTerm order = batch;
    order.insert(order.end(), first.begin(), first.end());
    order.insert(order.end(), second.begin(), second.end());
    const Labelled ordered = transposed(x, order);
    if (first.size() == 1 && second.size() == 1) return ordered.value;
    std::vector<ValueId> extents;
    for (const int label : batch) extents.push_back(extent_of(x, label));
    extents.push_back(size_of_all(x, first));
    extents.push_back(size_of_all(x, second));
    return reshaped(ordered.value, std::move(extents));
  }

  Labelled contracted(const Labelled& a, const Labelled& b, const EinsumTerm& batch,
                      const EinsumTerm& left, const EinsumTerm& inner, const EinsumTerm& right) {
    if (batch.size() + 2 > std::size_t(max_rank)) {
      fail(ErrorCode::unsupported, "{} axes in common that are kept; accepted: at most {}",
           batch.size(), max_rank - 2);
    }
    ValueId y =
        builder_.op("MatMul", {matrix(a, batch, left, inner), matrix(b, batch, inner, right)});
    EinsumTerm axes = batch;
    axes.insert(axes.end(), left.begin(), left.end());
    axes.insert(axes.end(), right.begin(), right.end());
    if (left.size() == 1 && right.size() == 1) return {y, axes};
    std::vector<ValueId> extents;
    for (const int label : batch) {
      extents.push_back(extent_of(dim(a, label) == Dim(1) ? b : a, label));
    }
    for (const int label : left) extents.push_back(extent_of(a, label));
    for (const int label : right) extents.push_back(extent_of(b, label));
    return {reshaped(y, std::move(extents)), axes};
  }

  /// Nothing is summed: a product with broadcasting.
  Labelled multiplied(const Labelled& a, const Labelled& b, const EinsumTerm& batch,
                      const EinsumTerm& left, const EinsumTerm& right) {
    EinsumTerm order_a = batch, order_b = batch, axes = batch;
    order_a.insert(order_a.end(), left.begin(), left.end());
    order_b.insert(order_b.end(), right.begin(), right.end());
    axes.insert(axes.end(), left.begin(), left.end());
    axes.insert(axes.end(), right.begin(), right.end());
    const ValueId x = with_ones(transposed(a, order_a).value, order_a.size(), right.size());
    const ValueId y = with_ones(transposed(b, order_b).value, batch.size(), left.size());
    return {builder_.op("Mul", {x, y}), axes};
  }

  /// `count` axes of extent 1 from axis `at` on.
  ValueId with_ones(ValueId x, std::size_t at, std::size_t count) {
    if (count == 0) return x;
    Ints axes;
    for (std::size_t i = 0; i < count; ++i) axes.push_back(std::int64_t(at + i));
    return builder_.op("Unsqueeze", {x, builder_.integers(std::move(axes))});
  }

  Builder& builder_;
};

/// What the output and the operands from `next` on still need.
EinsumTerm needed(const EinsumEquation& equation, std::size_t next) {
  EinsumTerm labels = equation.output;
  for (std::size_t i = next; i < equation.inputs.size(); ++i) {
    labels.insert(labels.end(), equation.inputs[i].begin(), equation.inputs[i].end());
  }
  return labels;
}

Replacement decompose(Builder& builder, const Node& node) {
  std::vector<SymbolicShape> shapes;
  for (const ValueId input : node.inputs) shapes.push_back(type_of(builder, input).shape);
  const EinsumEquation equation = equation_of(node.attributes, shapes);
  const DType type = type_of(builder, node.inputs[0]).dtype;
  // Products of matrices are not defined for the small integers; the low bits are the same.
  const bool widened = !is_float(type) && size_of(type) < 4;
  const auto operand = [&](std::size_t i) {
    if (!widened) return Labelled{node.inputs[i], equation.inputs[i]};
    return Labelled{builder.op("Cast", {node.inputs[i]}, {{"to", DType::i32}}), equation.inputs[i]};
  };
  Contraction contraction(builder);
  Labelled y = contraction.simplified(operand(0), needed(equation, 1));
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    EinsumTerm own = needed(equation, i + 1);
    own.insert(own.end(), y.axes.begin(), y.axes.end());
    y = contraction.combined(std::move(y), contraction.simplified(operand(i), own),
                             needed(equation, i + 1));
  }
  y = contraction.transposed(y, equation.output);
  if (widened) return {{builder.op("Cast", {y.value}, {{"to", type}})}};
  return {{y.value == node.inputs[0] ? builder.op("Identity", {y.value}) : y.value}};
}

Cost cost(const CostArgs& args) {
  std::vector<SymbolicShape> shapes;
  for (const Shape& shape : args.inputs) shapes.emplace_back(shape.begin(), shape.end());
  const EinsumEquation equation = equation_of(args.node.attributes, shapes);
  std::int64_t macs = 1;
  for (const int label : labels_of(equation)) {
    const std::int64_t extent = einsum_extent(equation, shapes, label).constant();
    macs = checked_mul(macs, extent).value_or(std::numeric_limits<std::int64_t>::max());
  }
  return {.macs = macs};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto make = [](std::string_view name, std::string equation,
                       std::vector<OpCase::Input> inputs) {
    return OpCase{.name = name,
                  .inputs = std::move(inputs),
                  .attributes = {{"equation", std::move(equation)}}};
  };
  const Dim n = Dim::symbol("N");
  return {make("product", "ij,jk->ik", {f32({3, 4}), f32({4, 5})}),
          make("implicit", "ij, jk", {f32({3, 4}), f32({4, 5})}),
          make("batched", "bij,bjk->bik", {f32({2, 3, 4}), f32({2, 4, 5})}),
          make("attention", "bthd,bshd->bhts", {f32({2, 3, 2, 4}), f32({2, 5, 2, 4})}),
          make("two_inner", "aij,ijb->ba", {f32({2, 3, 4}), f32({3, 4, 5})}),
          make("transpose", "ij->ji", {f32({3, 4})}),
          make("sum", "ijk->j", {f32({3, 4, 2})}),
          make("all", "ij->", {f32({3, 4})}),
          make("diagonal", "...ii->...i", {f32({2, 3, 3})}),
          make("trace", "ii", {f32({3, 3})}),
          make("same", "ij->ij", {f32({3, 4})}),
          make("outer", "i,jk->kij", {f32({2}), f32({3, 4})}),
          make("elementwise", "ij,ji->ij", {f32({2, 3}), f32({3, 2})}),
          make("dot", "i,i", {f32({5}), f32({5})}),
          make("broadcast", "...ij,...jk->...ik", {f32({2, 1, 3, 4}), f32({5, 4, 2})}),
          make("stretched", "...i,...i->i", {f32({1, 3}), f32({4, 3})}),
          make("alone", "ij,k->i", {f32({2, 3}), f32({4})}),
          make("three", "ij,jk,kl->il", {f32({2, 3}), f32({3, 4}), f32({4, 2})}),
          make("scalar", ",i->i", {f32({}), f32({3})}),
          make("u8", "ij,jk->ik", {input(DType::u8, {2, 3}), input(DType::u8, {3, 2})}),
          make("f16", "ij,jk->ik", {input(DType::f16, {2, 3}), input(DType::f16, {3, 2})}),
          make("symbolic", "nij,nkj->nik", {f32({n, 3, 4}), f32({n, 5, 4})}),
          make("symbolic_flat", "nij,njik->nk", {f32({n, 3, n}), f32({n, n, 3, 2})}),
          make("symbolic_diagonal", "nii->n", {f32({3, n, n})}),
          make("empty", "ij,jk->ik", {f32({0, 4}), f32({4, 5})})};
}

constexpr AttributeDef attributes[] = {{"equation", AttributeKind::string, true}};

}  // namespace

extern const OpDef einsum_op;
constinit const OpDef einsum_op = {.name = "Einsum",
                                   .inputs = {1, variadic},
                                   .attributes = attributes,
                                   .infer = infer,
                                   .cost = cost,
                                   .decompose = decompose,
                                   .cases = cases};

}  // namespace strata::ir
