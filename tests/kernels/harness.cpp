#include "tests/kernels/harness.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>
#include <random>
#include <utility>

#include "strata/base/cpu.hpp"

namespace strata::kernels {
namespace {

constexpr std::size_t guard_bytes = 256;
constexpr std::byte guard{0xa5};

/// Memory that ends where accessible memory ends: reading or writing behind it is a crash, with any
/// instruction. Starts at a multiple of `alignment` only.
class Fenced {
 public:
  Fenced(std::size_t bytes, std::size_t alignment) {
    const auto page = std::size_t(sysconf(_SC_PAGESIZE));
    mapped_ = (bytes + alignment + page - 1) / page * page + page;
    void* start =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) throw std::bad_alloc();
    start_ = static_cast<std::byte*>(start);
    mprotect(start_ + mapped_ - page, page, PROT_NONE);
    data_ = start_ + (mapped_ - page - bytes) / alignment * alignment;
    std::memset(data_, 0xff, bytes);
  }
  Fenced(Fenced&& other) noexcept
      : start_(std::exchange(other.start_, nullptr)), data_(other.data_), mapped_(other.mapped_) {}
  Fenced& operator=(Fenced&&) = delete;
  ~Fenced() {
    if (start_) munmap(start_, mapped_);
  }
  std::byte* data() { return data_; }

 private:
  std::byte* start_;
  std::byte* data_;
  std::size_t mapped_;
};

void run_phases(const Row& row, const Args& args, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const Problem& problem = *args.problem;
  const int phases = row.phases ? row.phases(problem) : 1;
  for (int phase = 0; phase < phases; ++phase) {
    const std::int64_t units = row.units(problem, phase);
    std::vector<std::pair<std::int64_t, std::int64_t>> ranges;
    for (std::int64_t at = 0; at < units;) {
      const std::int64_t most = seed == 0 ? units - at : std::min<std::int64_t>(units - at, 4);
      const std::int64_t length =
          seed == 0 ? most : 1 + std::int64_t(random() % std::uint64_t(most));
      ranges.emplace_back(at, at + length);
      at += length;
    }
    if (seed != 0) std::shuffle(ranges.begin(), ranges.end(), random);
    for (const auto& [begin, end] : ranges) {
      ASSERT_EQ(row.run(args, phase, begin, end), nullptr);
    }
  }
}

/// Where each element of a tensor lies, in elements.
std::vector<std::int64_t> places(const Dims& dims, const Layout& layout) {
  const auto rank = dims.size();
  std::vector<std::int64_t> outer(rank), block(rank, 1);
  std::int64_t stride = layout.block;
  for (std::size_t i = rank; i-- > 0;) {
    const std::size_t axis = layout.is_plain() ? i : layout.order[i];
    if (!layout.is_plain() && int(axis) == layout.blocked_axis) block[axis] = layout.block;
    outer[axis] = stride;
    stride *= (dims[axis] + block[axis] - 1) / block[axis];
  }
  std::vector<std::int64_t> result(std::size_t(count(dims)));
  for (std::size_t i = 0; i < result.size(); ++i) {
    auto rest = std::int64_t(i);
    for (std::size_t axis = rank; axis-- > 0;) {
      const std::int64_t at = rest % dims[axis];
      rest /= dims[axis];
      result[i] += at / block[axis] * outer[axis] + at % block[axis];
    }
  }
  return result;
}

struct Run {
  const Row& row;
  const Problem& problem;
  const std::vector<std::vector<std::byte>>& inputs;
  std::size_t out_bytes;
  const std::vector<const void*>& constants;
  std::size_t element, out_element;

  /// `shared`: the input whose buffer the output takes over, or -1.
  std::vector<std::byte> operator()(std::uint64_t seed, int shared) const {
    std::vector<Fenced> buffers;
    std::vector<const void*> in;
    for (const auto& stored : inputs) {
      buffers.emplace_back(stored.size(), element);
      std::copy(stored.begin(), stored.end(), buffers.back().data());
    }
    for (Fenced& buffer : buffers) in.push_back(buffer.data());
    Fenced guarded(out_bytes + guard_bytes, out_element);
    std::fill_n(guarded.data(), guard_bytes, guard);
    void* out = shared < 0 ? guarded.data() + guard_bytes : buffers[std::size_t(shared)].data();

    const auto size = [&](auto function) { return function ? function(problem) : std::size_t(0); };
    Fenced packed(size(row.packed_bytes), 64), scratch(size(row.scratch_bytes), 64),
        worker(size(row.worker_scratch_bytes), 64);
    if (row.pack) row.pack(problem, {constants.data()}, packed.data());
    run_phases(row, {&problem, in.data(), &out, packed.data(), scratch.data(), worker.data()},
               seed);
    const auto* result = static_cast<const std::byte*>(out);
    for (std::size_t i = 0; i < guard_bytes; ++i) {
      EXPECT_EQ(guarded.data()[i], guard) << "written before the output";
      if (testing::Test::HasFailure()) break;
    }
    return {result, result + out_bytes};
  }
};

}  // namespace

