#include "strata/kernels/movement/movement.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string_view>

#include "tests/kernels/harness.hpp"

namespace strata::kernels {
namespace {

Plain random_bytes(const Dims& dims, std::size_t element, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Plain tensor{dims, std::vector<std::byte>(std::size_t(count(dims)) * element)};
  for (std::byte& b : tensor.bytes) b = std::byte(random() & 255);
  return tensor;
}

/// Copies one element of a tensor to another's end.
void append(Plain& to, const Plain& from, std::int64_t index, std::size_t element) {
  const auto begin = from.bytes.begin() + index * std::int64_t(element);
  to.bytes.insert(to.bytes.end(), begin, begin + std::int64_t(element));
}

void check_concat(const std::vector<Dims>& dims, int axis, std::size_t element, int least_options) {
  ConcatProblem p;
  p.element_size = element;
  p.axis = axis;
  p.rank = int(dims[0].size());
  Dims out = dims[0];
  out[std::size_t(axis)] = 0;
  std::vector<Plain> inputs;
  for (const Dims& d : dims) {
    out[std::size_t(axis)] += d[std::size_t(axis)];
    std::copy(d.begin(), d.end(), p.in_dims.emplace_back().begin());
    inputs.push_back(random_bytes(d, element, inputs.size()));
  }
  std::copy(out.begin(), out.end(), p.out_dims.begin());
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= out[std::size_t(i)];
  for (int i = axis + 1; i < p.rank; ++i) inner *= out[std::size_t(i)];
  Plain expected{out, {}};
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const Plain& in : inputs) {
      const std::int64_t run = in.dims[std::size_t(axis)] * inner;
      for (std::int64_t i = 0; i < run; ++i) append(expected, in, o * run + i, element);
    }
  }
  std::map<std::string_view, int> options;
  for_each_option(concat_rows(), p, fmt::format("axis {}", axis), [&](const Row& row) {
    ++options[row.name];
    EXPECT_EQ(run_row(row, p, inputs, out, {}, element).bytes, expected.bytes);
  });
  EXPECT_FALSE(options.empty());
  for (const auto& [name, count] : options) EXPECT_EQ(count, least_options) << name;
}

TEST(Concat, EveryAxisInEveryLayout) {
  check_concat({{2, 16, 3, 5}, {2, 32, 3, 5}, {2, 9, 3, 5}}, 1, 4, 4);
  check_concat({{2, 8, 3, 5}, {2, 24, 3, 5}}, 1, 4, 3);
  check_concat({{2, 7, 3, 5}, {2, 8, 3, 5}}, 1, 4, 2);
  check_concat({{2, 7, 3, 5}, {1, 7, 3, 5}}, 0, 4, 4);
  check_concat({{2, 7, 3, 5}, {2, 7, 1, 5}}, 2, 4, 4);
  check_concat({{2, 7, 3, 5}, {2, 7, 3, 2}}, 3, 4, 4);
}

TEST(Concat, AnyRankAndElement) {
  check_concat({{5}, {0}, {3}}, 0, 8, 1);
  check_concat({{2, 3}, {2, 1}}, 1, 1, 1);
  check_concat({{1, 2, 1, 2, 3}, {1, 2, 4, 2, 3}}, 2, 2, 1);
}

TEST(Concat, CodesOnOtherGridsGoThroughTables) {
  ConcatProblem p;
  p.element_size = 1;
  p.axis = 1;
  p.rank = 4;
  p.out_dims = {2, 217, 1, 3, 1, 1, 1, 1};
  Plain expected{{2, 217, 1, 3}, {}};
  std::vector<Plain> inputs;
  // Lengths around those of vectors.
  for (const std::int64_t channels : {64, 21, 1, 131}) {
    const Dims dims{2, channels, 1, 3};
    std::copy(dims.begin(), dims.end(), p.in_dims.emplace_back().begin());
    auto& table = p.tables.emplace_back();
    for (std::size_t i = 0; i < 256; ++i)
      table[i] = std::uint8_t((i * 37 + inputs.size()) ^ i >> 3);
    inputs.push_back(random_bytes(dims, 1, inputs.size()));
  }
  for (std::int64_t n = 0; n < 2; ++n) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const std::int64_t run = inputs[i].dims[1] * 3;
      for (std::int64_t j = n * run; j < (n + 1) * run; ++j) {
        expected.bytes.push_back(
            std::byte(p.tables[i][std::size_t(inputs[i].bytes[std::size_t(j)])]));
      }
    }
  }
  const int options = for_each_option(concat_rows(), p, "tables", [&](const Row& row) {
    EXPECT_EQ(run_row(row, p, inputs, expected.dims, {}, 1).bytes, expected.bytes) << row.name;
  });
  EXPECT_GT(options, 0);
}

