#include <algorithm>
#include <cstring>

#include "strata/kernels/built.hpp"
#include "strata/kernels/bytes/bytes.hpp"
#include "strata/kernels/bytes/pool.hpp"
#include "strata/kernels/bytes/resize.hpp"
#include "strata/kernels/bytes/runs.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/elementwise/binary_plan.hpp"
#include "strata/kernels/integer/constants.hpp"

namespace strata::kernels {
namespace {

const char* accept(const Problem&) { return nullptr; }

/// The same layout for all operands; channels in blocks only where padding lanes do no harm.
void same_layouts(std::size_t inputs, int rank, std::vector<OperandLayouts>& options) {
  const auto add = [&](const Layout& layout) {
    options.push_back({std::vector<Layout>(inputs, layout), {layout}});
  };
  add(plain_layout);
  if (rank != 4) return;
  add(channels_last_layout);
  for (const int block : {16, 8}) add(channel_blocked_layout(block));
}

std::int64_t flat_elements(const Layout& layout, const std::array<std::int64_t, 8>& dims,
                           int rank) {
  return stored_elements(layout, std::span(dims).first(std::size_t(rank)));
}
std::int64_t units_of(std::int64_t elements) { return (elements + byte_unit - 1) / byte_unit; }
std::uint32_t first_in_place(const Problem&) { return 1; }

// Tables.

const ByteTableProblem& lookup(const Problem& problem) {
  return static_cast<const ByteTableProblem&>(problem);
}
std::int64_t lookup_elements(const Problem& problem) {
  const ByteTableProblem& p = lookup(problem);
  return flat_elements(p.layouts.out[0], p.dims, p.rank);
}
void lookup_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  same_layouts(1, lookup(problem).rank, options);
}
CostEstimate lookup_cost(const Problem& problem, const Machine& machine, Isa isa) {
  const double elements = double(lookup_elements(problem));
  return estimate(isa, 8 * elements, 2 * elements, machine);
}
std::int64_t lookup_units(const Problem& problem, int) {
  return units_of(lookup_elements(problem));
}

// Quantization.

const QuantizeProblem& quantization(const Problem& problem) {
  return static_cast<const QuantizeProblem&>(problem);
}
void quantize_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const QuantizeProblem& p = quantization(problem);
  same_layouts(1, p.per_channel ? 0 : p.rank, options);
}
std::int64_t quantize_elements(const QuantizeProblem& p) {
  return p.per_channel ? p.outer * p.extent * p.inner
                       : flat_elements(p.layouts.out[0], p.dims, p.rank);
}
CostEstimate quantize_cost(const Problem& problem, const Machine& machine, Isa isa) {
  const double elements = double(quantize_elements(quantization(problem)));
  return estimate(isa, 8 * elements, 5 * elements, machine);
}
std::size_t quantize_packed_bytes(const Problem& problem) {
  const QuantizeProblem& p = quantization(problem);
  return std::size_t(p.per_channel ? p.extent : 1) * 8;
}
/// Scales, then zero points as i32.
void quantize_pack(const Problem& problem, const Constants& constants, std::byte* packed) {
  const std::size_t count = quantize_packed_bytes(problem) / 8;
  std::memcpy(packed, constants.data[0], 4 * count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint8_t code = 0;
    if (constants.data[1]) code = static_cast<const std::uint8_t*>(constants.data[1])[i];
    const std::int32_t zero =
        quantization(problem).is_signed ? std::int32_t(std::int8_t(code)) : std::int32_t(code);
    std::memcpy(packed + 4 * (count + i), &zero, 4);
  }
}
/// A unit is a run of elements, or one row of one channel.
std::int64_t quantize_units(const Problem& problem, int) {
  const QuantizeProblem& p = quantization(problem);
  return p.per_channel ? p.outer * p.extent : units_of(quantize_elements(p));
}
/// Calls f(start, count, run) for each unit.
template <class F>
void for_each_run(const Args& args, std::int64_t begin, std::int64_t end, F&& f) {
  const QuantizeProblem& p = quantization(*args.problem);
  const auto* scales = reinterpret_cast<const float*>(args.packed);
  const auto* zeros =
      reinterpret_cast<const std::int32_t*>(args.packed) + (p.per_channel ? p.extent : 1);
  const std::int64_t elements = quantize_elements(p);
  const std::int64_t unit = p.per_channel ? p.inner : byte_unit;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t channel = p.per_channel ? u % p.extent : 0;
    f(u * unit, std::min(unit, elements - u * unit),
      QuantizeRun{scales[channel], zeros[channel], p.is_signed, QuantizeRun::Rule(p.rule),
                  p.apart});
  }
}

