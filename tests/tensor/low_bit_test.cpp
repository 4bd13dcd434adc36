// The encodings whose bytes others define, or that kernels and exporters will read by their parts.

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "strata/base/random.hpp"
#include "strata/tensor/encodings/affine.hpp"
#include "strata/tensor/encodings/parts.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata {
namespace {

Tensor bytes(const Shape& shape, std::string_view hex) {
  Tensor tensor = Tensor::zeros(DType::u8, shape);
  std::size_t i = 0;
  for (std::uint8_t& byte : tensor.mutable_data<std::uint8_t>()) {
    byte = std::uint8_t(std::stoi(std::string(hex.substr(2 * i++, 2)), nullptr, 16));
  }
  return tensor;
}

/// Two blocks of numbers that binary fractions hold.
Tensor two_blocks() {
  Tensor tensor = Tensor::zeros(DType::f32, Shape{2, 32});
  const auto x = tensor.mutable_data<float>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = float((int(i) * 37) % 64 - 31) / 16 * (i < 32 ? 1.0f : 0.375f);
  }
  x[32 + 5] = -3.3f;
  return tensor;
}

// What gguf 0.19.0, the format's own package, writes for the same numbers.
constexpr std::string_view q4_0_bytes =
    "00b4cf379d047be248bf269df36ad148ae159a369877a98769907a9887a9877998769887";
constexpr std::string_view q8_0_bytes =
    "08248518ad40d467fc9124b94be073089d30c457ec7f14a93cd063f88d20b547dc6f"
    "a72601e90af213811c04eb0df416fde506ee0ff71800e809f112fa1b03ea0cf315fc";

TEST(GgmlBlocks, AreTheBytesOfGguf) {
  EXPECT_TRUE(
      identical(q4_0_encoding.encode(two_blocks(), 0).parts[0], bytes({2, 1, 18}, q4_0_bytes)));
  EXPECT_TRUE(
      identical(q8_0_encoding.encode(two_blocks(), 0).parts[0], bytes({2, 1, 34}, q8_0_bytes)));
}

TEST(GgmlBlocks, DecodeByTheLayout) {
  EncodedTensor encoded = q4_0_encoding.encode(two_blocks(), 0);
  const Tensor decoded = encoded.decode();
  // d = -0.25; byte 0 is cf, byte 15 is 6a... element i and i + 16 share a byte.
  EXPECT_EQ(decoded.data<float>()[0], (0xf - 8) * -0.25f);
  EXPECT_EQ(decoded.data<float>()[16], (0xc - 8) * -0.25f);
  EXPECT_EQ(decoded.data<float>()[1], (0x7 - 8) * -0.25f);
}

TEST(GgmlBlocks, RowsFollowTheOutputChannels) {
  // The transposed matrix, with channels along its last axis, has the same blocks.
  const Tensor rows = two_blocks();
  Tensor columns = Tensor::zeros(DType::f32, Shape{32, 2});
  for (std::size_t i = 0; i < 64; ++i) {
    columns.mutable_data<float>()[i % 32 * 2 + i / 32] = rows.data<float>()[i];
  }
  EXPECT_TRUE(identical(q4_0_encoding.encode(columns, 1).parts[0], bytes({2, 1, 18}, q4_0_bytes)));
}

TEST(GgmlBlocks, LastBlockOfARowEndsInZeros) {
  const Tensor short_rows = Tensor::from<float>(Shape{2, 2}, {-8, 7, 4, -8});
  const EncodedTensor encoded = q4_0_encoding.encode(short_rows, 0);
  EXPECT_EQ(encoded.size_bytes(), 2 * 18);
  EXPECT_TRUE(identical(encoded.decode(), short_rows));
}

TEST(GgmlBlocks, RefuseScalesBeyondF16) {
  expect_error(ErrorCode::unsupported, "scale -125000, outside the range of f16",
               [] { q4_0_encoding.encode(Tensor::from<float>(Shape{1}, {1e6f}), 0); });
}

