// Every case of every op, run by every kernel that does not reject it, gives what the interpreter
// gives; constants also as inputs, where the op accepts that.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "strata/base/error.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/tolerance.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/session.hpp"
#include "strata/runtime/sizes.hpp"
#include "tests/ir/op_case.hpp"

namespace strata::runtime {
namespace {

constexpr std::uint64_t seed = 20;

/// The case with its constants as inputs, or nothing if the op needs them as constants.
std::optional<ir::testing::CaseGraph> without_constants(const ir::OpDef& op,
                                                        const ir::OpCase& example) {
  ir::testing::CaseGraph result;
  Random random(seed);
  std::vector<ir::ValueId> operands;
  for (const ir::OpCase::Input& input : example.inputs) {
    if (input.omitted) {
      operands.push_back(ir::no_value);
      continue;
    }
    operands.push_back(result.graph.add_input("", input.type));
    result.inputs.push_back(
        input.value ? *input.value
                    : ir::testing::random_tensor(input.type.dtype, ir::testing::shape_of(input),
                                                 random, example.low, example.high));
  }
  try {
    ir::Builder builder(result.graph);
    result.graph.outputs = builder.multi(ir::qualified_name(op), operands, example.outputs,
                                         example.attributes, "node");
    ir::interpret(result.graph, result.inputs);
  } catch (const Error&) {
    return std::nullopt;
  }
  return result;
}

/// The lowest precision that this processor has kernels for.
kernels::Precision lowest_precision() {
  return has_isa(detected_isa(), Isa::avx512_bf16) ? kernels::Precision::bf16
                                                   : kernels::Precision::f32;
}

/// Rows that take the case's node, by name.
using Rows = std::map<std::string_view, kernels::Precision>;

Rows rows_for(const ir::testing::CaseGraph& built) {
  Target target = default_target();
  target.precision = lowest_precision();
  std::vector<Shape> shapes;
  for (const Tensor& input : built.inputs) shapes.push_back(input.shape());
  const DimValues dims = ir::bind_inputs(built.graph, shapes);
  const NodeCandidates found =
      find_candidates(built.graph, built.node(), value_shapes(built.graph, dims), target);
  Rows rows;
  for (const Candidate& candidate : found.candidates) {
    // A fusion is lowered unfused instead, and its node is gone.
    const bool reference = candidate.row->kind == kernels::ProblemKind::reference;
    if (!reference || built.graph.node(built.node()).op->domain.empty()) {
      rows.emplace(candidate.row->name, candidate.row->precision);
    }
  }
  return rows;
}

void expect_close(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.dtype(), expected.dtype());
  ASSERT_EQ(actual.shape(), expected.shape());
  const Tensor a = actual.cast(DType::f64), e = expected.cast(DType::f64);
  for (std::size_t i = 0; i < e.data<double>().size(); ++i) {
    const double x = a.data<double>()[i], y = e.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    ASSERT_NEAR(x, y, tolerance) << "element " << i;
  }
}

/// Runs the case without a pin (empty) or with one; whether a kernel ran its node at all.
bool run_and_compare(const ir::testing::CaseGraph& built, std::string_view row,
                     kernels::Precision precision, std::span<const Tensor> expected,
                     std::int64_t terms, double magnitude) {
  SCOPED_TRACE(row);
  SessionOptions options;
  options.optimize = false;
  options.target.precision = precision;
  if (!row.empty()) options.target.pins = {{"node", std::string(row)}};
  Session session(built.graph, options);
  const std::vector<Tensor> actual = session.run(built.inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const DType factors = precision == kernels::Precision::bf16 ? DType::bf16 : DType::f32;
    const DType type = expected[i].dtype() == DType::f32 ? factors : expected[i].dtype();
    expect_close(actual[i], expected[i], ir::elementwise_tolerance(type, terms, magnitude));
  }
  if (!session.is_static()) return false;
  const auto& steps = session.program().steps();
  return std::ranges::any_of(steps, [](const Step& step) { return step.name == "node"; });
}

void expect_every_row_agrees(const ir::testing::CaseGraph& built) {
  double magnitude = 0;
  std::int64_t terms = 1;
  ir::InterpretOptions observing;
  observing.observe = [&](ir::ValueId, const Tensor& tensor) {
    terms = std::max(terms, tensor.elements());
    const Tensor wide = tensor.cast(DType::f64);
    for (double x : wide.data<double>()) {
      if (std::isfinite(x)) magnitude = std::max(magnitude, std::abs(x));
    }
  };
  const std::vector<Tensor> expected = ir::interpret(built.graph, built.inputs, observing);
  // Views and what is known from the sizes alone need no kernel.
  if (!run_and_compare(built, "", kernels::Precision::f32, expected, terms, magnitude)) return;
  for (const auto& [row, precision] : rows_for(built)) {
    run_and_compare(built, row, precision, expected, terms, magnitude);
  }
}

class OpCases : public ::testing::TestWithParam<const ir::OpDef*> {};

TEST_P(OpCases, EveryKernelAgreesWithTheInterpreter) {
  const ir::OpDef& op = *GetParam();
  for (const ir::OpCase& example : op.cases()) {
    SCOPED_TRACE(fmt::format("case {} with seed {}", example.name, seed));
    expect_every_row_agrees(ir::testing::build_case(op, example, seed));
    SCOPED_TRACE("constants as inputs");
    if (const auto built = without_constants(op, example)) expect_every_row_agrees(*built);
  }
}

INSTANTIATE_TEST_SUITE_P(Runtime, OpCases, ::testing::ValuesIn(ir::all_ops()),
                         [](const auto& parameter) {
                           std::string name = ir::qualified_name(*parameter.param);
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata::runtime