// Sums and products.

const ByteBinaryProblem& binary(const Problem& problem) {
  return static_cast<const ByteBinaryProblem&>(problem);
}
void binary_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  same_layouts(2, binary(problem).rank, options);
}
CostEstimate binary_cost(const Problem& problem, const Machine& machine, Isa isa) {
  const ByteBinaryProblem& p = binary(problem);
  const double elements = double(flat_elements(p.layouts.out[0], p.out_dims, p.rank));
  return estimate(isa, 12 * elements, 3 * elements, machine);
}
std::int64_t binary_units(const Problem& problem, int) {
  const BinaryPlan plan = plan_binary(binary(problem));
  return plan.column_units * plan.row_units * plan.outer;
}
std::uint32_t binary_in_place(const Problem& problem) {
  const ByteBinaryProblem& p = binary(problem);
  return std::uint32_t(p.a_dims == p.out_dims) | std::uint32_t(p.b_dims == p.out_dims) << 1;
}
ByteBinaryRun::Fixed fixed(FixedMultiplier m) {
  return {m.multiplier, fixed_word(std::max(m.shift, 0), std::max(-m.shift, 0), true)};
}

ByteBinaryRun binary_run_of(const ByteBinaryProblem& p) {
  const std::int32_t low = p.is_signed ? -128 : 0;
  const IntegerRuleOf rule = integer_rule(p.rescale);
  ByteBinaryRun run{.form = ByteBinaryRun::Form(p.form),
                    .is_signed = p.is_signed,
                    .a_ratio = p.ratios.a,
                    .b_ratio = p.ratios.b,
                    .sum_constant = p.ratios.constant,
                    .scale = p.scale,
                    .float_zero = float(p.y_zero),
                    .a_zero = p.a_zero,
                    .b_zero = p.b_zero,
                    .a_factor = std::int32_t(p.sum.a_factor),
                    .b_factor = std::int32_t(p.sum.b_factor),
                    .constant = std::int32_t(p.sum.constant),
                    .shift = p.sum.shift,
                    .left_shift = p.sum.left_shift,
                    .a = fixed(p.sum.a),
                    .b = fixed(p.sum.b),
                    .y = fixed(p.sum.y),
                    .epilogue = {rule.rule, low - p.y_zero, low + 255 - p.y_zero, p.y_zero}};
  if (p.form == ByteBinaryProblem::Form::product) run.y = {rule.first, rule.second};
  return run;
}

/// Rows that lie side by side, each with the same short row of the other operand.
bool repeats(const BinaryPlan& plan, std::int64_t BinaryPlan::Axis::*side,
             std::int64_t BinaryPlan::Axis::*other) {
  const BinaryPlan::Axis &inner = plan.axes[0], &rows = plan.axes[1];
  return inner.*side == 1 && rows.*side == 0 && inner.*other == 1 && rows.*other == inner.extent;
}