/// All sixteen codes, each decoded with scale 1.
std::vector<float> levels_of(const Encoding& encoding) {
  EncodedTensor encoded;
  encoded.encoding = &encoding;
  encoded.shape = Shape{1, 16};
  encoded.parts = {bytes({8}, "1032547698badcfe"), Tensor::from<float>(Shape{1}, {1})};
  return encoded.decode().to_float();
}

TEST(PowerOfTwo, CodesHaveTheirLevels) {
  using Floats = std::vector<float>;
  EXPECT_EQ(levels_of(pot4_channel_encoding),
            (Floats{1, 2, 4, 8, 16, 32, 64, 128, 0, -2, -4, -8, -16, -32, -64, -128}));
  EXPECT_EQ(levels_of(apot4_channel_encoding),
            (Floats{1, 3, 0, 2, 4, 6, 8, 10, -1, -3, 0, -2, -4, -6, -8, -10}));
  EXPECT_EQ(levels_of(msq4_channel_encoding),
            (Floats{1, 5, 2, 6, 4, 8, 0, 4, -1, -5, -2, -6, -4, -8, 0, -4}));
}

TEST(PowerOfTwo, PacksTheLowCodeFirst) {
  // The largest magnitude lies on level 10: 0 -> 2, 1 -> 0, 2 -> 3, 3 -> 1, as PoTAcc's table has
  // them; ties go away from zero (5 to 6).
  const Tensor weights = Tensor::from<float>(Shape{1, 8}, {0, 1, 2, 3, -10, 8, 6, 4});
  const EncodedTensor encoded = apot4_channel_encoding.encode(weights, 0);
  EXPECT_TRUE(identical(encoded.parts[0], bytes({4}, "02136f45")));
  EXPECT_TRUE(identical(encoded.decode(), weights));
}

TEST(PowerOfTwo, EveryWeightGoesToItsNearestLevel) {
  Random random(7);
  for (const Encoding* encoding :
       {&pot4_channel_encoding, &apot4_channel_encoding, &msq4_channel_encoding}) {
    const std::vector<float> levels = levels_of(*encoding);
    Tensor weights = Tensor::zeros(DType::f32, Shape{3, 50});
    for (float& x : weights.mutable_data<float>()) x = float(random.normal());
    const EncodedTensor encoded = encoding->encode(weights, 0);
    const Tensor decoded = encoded.decode();
    for (std::size_t i = 0; i < 150; ++i) {
      const float x = weights.data<float>()[i], scale = encoded.parts[1].data<float>()[i / 50];
      double least = INFINITY;
      for (const float level : levels) {
        least = std::min(least, std::fabs(double(x) - double(level) * double(scale)));
      }
      EXPECT_EQ(std::fabs(double(x) - double(decoded.data<float>()[i])), least)
          << encoding->name << " " << x << ", seed 7";
    }
  }
}

TEST(PackBits, LiesWithoutGapsFromTheLowestBit) {
  const std::vector<std::uint8_t> codes = {1, 2, 3, 4, 5, 6, 7, 0, 1};
  // 3 bits each: 001 010 011 100 101 110 111 000 001 from the right.
  const Tensor packed = pack_bits(codes, 3);
  EXPECT_TRUE(identical(packed, bytes({4}, "d1581f01")));
  EXPECT_EQ(unpack_bits(packed, 9, 3), codes);
  for (int bits = 1; bits <= 8; ++bits) {
    for (std::int64_t count = 0; count < 20; ++count) {
      EXPECT_EQ(packed_bytes(count, bits), (count * bits + 7) / 8);
      std::vector<std::uint8_t> some;
      for (std::int64_t i = 0; i < count; ++i)
        some.push_back(std::uint8_t((i * 91 + 5) % (1 << bits)));
      EXPECT_EQ(unpack_bits(pack_bits(some, bits), count, bits), some);
    }
  }
}

TEST(PackBits, CountsOfFilesDoNotOverflow) {
  EXPECT_EQ(packed_bytes(INT64_MAX, 8), INT64_MAX);
  EXPECT_EQ(packed_bytes(INT64_MAX, 4), (INT64_MAX / 2) + 1);
}

