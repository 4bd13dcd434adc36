#include <algorithm>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/recurrent.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view functions[] = {"Sigmoid", "Tanh", "Tanh"};
constexpr RecurrentKind kind{4, functions};  // gates in the order i, o, f, c

void infer(InferContext& context) {
  infer_recurrent(context, kind);
  expect_recurrent_state(context, 6, "initial_c");
  const float cell_clip = context.attributes().real("cell_clip", 0);
  if (!(cell_clip >= 0)) fail(ErrorCode::model, "cell_clip is {}; accepted: 0 or more", cell_clip);
  if (context.has_input(7)) {
    context.expect_same_dtype(0, 7);
    context.expect_rank(7, "P", 2);
    expect_extent("extent 0 of P (the directions)", context.input(7).shape[0],
                  context.input(2).shape[0]);
    expect_extent("extent 1 of P", context.input(7).shape[1], context.input(2).shape[2] * Dim(3));
  }
  context.set_output(2, recurrent_state(context));
}

// i = f(Wi x + Ri h + Pi * c), f likewise, or 1 - i where they are coupled,
// c = f * c + i * g(Wc x + Rc h) within +-cell_clip (0: unbounded; not ONNX's), o = f(Wo x + Ro h +
// Po * c), h = o * h(c); biases included.
template <class T>
void step_lstm(const RecurrentStep<T>& step, const GateFunctions& function, bool coupled,
               double cell_clip) {
  const std::int64_t n = step.hidden;
  for (std::int64_t j = 0; j < n; ++j) {
    const auto sum = [&](std::int64_t gate) {
      return step.input[gate * n + j] + step.recurrent[gate * n + j];
    };
    const auto peek = [&](std::int64_t gate) {
      return step.peephole ? double(step.peephole[gate * n + j]) * step.c[j] : 0;
    };
    const double input = function[0](sum(0) + peek(0));
    const double forget = coupled ? 1 - input : function[0](sum(2) + peek(2));
    step.c[j] = forget * step.c[j] + input * function[1](sum(3));
    if (cell_clip > 0) step.c[j] = std::clamp(step.c[j], -cell_clip, cell_clip);
    const double output = function[0](sum(1) + peek(1));
    step.h[j] = output * function[2](step.c[j]);
  }
}

Status reference(const EvalArgs& args) {
  const bool coupled = args.attributes().integer("input_forget", 0) != 0;
  const double cell_clip = args.attributes().real("cell_clip", 0);
  Status status;
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    status = run_recurrence<T>(
        args, kind,
        [coupled, cell_clip](const RecurrentStep<T>& step, const GateFunctions& function) {
          step_lstm(step, function, coupled, cell_clip);
        });
  });
  return status;
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  const Attributes both{{"direction", std::string("bidirectional")}};
  const Attributes first{{"direction", std::string("reverse")}, {"layout", one}};
  const Attributes odd{
      {"activations", std::vector<std::string>{"HardSigmoid", "ScaledTanh", "Softsign"}},
      {"activation_alpha", std::vector<float>{0.3f, 0.5f}},
      {"activation_beta", std::vector<float>{0.4f, 1.1f}},
      {"clip", 0.4f},
      {"input_forget", one}};
  const Dim n = Dim::symbol("N");
  return {
      {"forward", {f32({4, n, 3}), weight({1, 20, 3}), weight({1, 20, 5}), weight({1, 40})}, {}, 3},
      {"bidirectional",
       {f32({4, 2, 3}), weight({2, 20, 3}), weight({2, 20, 5}), weight({2, 40}),
        values<std::int32_t>({2}, {4, 1}), f32({2, 2, 5}), f32({2, 2, 5}), weight({2, 15})},
       both,
       3},
      {"batch_first", {f32({2, 4, 3}), weight({1, 20, 3}), weight({1, 20, 5})}, first, 3},
      {"functions", {f32({3, 1, 2}), weight({1, 36, 2}), weight({1, 36, 9})}, odd},
      {"cell_clip",
       {f32({4, 2, 3}), weight({1, 20, 3}), weight({1, 20, 5})},
       {{"cell_clip", 0.05f}},
       3},
      {"no_input", {f32({2, 1, 0}), weight({1, 8, 0}), weight({1, 8, 2})}, {}, 3},
      {"symbolic_steps", {f32({Dim::symbol("T"), 2, 3}), weight({1, 8, 3}), weight({1, 8, 2})}}};
}

constexpr AttributeDef attributes[] = {{"activation_alpha", AttributeKind::reals},
                                       {"activation_beta", AttributeKind::reals},
                                       {"activations", AttributeKind::strings},
                                       {"cell_clip", AttributeKind::real},
                                       {"clip", AttributeKind::real},
                                       {"direction", AttributeKind::string},
                                       {"hidden_size", AttributeKind::integer},
                                       {"input_forget", AttributeKind::integer},
                                       {"layout", AttributeKind::integer}};

}  // namespace

extern const OpDef lstm_op;
constinit const OpDef lstm_op = {.name = "LSTM",
                                 .inputs = {3, 8},
                                 .outputs = {1, 3},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .reference = reference,
                                 .scratch_bytes = recurrent_scratch,
                                 .cost = recurrent_cost,
                                 .cases = cases};

}  // namespace strata::ir