/// Rows of axis 0 from here on. Short ones go together, with what repeats written out: a call for
/// three channels takes as long as one for a hundred.
void run_binary_rows(const ByteKernels& kernels, const ByteBinaryRun& numbers,
                     const BinaryPlan& plan, const ByteBinaryRow& first, std::int64_t count) {
  constexpr std::int64_t most = 1024;
  const BinaryPlan::Axis &inner = plan.axes[0], &rows = plan.axes[1];
  const bool repeats_a = repeats(plan, &BinaryPlan::Axis::a, &BinaryPlan::Axis::b);
  const bool repeats_b = repeats(plan, &BinaryPlan::Axis::b, &BinaryPlan::Axis::a);
  if (4 * inner.extent > most || !(repeats_a || repeats_b)) {
    for (std::int64_t r = 0; r < count; ++r) {
      ByteBinaryRow row = first;
      row.a += r * rows.a;
      row.b += r * rows.b;
      row.y += r * inner.extent;
      kernels.binary(numbers, row);
    }
    return;
  }
  std::array<std::uint8_t, most> written_out;
  const std::int64_t together = std::min(most / inner.extent, count);
  for (std::int64_t i = 0; i < together; ++i) {
    std::memcpy(written_out.data() + i * inner.extent, repeats_a ? first.a : first.b,
                std::size_t(inner.extent));
  }
  for (std::int64_t r = 0; r < count; r += together) {
    ByteBinaryRow row = first;
    row.a = repeats_a ? written_out.data() : first.a + r * rows.a;
    row.b = repeats_b ? written_out.data() : first.b + r * rows.b;
    row.y += r * inner.extent;
    row.count = std::min(together, count - r) * inner.extent;
    kernels.binary(numbers, row);
  }
}

void run_binary_units(const ByteKernels& kernels, const Args& args, std::int64_t begin,
                      std::int64_t end) {
  const ByteBinaryProblem& p = binary(*args.problem);
  const BinaryPlan plan = plan_binary(p);
  const ByteBinaryRun numbers = binary_run_of(p);
  const auto* a = static_cast<const std::uint8_t*>(args.in[0]);
  const auto* b = static_cast<const std::uint8_t*>(args.in[1]);
  auto* y = static_cast<std::uint8_t*>(args.out[0]);
  const BinaryPlan::Axis &inner = plan.axes[0], &rows = plan.axes[1];
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t column = unit % plan.column_units * plan.columns;
    std::int64_t rest = unit / plan.column_units;
    const std::int64_t row = rest % plan.row_units * plan.rows;
    rest /= plan.row_units;
    std::int64_t at_y = (rest * rows.extent + row) * inner.extent + column;
    std::int64_t at_a = row * rows.a + column * inner.a, at_b = row * rows.b + column * inner.b;
    for (int i = 2; i < plan.rank; ++i) {
      at_a += rest % plan.axes[i].extent * plan.axes[i].a;
      at_b += rest % plan.axes[i].extent * plan.axes[i].b;
      rest /= plan.axes[i].extent;
    }
    const std::int64_t count = std::min(plan.columns, inner.extent - column);
    run_binary_rows(kernels, numbers, plan,
                    {a + at_a, b + at_b, y + at_y, count, inner.a != 0, inner.b != 0},
                    std::min(plan.rows, rows.extent - row));
  }
}

/// The rows of one instruction set.
template <const ByteKernels& Kernels, Isa Set>
struct Of {
  static const char* lookup(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    const auto* x = static_cast<const std::uint8_t*>(args.in[0]);
    auto* y = static_cast<std::uint8_t*>(args.out[0]);
    const std::int64_t first = begin * byte_unit;
    const std::int64_t last = std::min(lookup_elements(*args.problem), end * byte_unit);
    Kernels.translate(kernels::lookup(*args.problem).table.data(),
                      {x + first, y + first, last - first, 1, 0, 0});
    return nullptr;
  }
  static const char* quantize(const Args& args, int, std::int64_t begin,
                              std::int64_t end) noexcept {
    for_each_run(args, begin, end, [&](std::int64_t start, std::int64_t count, QuantizeRun run) {
      Kernels.quantize(static_cast<const float*>(args.in[0]) + start,
                       static_cast<std::uint8_t*>(args.out[0]) + start, count, run);
    });
    return nullptr;
  }
  static const char* dequantize(const Args& args, int, std::int64_t begin,
                                std::int64_t end) noexcept {
    for_each_run(args, begin, end, [&](std::int64_t start, std::int64_t count, QuantizeRun run) {
      Kernels.dequantize(static_cast<const std::uint8_t*>(args.in[0]) + start,
                         static_cast<float*>(args.out[0]) + start, count, run);
    });
    return nullptr;
  }
  static const char* binary(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_binary_units(Kernels, args, begin, end);
    return nullptr;
  }
  static const char* pool(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_byte_pool(Kernels, args, begin, end);
    return nullptr;
  }

