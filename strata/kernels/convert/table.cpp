#include <algorithm>
#include <cstring>
#include <optional>

#include "strata/kernels/built.hpp"
#include "strata/kernels/convert/convert.hpp"
#include "strata/kernels/cost.hpp"
#include "strata/kernels/movement/copy_2d.hpp"

namespace strata::kernels {
namespace {

const ReorderProblem& reorder(const Problem& problem) {
  return static_cast<const ReorderProblem&>(problem);
}
const Layout& from(const Problem& problem) { return problem.layouts.in[0]; }
const Layout& into(const Problem& problem) { return problem.layouts.out[0]; }

void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  options.push_back(problem.layouts);
}

double elements_of(const ReorderProblem& p) {
  double elements = 1;
  for (int i = 0; i < p.rank; ++i) elements *= double(p.dims[std::size_t(i)]);
  return elements;
}

// Between the layouts of images: blocks of channels times stretches of positions.

/// Strides of an image in one of the layouts that keep images outermost.
struct ImageStrides {
  std::int64_t image, channel_block, channel, position;
  std::int64_t block;  ///< channels that `channel` strides over
};

/// None for layouts other than plain, channels last and channel blocks.
std::optional<ImageStrides> image_strides(const Layout& layout, const ReorderProblem& p) {
  const std::int64_t channels = p.dims[1];
  const std::int64_t area = p.dims[2] * p.dims[3];
  if (layout.is_plain()) return ImageStrides{channels * area, channels * area, area, 1, channels};
  if (layout == channels_last_layout) {
    return ImageStrides{channels * area, channels * area, 1, channels, channels};
  }
  if (layout == channel_blocked_layout(layout.block)) {
    const std::int64_t block = layout.block;
    const std::int64_t blocks = (channels + block - 1) / block;
    return ImageStrides{blocks * block * area, block * area, 1, block, block};
  }
  return std::nullopt;
}

/// Channels that both layouts stride over, at most a cache line.
std::int64_t unit_channels(const ReorderProblem& p) {
  std::int64_t channels = p.element_size == 1 ? 64 : 16;
  for (const Layout& layout : {from(p), into(p)}) {
    if (layout.blocked_axis >= 0) channels = std::min<std::int64_t>(channels, layout.block);
  }
  return channels;
}

constexpr std::int64_t unit_positions = 1024;

const char* reject_images(const Problem& problem) {
  const ReorderProblem& p = reorder(problem);
  if (p.rank != 4) return "not four axes";
  if (!copies_elements_of(p.element_size)) return "elements have 1, 2, 4 or 8 bytes";
  for (const Layout& layout : {from(p), into(p)}) {
    if (!image_strides(layout, p)) return "other layouts than of images";
    if (layout.blocked_axis >= 0 && layout.block % unit_channels(p) != 0) {
      return "neither block divides the other";
    }
  }
  return nullptr;
}

CostEstimate images_cost(const Problem& problem, const Machine& machine) {
  const ReorderProblem& p = reorder(problem);
  const double elements = elements_of(p);
  return estimate(Isa::baseline, 4 * elements, 2 * elements * double(p.element_size), machine);
}

struct ImageUnits {
  std::int64_t channel_units, position_units;
};
ImageUnits image_units(const ReorderProblem& p) {
  const std::int64_t channels = unit_channels(p);
  return {(p.dims[1] + channels - 1) / channels,
          (p.dims[2] * p.dims[3] + unit_positions - 1) / unit_positions};
}

std::int64_t images_units(const Problem& problem, int) {
  const ReorderProblem& p = reorder(problem);
  const ImageUnits units = image_units(p);
  return p.dims[0] * units.channel_units * units.position_units;
}

std::int64_t offset(const ImageStrides& s, std::int64_t image, std::int64_t channel,
                    std::int64_t position) {
  return image * s.image + channel / s.block * s.channel_block + channel % s.block * s.channel +
         position * s.position;
}

const char* run_images(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const ReorderProblem& p = reorder(*args.problem);
  const ImageStrides in = *image_strides(from(p), p);
  const ImageStrides out = *image_strides(into(p), p);
  const ImageUnits units = image_units(p);
  const std::int64_t channels = unit_channels(p);
  const auto size = std::int64_t(p.element_size);
  const auto* x = static_cast<const std::byte*>(args.in[0]);
  auto* y = static_cast<std::byte*>(args.out[0]);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t position = unit % units.position_units * unit_positions;
    const std::int64_t channel = unit / units.position_units % units.channel_units * channels;
    const std::int64_t image = unit / units.position_units / units.channel_units;
    const Copy2d copy{.rows = std::min(channels, p.dims[1] - channel),
                      .columns = std::min(unit_positions, p.dims[2] * p.dims[3] - position),
                      .in_row = in.channel,
                      .in_column = in.position,
                      .out_row = out.channel,
                      .out_column = out.position};
    copy_2d(copy, p.element_size, x + offset(in, image, channel, position) * size,
            y + offset(out, image, channel, position) * size);
  }
  return nullptr;
}

