#include "strata/kernels/bytes/resize.hpp"

#include "strata/kernels/cost.hpp"

namespace strata::kernels {
namespace {

const ByteResizeProblem& resize(const Problem& problem) {
  return static_cast<const ByteResizeProblem&>(problem);
}

/// Channels last, or each channel an image of its own.
struct Images {
  explicit Images(const ByteResizeProblem& p)
      : count(p.batch * (p.layouts.in[0].is_plain() ? p.channels : 1)),
        pixel(p.layouts.in[0].is_plain() ? 1 : p.channels) {}
  std::int64_t count, pixel;
};

/// Rows of the input with their columns mixed. Two are kept: neighbouring rows of the output lie
/// between the same ones, or share one.
class MixedRows {
 public:
  MixedRows(const ByteKernels& kernels, const ByteResizeProblem& p, const ResizeColumns& columns,
            std::int32_t* scratch)
      : kernels_(kernels), p_(p), columns_(columns) {
    kept_[0].numbers = scratch;
    kept_[1].numbers = scratch + columns.count * columns.channels;
  }

  int shift() const { return p_.rule == ResizeRule::in_1024ths ? 10 : 11; }

  /// A row among those of all images; the other row is not given up for it.
  const std::int32_t* find(const std::uint8_t* x, std::int64_t row, std::int64_t other) {
    for (const Kept& kept : kept_) {
      if (kept.row == row) return kept.numbers;
    }
    Kept& kept = kept_[kept_[0].row == other ? 1 : 0];
    kept.row = row;
    kernels_.mix_columns(x + row * p_.width * columns_.channels, kept.numbers, columns_, shift(),
                         p_.is_signed);
    return kept.numbers;
  }

 private:
  struct Kept {
    std::int64_t row = -1;
    std::int32_t* numbers = nullptr;
  };
  const ByteKernels& kernels_;
  const ByteResizeProblem& p_;
  const ResizeColumns& columns_;
  Kept kept_[2];
};

}  // namespace

void byte_resize_layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{channels_last_layout}, {channels_last_layout}});
  options.push_back({{plain_layout}, {plain_layout}});
}

CostEstimate byte_resize_cost(const Problem& problem, const Machine& machine, Isa isa) {
  const ByteResizeProblem& p = resize(problem);
  const Images images(p);
  const double row = double(images.count * images.pixel) * double(p.columns.size());
  const double out = row * double(p.rows.size());
  const bool real = p.rule == ResizeRule::real;
  const double mixed = real ? out : row * double(std::min(std::size_t(p.height), p.rows.size()));
  const double column_work = images.pixel == 1 ? (real ? 200 : 60) : (real ? 50 : 20);
  return estimate(isa, column_work * mixed + (real ? 0 : 10 * out), 10 * out, machine);
}

std::size_t byte_resize_worker_bytes(const Problem& problem) {
  const ByteResizeProblem& p = resize(problem);
  if (p.rule == ResizeRule::real) return 0;
  return 2 * p.columns.size() * std::size_t(Images(p).pixel) * sizeof(std::int32_t);
}

/// A unit is a row of the output, of all channels or of one.
std::int64_t byte_resize_units(const Problem& problem, int) {
  const ByteResizeProblem& p = resize(problem);
  return Images(p).count * std::int64_t(p.rows.size());
}

void run_byte_resize(const ByteKernels& kernels, const Args& args, std::int64_t begin,
                     std::int64_t end) noexcept {
  const ByteResizeProblem& p = resize(*args.problem);
  const auto rows = std::int64_t(p.rows.size());
  const ResizeColumns columns{p.columns.data(), std::int64_t(p.columns.size()), Images(p).pixel};
  const std::int64_t in_row = p.width * columns.channels;
  const std::int64_t out_row = columns.count * columns.channels;
  const auto* x = static_cast<const std::uint8_t*>(args.in[0]);
  auto* y = static_cast<std::uint8_t*>(args.out[0]);
  MixedRows mixed(kernels, p, columns, reinterpret_cast<std::int32_t*>(args.worker_scratch));
  for (std::int64_t u = begin; u < end; ++u) {
    const ResizeTap& tap = p.rows[std::size_t(u % rows)];
    const std::int64_t upper = u / rows * p.height + tap.first;
    const std::int64_t lower = u / rows * p.height + tap.second;
    if (p.rule == ResizeRule::real) {
      kernels.mix_real(x + upper * in_row, x + lower * in_row, y + u * out_row, columns, tap.real);
      continue;
    }
    ResizeMix mix;
    mix.upper = mixed.find(x, upper, lower);
    mix.lower = mixed.find(x, lower, upper);
    mix.y = y + u * out_row;
    mix.count = out_row;
    mix.weight = tap.weight;
    mix.shift = mixed.shift();
    mix.away = p.rule == ResizeRule::in_1024ths;
    kernels.mix_rows(mix);
  }
}

}  // namespace strata::kernels