  static const char* resize(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_byte_resize(Kernels, args, begin, end);
    return nullptr;
  }

  template <CostEstimate (*Cost)(const Problem&, const Machine&, Isa)>
  static CostEstimate cost(const Problem& problem, const Machine& machine) {
    return Cost(problem, machine, Set);
  }

  static constexpr Row lookup_row(std::string_view name) {
    return {.name = name,
            .kind = ProblemKind::byte_table,
            .isa = Set,
            .rejects = accept,
            .layouts = lookup_layouts,
            .cost = cost<lookup_cost>,
            .units = lookup_units,
            .run = lookup,
            .in_place = first_in_place};
  }
  static constexpr Row quantize_row(std::string_view name, ProblemKind kind) {
    return {.name = name,
            .kind = kind,
            .isa = Set,
            .rejects = accept,
            .layouts = quantize_layouts,
            .cost = cost<quantize_cost>,
            .packed_bytes = quantize_packed_bytes,
            .pack = quantize_pack,
            .units = quantize_units,
            .run = kind == ProblemKind::quantize ? quantize : dequantize};
  }
  static constexpr Row binary_row(std::string_view name) {
    return {.name = name,
            .kind = ProblemKind::byte_binary,
            .isa = Set,
            .rejects = accept,
            .layouts = binary_layouts,
            .cost = cost<binary_cost>,
            .units = binary_units,
            .run = binary,
            .in_place = binary_in_place};
  }
  static constexpr Row pool_row(std::string_view name) {
    return {.name = name,
            .kind = ProblemKind::byte_pool,
            .isa = Set,
            .rejects = accept,
            .layouts = byte_pool_layouts,
            .cost = cost<byte_pool_cost>,
            .worker_scratch_bytes = byte_pool_worker_bytes,
            .units = byte_pool_units,
            .run = pool};
  }
  static constexpr Row resize_row(std::string_view name) {
    return {.name = name,
            .kind = ProblemKind::byte_resize,
            .isa = Set,
            .rejects = accept,
            .layouts = byte_resize_layouts,
            .cost = cost<byte_resize_cost>,
            .worker_scratch_bytes = byte_resize_worker_bytes,
            .units = byte_resize_units,
            .run = resize};
  }
};
using Avx512 = Of<avx512::byte_kernels, Isa::avx512>;
using Avx2 = Of<avx2::byte_kernels, Isa::avx2>;
using Baseline = Of<baseline::byte_kernels, Isa::baseline>;

constexpr Row rows[] = {
    Avx512::lookup_row("table_i8_flat_avx512"),
    Avx512::quantize_row("quantize_f32i8_flat_avx512", ProblemKind::quantize),
    Avx512::quantize_row("dequantize_i8f32_flat_avx512", ProblemKind::dequantize),
    Avx512::binary_row("binary_i8_strided_avx512"),
    Avx512::pool_row("pool_i8_direct_avx512"),
    Avx512::resize_row("resize_i8_linear_avx512"),
    Avx2::lookup_row("table_i8_flat_avx2"),
    Avx2::quantize_row("quantize_f32i8_flat_avx2", ProblemKind::quantize),
    Avx2::quantize_row("dequantize_i8f32_flat_avx2", ProblemKind::dequantize),
    Avx2::binary_row("binary_i8_strided_avx2"),
    Avx2::pool_row("pool_i8_direct_avx2"),
    Avx2::resize_row("resize_i8_linear_avx2"),
    Baseline::lookup_row("table_i8_flat_baseline"),
    Baseline::quantize_row("quantize_f32i8_flat_baseline", ProblemKind::quantize),
    Baseline::quantize_row("dequantize_i8f32_flat_baseline", ProblemKind::dequantize),
    Baseline::binary_row("binary_i8_strided_baseline"),
    Baseline::pool_row("pool_i8_direct_baseline"),
    Baseline::resize_row("resize_i8_linear_baseline"),
};

}  // namespace

std::span<const Row> byte_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
