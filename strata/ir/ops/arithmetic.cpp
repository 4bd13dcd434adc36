#include <cmath>

#include "strata/ir/ops/binary.hpp"

namespace strata::ir {
namespace {

// Integers wrap, so they are computed without sign.
struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return T(std::uint64_t(a) + std::uint64_t(b));
    return a + b;
  }
};

struct Minus {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return T(std::uint64_t(a) - std::uint64_t(b));
    return a - b;
  }
};

struct Times {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) return T(std::uint64_t(a) * std::uint64_t(b));
    return a * b;
  }
};

struct Divide {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, std::int64_t>) {
      if (b == -1) return Minus{}(std::int64_t(0), a);  // the minimum has no positive twin
    }
    return a / b;
  }
};

/// The remainder that takes the sign of the divisor, as Python's %.
struct FloorRemainder {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      const T remainder = std::fmod(a, b);
      if (remainder == 0) return std::copysign(remainder, b);
      return (remainder < 0) != (b < 0) ? remainder + b : remainder;
    } else if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
      const T remainder = a % b;
      return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
    } else {
      return a % b;
    }
  }
};

/// The remainder that takes the sign of the dividend, as C's fmod.
struct TruncatedRemainder {
  template <class T>
  T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) return std::fmod(a, b);
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
      if (b == -1) return 0;
    }
    if constexpr (std::is_integral_v<T>) return a % b;
  }
};

template <class F>
Status divide_reference(const EvalArgs& args) {
  const Tensor& divisor = args.inputs[1];
  if (!is_float(divisor.dtype())) {
    for (std::int64_t i = 0; i < divisor.elements(); ++i) {
      if (load_one<std::int64_t>(divisor, i) == 0) return {"integer division by zero"};
    }
  }
  return combine_reference<F>(args);
}

Status mod_reference(const EvalArgs& args) {
  const bool truncated = args.attributes().integer("fmod", 0) != 0;
  return truncated ? divide_reference<TruncatedRemainder>(args)
                   : divide_reference<FloorRemainder>(args);
}

/// Symbols stand for extents, so quotients of expressions in them round like non-negative numbers.
std::optional<Dim> divide_dims(const Dim& a, const Dim& b) {
  if (!b.is_constant()) return Dim::divide_exactly(a, b);
  if (b.constant() == 0) return std::nullopt;
  if (a.is_constant()) return Dim(Divide{}(a.constant(), b.constant()));
  if (auto exact = Dim::divide_exactly(a, b)) return exact;
  return b.constant() > 0 ? std::optional(Dim::floor_div(a, b)) : std::nullopt;
}

template <DimFunction f>
void infer_with_elements(InferContext& context) {
  infer_binary(context);
  set_combined_elements(context, f);
}

void infer_mod(InferContext& context) {
  infer_binary(context);
  expect_between("fmod", context.attributes().integer("fmod", 0), 0, 1);
}

std::vector<OpCase> sum_cases() {
  using namespace example;
  std::vector<OpCase> cases = float_binary_cases();
  cases.push_back({"i64", {i64({1, -7, 1LL << 62}), i64({5, 2, 1LL << 62})}});
  cases.push_back({"u8", {values<std::uint8_t>({3}, {1, 200, 255}), scalar<std::uint8_t>(100)}});
  return cases;
}

std::vector<OpCase> quotient_cases() {
  using namespace example;
  std::vector<OpCase> cases = binary_cases(DType::f32, 0.5, 2);
  cases.push_back(
      {"i32",
       {values<std::int32_t>({4}, {7, -7, 7, -7}), values<std::int32_t>({4}, {2, 2, -2, -2})}});
  cases.push_back({"i64", {i64({INT64_MIN, 9, -9}), i64({-1, 4, 4})}});
  return cases;
}

std::vector<OpCase> mod_cases() {
  using namespace example;
  const Attributes fmod{{"fmod", std::int64_t(1)}};
  return {{"i64", {i64({-4, 7, 5, 4, -7, 8}), i64({2, -3, 8, -2, 3, 5})}},
          {"i64_fmod", {i64({-4, 7, 5, 4, -7, 8}), i64({2, -3, 8, -2, 3, 5})}, fmod},
          {"f32",
           {values<float>({6}, {-4.3f, 7.2f, 5, 4.3f, -7.2f, 8}),
            values<float>({6}, {2.1f, -3.4f, 8, -2.1f, 3.4f, 5})}},
          {"f32_fmod",
           {values<float>({6}, {-4.3f, 7.2f, 5, 4.3f, -7.2f, 8}),
            values<float>({6}, {2.1f, -3.4f, 8, -2.1f, 3.4f, 5})},
           fmod},
          {"u8", {values<std::uint8_t>({3}, {9, 200, 3}), scalar<std::uint8_t>(7)}}};
}

constexpr AttributeDef mod_attributes[] = {{"fmod", AttributeKind::integer}};

constexpr OpDef row(std::string_view name, void (*infer)(InferContext&),
                    Status (*reference)(const EvalArgs&), std::vector<OpCase> (*cases)()) {
  return {.name = name,
          .inputs = {2, 2},
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .cases = cases};
}

std::optional<Dim> add_dims(const Dim& a, const Dim& b) { return a + b; }
std::optional<Dim> subtract_dims(const Dim& a, const Dim& b) { return a - b; }
std::optional<Dim> multiply_dims(const Dim& a, const Dim& b) { return a * b; }

}  // namespace

extern const OpDef add_op, div_op, mod_op, mul_op, sub_op;

constinit const OpDef add_op =
    row("Add", infer_with_elements<add_dims>, combine_reference<Plus>, sum_cases);
constinit const OpDef div_op =
    row("Div", infer_with_elements<divide_dims>, divide_reference<Divide>, quotient_cases);
constinit const OpDef mod_op = {.name = "Mod",
                                .inputs = {2, 2},
                                .attributes = mod_attributes,
                                .infer = infer_mod,
                                .reference = mod_reference,
                                .cost = elementwise_cost,
                                .cases = mod_cases};
constinit const OpDef mul_op =
    row("Mul", infer_with_elements<multiply_dims>, combine_reference<Times>, sum_cases);
constinit const OpDef sub_op =
    row("Sub", infer_with_elements<subtract_dims>, combine_reference<Minus>, sum_cases);

}  // namespace strata::ir
