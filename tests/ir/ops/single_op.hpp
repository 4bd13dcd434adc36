#pragma once

#include <gtest/gtest.h>

#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir::testing {

/// Outputs of one op on constants; an absent tensor stands for an omitted operand.
inline std::vector<Tensor> run_op(std::string_view op, const std::vector<Tensor>& inputs,
                                  Attributes attributes = {}, int outputs = 1) {
  Graph graph;
  std::vector<ValueId> operands;
  for (const Tensor& input : inputs) {
    operands.push_back(input.present() ? graph.add_constant("", EncodedTensor(input)) : no_value);
  }
  Builder builder(graph);
  graph.outputs = builder.multi(op, operands, outputs, std::move(attributes), "node");
  return interpret(graph, {});
}

inline void expect_floats(const Tensor& actual, const Shape& shape, std::vector<float> expected) {
  EXPECT_EQ(actual.shape(), shape);
  const auto data = actual.data<float>();
  ASSERT_EQ(data.size(), expected.size());
  for (std::size_t i = 0; i < data.size(); ++i) EXPECT_FLOAT_EQ(data[i], expected[i]) << i;
}

inline void expect_integers(const Tensor& actual, const Shape& shape,
                            std::vector<std::int64_t> expected) {
  EXPECT_EQ(actual.shape(), shape);
  EXPECT_EQ(actual.to_int64(), expected);
}

/// The op must refuse these operands with an Error whose text has `fragment`.
inline void expect_refused(std::string_view op, const std::vector<Tensor>& inputs,
                           Attributes attributes, std::string_view fragment, int outputs = 1) {
  try {
    run_op(op, inputs, std::move(attributes), outputs);
    ADD_FAILURE() << op << " accepted what should fail with '" << fragment << "'";
  } catch (const Error& error) {
    const std::string_view text = error.what();
    EXPECT_NE(text.find(fragment), text.npos) << text << "\nlacks: " << fragment;
    EXPECT_NE(text.find(op), text.npos) << text;
  }
}

/// 1, 2, 3, ... as floats.
inline Tensor counting(const Shape& shape) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  float next = 1;
  for (float& x : tensor.mutable_data<float>()) x = next++;
  return tensor;
}

inline Tensor i64(std::vector<std::int64_t> values) {
  return Tensor::from<std::int64_t>({std::int64_t(values.size())}, values);
}

using Ints = std::vector<std::int64_t>;
inline std::int64_t integer(std::int64_t value) { return value; }

}  // namespace strata::ir::testing