std::int64_t count(const Dims& dims) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : dims) elements *= extent;
  return elements;
}

Plain of_floats(const Dims& dims, std::span<const float> values) {
  const auto bytes = std::as_bytes(values);
  return {dims, {bytes.begin(), bytes.end()}};
}

Plain random_floats(const Dims& dims, std::uint64_t seed, float low, float high) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  std::vector<float> values(std::size_t(count(dims)));
  for (float& v : values) v = uniform(random);
  return of_floats(dims, values);
}

std::span<const float> floats(const Plain& tensor) {
  return {reinterpret_cast<const float*>(tensor.bytes.data()), tensor.bytes.size() / sizeof(float)};
}

std::vector<std::byte> to_stored(const Plain& tensor, const Layout& layout, std::size_t element) {
  std::vector<std::byte> stored(std::size_t(stored_elements(layout, tensor.dims)) * element,
                                std::byte{0xff});
  const auto at = places(tensor.dims, layout);
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::copy_n(tensor.bytes.begin() + std::ptrdiff_t(i * element), element,
                stored.begin() + std::ptrdiff_t(std::size_t(at[i]) * element));
  }
  return stored;
}

Plain from_stored(std::span<const std::byte> stored, const Dims& dims, const Layout& layout,
                  std::size_t element) {
  Plain tensor{dims, std::vector<std::byte>(std::size_t(count(dims)) * element)};
  const auto at = places(dims, layout);
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::copy_n(stored.begin() + std::ptrdiff_t(std::size_t(at[i]) * element), element,
                tensor.bytes.begin() + std::ptrdiff_t(i * element));
  }
  return tensor;
}

Plain run_row(const Row& row, const Problem& problem, std::span<const Plain> inputs,
              const Dims& out_dims, const std::vector<const void*>& constants, std::size_t element,
              std::size_t out_element) {
  if (out_element == 0) out_element = element;
  std::vector<std::vector<std::byte>> stored;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    stored.push_back(to_stored(inputs[i], problem.layouts.in[i], element));
  }
  const Layout& layout = problem.layouts.out[0];
  const std::size_t out_bytes = std::size_t(stored_elements(layout, out_dims)) * out_element;
  const Run run{row, problem, stored, out_bytes, constants, element, out_element};
  const auto plain = [&](std::uint64_t seed, int shared) {
    return from_stored(run(seed, shared), out_dims, layout, out_element);
  };
  const Plain result = plain(0, -1);
  for (const std::uint64_t seed : {1, 2}) {
    EXPECT_EQ(plain(seed, -1).bytes, result.bytes) << "other bits when units are dealt otherwise";
  }
  const std::uint32_t in_place = row.in_place ? row.in_place(problem) : 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if ((in_place >> i & 1) == 0) continue;
    EXPECT_EQ(stored[i].size(), out_bytes);
    EXPECT_EQ(plain(1, int(i)).bytes, result.bytes) << "other bits in place of input " << i;
  }
  return result;
}

int for_each_option(std::span<const Row> rows, Problem& problem, const std::string& what,
                    const std::function<void(const Row&)>& check) {
  int taken = 0;
  for (const Row& row : rows) {
    if (row.kind != problem.kind || !has_isa(detected_isa(), row.isa)) continue;
    if (row.rejects(problem)) continue;
    ++taken;
    std::vector<OperandLayouts> options;
    row.layouts(problem, options);
    EXPECT_FALSE(options.empty()) << row.name;
    for (const OperandLayouts& option : options) {
      problem.layouts = option;
      SCOPED_TRACE(std::string(row.name) + " in " + to_string(option.out[0]) + ": " + what);
      EXPECT_GT(row.cost(problem, Machine{}).seconds, 0);
      check(row);
    }
  }
  return taken;
}

void expect_close(const Plain& got, const std::vector<double>& expected,
                  const std::function<double(std::size_t)>& tolerance) {
  const auto values = floats(got);
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double e = expected[i], g = double(values[i]);
    if (std::isnan(e) ? std::isnan(g) : e == g || std::abs(g - e) <= tolerance(i)) continue;
    FAIL() << "element " << i << " is " << g << ", expected " << e << " within " << tolerance(i);
  }
}

}  // namespace strata::kernels
