#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/integer_sums.hpp"
#include "strata/ir/ops/quantized.hpp"

namespace strata::ir {
namespace {

enum { x_at, w_at, x_zero_at, w_zero_at };

void infer(InferContext& context) {
  expect_byte(context, x_at, "x");
  expect_byte(context, w_at, "w");
  SymbolicShape shape = infer_convolution(context, w_at);
  if (context.has_input(x_zero_at)) {
    context.expect_same_dtype(x_at, x_zero_at);
    expect_single(context, x_zero_at, "x_zero_point");
  }
  if (context.has_input(w_zero_at)) {
    context.expect_same_dtype(w_at, w_zero_at);
    if (!is_single(context, w_zero_at)) {
      expect_per_filter(context, w_zero_at, "w_zero_point", w_at);
    }
  }
  context.set_output(0, {DType::i32, std::move(shape)});
}

/// Sums wrap, as 32-bit accumulators do.
template <class X, class W>
void convolve(const EvalArgs& args) {
  const std::int32_t x_zero = args.has_input(x_zero_at) ? args.inputs[x_zero_at].data<X>()[0] : 0;
  const auto w_zero = [&](std::int64_t filter) -> std::int32_t {
    return args.has_input(w_zero_at) ? per_channel<W>(args.inputs[w_zero_at], filter) : 0;
  };
  std::int32_t* y = args.outputs[0].mutable_data<std::int32_t>().data();
  convolve_rows<std::uint32_t>(ConvGeometry(args, w_at), args.inputs[x_at].data<X>().data(), x_zero,
                               args.inputs[w_at].data<W>().data(), w_zero,
                               [&](std::int64_t, std::int64_t at, const std::uint32_t* sums,
                                   std::int64_t count) { std::copy(sums, sums + count, y + at); });
}

Status reference(const EvalArgs& args) {
  dispatch_byte(args.inputs[x_at].dtype(), [&]<class X>() {
    dispatch_byte(args.inputs[w_at].dtype(), [&]<class W>() { convolve<X, W>(args); });
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.macs = conv_macs(args, w_at)}; }

using Ints = std::vector<std::int64_t>;

OpCase::Input u8_image() { return example::input(DType::u8, {1, 4, 5, 6}); }
OpCase::Input i8_filters() {
  return example::values<std::int8_t>({2, 4, 1, 2},
                                      {-128, 127, 3, -4, 5, 0, 7, -8, 9, 1, -11, 12, 2, -2, 1, 0});
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"plain", {u8_image(), i8_filters()}},
          {"zero_points",
           {u8_image(), i8_filters(), scalar<std::uint8_t>(3), scalar<std::int8_t>(-2)},
           {{"pads", Ints{1, 0, 1, 2}}, {"strides", Ints{2, 1}}}},
          {"per_filter",
           {input(DType::i8, {1, 4, 5, 6}), i8_filters(), omitted(),
            values<std::int8_t>({2}, {5, -7})}},
          {"grouped",
           {u8_image(), input(DType::u8, {4, 2, 2, 2}), values<std::uint8_t>({1}, {7})},
           {{"group", std::int64_t(2)}}},
          {"symbolic", {input(DType::u8, {Dim::symbol("N"), 4, 5, 6}), i8_filters()}},
          {"empty", {input(DType::u8, {0, 4, 5, 6}), i8_filters()}}};
}

constexpr AttributeDef attributes[] = {
    {"auto_pad", AttributeKind::string}, {"dilations", AttributeKind::integers},
    {"group", AttributeKind::integer},   {"kernel_shape", AttributeKind::integers},
    {"pads", AttributeKind::integers},   {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef conv_integer_op;

constinit const OpDef conv_integer_op = {.name = "ConvInteger",
                                         .inputs = {2, 4},
                                         .attributes = attributes,
                                         .infer = infer,
                                         .reference = reference,
                                         .cost = cost,
                                         .cases = cases};

}  // namespace strata::ir
