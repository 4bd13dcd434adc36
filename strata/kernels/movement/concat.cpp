#include <algorithm>
#include <cstring>

#include "strata/kernels/built.hpp"
#include "strata/kernels/bytes/runs.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/movement/rows.hpp"

namespace strata::kernels {
namespace {

const ConcatProblem& concat(const Problem& problem) {
  return static_cast<const ConcatProblem&>(problem);
}

/// A tensor as stored: `outer` stretches of `inner` elements that start at a place of the axis.
struct Stretches {
  std::int64_t outer = 1, inner = 1;
};

Stretches stretches(const ConcatProblem& p, const std::array<std::int64_t, 8>& dims) {
  const Layout& layout = p.layouts.out[0];
  Stretches s;
  bool inside = false;
  for (int i = 0; i < p.rank; ++i) {
    const int axis = layout.is_plain() ? i : layout.order[std::size_t(i)];
    const std::int64_t block = !layout.is_plain() && axis == layout.blocked_axis ? layout.block : 1;
    inside |= axis == p.axis;
    (inside ? s.inner : s.outer) *= (dims[std::size_t(axis)] + block - 1) / block;
  }
  s.inner *= layout.block;
  return s;
}

/// Only the last tensor may end within a block.
bool fits_blocks(const ConcatProblem& p, int block) {
  if (p.axis != 1) return true;
  return std::all_of(p.in_dims.begin(), p.in_dims.end() - 1,
                     [&](const auto& dims) { return dims[1] % block == 0; });
}

const char* accept(const Problem&) { return nullptr; }

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const ConcatProblem& p = concat(problem);
  const auto add = [&](const Layout& layout) {
    options.push_back({std::vector<Layout>(p.in_dims.size(), layout), {layout}});
  };
  add(plain_layout);
  if (p.rank != 4) return;
  add(channels_last_layout);
  for (const int block : {16, 8}) {
    if (fits_blocks(p, block)) add(channel_blocked_layout(block));
  }
}

template <Isa Set>
CostEstimate cost(const Problem& problem, const Machine& machine) {
  const ConcatProblem& p = concat(problem);
  const Stretches out = stretches(p, p.out_dims);
  const double copies = double(out.outer) * double(p.in_dims.size());
  const double elements = double(out.outer) * double(out.inner);
  const double bytes = 2 * elements * double(p.element_size);
  CostEstimate cost = estimate(Isa::baseline, 40 * copies, bytes, machine);
  if (!p.tables.empty()) cost.seconds += estimate(Set, 8 * elements, 0, machine).seconds;
  return cost;
}

/// A unit is one stretch of one tensor.
std::int64_t units(const Problem& problem, int) {
  const ConcatProblem& p = concat(problem);
  return stretches(p, p.out_dims).outer * std::int64_t(p.in_dims.size());
}

template <const ByteKernels& Kernels>
const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const ConcatProblem& p = concat(*args.problem);
  const Stretches out = stretches(p, p.out_dims);
  const auto size = std::int64_t(p.element_size);
  auto* y = static_cast<std::uint8_t*>(args.out[0]);
  std::int64_t before = 0;  // elements of a stretch of Y that earlier tensors fill
  for (std::size_t i = 0; i < p.in_dims.size(); ++i) {
    const std::int64_t inner = stretches(p, p.in_dims[i]).inner;
    const auto* x = static_cast<const std::uint8_t*>(args.in[i]);
    const std::int64_t first = std::int64_t(i) * out.outer;
    const std::int64_t from = std::clamp<std::int64_t>(begin - first, 0, out.outer);
    const std::int64_t to = std::clamp<std::int64_t>(end - first, 0, out.outer);
    std::uint8_t* target = y + before * size;
    if (!p.tables.empty() && from < to) {
      Kernels.translate(p.tables[i].data(), {x + from * inner, target + from * out.inner, inner,
                                             to - from, inner, out.inner});
    }
    for (std::int64_t o = from; p.tables.empty() && inner > 0 && o < to; ++o) {
      const std::uint8_t* source = x + o * inner * size;
      std::uint8_t* at = target + o * out.inner * size;
      if (at != source) std::memcpy(at, source, std::size_t(inner * size));
    }
    before += inner;
  }
  return nullptr;
}

template <const ByteKernels& Kernels, Isa Set>
constexpr Row row_of(std::string_view name) {
  return {.name = name,
          .kind = ProblemKind::concat,
          .isa = Set,
          .rejects = accept,
          .layouts = layouts,
          .cost = cost<Set>,
          .units = units,
          .run = run<Kernels>};
}

constexpr std::array rows{
    row_of<avx512::byte_kernels, Isa::avx512>("concat_any_copy_avx512"),
    row_of<avx2::byte_kernels, Isa::avx2>("concat_any_copy_avx2"),
    row_of<baseline::byte_kernels, Isa::baseline>("concat_any_copy_baseline")};

}  // namespace

bool is_end_to_end(const ConcatProblem& p) {
  return p.tables.empty() && stretches(p, p.out_dims).outer == 1;
}

std::span<const Row> concat_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
