#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::random_tensor;

/// X of (4, 1, 4) with these operands through the session and through the reference.
void check(std::string_view op, std::int64_t axis, const Shape& parameters, bool is_kernel,
           std::int64_t stash_type = 1) {
  testing::Net net(1);
  std::vector<ir::ValueId> inputs{net.input({4, 1, 4}, "x")};
  std::vector<Tensor> in{random_tensor({4, 1, 4}, 5, 1)};
  for (const char* name : {"scale", "bias"}) {
    if (name[0] == 'b' && op == "RMSNormalization") break;
    inputs.push_back(net.input({parameters.begin(), parameters.end()}, name));
    in.push_back(random_tensor(parameters, 6 + inputs.size(), 1));
  }
  net.graph.outputs = {net.op(op, inputs, {{"axis", axis}, {"stash_type", stash_type}})};
  Session session(net.graph);
  ASSERT_EQ(session.program().steps().size(), 1u);
  EXPECT_EQ(session.program().steps()[0].row->kind == kernels::ProblemKind::layer_norm, is_kernel)
      << op << ", axis " << axis << ", " << to_string(parameters);
  const auto got = session.run(in)[0], expected = ir::interpret(net.graph, in)[0];
  for (std::size_t i = 0; i < 16; ++i) {
    // Four squares and their mean, a root, a quotient, a product and a sum are rounded; elements
    // of four have no more than twice the deviation.
    const double allowed = 16 * double(std::numeric_limits<float>::epsilon()) * 2 * 8;
    EXPECT_NEAR(got.data<float>()[i], expected.data<float>()[i], allowed)
        << op << ", axis " << axis << ", " << to_string(parameters) << ", element " << i;
  }
}

TEST(Norm, ScalesThatKernelsReadLieAlongWhatIsNormalised) {
  for (const char* op : {"LayerNormalization", "RMSNormalization"}) {
    for (const std::int64_t axis : {-1, 1}) {
      for (const Shape& shape : {Shape{4}, Shape{1, 4}, Shape{1, 1, 4}}) {
        check(op, axis, shape, true);
      }
      for (const Shape& shape : {Shape{4, 1, 1}, Shape{4, 1, 4}, Shape{1}}) {
        check(op, axis, shape, false);
      }
    }
  }
}

TEST(Norm, KernelsKeepF32WhereThatIsEnough) {
  constexpr std::int64_t f16 = 10, f64 = 11, bf16 = 16;
  check("RMSNormalization", -1, {4}, true, f16);
  check("RMSNormalization", -1, {4}, true, bf16);
  check("RMSNormalization", -1, {4}, false, f64);
}

}  // namespace
}  // namespace strata::runtime
