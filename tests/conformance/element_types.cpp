#include "tests/conformance/element_types.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>
#include <vector>

#include "strata/base/error.hpp"
#include "tests/ir/op_case.hpp"

namespace strata::conformance {
namespace {

constexpr DType all[] = {DType::f64, DType::f32, DType::f16,     DType::bf16,     DType::i64,
                         DType::i32, DType::i16, DType::i8,      DType::u64,      DType::u32,
                         DType::u16, DType::u8,  DType::boolean, DType::f8e4m3fn, DType::i4};

ir::OpCase with_type(ir::OpCase example, DType type) {
  const DType before = example.inputs[0].type.dtype;
  for (ir::OpCase::Input& input : example.inputs) {
    if (input.omitted || input.type.dtype != before) continue;
    input.type.dtype = type;
    if (input.value) input.value = input.value->cast(type);
  }
  return example;
}

bool accepts(const ir::OpDef& op, const ir::OpCase& example, DType type) {
  try {
    ir::testing::build_case(op, with_type(example, type), 1);
    return true;
  } catch (const Error&) {
    return false;
  }
}

struct Family {
  std::string_view name;
  std::vector<DType> members;
};

}  // namespace

std::string element_types(const ir::OpDef& op) {
  std::set<DType> accepted;
  for (const ir::OpCase& example : op.cases()) {
    if (example.inputs.empty() || example.inputs[0].omitted) continue;
    for (const DType type : all) {
      if (!accepted.contains(type) && accepts(op, example, type)) accepted.insert(type);
    }
  }
  const Family families[] = {{"floats", {DType::f64, DType::f32, DType::f16, DType::bf16}},
                             {"integers",
                              {DType::i64, DType::i32, DType::i16, DType::i8, DType::u64,
                               DType::u32, DType::u16, DType::u8}},
                             {"bool", {DType::boolean}},
                             {"narrow", {DType::f8e4m3fn, DType::i4}}};
  std::vector<std::string> parts;
  for (const Family& family : families) {
    std::vector<std::string_view> own;
    for (const DType type : family.members) {
      if (accepted.contains(type)) own.push_back(to_string(type));
    }
    if (own.empty()) continue;
    const bool whole = own.size() == family.members.size();
    parts.push_back(whole ? std::string(family.name) : fmt::format("{}", fmt::join(own, " ")));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace strata::conformance
