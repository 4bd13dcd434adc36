#include <algorithm>
#include <span>
#include <string_view>

#include "strata/kernels/rnn/recurrent.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/grids.hpp"

namespace strata::runtime {
namespace {

using kernels::RecurrentProblem;
using Cell = RecurrentProblem::Cell;

bool is_called(std::string_view name, std::string_view lower_case) {
  return std::ranges::equal(name, lower_case, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
}

/// The functions of all directions are those that the cell has by default.
bool has_functions(const ir::Attributes& attributes,
                   std::initializer_list<std::string_view> functions) {
  const ir::Attribute* found = attributes.find("activations");
  const auto* names = found ? std::get_if<std::vector<std::string>>(found) : nullptr;
  for (std::size_t i = 0; names && i < names->size(); ++i) {
    if (!is_called((*names)[i], functions.begin()[i % functions.size()])) return false;
  }
  return true;
}

/// An RNN's function, where kernels know it.
bool set_function(const ir::Attributes& attributes, RecurrentProblem& problem) {
  using kernels::Activation;
  problem.function.activation = Activation::tanh;
  if (has_functions(attributes, {"tanh"})) return true;
  problem.function.activation = Activation::relu;
  if (has_functions(attributes, {"relu"})) return true;
  problem.function.activation = Activation::sigmoid;
  return has_functions(attributes, {"sigmoid"});
}

bool set_cell(const LowerContext& context, Cell cell, RecurrentProblem& problem) {
  const ir::Attributes& attributes = context.node().attributes;
  if (attributes.real("clip", 0) != 0) return false;
  problem.cell = cell;
  switch (cell) {
    case Cell::rnn:
      return set_function(attributes, problem);
    case Cell::gru:
      problem.linear_before_reset = attributes.integer("linear_before_reset", 0) != 0;
      return has_functions(attributes, {"sigmoid", "tanh"});
    case Cell::lstm:
      break;
  }
  constexpr std::size_t peepholes = 7;
  problem.cell_clip = attributes.real("cell_clip", 0);
  return has_functions(attributes, {"sigmoid", "tanh", "tanh"}) &&
         attributes.integer("input_forget", 0) == 0 && !context.has_input(peepholes);
}

/// The operand, if it is there.
bool add_input(const LowerContext& context, std::size_t i, Operands& operands) {
  if (!context.has_input(i)) return false;
  operands.in.push_back(context.input(i));
  return true;
}

bool add_output(const LowerContext& context, std::size_t i, Operands& operands) {
  const auto& outputs = context.node().outputs;
  if (i >= outputs.size() || outputs[i] == ir::no_value) return false;
  operands.out.push_back(outputs[i]);
  return true;
}

template <Cell cell>
std::unique_ptr<kernels::Problem> lower_recurrent(const LowerContext& context, Operands& operands) {
  enum { x_at, w_at, r_at, bias_at, lengths_at, h_at, c_at };
  const ir::ValueId x = context.input(x_at);
  if (context.dtype(x) != DType::f32) return nullptr;
  operands.constants = {{context.input(w_at)}, {context.input(r_at)}, {}};
  if (context.has_input(bias_at)) operands.constants[2].value = context.input(bias_at);
  for (const ConstantOperand& constant : operands.constants) {
    if (constant.value != ir::no_value && !context.is_constant(constant.value)) return nullptr;
  }
  auto problem = std::make_unique<RecurrentProblem>();
  if (!set_cell(context, cell, *problem)) return nullptr;
  const ir::Attributes& attributes = context.node().attributes;
  problem->batch_first = attributes.integer("layout", 0) == 1;
  problem->reversed = attributes.string("direction", "forward") == "reverse";
  const Shape& r = context.shape(context.input(r_at));
  problem->directions = r[0];
  problem->hidden = r[2];
  problem->steps = context.shape(x)[problem->batch_first ? 1 : 0];
  problem->batch = context.shape(x)[problem->batch_first ? 0 : 1];
  problem->input = context.shape(x)[2];
  operands.in = {x};
  problem->has_lengths = add_input(context, lengths_at, operands);
  problem->has_h = add_input(context, h_at, operands);
  problem->has_c = cell == Cell::lstm && add_input(context, c_at, operands);
  problem->wants_y = add_output(context, 0, operands);
  problem->wants_h = add_output(context, 1, operands);
  problem->wants_c = cell == Cell::lstm && add_output(context, 2, operands);
  return problem;
}

bool set_factors(const LowerContext& context, kernels::IntegerLstmProblem& problem) {
  enum {
    x_scale_at = 1,
    w_scale_at = 4,
    r_scale_at = 6,
    h_scale_at = 9,
    c_scale_at = 12,
    y_scale_at = 13
  };
  const auto x = constant_grid(context, x_scale_at, x_scale_at + 1);
  const auto h = constant_grid(context, h_scale_at, h_scale_at + 1);
  const auto y = constant_grid(context, y_scale_at, y_scale_at + 1);
  if (!x || !h || !y) return false;
  LstmScales scales{.x = x->scale,
                    .h = h->scale,
                    .y = y->scale,
                    .cell_clip = context.node().attributes.real("cell_clip", 0)};
  const auto read = [&](std::size_t i, std::span<float> to) {
    if (!context.is_constant(context.input(i))) return false;
    const Tensor values = context.graph().value(context.input(i)).constant->decode();
    std::ranges::copy(values.data<float>().first(to.size()), to.begin());
    return true;
  };
  if (!read(w_scale_at, scales.w) || !read(r_scale_at, scales.r) ||
      !read(c_scale_at, std::span(&scales.c, 1))) {
    return false;
  }
  problem.factors = lstm_factors(scales);
  problem.x_zero = x->zero_point;
  problem.h_zero = h->zero_point;
  problem.y_zero = y->zero_point;
  return true;
}

std::unique_ptr<kernels::Problem> lower_lstm_of_codes(const LowerContext& context,
                                                      Operands& operands) {
  enum { x_at, w_at = 3, r_at = 5, bias_at = 7, h_at = 8, c_at = 11 };
  operands.constants = {{context.input(w_at)}, {context.input(r_at)}, {context.input(bias_at)}};
  for (const ConstantOperand& constant : operands.constants) {
    if (!context.is_constant(constant.value)) return nullptr;
  }
  auto problem = std::make_unique<kernels::IntegerLstmProblem>();
  if (!set_factors(context, *problem)) return nullptr;
  const Shape& x = context.shape(context.input(x_at));
  problem->batch_first = context.node().attributes.integer("time_major", 0) == 0;
  problem->steps = x[problem->batch_first ? 1 : 0];
  problem->batch = x[problem->batch_first ? 0 : 1];
  problem->input = x[2];
  problem->hidden = context.shape(context.input(h_at))[1];
  operands.in = {context.input(x_at), context.input(h_at), context.input(c_at)};
  problem->wants_y = add_output(context, 0, operands);
  problem->wants_h = add_output(context, 1, operands);
  problem->wants_c = add_output(context, 2, operands);
  return problem;
}

constexpr Lowering table[] = {{"RNN", lower_recurrent<Cell::rnn>},
                              {"GRU", lower_recurrent<Cell::gru>},
                              {"LSTM", lower_recurrent<Cell::lstm>},
                              {"strata.QLinearLSTM", lower_lstm_of_codes}};

}  // namespace

std::span<const Lowering> recurrent_lowerings() { return table; }

}  // namespace strata::runtime
