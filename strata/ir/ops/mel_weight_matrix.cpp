#include <cmath>
#include <limits>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

enum Operand { num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz };

constexpr std::string_view names[] = {"num_mel_bins", "dft_length", "sample_rate",
                                      "lower_edge_hertz", "upper_edge_hertz"};

/// The known element of a scalar that decides an extent.
std::optional<Dim> known(const InferContext& context, int i) {
  const auto elements = context.elements(i);
  if (!elements) return std::nullopt;
  expect_count(names[i], elements->size(), 1);
  const Dim& value = (*elements)[0];
  if (value.is_constant()) {
    expect_between(names[i], value.constant(), 0, std::numeric_limits<std::int32_t>::max());
  }
  return value;
}

void infer(InferContext& context) {
  for (int i = 0; i < 5; ++i) {
    i <= sample_rate ? expect_index(context, i, names[i]) : expect_float(context, i, names[i]);
    const auto shape = as_constant(context.input(i).shape);
    if (!shape || shape->elements() != 1) context.expect_rank(i, names[i], 0);
  }
  const auto length = known(context, dft_length);
  const auto bins = known(context, num_mel_bins);
  const Attributes& attributes = context.attributes();
  const DType type =
      attributes.has("output_datatype") ? attributes.dtype("output_datatype") : DType::f32;
  const Dim rows = length ? Dim::floor_div(*length, 2) + 1 : context.open_extent(0, 0);
  context.set_output(0, {type, {rows, bins ? *bins : context.open_extent(0, 1)}});
}

double mel(double hertz) { return 2595 * std::log10(1 + hertz / 700); }
double hertz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

/// Weight of row j in the triangle from low over its peak at center to high. If the rise has no
/// width, the peak stands alone.
double triangle(std::int64_t j, std::int64_t low, std::int64_t center, std::int64_t high) {
  if (j >= center && j < high) return double(high - j) / double(high - center);
  if (j == center) return 1;
  if (j < low || j > center) return 0;
  return double(j - low) / double(center - low);
}

Status reference(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  const std::int64_t rows = y.shape()[0];
  const std::int64_t bins = y.shape()[1];
  const auto length = double(index_at(args.inputs[dft_length], 0));
  const auto rate = double(index_at(args.inputs[sample_rate], 0));
  const double low = mel(load_one<double>(args.inputs[lower_edge_hertz], 0));
  const double high = mel(load_one<double>(args.inputs[upper_edge_hertz], 0));
  const double step = (high - low) / double(bins + 2);
  if (!(rate > 0)) return {"sample_rate is not above 0"};
  const auto edge = [&](std::int64_t i) {
    const double row = std::floor((length + 1) * hertz(low + double(i) * step) / rate);
    return row >= 0 && row < double(rows) ? std::int64_t(row) : -1;
  };
  for (std::int64_t bin = 0; bin < bins; ++bin) {
    const std::int64_t edges[] = {edge(bin), edge(bin + 1), edge(bin + 2)};
    for (const std::int64_t row : edges) {
      if (row < 0) return {"a band lies outside the spectrum"};
    }
    for (std::int64_t j = 0; j < rows; ++j) {
      store_one(triangle(j, edges[0], edges[1], edges[2]), y, j * bins + bin);
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto bins = scalar<std::int32_t>(8);
  const auto rate = scalar<std::int64_t>(8192);
  return {{"plain", {bins, scalar<std::int32_t>(16), rate, scalar(0.0f), scalar(4096.0f)}},
          {"fine",
           {bins, scalar<std::int64_t>(256), rate, scalar(100.0), scalar(3000.0)},
           {{"output_datatype", DType::f64}}}};
}

constexpr AttributeDef attributes[] = {{"output_datatype", AttributeKind::dtype}};

}  // namespace

extern const OpDef mel_weight_matrix_op;
constinit const OpDef mel_weight_matrix_op = {.name = "MelWeightMatrix",
                                              .inputs = {5, 5},
                                              .attributes = attributes,
                                              .infer = infer,
                                              .reference = reference,
                                              .cost = elementwise_cost,
                                              .cases = cases};

}  // namespace strata::ir
