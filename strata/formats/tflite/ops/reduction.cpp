// Reductions, and what takes one axis as a whole.
#include <algorithm>

#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {
namespace {

struct Reduction {
  Layout layout;
  std::vector<std::int64_t> axes;  ///< in the layout
  bool keep;
};

/// Images can be reduced as they are if what is left has the file's order.
Reduction reduction(const OperatorContext& context) {
  const int rank = context.rank(0);
  const bool keep = context.options<schema::ReducerOptions>().keep_dims();
  std::vector<bool> reduced(static_cast<std::size_t>(rank), false);
  for (const std::int64_t axis : context.integers(1, "the axes")) {
    reduced[std::size_t(context.axis_in(Layout::plain, axis, rank))] = true;
  }
  Layout layout = context.at_hand(0);
  if (layout == Layout::image && !keep && !reduced[3] && !(reduced[1] && reduced[2])) {
    layout = Layout::plain;
  }
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) {
    if (reduced[std::size_t(axis)]) axes.push_back(context.axis_in(layout, axis, rank));
  }
  std::ranges::sort(axes);
  return {layout, std::move(axes), keep};
}

void reduce(OperatorContext& context, std::string_view real, std::string_view quantized,
            bool ordered) {
  Reduction how = reduction(context);
  const Layout result = how.keep ? how.layout : Layout::plain;
  const ir::ValueId x = context.input(0, how.layout);
  const bool moves_grid = context.is_quantized(0) && !(ordered && context.same_quantization(0));
  if (moves_grid && quantized.empty()) {
    return context.emit_real(real,
                             {context.real_input(0, how.layout), context.integer_list(how.axes)},
                             {{"keepdims", std::int64_t(how.keep)}}, result);
  }
  if (how.axes.empty() && !moves_grid) return context.emit_value(x, result);
  const auto keep = std::int64_t(how.keep);
  if (!moves_grid) {
    return context.emit(real, {x, context.integer_list(std::move(how.axes))}, {{"keepdims", keep}},
                        result);
  }
  const bool delegated = context.type(0) != DType::i16 && context.is_stored(1);
  std::vector<ir::ValueId> operands{x};
  context.append_parameters(operands, context.quantization(0), context.type(0));
  context.append_output_parameters(operands);
  context.emit(quantized, std::move(operands),
               {{"axes", std::move(how.axes)},
                {"keepdims", keep},
                {"arithmetic", context.arithmetic(delegated)}},
               result);
}

void extremum(OperatorContext& context, std::string_view op) {
  const auto axes = context.integers(1, "the axis");
  if (axes.size() != 1) fail(ErrorCode::model, "the axis has {} elements, expected 1", axes.size());
  const int rank = context.rank(0);
  const Layout layout =
      rank == 4 && (axes[0] == 3 || axes[0] == -1) ? context.at_hand(0) : Layout::plain;
  const ir::Attributes attributes{{"axis", context.axis_in(layout, axes[0], rank)},
                                  {"keepdims", std::int64_t(0)}};
  const ir::ValueId x = context.input(0, layout);
  if (context.output_type() == DType::i64) return context.emit(op, {x}, attributes);
  context.emit("Cast", {context.node(op, {x}, attributes)}, {{"to", context.output_type()}});
}

}  // namespace

void convert_mean(OperatorContext& context) {
  reduce(context, "ReduceMean", "strata.QLinearReduceMean", false);
}
void convert_sum(OperatorContext& context) { reduce(context, "ReduceSum", "", false); }
void convert_reduce_prod(OperatorContext& context) { reduce(context, "ReduceProd", "", false); }
void convert_reduce_max(OperatorContext& context) { reduce(context, "ReduceMax", "", true); }
void convert_reduce_min(OperatorContext& context) { reduce(context, "ReduceMin", "", true); }

void convert_arg_max(OperatorContext& context) { extremum(context, "ArgMax"); }
void convert_arg_min(OperatorContext& context) { extremum(context, "ArgMin"); }

void convert_softmax(OperatorContext& context) {
  const float beta = context.options<schema::SoftmaxOptions>().beta();
  const Layout layout = context.at_hand(0);
  const std::int64_t axis = context.axis_in(layout, -1, context.rank(0));
  ir::ValueId x = context.input(0, layout);
  if (context.is_quantized(0)) {
    std::vector<ir::ValueId> operands{x};
    context.append_parameters(operands, context.quantization(0), context.type(0));
    context.append_output_parameters(operands);
    return context.emit("strata.QLinearSoftmax", std::move(operands),
                        {{"axis", axis}, {"beta", beta}, {"arithmetic", context.arithmetic(false)}},
                        layout);
  }
  if (beta != 1) x = context.node("Mul", {x, context.number(context.type(0), double(beta))});
  context.emit("Softmax", {x}, {{"axis", axis}}, layout);
}

void convert_log_softmax(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  context.emit_real("LogSoftmax", {context.real_input(0, layout)},
                    {{"axis", context.axis_in(layout, -1, context.rank(0))}}, layout);
}

void convert_l2_normalization(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const ir::ValueId x = context.real_input(0, layout);
  const std::int64_t axis = context.axis_in(layout, -1, context.rank(0));
  const ir::ValueId sum = context.node("ReduceSumSquare", {x, context.integer_list({axis})},
                                       {{"keepdims", std::int64_t(1)}});
  // Below this the kernels divide by its root.
  constexpr double least = 1e-6;
  const ir::ValueId bounded =
      context.node("Max", {sum, context.number(context.type_of(x).dtype, least)});
  const std::vector<ir::ValueId> quotient{x, context.node("Sqrt", {bounded})};
  if (context.is_output_quantized()) return context.emit_real("Div", quotient, {}, layout);
  context.emit_activated(context.options<schema::L2NormOptions>().fused_activation_function(),
                         "Div", quotient, {}, layout);
}

void convert_local_response_normalization(OperatorContext& context) {
  const auto& options = context.options<schema::LocalResponseNormalizationOptions>();
  const auto size = 2 * std::int64_t(options.radius()) + 1;
  context.emit("LRN", {context.input(0, Layout::image)},
               {{"size", size},
                {"alpha", options.alpha() * float(size)},
                {"beta", options.beta()},
                {"bias", options.bias()}},
               Layout::image);
}

void convert_cumsum(OperatorContext& context) {
  const auto& options = context.options<schema::CumsumOptions>();
  context.emit("CumSum", {context.input(0), context.reshaped(context.index_input(1), {})},
               {{"exclusive", std::int64_t(options.exclusive())},
                {"reverse", std::int64_t(options.reverse())}});
}

}  // namespace strata::formats::tflite
