#include <cmath>
#include <limits>
#include <numbers>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_index(context, 0, "size");
  if (rank_of(context, 0) > 1) context.expect_rank(0, "size", 0);
  const auto size = context.elements(0);
  if (size) expect_count("size", size->size(), 1);
  const Dim length = size ? (*size)[0] : context.open_extent(0, 0);
  if (length.is_constant()) {
    expect_between("size", length.constant(), 0, std::numeric_limits<std::int32_t>::max());
  }
  const Attributes& attributes = context.attributes();
  const DType type =
      attributes.has("output_datatype") ? attributes.dtype("output_datatype") : DType::f32;
  if (type == DType::boolean) {
    fail(ErrorCode::model, "output_datatype is {}; accepted: numbers", to_string(type));
  }
  context.set_output(0, {type, {length}});
}

/// y[i] = a - b cos(2 pi i / n) + c cos(4 pi i / n); n is the size, one less if symmetric.
Status cosine_sum(const EvalArgs& args, double a, double b, double c) {
  Tensor& y = args.outputs[0];
  const bool periodic = args.attributes().integer("periodic", 1) != 0;
  const double n = double(y.elements()) - (periodic ? 0 : 1);
  for (std::int64_t i = 0; i < y.elements(); ++i) {
    const double turn = 2 * std::numbers::pi * double(i) / n;
    // The symmetric window of one element is its own middle.
    const double value = n == 0 ? a + b + c : a - b * std::cos(turn) + c * std::cos(2 * turn);
    store_one(value, y, i);
  }
  return {};
}

Status blackman(const EvalArgs& args) { return cosine_sum(args, 0.42, 0.5, 0.08); }
Status hamming(const EvalArgs& args) { return cosine_sum(args, 25.0 / 46, 21.0 / 46, 0); }
Status hann(const EvalArgs& args) { return cosine_sum(args, 0.5, 0.5, 0); }

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t zero = 0;
  return {{"periodic", {scalar<std::int64_t>(10)}},
          {"symmetric", {scalar<std::int32_t>(9)}, {{"periodic", zero}}},
          {"one", {scalar<std::int64_t>(1)}, {{"periodic", zero}}},
          {"f64", {scalar<std::int64_t>(5)}, {{"output_datatype", DType::f64}}},
          {"i32", {scalar<std::int64_t>(5)}, {{"output_datatype", DType::i32}}},
          {"none", {scalar<std::int64_t>(0)}}};
}

constexpr AttributeDef attributes[] = {{"output_datatype", AttributeKind::dtype},
                                       {"periodic", AttributeKind::integer}};

constexpr OpDef row(std::string_view name, Status (*reference)(const EvalArgs&)) {
  return {.name = name,
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .cases = cases};
}

}  // namespace

extern const OpDef blackman_window_op, hamming_window_op, hann_window_op;

constinit const OpDef blackman_window_op = row("BlackmanWindow", blackman);
constinit const OpDef hamming_window_op = row("HammingWindow", hamming);
constinit const OpDef hann_window_op = row("HannWindow", hann);

}  // namespace strata::ir
