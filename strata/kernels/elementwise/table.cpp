#include <algorithm>
#include <cstring>
#include <span>

#include "strata/kernels/built.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/elementwise/binary_plan.hpp"

namespace strata::kernels {

std::int64_t unary_elements(const UnaryProblem& problem) {
  return stored_elements(problem.layouts.out[0],
                         std::span(problem.dims).first(std::size_t(problem.rank)));
}

namespace {

const UnaryProblem& unary(const Problem& problem) {
  return static_cast<const UnaryProblem&>(problem);
}
const BinaryProblem& binary(const Problem& problem) {
  return static_cast<const BinaryProblem&>(problem);
}

const char* accept(const Problem&) { return nullptr; }

void add_option(std::size_t inputs, const Layout& layout, std::vector<OperandLayouts>& options) {
  options.push_back({std::vector<Layout>(inputs, layout), {layout}});
}

void add_image_options(std::size_t inputs, std::vector<OperandLayouts>& options) {
  add_option(inputs, channels_last_layout, options);
  add_option(inputs, channel_blocked_layout(16), options);
  add_option(inputs, channel_blocked_layout(8), options);
}

void unary_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  add_option(1, plain_layout, options);
  if (unary(problem).rank == 4) add_image_options(1, options);
}

/// Operations per element, roughly, of the vectorised forms.
double unary_work(const UnaryProblem& problem) {
  switch (problem.function) {
    case Unary::activation:
      return problem.epilogue.activation >= Activation::sigmoid ? 30 : 4;
    case Unary::exp:
    case Unary::gelu_tanh:
      return 20;
    case Unary::log:
    case Unary::erf:
    case Unary::gelu:
      return 40;
    case Unary::sqrt:
    case Unary::reciprocal:
      return 8;
    case Unary::neg:
    case Unary::abs:
    case Unary::floor:
    case Unary::ceil:
    case Unary::square:
    case Unary::cube:
      return 2;
  }
  return 0;
}

template <Isa isa>
CostEstimate unary_cost(const Problem& problem, const Machine& machine) {
  const double elements = double(unary_elements(unary(problem)));
  return estimate(isa, elements * unary_work(unary(problem)), elements * 8, machine);
}

std::int64_t unary_units(const Problem& problem, int) {
  return (unary_elements(unary(problem)) + elementwise_unit - 1) / elementwise_unit;
}

std::uint32_t unary_in_place(const Problem&) { return 1; }

std::size_t constant_elements(const BinaryProblem& p) {
  if (!p.a_constant && !p.b_constant) return 0;
  std::size_t elements = 1;
  for (int i = 0; i < p.rank; ++i) {
    elements *= std::size_t((p.a_constant ? p.a_dims : p.b_dims)[std::size_t(i)]);
  }
  return elements;
}

std::size_t binary_inputs(const BinaryProblem& p) {
  return std::size_t(!p.a_constant) + std::size_t(!p.b_constant);
}

/// A constant fits every layout if it varies along channels at most: those lie together in all.
bool constant_per_channel(const BinaryProblem& p) {
  if (!p.a_constant && !p.b_constant) return true;
  const auto& dims = p.a_constant ? p.a_dims : p.b_dims;
  return dims[0] == 1 && dims[2] == 1 && dims[3] == 1;
}

void binary_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const BinaryProblem& p = binary(problem);
  add_option(binary_inputs(p), plain_layout, options);
  if (p.rank == 4 && constant_per_channel(p)) add_image_options(binary_inputs(p), options);
}

template <Isa isa>
CostEstimate binary_cost(const Problem& problem, const Machine& machine) {
  const BinaryProblem& p = binary(problem);
  const auto rank = std::size_t(p.rank);
  const double y = double(stored_elements(p.layouts.out[0], std::span(p.out_dims).first(rank)));
  double bytes = 4 * y + 4 * double(constant_elements(p));
  if (!p.a_constant) {
    bytes += 4 * double(stored_elements(p.layouts.out[0], std::span(p.a_dims).first(rank)));
  }
  if (!p.b_constant) {
    bytes += 4 * double(stored_elements(p.layouts.out[0], std::span(p.b_dims).first(rank)));
  }
  const double work = p.epilogue.activation >= Activation::sigmoid ? 30 : 4;
  return estimate(isa, work * y, bytes, machine);
}

/// The constant as it is, and a vector of zeros behind: where channels come in blocks, the last
/// block reads on.
constexpr std::size_t constant_margin = 16;

std::size_t binary_packed_bytes(const Problem& problem) {
  const std::size_t elements = constant_elements(binary(problem));
  return elements == 0 ? 0 : (elements + constant_margin) * sizeof(float);
}

void binary_pack(const Problem& problem, const Constants& constants, std::byte* packed) {
  if (binary_packed_bytes(problem) == 0) return;
  const std::size_t bytes = constant_elements(binary(problem)) * sizeof(float);
  std::memcpy(packed, constants.data[0], bytes);
  std::memset(packed + bytes, 0, constant_margin * sizeof(float));
}

std::int64_t binary_units(const Problem& problem, int) {
  const BinaryPlan plan = plan_binary(binary(problem));
  return plan.column_units * plan.row_units * plan.outer;
}

/// Activations of the output's shape: element i is read before it is written.
std::uint32_t binary_in_place(const Problem& problem) {
  const BinaryProblem& p = binary(problem);
  std::uint32_t mask = 0;
  int next = 0;
  if (!p.a_constant) mask |= std::uint32_t(p.a_dims == p.out_dims) << next++;
  if (!p.b_constant) mask |= std::uint32_t(p.b_dims == p.out_dims) << next;
  return mask;
}

template <Isa isa>
constexpr Row unary_row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::unary,
          .isa = isa,
          .rejects = accept,
          .layouts = unary_layouts,
          .cost = unary_cost<isa>,
          .units = unary_units,
          .run = run,
          .in_place = unary_in_place};
}

template <Isa isa>
constexpr Row binary_row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::binary,
          .isa = isa,
          .rejects = accept,
          .layouts = binary_layouts,
          .cost = binary_cost<isa>,
          .packed_bytes = binary_packed_bytes,
          .pack = binary_pack,
          .units = binary_units,
          .run = run,
          .in_place = binary_in_place};
}

constexpr Row table[] = {
    unary_row<Isa::avx512>("unary_f32_flat_avx512", avx512::run_unary),
    unary_row<Isa::avx2>("unary_f32_flat_avx2", avx2::run_unary),
    unary_row<Isa::baseline>("unary_f32_flat_baseline", baseline::run_unary),
    binary_row<Isa::avx512>("binary_f32_strided_avx512", avx512::run_binary),
    binary_row<Isa::avx2>("binary_f32_strided_avx2", avx2::run_binary),
    binary_row<Isa::baseline>("binary_f32_strided_baseline", baseline::run_binary),
};

}  // namespace

std::span<const Row> elementwise_rows() { return built_rows<table>; }

}  // namespace strata::kernels
