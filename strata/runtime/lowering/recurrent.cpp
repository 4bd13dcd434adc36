#include <algorithm>
#include <string_view>

#include "strata/kernels/rnn/recurrent.hpp"
#include "strata/runtime/lowering.hpp"

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

constexpr Lowering table[] = {{"RNN", lower_recurrent<Cell::rnn>},
                              {"GRU", lower_recurrent<Cell::gru>},
                              {"LSTM", lower_recurrent<Cell::lstm>}};

}  // namespace

std::span<const Lowering> recurrent_lowerings() { return table; }

}  // namespace strata::runtime