void check_strided(const Dims& in, const Dims& out, const Dims& strides, std::int64_t offset,
                   std::size_t element) {
  StridedCopyProblem p;
  p.element_size = element;
  p.rank = int(out.size());
  p.in_offset = offset;
  std::copy(out.begin(), out.end(), p.out_dims.begin());
  std::copy(strides.begin(), strides.end(), p.in_strides.begin());
  const Plain x = random_bytes(in, element, 3);
  Plain expected{out, {}};
  for (std::int64_t i = 0; i < count(out); ++i) {
    std::int64_t rest = i, at = offset;
    for (std::size_t axis = out.size(); axis-- > 0;) {
      at += rest % out[axis] * strides[axis];
      rest /= out[axis];
    }
    append(expected, x, at, element);
  }
  const int rows =
      for_each_option(movement_rows(), p, fmt::format("rank {} element {}", out.size(), element),
                      [&](const Row& row) {
                        EXPECT_EQ(run_row(row, p, {{x}}, out, {}, element).bytes, expected.bytes);
                      });
  EXPECT_GT(rows, 0);
}

TEST(StridedCopy, TransposesSlicesAndExpands) {
  for (const std::size_t element : {1, 2, 4, 8}) {
    check_strided({100, 70}, {70, 100}, {1, 70}, 0, element);
    check_strided({3, 5, 7}, {7, 5, 3}, {1, 7, 35}, 0, element);
    check_strided({2, 3, 4, 5}, {2, 4, 5, 3}, {60, 5, 1, 20}, 0, element);
    check_strided({2, 4, 5, 3}, {2, 3, 4, 5}, {60, 1, 15, 3}, 0, element);
    check_strided({10, 20}, {4, 7}, {40, 2}, 21, element);
    check_strided({10, 20}, {10, 20}, {-20, -1}, 199, element);
    check_strided({1, 20}, {300, 20}, {0, 1}, 0, element);
    check_strided({20, 1}, {20, 300}, {1, 0}, 0, element);
    check_strided({9000}, {3000}, {3}, 2, element);
    check_strided({5}, {}, {}, 3, element);
    check_strided({5}, {3, 0}, {1, 1}, 0, element);
    check_strided({2, 2, 2, 2, 2, 2, 2, 2}, {2, 2, 2, 2, 2, 2, 2, 2}, {1, 2, 4, 8, 16, 32, 64, 128},
                  0, element);
  }
}

void check_pad(const Dims& in, const Dims& begin, const Dims& out, std::size_t element) {
  PadProblem p;
  p.element_size = element;
  p.rank = int(in.size());
  std::copy(in.begin(), in.end(), p.in_dims.begin());
  std::copy(out.begin(), out.end(), p.out_dims.begin());
  std::copy(begin.begin(), begin.end(), p.begin.begin());
  const Plain value = random_bytes({1}, element, 9), x = random_bytes(in, element, 10);
  std::copy(value.bytes.begin(), value.bytes.end(), p.value.begin());
  Plain expected{out, {}};
  for (std::int64_t i = 0; i < count(out); ++i) {
    std::int64_t rest = i, at = 0, stride = 1;
    bool inside = true;
    for (std::size_t axis = out.size(); axis-- > 0;) {
      const std::int64_t place = rest % out[axis] - begin[axis];
      inside &= place >= 0 && place < in[axis];
      at += place * stride;
      stride *= in[axis];
      rest /= out[axis];
    }
    append(expected, inside ? x : value, inside ? at : 0, element);
  }
  const int rows = for_each_option(movement_rows(), p, "pad", [&](const Row& row) {
    EXPECT_EQ(run_row(row, p, {{x}}, out, {}, element).bytes, expected.bytes);
  });
  EXPECT_GT(rows, 0);
}

TEST(Pad, PadsAndCropsEveryAxis) {
  for (const std::size_t element : {1, 2, 4, 8}) {
    check_pad({5}, {2}, {9}, element);
    check_pad({5}, {-2}, {2}, element);
    check_pad({2, 3, 4, 5}, {0, 1, 2, 3}, {2, 6, 7, 9}, element);
    check_pad({2, 3, 4, 5}, {1, -1, 0, -2}, {4, 1, 4, 4}, element);
    check_pad({4, 4}, {5, -6}, {12, 3}, element);
    check_pad({100, 200}, {1, 1}, {102, 202}, element);
    check_pad({}, {}, {}, element);
    check_pad({0, 3}, {1, 1}, {2, 5}, element);
  }
}

TEST(Movement, RejectsElementsOfOtherSizes) {
  StridedCopyProblem copy;
  copy.element_size = 3;
  PadProblem pad;
  pad.element_size = 16;
  for (const Row& row : movement_rows()) {
    if (row.kind == copy.kind) {
      EXPECT_NE(row.rejects(copy), nullptr);
    } else if (row.kind == pad.kind) {
      EXPECT_NE(row.rejects(pad), nullptr);
    }
  }
}

}  // namespace
}  // namespace strata::kernels
