#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/recurrent.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view functions[] = {"Sigmoid", "Tanh"};
constexpr RecurrentKind kind{3, functions};

void infer(InferContext& context) { infer_recurrent(context, kind); }

// z = f(Wz x + Rz h), r = f(Wr x + Rr h), n = g(Wh x + Rh (r * h)) or g(Wh x + r * (Rh h)),
// h = (1 - z) * n + z * h; each product has its bias.
template <class T>
void step_gru(const RecurrentStep<T>& step, const GateFunctions& function, bool linear) {
  const std::int64_t n = step.hidden;
  const double* z_in = step.input;
  const double* r_in = step.input + n;
  const double* h_in = step.input + 2 * n;
  double* z = step.recurrent;
  double* r = step.recurrent + n;
  double* candidate = step.recurrent + 2 * n;
  double* gated = step.c;
  for (std::int64_t j = 0; j < n; ++j) {
    z[j] = function[0](z_in[j] + z[j]);
    r[j] = function[0](r_in[j] + r[j]);
    gated[j] = r[j] * step.h[j];
  }
  if (!linear) {
    project(step.rows + 2 * n * n, step.bias ? step.bias + 2 * n : nullptr, n, n, gated, candidate);
  }
  for (std::int64_t j = 0; j < n; ++j) {
    const double reset = linear ? r[j] * candidate[j] : candidate[j];
    step.h[j] = (1 - z[j]) * function[1](h_in[j] + reset) + z[j] * step.h[j];
  }
}

Status reference(const EvalArgs& args) {
  const bool linear = args.attributes().integer("linear_before_reset", 0) != 0;
  Status status;
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    status = run_recurrence<T>(
        args, kind, [linear](const RecurrentStep<T>& step, const GateFunctions& function) {
          step_gru(step, function, linear);
        });
  });
  return status;
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  const Attributes both{{"direction", std::string("bidirectional")}, {"linear_before_reset", one}};
  const Attributes first{{"direction", std::string("reverse")}, {"layout", one}};
  const Attributes odd{{"activations", std::vector<std::string>{"HardSigmoid", "Affine"}},
                       {"activation_alpha", std::vector<float>{0.3f, 0.5f}},
                       {"activation_beta", std::vector<float>{0.4f, 0.1f}},
                       {"clip", 0.4f}};
  const Dim n = Dim::symbol("N");
  return {
      {"forward", {f32({4, n, 3}), weight({1, 15, 3}), weight({1, 15, 5}), weight({1, 30})}, {}, 2},
      {"bidirectional",
       {f32({4, 2, 3}), weight({2, 15, 3}), weight({2, 15, 5}), weight({2, 30}),
        values<std::int32_t>({2}, {2, 4}), f32({2, 2, 5})},
       both,
       2},
      {"batch_first", {f32({2, 4, 3}), weight({1, 15, 3}), weight({1, 15, 5})}, first, 2},
      {"functions", {f32({3, 1, 2}), weight({1, 27, 2}), weight({1, 27, 9})}, odd},
      {"no_batch", {f32({3, 0, 2}), weight({1, 6, 2}), weight({1, 6, 2})}, {}, 2}};
}

constexpr AttributeDef attributes[] = {
    {"activation_alpha", AttributeKind::reals}, {"activation_beta", AttributeKind::reals},
    {"activations", AttributeKind::strings},    {"clip", AttributeKind::real},
    {"direction", AttributeKind::string},       {"hidden_size", AttributeKind::integer},
    {"layout", AttributeKind::integer},         {"linear_before_reset", AttributeKind::integer}};

}  // namespace

extern const OpDef gru_op;
constinit const OpDef gru_op = {.name = "GRU",
                                .inputs = {3, 6},
                                .outputs = {1, 2},
                                .attributes = attributes,
                                .infer = infer,
                                .reference = reference,
                                .scratch_bytes = recurrent_scratch,
                                .cost = recurrent_cost,
                                .cases = cases};

}  // namespace strata::ir
