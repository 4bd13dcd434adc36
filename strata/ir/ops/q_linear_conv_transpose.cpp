// Transposed convolutions of quantized numbers.
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/conv_transpose.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/integer_sums.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::ir {
namespace {

enum { x_at, x_scale_at, x_zero_at, w_at, w_scale_at, w_zero_at, y_scale_at, y_zero_at, bias_at };

void expect_per_output(const InferContext& context, int i, std::string_view what,
                       const Dim& filters) {
  if (is_single(context, i)) return;
  context.expect_rank(i, what, 1);
  expect_extent(fmt::format("length of {}", what), context.input(i).shape[0], filters);
}

void infer(InferContext& context) {
  expect_arithmetic(context);
  expect_code(context, x_at, "x");
  expect_byte(context, w_at, "w");
  context.expect_same_dtype(x_at, y_zero_at);
  SymbolicShape shape = infer_transposed(context, w_at);
  expect_grid(context, {x_at, x_scale_at, x_zero_at}, "x");
  expect_grid(context, {y_zero_at, y_scale_at, y_zero_at}, "y");
  expect_scale(context, w_scale_at, "w");
  context.expect_same_dtype(w_at, w_zero_at);
  expect_per_output(context, w_scale_at, "w_scale", shape[1]);
  expect_per_output(context, w_zero_at, "w_zero_point", shape[1]);
  const bool wide = context.input(x_at).dtype == DType::i16;
  if (context.has_input(bias_at)) {
    if (!wide || context.input(bias_at).dtype != DType::i64) {
      expect_dtype(context, bias_at, "B", DType::i32);
    }
    context.expect_rank(bias_at, "B", 1);
    expect_extent("length of B", context.input(bias_at).shape[0], shape[1]);
  }
  if (!wide) {
    const SymbolicShape& w = context.input(w_at).shape;
    const std::int64_t rows =
        expect_known("channels of W", w[0]) / context.attributes().integer("group", 1);
    std::int64_t taps = rows;
    for (std::size_t i = 2; i < w.size(); ++i) taps *= expect_known("extent of W", w[i]);
    expect_sums_fit(context, {x_at, x_zero_at, w_at, w_zero_at, bias_at, 1, taps, rows});
  }
  context.set_output(0, {context.input(x_at).dtype, std::move(shape)});
}

/// The input position that tap k carries to output o, or -1.
std::int64_t origin(const WindowAxis& axis, std::int64_t o, std::int64_t k) {
  const std::int64_t distance = o + axis.pad_begin - k * axis.dilation;
  if (distance < 0 || distance % axis.stride != 0) return -1;
  return distance / axis.stride < axis.output ? distance / axis.stride : -1;
}

/// Where the channels of a group and their weights for one filter begin.
template <class X, class W>
struct Filter {
  const X* x;
  const W* w;
  std::int64_t channels, w_step;
  std::int32_t x_zero, w_zero;
};

/// Adds what the inputs carry to outputs [begin, begin + count) of one row.
template <class Sum, class X, class W>
void add_row(const Filter<X, W>& f, const Window& window, std::int64_t at_d, std::int64_t at_h,
             std::int64_t begin, std::int64_t count, Sum* sums) {
  const auto& [d, h, c] = window;
  for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
    const std::int64_t id = origin(d, at_d, kd);
    for (std::int64_t kh = 0; kh < h.kernel && id >= 0; ++kh) {
      const std::int64_t ih = origin(h, at_h, kh);
      if (ih < 0) continue;
      for (std::int64_t channel = 0; channel < f.channels; ++channel) {
        const X* line = f.x + ((channel * d.output + id) * h.output + ih) * c.output;
        const W* taps = f.w + channel * f.w_step + (kd * h.kernel + kh) * c.kernel;
        for (std::int64_t kw = 0; kw < c.kernel; ++kw) {
          const auto weight = Sum(std::int32_t(taps[kw]) - f.w_zero);
          for (std::int64_t i = 0; i < c.output; ++i) {
            const std::int64_t o = c.position(i, kw) - begin;
            if (o < 0 || o >= count) continue;
            sums[o] += Sum(std::int32_t(line[i]) - f.x_zero) * weight;
          }
        }
      }
    }
  }
}

template <class X, class W, class Sum>
void convolve(const EvalArgs& args) {
  const Window window = transposed_window(args, w_at);
  const Shape& x = args.inputs[x_at].shape();
  const Shape& y = args.outputs[0].shape();
  const Shape& w = args.inputs[w_at].shape();
  const std::int64_t channels = x[1] / args.attributes().integer("group", 1);
  const std::int64_t taps = w.elements(2, w.rank());
  const QuantizedOperand x_grid = grid(args, x_scale_at, x_zero_at);
  X* out = args.outputs[0].mutable_data<X>().data();
  std::array<Sum, sums_at_once> sums;
  for (std::int64_t plane = 0; plane < y[0] * y[1]; ++plane) {
    const std::int64_t filter = plane % y[1];
    const std::int64_t first = filter / w[1] * channels;
    const Filter<X, W> f{args.inputs[x_at].data<X>().data() +
                             (plane / y[1] * x[1] + first) * x.elements(2, x.rank()),
                         args.inputs[w_at].data<W>().data() + (first * w[1] + filter % w[1]) * taps,
                         channels,
                         w[1] * taps,
                         x_grid.zero_point,
                         per_channel<W>(args.inputs[w_zero_at], filter)};
    const Rescale rescale = rescale_of({arithmetic_of(args.attributes()), SumOf::transposed,
                                        args.outputs[0].dtype(), sizeof(Sum) == 8, x_grid.scale,
                                        per_channel<float>(args.inputs[w_scale_at], filter),
                                        grid(args, y_scale_at, y_zero_at), filter < y[1] / 8 * 8});
    const Sum bias = args.has_input(bias_at) ? Sum(index_at(args.inputs[bias_at], filter)) : 0;
    for (std::int64_t row = 0; row < window[0].input * window[1].input; ++row) {
      for (std::int64_t at = 0; at < window[2].input; at += sums_at_once) {
        const std::int64_t count = std::min(sums_at_once, window[2].input - at);
        std::fill_n(sums.begin(), count, bias);
        add_row(f, window, row / window[1].input, row % window[1].input, at, count, sums.data());
        for (std::int64_t i = 0; i < count; ++i) {
          *out++ = X(rescale(std::make_signed_t<Sum>(sums[std::size_t(i)])));
        }
      }
    }
  }
}

Status reference(const EvalArgs& args) {
  const bool narrow = args.has_input(bias_at) && args.inputs[bias_at].dtype() == DType::i32;
  dispatch_code(args.inputs[x_at].dtype(), [&]<class X>() {
    dispatch_byte(args.inputs[w_at].dtype(), [&]<class W>() {
      if (sizeof(X) == 2 && !narrow) {
        convolve<X, W, std::uint64_t>(args);
      } else {
        convolve<X, W, std::uint32_t>(args);
      }
    });
  });
  return {};
}

Cost cost(const CostArgs& args) {
  const Shape& w = args.inputs[w_at];
  return {.macs = args.inputs[0].elements() * w.elements(1, w.rank()),
          .flops = 3 * args.outputs[0].elements()};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  const auto w = [] {
    return values<std::int8_t>({2, 2, 2, 2},
                               {-128, 127, 3, -4, 5, 0, 7, -8, 9, 1, -11, 12, 2, -2, 1, 0});
  };
  const auto z = [](int value) { return scalar<std::int8_t>(std::int8_t(value)); };
  const auto s = [](float value) { return scalar(value); };
  return {{"plain",
           {input(DType::i8, {1, 2, 3, 3}), s(0.1f), z(2), w(), s(0.2f), z(0), s(0.3f), z(-5)}},
          {"per_filter",
           {input(DType::i8, {2, 2, 3, 3}), s(0.1f), z(2), w(), values<float>({2}, {0.2f, 0.01f}),
            z(0), s(0.3f), z(-5), values<std::int32_t>({2}, {100, -77})},
           {{"arithmetic", "tflite_reference"}, {"strides", Ints{2, 2}}}},
          {"grouped",
           {input(DType::u8, {1, 2, 3, 3}), s(0.1f), scalar<std::uint8_t>(2),
            input(DType::u8, {2, 1, 3, 3}), s(0.2f), scalar<std::uint8_t>(1), s(0.3f),
            scalar<std::uint8_t>(5)},
           {{"arithmetic", "tflite_xnnpack"},
            {"group", std::int64_t(2)},
            {"pads", Ints{1, 1, 1, 1}},
            {"strides", Ints{2, 1}}}},
          {"i16",
           {input(DType::i16, {1, 2, 3, 3}), s(0.1f), scalar<std::int16_t>(0), w(), s(0.2f), z(0),
            s(0.3f), scalar<std::int16_t>(0)},
           {{"arithmetic", "tflite_reference"}}}};
}

constexpr AttributeDef attributes[] = {
    {"arithmetic", AttributeKind::string},     {"auto_pad", AttributeKind::string},
    {"dilations", AttributeKind::integers},    {"group", AttributeKind::integer},
    {"kernel_shape", AttributeKind::integers}, {"output_padding", AttributeKind::integers},
    {"output_shape", AttributeKind::integers}, {"pads", AttributeKind::integers},
    {"strides", AttributeKind::integers}};

}  // namespace

extern const OpDef q_linear_conv_transpose_op;
constinit const OpDef q_linear_conv_transpose_op = {.name = "QLinearConvTranspose",
                                                    .domain = "strata",
                                                    .inputs = {8, 9},
                                                    .attributes = attributes,
                                                    .infer = infer,
                                                    .reference = reference,
                                                    .cost = cost,
                                                    .cases = cases};

}  // namespace strata::ir
