#include "strata/runtime/lowering.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "strata/ir/op.hpp"
#include "strata/runtime/reference.hpp"

namespace strata::runtime {
namespace {

using Table = std::unordered_map<std::string, std::vector<const Lowering*>>;

const Table& lowerings_by_op() {
  static const Table table = [] {
    Table by_op;
    for (auto rows :
         {conv_lowerings(), conv_transpose_lowerings(), gemm_lowerings(), attention_lowerings(),
          pool_lowerings(), elementwise_lowerings(), reduce_lowerings(), movement_lowerings(),
          integer_lowerings(), dynamic_lowerings(), recurrent_lowerings(), byte_lowerings()}) {
      for (const Lowering& row : rows) by_op[std::string(row.op)].push_back(&row);
    }
    return by_op;
  }();
  return table;
}

std::unique_ptr<kernels::Problem> lower_reference(const LowerContext& context, Operands& operands) {
  auto problem = std::make_unique<ReferenceProblem>(context.node());
  auto describe = [&](ir::ValueId id, std::vector<ir::ValueId>& present) {
    if (id == ir::no_value) return ReferenceProblem::Operand{};
    present.push_back(id);
    return ReferenceProblem::Operand{context.dtype(id), context.shape(id), true};
  };
  for (ir::ValueId id : context.node().inputs) {
    problem->inputs.push_back(describe(id, operands.in));
  }
  for (ir::ValueId id : context.node().outputs) {
    problem->outputs.push_back(describe(id, operands.out));
  }
  return problem;
}

}  // namespace

std::optional<std::vector<std::int64_t>> LowerContext::integers(std::size_t i) const {
  if (!has_input(i) || !is_constant(input(i))) return std::nullopt;
  return graph_.value(input(i)).constant->decode().to_int64();
}

bool LowerContext::all_f32() const {
  auto f32 = [&](ir::ValueId id) { return id == ir::no_value || dtype(id) == DType::f32; };
  return std::ranges::all_of(node_.inputs, f32) && std::ranges::all_of(node_.outputs, f32);
}

Lowered lower_as(const LowerContext& context, const Lowering* how) {
  Lowered lowered;
  lowered.how = how;
  lowered.problem =
      how ? how->lower(context, lowered.operands) : lower_reference(context, lowered.operands);
  return lowered;
}

std::vector<Lowered> lower(const LowerContext& context) {
  std::vector<Lowered> ways;
  const Table& table = lowerings_by_op();
  if (auto rows = table.find(ir::qualified_name(*context.node().op)); rows != table.end()) {
    for (const Lowering* row : rows->second) {
      Lowered lowered = lower_as(context, row);
      if (lowered.problem) ways.push_back(std::move(lowered));
    }
  }
  ways.push_back(lower_as(context, nullptr));
  return ways;
}

bool is_view(const ir::Node& node) {
  constexpr std::array<std::string_view, 5> views{"Reshape", "Flatten", "Squeeze", "Unsqueeze",
                                                  "Identity"};
  return node.op->domain.empty() && std::ranges::find(views, node.op->name) != views.end();
}

}  // namespace strata::runtime
