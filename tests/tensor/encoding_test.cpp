#include "strata/tensor/encoding.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "strata/base/random.hpp"
#include "strata/tensor/encodings/affine.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata {
namespace {

Tensor random_weights(const Shape& shape, std::uint64_t seed, DType type = DType::f32) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& x : tensor.mutable_data<float>()) x = float(random.normal());
  return tensor.cast(type);
}

std::int64_t ceiling(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Bytes that the files of the encodings state for `shape`.
std::int64_t stated_bytes(const Encoding& encoding, const Shape& shape, int axis, DType type) {
  const std::string_view name = encoding.name;
  const std::int64_t n = shape.elements();
  const std::int64_t rows = shape.rank() < 2 ? 1 : shape[axis];
  const std::int64_t row = rows == 0 ? 0 : n / rows;
  if (const AffineFormat* format = affine_format(encoding)) {
    using Sharing = AffineFormat::Sharing;
    const std::int64_t scales = format->sharing == Sharing::tensor ? 1
                                : format->sharing == Sharing::channel
                                    ? shape[axis]
                                    : rows * ceiling(row, format->group);
    return ceiling(n * format->bits, 8) + scales * (format->symmetric ? 4 : 5);
  }
  if (name == "dense") return n * std::int64_t(size_of(type));
  if (name == "f16" || name == "bf16") return 2 * n;
  if (name.starts_with("f8")) return n + 4;
  if (name == "fixed16_tensor") return 2 * n + 1;
  if (name == "fixed16_channel") return 2 * n + shape[axis];
  if (name == "fixed8_tensor") return n + 1;
  if (name == "fixed8_channel") return n + shape[axis];
  if (name.ends_with("t4_channel") || name == "msq4_channel")
    return ceiling(n, 2) + 4 * shape[axis];
  if (name == "q4_0") return 18 * rows * ceiling(row, 32);
  if (name == "q8_0") return 34 * rows * ceiling(row, 32);
  if (name == "codebook16") return ceiling(n, 2) + 4 * 16;
  if (name == "codebook256") return n + 4 * 256;
  ADD_FAILURE() << "state the bytes of " << name << " here";
  return 0;
}

/// Largest root of the mean squared error, given the largest magnitude: half of the widest gap
/// between neighbouring levels when the largest element lies on the largest level. Narrower ranges
/// are only chosen where they err less.
double error_bound(const Encoding& encoding, double largest) {
  const std::string_view name = encoding.name;
  const double f32_unit = 0x1p-22 * largest;  // scales and products are rounded, scales to 2^-16
  const auto gap = [&](double steps) { return largest / steps / 2 * (1 + 0x1p-8) + f32_unit; };
  if (const AffineFormat* format = affine_format(encoding)) {
    // The range with zero points is twice the largest magnitude at most.
    return gap(format->symmetric ? (1 << (format->bits - 1)) - 1 : ((1 << format->bits) - 1) / 2.0);
  }
  if (name == "dense") return 0;
  if (name == "f16") return std::max(0x1p-11 * largest, 0x1p-25);
  if (name == "bf16") return 0x1p-8 * largest;
  if (name == "f8e4m3_tensor") return gap(16);
  if (name == "f8e5m2_tensor") return gap(8);
  // The exponent may leave one bit unused.
  if (name.starts_with("fixed16")) return gap(32767 / 2.0);
  if (name.starts_with("fixed8")) return gap(127 / 2.0);
  if (name == "pot4_channel") return gap(2);
  if (name == "apot4_channel") return gap(5);
  if (name == "msq4_channel") return gap(4);
  // Codes -8 to 7: the largest magnitude of the other sign misses by a step.
  if (name == "q4_0") return 2 * gap(8);
  if (name == "q8_0") return gap(127);
  // No worse than equal steps.
  if (name == "codebook16") return gap(7.5);
  if (name == "codebook256") return gap(127.5);
  ADD_FAILURE() << "state the error of " << name << " here";
  return 0;
}

class EveryEncoding : public testing::TestWithParam<const Encoding*> {};
INSTANTIATE_TEST_SUITE_P(, EveryEncoding,
                         testing::ValuesIn(all_encodings().begin(), all_encodings().end()),
                         [](const auto& test) { return std::string(test.param->name); });

TEST_P(EveryEncoding, DecodesNearTheElements) {
  const Encoding& encoding = *GetParam();
  for (const Shape& shape : {Shape{7}, Shape{4, 9}, Shape{8, 3, 3, 3}, Shape{5, 0, 2}, Shape{1}}) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      for (DType type : {DType::f32, DType::f64}) {
        SCOPED_TRACE(to_string(shape) + " axis " + std::to_string(axis) + ", seed 11");
        const Tensor original = random_weights(shape, 11, type);
        const EncodedTensor encoded = encoding.encode(original, axis);
        EXPECT_EQ(encoded.encoding, &encoding);
        EXPECT_EQ(encoded.dtype, type);
        EXPECT_EQ(encoded.shape, shape);
        EXPECT_EQ(encoded.size_bytes(), stated_bytes(encoding, shape, axis, type));
        const Tensor decoded = encoded.decode();
        ASSERT_EQ(decoded.dtype(), type);
        ASSERT_EQ(decoded.shape(), shape);
        const Tensor wide = original.cast(DType::f64), result = decoded.cast(DType::f64);
        double largest = 0, sum = 0;
        for (std::size_t i = 0; i < std::size_t(original.elements()); ++i) {
          const double x = wide.data<double>()[i], e = result.data<double>()[i] - x;
          largest = std::max(largest, std::fabs(x));
          sum += e * e;
        }
        if (original.elements() == 0) continue;
        EXPECT_LE(std::sqrt(sum / double(original.elements())), error_bound(encoding, largest));
      }
    }
  }
}

