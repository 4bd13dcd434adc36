#include "strata/ir/ops/operands.hpp"

#include <fmt/ranges.h>

#include <algorithm>

namespace strata::ir {
namespace {

[[noreturn]] void complain(const InferContext& context, int i, std::string_view what,
                           std::string_view accepted) {
  fail(ErrorCode::model, "{} has element type {}; accepted: {}", what,
       to_string(context.input(i).dtype), accepted);
}

}  // namespace

void expect_float(const InferContext& context, int i, std::string_view what) {
  if (!is_float(context.input(i).dtype)) complain(context, i, what, "f16, bf16, f32, f64");
}

void expect_number(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (!is_float(type) && !is_integer(type)) {
    complain(context, i, what, "floats of 16 and integers of 8 bits or more");
  }
}

void expect_signed(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (is_float(type) || type == DType::i8 || type == DType::i16 || type == DType::i32 ||
      type == DType::i64) {
    return;
  }
  complain(context, i, what, "float and signed integers");
}

void expect_index(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (type != DType::i32 && type != DType::i64) complain(context, i, what, "i32, i64");
}

void expect_dtype(const InferContext& context, int i, std::string_view what, DType type) {
  if (context.input(i).dtype != type) complain(context, i, what, to_string(type));
}

void expect_between(std::string_view what, std::int64_t value, std::int64_t low,
                    std::int64_t high) {
  if (value < low || value > high) {
    fail(ErrorCode::model, "{} is {}; accepted: [{}, {}]", what, value, low, high);
  }
}

void expect_count(std::string_view what, std::size_t given, std::size_t expected) {
  if (given != expected) {
    fail(ErrorCode::model, "{} has {} entries, expected {}", what, given, expected);
  }
}

void expect_extent(std::string_view what, const Dim& given, const Dim& expected) {
  if (given.is_constant() && expected.is_constant() && given.constant() != expected.constant()) {
    fail(ErrorCode::model, "{} is {}, expected {}", what, given.constant(), expected.constant());
  }
}

std::int64_t expect_known(std::string_view what, const Dim& extent) {
  if (!extent.is_constant()) {
    fail(ErrorCode::unsupported, "{} is {}; it must not depend on symbols", what,
         to_string(extent));
  }
  return extent.constant();
}

std::vector<std::int64_t> expect_integers(const InferContext& context, int i,
                                          std::string_view what) {
  auto values = context.integers(i);
  if (!values) {
    fail(ErrorCode::unsupported,
         "{} depends on data or symbols; accepted: a constant or numbers computed from shapes",
         what);
  }
  return *std::move(values);
}

std::vector<Dim> expect_elements(const InferContext& context, int i, std::string_view what) {
  auto values = context.elements(i);
  if (!values) {
    fail(ErrorCode::unsupported,
         "{} depends on data; accepted: a constant or integers computed from shapes", what);
  }
  return *std::move(values);
}

int expect_length(const InferContext& context, int i, std::string_view what) {
  context.expect_rank(i, what, 1);
  const Dim& length = context.input(i).shape[0];
  if (!length.is_constant() || length.constant() > max_rank) {
    fail(ErrorCode::unsupported, "{} has {} entries; accepted: a number up to {}", what,
         to_string(length), max_rank);
  }
  return int(length.constant());
}

std::span<const std::int64_t> integers_view(const Attributes& attributes, std::string_view name) {
  const Attribute* found = attributes.find(name);
  if (!found) return {};
  const auto* values = std::get_if<std::vector<std::int64_t>>(found);
  if (!values) fail(ErrorCode::model, "attribute {} must be a list of integers", name);
  return *values;
}

std::string_view text_view(const Attributes& attributes, std::string_view name,
                           std::string_view fallback) {
  const Attribute* found = attributes.find(name);
  if (!found) return fallback;
  const auto* text = std::get_if<std::string>(found);
  if (!text) fail(ErrorCode::model, "attribute {} must be a string", name);
  return *text;
}

void expect_word(const Attributes& attributes, std::string_view name, std::string_view fallback,
                 std::span<const std::string_view> accepted) {
  const std::string_view word = text_view(attributes, name, fallback);
  if (std::find(accepted.begin(), accepted.end(), word) == accepted.end()) {
    fail(ErrorCode::model, "attribute {} is '{}'; accepted: {}", name, word,
         fmt::join(accepted, ", "));
  }
}

void same_as_input(InferContext& context) {
  context.set_output(0, context.input(0));
  if (auto elements = context.elements(0)) context.set_elements(0, *std::move(elements));
}

Cost elementwise_cost(const CostArgs& args) { return {.flops = args.outputs[0].elements()}; }

}  // namespace strata::ir