TEST(Affine, HasEveryFormatOnce) {
  std::set<std::string_view> names;
  for (const Encoding* encoding : all_encodings()) {
    const AffineFormat* format = affine_format(*encoding);
    if (!format) continue;
    EXPECT_EQ(find_affine(*format), encoding);
    std::string name = (format->symmetric ? "i" : "u") + std::to_string(format->bits);
    name += format->sharing == AffineFormat::Sharing::tensor ? "_tensor"
            : format->sharing == AffineFormat::Sharing::channel
                ? "_channel"
                : "_group" + std::to_string(format->group);
    EXPECT_EQ(encoding->name, name);
    EXPECT_TRUE(names.insert(encoding->name).second);
  }
  EXPECT_EQ(names.size(), 7u * 2 * 6);
  AffineFormat odd;
  odd.sharing = AffineFormat::Sharing::group;
  odd.group = 48;
  EXPECT_EQ(find_affine(odd), nullptr);
  EXPECT_EQ(affine_format(q4_0_encoding), nullptr);
}

TEST(Affine, GroupsLieAlongTheRows) {
  // One row of 20: a group of 16 with scale 1, one of 4 with scale 0.5.
  Tensor weights = Tensor::zeros(DType::f32, Shape{20, 1});
  for (int i = 0; i < 20; ++i) {
    weights.mutable_data<float>()[std::size_t(i)] =
        i < 16 ? float(i % 15 - 7) : float(i - 17) * (i == 16 ? 3.5f : 0.5f);
  }
  const EncodedTensor encoded = find_encoding("i4_group16").encode(weights, 1);
  EXPECT_EQ(encoded.parts[1].shape(), (Shape{1, 2}));
  EXPECT_EQ(encoded.parts[1].data<float>()[0], 1);
  EXPECT_EQ(encoded.parts[1].data<float>()[1], 0.5f);
  EXPECT_EQ(encoded.parts[0].shape(), Shape{10});
  EXPECT_EQ(encoded.size_bytes(), 10 + 8);
}

TEST(Affine, ZeroPointsKeepZeroExact) {
  const Tensor weights = Tensor::from<float>(Shape{1, 4}, {-1, 0, 2, 14});
  const EncodedTensor encoded = find_encoding("u4_channel").encode(weights, 0);
  EXPECT_TRUE(identical(encoded.decode(), weights));
  EXPECT_TRUE(identical(encoded.parts[2], Tensor::from<std::uint8_t>(Shape{1}, {1})));
  EXPECT_TRUE(identical(encoded.parts[0], bytes({2}, "10f3")));
}

TEST(Affine, CodesComeOutAndGoInAgain) {
  Random random(3);
  Tensor weights = Tensor::zeros(DType::f32, Shape{5, 7, 3});
  for (float& x : weights.mutable_data<float>()) x = float(random.normal());
  for (const Encoding* encoding : all_encodings()) {
    if (!affine_format(*encoding)) continue;
    const EncodedTensor encoded = encoding->encode(weights, 1);
    const Tensor codes = affine_codes(encoded);
    EXPECT_EQ(codes.shape(), weights.shape());
    const Tensor zeros = encoded.parts.size() == 3 ? encoded.parts[2] : Tensor();
    const EncodedTensor again =
        make_affine(*encoding, encoded.axis, codes, encoded.parts[1], zeros);
    EXPECT_NO_THROW(again.check());
    EXPECT_TRUE(identical(again.decode(), encoded.decode())) << encoding->name << ", seed 3";
  }
  EXPECT_EQ(affine_codes(find_encoding("i4_channel").encode(weights, 0)).dtype(), DType::i4);
  EXPECT_EQ(affine_codes(find_encoding("u2_tensor").encode(weights, 0)).dtype(), DType::u2);
  EXPECT_EQ(affine_codes(find_encoding("i3_group64").encode(weights, 0)).dtype(), DType::i8);
}

