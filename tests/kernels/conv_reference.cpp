#include "tests/kernels/conv_reference.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <utility>

#include "strata/tensor/dtype.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

constexpr float guard = 12345.0f;
constexpr std::size_t guard_floats = 64;

double activation(double x, const Epilogue& e) {
  switch (e.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return std::max(0.0, x);
    case Activation::clip:
      return std::clamp(x, double(e.alpha), double(e.beta));
    case Activation::leaky_relu:
      return x < 0 ? x * double(e.alpha) : x;
    case Activation::hard_sigmoid:
      return std::clamp(double(e.alpha) * x + double(e.beta), 0.0, 1.0);
    case Activation::hard_swish:
      return x * std::clamp(double(e.alpha) * x + double(e.beta), 0.0, 1.0);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

/// Weights as the graph stores them, and their values.
void store_weights(ConvCase& c, const std::vector<float>& values) {
  const ConvProblem& p = c.problem;
  const std::int64_t per_channel = std::int64_t(values.size()) / p.out_channels;
  const auto append = [&](auto code) {
    const std::size_t end = c.weights.size();
    c.weights.resize(end + sizeof code);
    std::memcpy(c.weights.data() + end, &code, sizeof code);
  };
  c.weights.resize(1);
  if (p.weights == WeightType::i8_tensor) c.scales.assign(1, 0.01f);
  for (std::int64_t o = 0; p.weights == WeightType::i8_channel && o < p.out_channels; ++o) {
    c.scales.push_back(0.005f + 0.001f * float(o % 7));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t o = i / std::size_t(per_channel);
    if (p.weights == WeightType::f32) {
      append(values[i]);
      c.weight_values.push_back(double(values[i]));
    } else if (p.weights == WeightType::f16) {
      append(Half(values[i]));
      c.weight_values.push_back(double(float(Half(values[i]))));
    } else if (p.weights == WeightType::bf16) {
      append(BFloat16(values[i]));
      c.weight_values.push_back(double(float(BFloat16(values[i]))));
    } else {
      const auto code = std::int8_t(std::lround(values[i] * 127.0f));
      append(code);
      c.weight_values.push_back(double(code) * double(c.scales[c.scales.size() == 1 ? 0 : o]));
    }
  }
}

double sum_at(const ConvCase& c, std::int64_t n, std::int64_t o, std::int64_t y, std::int64_t x) {
  const ConvProblem& p = c.problem;
  const std::int64_t channels = p.channels / p.groups;
  const std::int64_t first = o / (p.out_channels / p.groups) * channels;
  double sum = 0;
  for (std::int64_t ch = 0; ch < channels; ++ch) {
    for (std::int64_t i = 0; i < p.kernel_h; ++i) {
      const std::int64_t h = y * p.stride_h - p.pad_top + i * p.dilation_h;
      if (h < 0 || h >= p.height) continue;
      for (std::int64_t j = 0; j < p.kernel_w; ++j) {
        const std::int64_t w = x * p.stride_w - p.pad_left + j * p.dilation_w;
        if (w < 0 || w >= p.width) continue;
        const std::int64_t at = ((n * p.channels + first + ch) * p.height + h) * p.width + w;
        sum +=
            double(c.x[std::size_t(at)]) *
            c.weight_values[std::size_t(((o * channels + ch) * p.kernel_h + i) * p.kernel_w + j)];
      }
    }
  }
  return sum;
}

/// Floats that end where memory ends: reading or writing behind them is a crash. A guard before
/// them shows what was written there.
class Guarded {
 public:
  explicit Guarded(std::int64_t count) : size_(std::size_t(count)) {
    const std::size_t page = std::size_t(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (size_ + guard_floats) * sizeof(float);
    mapped_ = (bytes + page - 1) / page * page + page;
    void* start =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<std::byte*>(start);
    mprotect(start_ + mapped_ - page, page, PROT_NONE);
    data_ = reinterpret_cast<float*>(start_ + mapped_ - page) - size_;
    std::fill_n(data_ - guard_floats, guard_floats, guard);
    std::fill_n(data_, size_, std::nanf(""));
  }
  ~Guarded() {
    if (start_) munmap(start_, mapped_);
  }
  Guarded(Guarded&& other) noexcept { swap(other); }
  Guarded& operator=(Guarded&& other) noexcept {
    swap(other);
    return *this;
  }

  float* data() const { return data_; }
  void check() const {
    for (std::size_t i = 1; i <= guard_floats; ++i) {
      ASSERT_EQ(data_[-std::ptrdiff_t(i)], guard) << "written before the buffer";
    }
  }

 private:
  void swap(Guarded& other) {
    std::swap(start_, other.start_);
    std::swap(mapped_, other.mapped_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }

  std::byte* start_ = nullptr;
  std::size_t mapped_ = 0;
  float* data_ = nullptr;
  std::size_t size_ = 0;
};

std::unique_ptr<std::byte[], void (*)(std::byte*)> scratch(std::size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  std::unique_ptr<std::byte[], void (*)(std::byte*)> memory(
      static_cast<std::byte*>(std::aligned_alloc(64, bytes + 64)),
      [](std::byte* p) { std::free(p); });
  std::fill_n(reinterpret_cast<float*>(memory.get()), bytes / sizeof(float), std::nanf(""));
  return memory;
}

Guarded stored(const std::vector<float>& plain, const Layout& layout,
               const std::array<std::int64_t, 4>& dims) {
  Guarded buffer(stored_elements(layout, dims));
  std::size_t i = 0;
  for (std::int64_t n = 0; n < dims[0]; ++n) {
    for (std::int64_t c = 0; c < dims[1]; ++c) {
      for (std::int64_t h = 0; h < dims[2]; ++h) {
        for (std::int64_t w = 0; w < dims[3]; ++w) {
          buffer.data()[stored_at(layout, dims[1], dims[2], dims[3], n, c, h, w)] = plain[i++];
        }
      }
    }
  }
  return buffer;
}

void run_phases(const Row& row, const Args& args, const Problem& problem,
                std::uint64_t split_seed) {
  std::mt19937_64 random(split_seed);
  const int phases = row.phases ? row.phases(problem) : 1;
  for (int phase = 0; phase < phases; ++phase) {
    const std::int64_t units = row.units(problem, phase);
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
    for (std::int64_t at = 0; at < units;) {
      const std::int64_t rest = units - at;
      const std::int64_t length =
          split_seed == 0
              ? rest
              : 1 + std::int64_t(random() % std::uint64_t(std::min<std::int64_t>(rest, 5)));
      ranges.emplace_back(at, at + length);
      at += length;
    }
    if (split_seed != 0) std::shuffle(ranges.begin(), ranges.end(), random);
    for (const auto& [begin, end] : ranges) {
      ASSERT_EQ(row.run(args, phase, begin, end), nullptr);
    }
  }
}

}  // namespace

void set_output(ConvProblem& p) {
  const auto extent = [](std::int64_t size, std::int64_t pads, std::int64_t kernel,
                         std::int64_t dilation, std::int64_t stride) {
    return (size + pads - (kernel - 1) * dilation - 1) / stride + 1;
  };
  p.out_height = extent(p.height, p.pad_top + p.pad_bottom, p.kernel_h, p.dilation_h, p.stride_h);
  p.out_width = extent(p.width, p.pad_left + p.pad_right, p.kernel_w, p.dilation_w, p.stride_w);
}

ConvCase make_case(const ConvProblem& p, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto draw = [&](std::int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& v : values) v = uniform(random);
    return values;
  };
  ConvCase c;
  c.problem = p;
  c.x = draw(p.batch * p.channels * p.height * p.width);
  const std::int64_t reduction = p.channels / p.groups * p.kernel_h * p.kernel_w;
  store_weights(c, draw(p.out_channels * reduction));
  const std::int64_t outputs = p.batch * p.out_channels * p.out_height * p.out_width;
  if (p.epilogue.bias) c.bias = draw(p.out_channels);
  if (p.epilogue.residual) c.residual = draw(outputs);
  double largest_weight = 0;
  for (double w : c.weight_values) largest_weight = std::max(largest_weight, std::abs(w));
  double largest = 0;
  for (std::int64_t i = 0; i < outputs; ++i) {
    const std::int64_t pixels = p.out_height * p.out_width;
    const std::int64_t o = i / pixels % p.out_channels;
    double sum =
        sum_at(c, i / pixels / p.out_channels, o, i % pixels / p.out_width, i % p.out_width);
    if (p.epilogue.bias) sum += double(c.bias[std::size_t(o)]);
    if (p.epilogue.residual) sum += double(c.residual[std::size_t(i)]);
    c.expected.push_back(activation(sum, p.epilogue));
    largest = std::max(largest, std::abs(sum));
  }
  // Bias, residual and a scale add a rounding each; activations have slopes up to 1.5 here and
  // are right to 8 units in the last place.
  c.tolerance =
      1.5 * (dot_tolerance(reduction, 1, largest_weight) + rounding_tolerance(3, largest)) +
      rounding_tolerance(8, std::max(largest, 1.0));
  return c;
}

std::int64_t stored_at(const Layout& layout, std::int64_t channels, std::int64_t height,
                       std::int64_t width, std::int64_t n, std::int64_t c, std::int64_t h,
                       std::int64_t w) {
  if (layout == channels_last_layout) return ((n * height + h) * width + w) * channels + c;
  const std::int64_t block = layout.is_plain() ? 1 : layout.block;
  const std::int64_t blocks = (channels + block - 1) / block;
  return (((n * blocks + c / block) * height + h) * width + w) * block + c % block;
}

std::vector<float> run_row(const Row& row, const ConvCase& c, const OperandLayouts& layouts,
                           std::uint64_t split_seed) {
  ConvProblem p = c.problem;
  p.layouts = layouts;
  const std::array<std::int64_t, 4> in_dims{p.batch, p.channels, p.height, p.width};
  const std::array<std::int64_t, 4> out_dims{p.batch, p.out_channels, p.out_height, p.out_width};
  std::vector<Guarded> buffers;
  buffers.push_back(stored(c.x, layouts.in[0], in_dims));
  Guarded weights(0), bias(0);
  if (!p.constant_weights) {
    weights = Guarded(std::int64_t(c.weight_values.size()));
    std::copy(c.weight_values.begin(), c.weight_values.end(), weights.data());
    bias = Guarded(std::int64_t(c.bias.size()));
    std::copy(c.bias.begin(), c.bias.end(), bias.data());
  }
  if (p.epilogue.residual) buffers.push_back(stored(c.residual, layouts.in.back(), out_dims));
  std::vector<const void*> in;
  for (Guarded& b : buffers) in.push_back(b.data());
  if (!p.constant_weights) {
    in.insert(in.begin() + 1, weights.data());
    if (p.epilogue.bias) in.insert(in.begin() + 2, bias.data());
  }
  Guarded y(stored_elements(layouts.out[0], out_dims));
  void* out = y.data();

  const std::size_t packed_bytes = row.packed_bytes ? row.packed_bytes(p) : 0;
  const auto packed = scratch(packed_bytes);
  const void* constants[] = {p.constant_weights ? c.weights.data() + 1 : nullptr,
                             c.scales.empty() ? nullptr : c.scales.data(),
                             c.bias.empty() || !p.constant_weights ? nullptr : c.bias.data()};
  if (row.pack) row.pack(p, {constants}, packed.get());
  const auto shared = scratch(row.scratch_bytes ? row.scratch_bytes(p) : 0);
  const auto worker = scratch(row.worker_scratch_bytes ? row.worker_scratch_bytes(p) : 0);
  run_phases(row, {&p, in.data(), &out, packed.get(), shared.get(), worker.get()}, p, split_seed);
  y.check();

  std::vector<float> result;
  for (std::int64_t n = 0; n < out_dims[0]; ++n) {
    for (std::int64_t o = 0; o < out_dims[1]; ++o) {
      for (std::int64_t h = 0; h < out_dims[2]; ++h) {
        for (std::int64_t w = 0; w < out_dims[3]; ++w) {
          result.push_back(y.data()[stored_at(layouts.out[0], out_dims[1], out_dims[2], out_dims[3],
                                              n, o, h, w)]);
        }
      }
    }
  }
  return result;
}

}  // namespace strata::kernels