// What an encoding has once decoded it represents exactly; so a second pass changes nothing.
TEST_P(EveryEncoding, IsIdempotent) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Tensor once = GetParam()->encode(random_weights(Shape{6, 10}, seed), 0).decode();
    const Tensor twice = GetParam()->encode(once, 0).decode();
    EXPECT_TRUE(identical(once, twice));
  }
}

TEST_P(EveryEncoding, KeepsTheHalfTypes) {
  for (DType type : {DType::f16, DType::bf16}) {
    const Tensor original = random_weights(Shape{3, 5}, 3, type);
    const Tensor decoded = GetParam()->encode(original, 0).decode();
    EXPECT_EQ(decoded.dtype(), type);
    EXPECT_EQ(decoded.shape(), original.shape());
  }
}

TEST_P(EveryEncoding, ZerosStayZeros) {
  const Tensor zeros = Tensor::zeros(DType::f32, Shape{3, 4});
  EXPECT_TRUE(identical(GetParam()->encode(zeros, 0).decode(), zeros));
}

TEST_P(EveryEncoding, RefusesPartsThatDoNotFit) {
  const EncodedTensor good = GetParam()->encode(random_weights(Shape{3, 4}, 5), 1);
  const auto expect_refused = [&](auto&& spoil) {
    EncodedTensor bad = good;
    spoil(bad);
    expect_error(ErrorCode::model, "decoding " + std::string(GetParam()->name),
                 [&] { bad.decode(); });
  };
  expect_refused([](EncodedTensor& e) { e.parts.clear(); });
  expect_refused([](EncodedTensor& e) { e.parts.push_back(e.parts[0]); });
  for (std::size_t i = 0; i < good.parts.size(); ++i) {
    expect_refused([&](EncodedTensor& e) { e.parts[i] = Tensor(); });
    expect_refused([&](EncodedTensor& e) { e.parts[i] = Tensor::scalar(true); });
    expect_refused([&](EncodedTensor& e) {
      e.parts[i] = Tensor::zeros(e.parts[i].dtype(), Shape{2, 3, 2});
    });
  }
  expect_refused([](EncodedTensor& e) { e.shape = Shape{3, 5}; });
}

TEST_P(EveryEncoding, OnlyDenseTakesIntegers) {
  const Tensor integers = Tensor::from<std::int64_t>(Shape{2}, {1, 2});
  if (GetParam()->name == "dense") {
    EXPECT_TRUE(identical(GetParam()->encode(integers, 0).decode(), integers));
  } else {
    expect_error(ErrorCode::unsupported, "elements are i64",
                 [&] { GetParam()->encode(integers, 0); });
  }
}

TEST(Encoding, ListIsDenseFirstWithUniqueNames) {
  std::set<std::string_view> names;
  for (const Encoding* encoding : all_encodings()) {
    EXPECT_TRUE(names.insert(encoding->name).second);
    EXPECT_EQ(&find_encoding(encoding->name), encoding);
    EXPECT_FALSE(encoding->summary.empty());
  }
  EXPECT_EQ(all_encodings()[0], &dense_encoding);
  expect_error(ErrorCode::usage,
               "'int4', expected one of dense, f16, bf16, i8_tensor, i8_channel, [iu]N_tensor",
               [] { find_encoding("int4"); });
}