TEST(Affine, FewBitsCutOutliersOff) {
  Random random(5);
  Tensor weights = Tensor::zeros(DType::f32, Shape{1000});
  for (float& x : weights.mutable_data<float>()) x = float(random.normal());
  weights.mutable_data<float>()[0] = 8;
  const auto scale = [&](std::string_view name) {
    return find_encoding(name).encode(weights, 0).parts[1].data<float>()[0];
  };
  EXPECT_LT(scale("i3_tensor"), 8.0f / 3 * 0.8f);
  EXPECT_FLOAT_EQ(scale("i8_tensor"), 8.0f / 127);
}

TEST(FixedPoint, TakesTheLeastExponent) {
  const auto exponent = [](float largest) {
    return int(
        fixed16_tensor_encoding.encode(Tensor::scalar(largest), 0).parts[1].data<std::int8_t>()[0]);
  };
  EXPECT_EQ(exponent(32767), 0);
  EXPECT_EQ(exponent(32768), 1);
  EXPECT_EQ(exponent(16384), 0);
  EXPECT_EQ(exponent(16383.5f), -1);
  EXPECT_EQ(exponent(0), 0);
  EXPECT_EQ(exponent(std::numeric_limits<float>::max()), 114);
  EXPECT_EQ(exponent(std::numeric_limits<float>::denorm_min()), -126);
}

TEST(Float8, TheLargestElementIsTheLargestNumber) {
  const Tensor weights = Tensor::from<float>(Shape{3}, {-3.5f, 0.03125f, 1});
  const EncodedTensor encoded = f8e4m3_tensor_encoding.encode(weights, 0);
  EXPECT_EQ(encoded.parts[1].data<float>()[0], 3.5f / 448);
  EXPECT_EQ(encoded.decode().to_float(), weights.to_float());
}

TEST(Codebook, FewValuesStayAsTheyAre) {
  const Tensor weights = Tensor::from<float>(Shape{6}, {3, -1, 3, 0.1f, -1, 0});
  const EncodedTensor encoded = codebook16_encoding.encode(weights, 0);
  EXPECT_TRUE(identical(encoded.decode(), weights));
  // Indices 3 0 | 3 2 | 0 1 into -1, 0, 0.1, 3.
  EXPECT_TRUE(identical(encoded.parts[0], bytes({3}, "032310")));
}

TEST(Codebook, ErrsLessThanEqualStepsAndKeepsZeros) {
  Random random(9);
  Tensor weights = Tensor::zeros(DType::f32, Shape{4096});
  for (float& x : weights.mutable_data<float>()) {
    x = random.uniform() < 0.5 ? 0 : float(random.normal());
  }
  const auto error = [&](const Encoding& encoding) {
    const Tensor decoded = encoding.encode(weights, 0).decode();
    double sum = 0;
    for (std::size_t i = 0; i < 4096; ++i) {
      const double e = double(decoded.data<float>()[i]) - double(weights.data<float>()[i]);
      sum += e * e;
      if (weights.data<float>()[i] == 0) {
        EXPECT_EQ(decoded.data<float>()[i], 0);
      }
    }
    return sum;
  };
  EXPECT_LT(error(codebook16_encoding), error(find_encoding("i4_tensor")));
  EXPECT_LT(error(codebook256_encoding), error(i8_tensor_encoding));
}

TEST(Encodings, NameTheElementThatIsNotFinite) {
  for (const Encoding* encoding : all_encodings()) {
    // Floats have codes for what is not finite.
    if (encoding == &dense_encoding || encoding == &f16_encoding || encoding == &bf16_encoding) {
      continue;
    }
    expect_error(ErrorCode::unsupported, "element 2 is nan", [&] {
      encoding->encode(Tensor::from<float>(Shape{1, 3}, {1, 2, NAN}), 0);
    });
    expect_error(ErrorCode::unsupported, "element 1 is 1e+300, outside the range of f32", [&] {
      encoding->encode(Tensor::from<double>(Shape{1, 2}, {1, 1e300}), 0);
    });
  }
}

}  // namespace
}  // namespace strata