// Between any layouts: element by element.

/// Where index i of an axis lies: i / block * outer + i % block * inner.
struct AxisPlace {
  std::int64_t block = 1, outer = 0, inner = 0;
  std::int64_t at(std::int64_t i) const { return i / block * outer + i % block * inner; }
};
using Places = std::array<AxisPlace, 8>;

Places places(const Layout& layout, const ReorderProblem& p) {
  Places places;
  std::int64_t stride = layout.block;
  for (int i = p.rank - 1; i >= 0; --i) {
    const auto axis = std::size_t(layout.is_plain() ? i : layout.order[std::size_t(i)]);
    const bool blocked = !layout.is_plain() && int(axis) == layout.blocked_axis;
    places[axis] = {blocked ? layout.block : 1, stride, 1};
    stride *= (p.dims[axis] + places[axis].block - 1) / places[axis].block;
  }
  return places;
}

/// A unit is a row along the last logical axis.
std::int64_t element_units(const Problem& problem, int) {
  const ReorderProblem& p = reorder(problem);
  std::int64_t rows = 1;
  for (int i = 0; i + 1 < p.rank; ++i) rows *= p.dims[std::size_t(i)];
  return rows;
}

const char* reject_elements(const Problem& problem) {
  const ReorderProblem& p = reorder(problem);
  for (const Layout& layout : {from(p), into(p)}) {
    if (!layout.is_plain() && layout.rank != p.rank) return "a layout of another rank";
  }
  return nullptr;
}

CostEstimate elements_cost(const Problem& problem, const Machine& machine) {
  const ReorderProblem& p = reorder(problem);
  const double elements = elements_of(p);
  return estimate(Isa::baseline, 100 * elements, 2 * elements * double(p.element_size), machine);
}

const char* run_elements(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const ReorderProblem& p = reorder(*args.problem);
  const Places in = places(from(p), p);
  const Places out = places(into(p), p);
  const auto size = std::int64_t(p.element_size);
  const auto last = std::size_t(std::max(p.rank - 1, 0));
  const std::int64_t columns = p.rank > 0 ? p.dims[last] : 1;
  const auto* x = static_cast<const std::byte*>(args.in[0]);
  auto* y = static_cast<std::byte*>(args.out[0]);
  for (std::int64_t unit = begin; unit < end; ++unit) {
    std::int64_t rest = unit, source = 0, target = 0;
    for (std::size_t axis = last; axis-- > 0;) {
      source += in[axis].at(rest % p.dims[axis]);
      target += out[axis].at(rest % p.dims[axis]);
      rest /= p.dims[axis];
    }
    for (std::int64_t c = 0; c < columns; ++c) {
      std::memcpy(y + (target + out[last].at(c)) * size, x + (source + in[last].at(c)) * size,
                  p.element_size);
    }
  }
  return nullptr;
}

// Other types.

const CastProblem& cast(const Problem& problem) { return static_cast<const CastProblem&>(problem); }

const char* reject_casts(const Problem& problem) {
  using Type = CastProblem::Type;
  return cast(problem).from == Type::f32 && cast(problem).to != Type::f32 ? "f32 to integers"
                                                                          : nullptr;
}

void cast_layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{plain_layout}, {plain_layout}});
}

template <Isa isa>
CostEstimate cast_cost(const Problem& problem, const Machine& machine) {
  const double elements = double(cast(problem).elements);
  return estimate(isa, 8 * elements, 8 * elements, machine);
}

std::int64_t cast_units(const Problem& problem, int) {
  return (cast(problem).elements + cast_unit - 1) / cast_unit;
}

template <Isa isa>
constexpr Row cast_row(std::string_view name, decltype(Row::run) run) {
  return {.name = name,
          .kind = ProblemKind::cast,
          .isa = isa,
          .rejects = reject_casts,
          .layouts = cast_layouts,
          .cost = cast_cost<isa>,
          .units = cast_units,
          .run = run};
}

constexpr Row table[] = {
    cast_row<Isa::avx2>("cast_any_flat_avx2", avx2::run_cast),
    cast_row<Isa::baseline>("cast_any_flat_baseline", baseline::run_cast),
    {.name = "reorder_any_tiles_baseline",
     .kind = ProblemKind::reorder,
     .rejects = reject_images,
     .layouts = layouts,
     .cost = images_cost,
     .units = images_units,
     .run = run_images},
    {.name = "reorder_any_elements_baseline",
     .kind = ProblemKind::reorder,
     .rejects = reject_elements,
     .layouts = layouts,
     .cost = elements_cost,
     .units = element_units,
     .run = run_elements},
};

}  // namespace

std::span<const Row> convert_rows() { return built_rows<table>; }

}  // namespace strata::kernels