TEST(Encoding, DenseSharesItsBytes) {
  const Tensor tensor = random_weights(Shape{4}, 1);
  const EncodedTensor encoded = tensor;
  EXPECT_TRUE(encoded.is_dense());
  EXPECT_EQ(encoded.decode().raw(), tensor.raw());
  EXPECT_FALSE(f16_encoding.encode(tensor, 0).is_dense());
}

TEST(Encoding, HalfRefusesOverflowButKeepsInfinity) {
  expect_error(ErrorCode::unsupported, "element 1 is -65520, outside the range of f16", [] {
    f16_encoding.encode(Tensor::from<float>(Shape{2}, {INFINITY, -65520}), 0);
  });
  expect_error(ErrorCode::unsupported, "outside the range of bf16",
               [] { bf16_encoding.encode(Tensor::scalar(std::numeric_limits<float>::max()), 0); });
  expect_error(ErrorCode::unsupported, "1e+300, outside the range of f16",
               [] { f16_encoding.encode(Tensor::scalar(1e300), 0); });
}

TEST(AffineI8, LayoutIsCodesThenScale) {
  // max|w| = 127, so the scale is 1; halves go to even.
  const Tensor weights =
      Tensor::from<float>(Shape{2, 4}, {-127, 0.5, 1.5, 2.5, -0.5, -1.5, 3, 126.9});
  const EncodedTensor encoded = i8_tensor_encoding.encode(weights, 0);
  EXPECT_TRUE(identical(encoded.parts[0],
                        Tensor::from<std::int8_t>(Shape{2, 4}, {-127, 0, 2, 2, 0, -2, 3, 127})));
  EXPECT_TRUE(identical(encoded.parts[1], Tensor::scalar(1.0f)));
}

TEST(AffineI8, EachChannelHasItsScale) {
  const Tensor weights = Tensor::from<float>(Shape{2, 3, 1}, {127, 2, 0, -64, -254, 0});
  const EncodedTensor encoded = i8_channel_encoding.encode(weights, 1);
  EXPECT_EQ(encoded.axis, 1);
  EXPECT_TRUE(identical(encoded.parts[1], Tensor::from<float>(Shape{3}, {1, 2, 1})));
  EXPECT_TRUE(identical(encoded.parts[0],
                        Tensor::from<std::int8_t>(Shape{2, 3, 1}, {127, 1, 0, -64, -127, 0})));
}

TEST(AffineI8, NamesTheElementThatIsNotFinite) {
  for (const Encoding* encoding : {&i8_tensor_encoding, &i8_channel_encoding}) {
    expect_error(ErrorCode::unsupported, "element 2 is nan", [&] {
      encoding->encode(Tensor::from<float>(Shape{1, 3}, {1, 2, NAN}), 0);
    });
    expect_error(ErrorCode::unsupported, "element 0 is -inf",
                 [&] { encoding->encode(Tensor::from<float>(Shape{1}, {-INFINITY}), 0); });
  }
}

TEST(AffineI8, SurvivesTheEndsOfTheRange) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  const float large = std::numeric_limits<float>::max();
  for (float x : {tiny, 100 * tiny, std::numeric_limits<float>::min(), large, -large}) {
    const EncodedTensor encoded = i8_tensor_encoding.encode(Tensor::scalar(x), 0);
    const float scale = encoded.parts[1].data<float>()[0];
    EXPECT_TRUE(std::isnormal(scale)) << x;
    const float decoded = encoded.decode().data<float>()[0];
    EXPECT_LE(std::fabs(double(decoded) - double(x)), scale / 2) << x;
  }
  expect_error(ErrorCode::unsupported, "outside the range of f32",
               [] { i8_tensor_encoding.encode(Tensor::scalar(1e300), 0); });
}

TEST(AffineI8, ChannelAxisMustExist) {
  const Tensor weights = random_weights(Shape{2, 2}, 1);
  expect_error(ErrorCode::unsupported, "channel axis 2 of shape [2,2], expected 0 to 1",
               [&] { i8_channel_encoding.encode(weights, 2); });
  EXPECT_THROW(i8_channel_encoding.encode(weights, -1), Error);
  expect_error(ErrorCode::unsupported, "a scalar has no channel axis",
               [] { i8_channel_encoding.encode(Tensor::scalar(1.0f), 0); });
}

}  // namespace
}  // namespace strata
