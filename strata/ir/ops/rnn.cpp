#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/recurrent.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view functions[] = {"Tanh"};
constexpr RecurrentKind kind{1, functions};

void infer(InferContext& context) { infer_recurrent(context, kind); }

// h = f(W x + Wb + R h + Rb)
Status reference(const EvalArgs& args) {
  Status status;
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    status = run_recurrence<T>(args, kind,
                               [](const RecurrentStep<T>& step, const GateFunctions& function) {
                                 for (std::int64_t j = 0; j < step.hidden; ++j) {
                                   step.h[j] = function[0](step.input[j] + step.recurrent[j]);
                                 }
                               });
  });
  return status;
}

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes both{{"direction", std::string("bidirectional")}};
  const Attributes back{{"direction", std::string("reverse")}, {"layout", std::int64_t(1)}};
  const Attributes relu{{"activations", std::vector<std::string>{"LeakyRelu"}},
                        {"activation_alpha", std::vector<float>{0.1f}},
                        {"clip", 0.3f}};
  const Dim n = Dim::symbol("N");
  return {
      {"forward", {f32({4, n, 3}), weight({1, 5, 3}), weight({1, 5, 5}), weight({1, 10})}, {}, 2},
      {"bidirectional",
       {f32({4, 2, 3}), weight({2, 5, 3}), weight({2, 5, 5}), omitted(),
        values<std::int32_t>({2}, {4, 2}), f32({2, 2, 5})},
       both,
       2},
      {"batch_first", {f32({2, 4, 3}), weight({1, 5, 3}), weight({1, 5, 5})}, back, 2},
      {"leaky", {f32({3, 1, 2}), weight({1, 9, 2}), weight({1, 9, 9})}, relu},
      {"no_steps", {f32({0, 2, 3}), weight({1, 2, 3}), weight({1, 2, 2})}, {}, 2},
      {"f16",
       {input(DType::f16, {3, 2, 2}), input(DType::f16, {1, 4, 2}), input(DType::f16, {1, 4, 4})}}};
}

constexpr AttributeDef attributes[] = {
    {"activation_alpha", AttributeKind::reals}, {"activation_beta", AttributeKind::reals},
    {"activations", AttributeKind::strings},    {"clip", AttributeKind::real},
    {"direction", AttributeKind::string},       {"hidden_size", AttributeKind::integer},
    {"layout", AttributeKind::integer}};

}  // namespace

extern const OpDef rnn_op;
constinit const OpDef rnn_op = {.name = "RNN",
                                .inputs = {3, 6},
                                .outputs = {1, 2},
                                .attributes = attributes,
                                .infer = infer,
                                .reference = reference,
                                .scratch_bytes = recurrent_scratch,
                                .cost = recurrent_cost,
                                .cases = cases};

}  // namespace strata::ir
