#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"

namespace strata::ir {
namespace {

using nlohmann::json;

// What other runtimes computed with single operators, a case a line: make_vectors.py in
// tests/ir/litert and tests/ir/onnxruntime.

Tensor tensor_of(const json& described) {
  static const std::map<std::string, DType> types{{"f32", DType::f32}, {"i8", DType::i8},
                                                  {"u8", DType::u8},   {"i16", DType::i16},
                                                  {"i32", DType::i32}, {"i64", DType::i64}};
  const auto shape = described.at("shape").get<std::vector<std::int64_t>>();
  Tensor wide = Tensor::zeros(DType::f64, Shape(std::span<const std::int64_t>(shape)));
  const json& data = described.at("data");
  EXPECT_EQ(std::int64_t(data.size()), wide.elements());
  for (std::size_t i = 0; i < data.size(); ++i) wide.mutable_data<double>()[i] = data[i];
  return wide.cast(types.at(described.at("type")));
}

Attributes attributes_of(const json& described) {
  Attributes attributes;
  for (const auto& [name, value] : described.items()) {
    if (value.is_string()) {
      attributes.set(name, value.get<std::string>());
    } else if (value.is_array()) {
      attributes.set(name, value.get<std::vector<std::int64_t>>());
    } else if (value.is_number_float()) {
      attributes.set(name, value.get<float>());
    } else {
      attributes.set(name, value.get<std::int64_t>());
    }
  }
  return attributes;
}

std::vector<Tensor> run(const json& example, const std::string& mode) {
  const std::string name = example.at("op");
  Graph graph;
  std::vector<ValueId> operands;
  for (const json& input : example.at("inputs")) {
    operands.push_back(graph.add_constant("", EncodedTensor(tensor_of(input))));
  }
  Attributes attributes = attributes_of(example.at("attributes"));
  const OpDef& op = find_op(name);
  const bool has_modes = std::ranges::any_of(
      op.attributes, [](const AttributeDef& a) { return a.name == "arithmetic"; });
  if (has_modes) attributes.set("arithmetic", mode);
  Builder builder(graph);
  graph.outputs = builder.multi(name, operands, int(example.at("expected").at(mode).size()),
                                std::move(attributes), "node");
  return interpret(graph, {});
}

class PeerVectors : public ::testing::TestWithParam<std::string> {};

TEST_P(PeerVectors, AreComputedAlike) {
  std::ifstream file(STRATA_SOURCE_DIR "/tests/ir/" + GetParam() + ".json");
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    const json example = json::parse(line);
    ++number;
    for (const auto& [mode, expected] : example.at("expected").items()) {
      SCOPED_TRACE("line " + std::to_string(number) + ", " + mode);
      const std::vector<Tensor> actual = run(example, mode);
      ASSERT_EQ(actual.size(), expected.size());
      for (std::size_t i = 0; i < actual.size(); ++i) {
        const Tensor wanted = tensor_of(expected[i]);
        EXPECT_TRUE(identical(actual[i].cast(DType::f64), wanted.cast(DType::f64)))
            << "output " << i;
        EXPECT_EQ(actual[i].dtype(), wanted.dtype());
      }
    }
  }
  EXPECT_GT(number, 0);
}

std::vector<std::string> vector_files() {
  std::vector<std::string> names;
  for (const std::string folder : {"litert", "onnxruntime"}) {
    const std::string path = STRATA_SOURCE_DIR "/tests/ir/" + folder;
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() != ".json") continue;
      names.push_back(folder + "/" + entry.path().stem().string());
    }
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Operators, PeerVectors, ::testing::ValuesIn(vector_files()),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           std::ranges::replace(name, '/', '_');
                           return name;
                         });

}  // namespace
}  // namespace strata::ir
