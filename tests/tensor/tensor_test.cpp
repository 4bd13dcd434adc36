#include "strata/tensor/tensor.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "strata/base/random.hpp"
#include "strata/tensor/arena.hpp"
#include "strata/tensor/encoding.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata {
namespace {

bool is_aligned(const void* data) {
  return reinterpret_cast<std::uintptr_t>(data) % arena_alignment == 0;
}

TEST(Tensor, AbsentAndEmptyDiffer) {
  EXPECT_FALSE(Tensor().present());
  EXPECT_TRUE(Tensor::zeros(DType::f32, Shape{0, 3}).present());
  EXPECT_TRUE(Tensor::borrow(DType::f32, Shape{0}, static_cast<const void*>(nullptr)).present());
  EXPECT_FALSE(identical(Tensor(), Tensor::zeros(DType::f32, Shape{0})));
  EXPECT_TRUE(identical(Tensor(), Tensor().clone()));
}

TEST(Tensor, OwnsZeroedAlignedBytes) {
  for (std::int64_t n : {1, 63, 64, 65, 1 << 20}) {
    const Tensor tensor = Tensor::zeros(DType::f64, Shape{n});
    EXPECT_TRUE(is_aligned(tensor.raw()));
    EXPECT_EQ(tensor.size_bytes(), std::size_t(n) * 8);
    for (double x : tensor.data<double>()) ASSERT_EQ(x, 0);
  }
}

TEST(Tensor, RefusesAbsurdSizes) {
  const std::int64_t limit = std::int64_t(1) << 47;
  expect_error(ErrorCode::model, "f32[70368744177664]",
               [&] { Tensor::zeros(DType::f32, Shape{limit / 2}); });
  expect_error(ErrorCode::model, "63 bits", [&] { Tensor::zeros(DType::i8, Shape{limit, limit}); });
  expect_error(ErrorCode::model, "exceeds", [&] {
    Tensor::borrow(DType::f64, Shape{std::int64_t(1) << 61}, static_cast<const void*>(nullptr));
  });
  EXPECT_THROW(Arena(std::size_t(1) << 48), Error);
}

TEST(Tensor, CopiesShareAndClonesDoNot) {
  Tensor a = Tensor::from<float>(Shape{2}, {1, 2});
  Tensor b = a;
  Tensor c = a.clone();
  b.mutable_data<float>()[0] = 5;
  EXPECT_EQ(a.data<float>()[0], 5);
  EXPECT_EQ(c.data<float>()[0], 1);
  EXPECT_FALSE(identical(a, c));
}

TEST(Tensor, BorrowsWithoutCopying) {
  float bytes[] = {1, 2, 3};
  Tensor tensor = Tensor::borrow(DType::f32, Shape{3}, static_cast<void*>(bytes));
  EXPECT_EQ(tensor.raw(), bytes);
  tensor.mutable_data<float>()[1] = 7;
  EXPECT_EQ(bytes[1], 7);
}

TEST(Tensor, ConstBytesAreReadOnly) {
  const float bytes[] = {1, 2, 3};
  Tensor tensor = Tensor::borrow(DType::f32, Shape{3}, bytes);
  EXPECT_EQ(tensor.raw(), bytes);
  EXPECT_THROW(tensor.mutable_raw(), Error);
  EXPECT_THROW(tensor.mutable_data<float>(), Error);
  EXPECT_NO_THROW(tensor.clone().mutable_data<float>());
  EXPECT_THROW(tensor.data<double>(), Error);
}

TEST(Tensor, OwnerLivesAsLongAsAnyCopy) {
  auto owner = std::make_shared<std::vector<std::int32_t>>(4, 9);
  std::weak_ptr<std::vector<std::int32_t>> watch = owner;
  const void* data = owner->data();
  Tensor copy;
  {
    const Tensor tensor = Tensor::borrow(DType::i32, Shape{4}, data, std::move(owner));
    copy = tensor.reshaped(Shape{2, 2});
  }
  EXPECT_FALSE(watch.expired());
  EXPECT_EQ(copy.data<std::int32_t>()[3], 9);
  copy = {};
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, MisalignedFileBytesStayWhereTheyAreUntilTheyAreRead) {
  alignas(8) std::byte bytes[9]{};
  const float value = 2.5f;
  std::memcpy(bytes + 1, &value, 4);
  const Tensor tensor = Tensor::borrow(DType::f32, Shape{2}, static_cast<const void*>(bytes + 1));
  EXPECT_EQ(tensor.raw(), bytes + 1);
  EXPECT_THROW(tensor.data<float>(), Error);
  EXPECT_TRUE(is_aligned(tensor.aligned().raw()));
  EXPECT_EQ(tensor.aligned().data<float>()[0], 2.5f);
  EXPECT_EQ(tensor.to_float()[0], 2.5f);
  EXPECT_EQ(EncodedTensor(tensor).decode().data<float>()[0], 2.5f);
}

TEST(Tensor, ReshapeKeepsTheNumberOfElements) {
  const Tensor tensor = Tensor::zeros(DType::i8, Shape{2, 6});
  EXPECT_EQ(tensor.reshaped(Shape{3, 4}).raw(), tensor.raw());
  expect_error(ErrorCode::model, "[2,6] has 12 elements, [5] has 5",
               [&] { tensor.reshaped(Shape{5}); });
}

template <class To, class From>
To cast_one(From value) {
  return Tensor::scalar(value).cast(dtype_of<To>).template data<To>()[0];
}

template <class To, class From>
void expect_saturation() {
  using Limits = std::numeric_limits<To>;
  const From beyond = std::ldexp(From(1), Limits::digits);
  EXPECT_EQ((cast_one<To>(beyond)), Limits::max());
  EXPECT_EQ((cast_one<To>(From(INFINITY))), Limits::max());
  EXPECT_EQ((cast_one<To>(From(-INFINITY))), Limits::min());
  EXPECT_EQ((cast_one<To>(-2 * beyond)), Limits::min());
  EXPECT_EQ((cast_one<To>(From(NAN))), 0);
  const From inside = std::nextafter(beyond, From(0));
  EXPECT_EQ((cast_one<To>(inside)), static_cast<To>(inside));
  EXPECT_EQ((cast_one<To>(From(2.75))), 2);
  EXPECT_EQ((cast_one<To>(From(-2.75))), Limits::is_signed ? To(-2) : To(0));
  EXPECT_EQ((cast_one<To>(From(-0.5))), 0);
}

TEST(Cast, FloatToIntegerTruncatesAndSaturates) {
  const auto all = []<class From>() {
    expect_saturation<std::int8_t, From>();
    expect_saturation<std::uint8_t, From>();
    expect_saturation<std::int16_t, From>();
    expect_saturation<std::uint16_t, From>();
    expect_saturation<std::int32_t, From>();
    expect_saturation<std::uint32_t, From>();
    expect_saturation<std::int64_t, From>();
    expect_saturation<std::uint64_t, From>();
  };
  all.operator()<float>();
  all.operator()<double>();
  EXPECT_EQ((cast_one<std::int8_t>(Half(300.0f))), 127);
  EXPECT_EQ((cast_one<std::int32_t>(BFloat16(-1e30f))), std::numeric_limits<std::int32_t>::min());
}

TEST(Cast, IntegersKeepTheLowBits) {
  EXPECT_EQ((cast_one<std::int8_t>(std::int32_t(300))), 44);
  EXPECT_EQ((cast_one<std::uint8_t>(std::int32_t(-1))), 255);
  EXPECT_EQ((cast_one<std::int64_t>(std::uint32_t(0xffffffff))), 0xffffffff);
  EXPECT_EQ((cast_one<std::uint64_t>(std::int8_t(-1))), ~std::uint64_t(0));
}

TEST(Cast, BoolIsNotZero) {
  EXPECT_TRUE((cast_one<bool>(0.25f)));
  EXPECT_TRUE((cast_one<bool>(NAN)));
  EXPECT_TRUE((cast_one<bool>(Half(0x1p-24f))));
  EXPECT_FALSE((cast_one<bool>(-0.0)));
  EXPECT_TRUE((cast_one<bool>(std::int32_t(256))));
  EXPECT_EQ((cast_one<float>(true)), 1);
  // Bytes of a file that claim to be bool.
  const std::uint8_t bytes[] = {0, 1, 2, 255};
  const Tensor tensor = Tensor::borrow(DType::boolean, Shape{4}, bytes);
  EXPECT_EQ(tensor.to_int64(), (std::vector<std::int64_t>{0, 1, 1, 1}));
  EXPECT_EQ(tensor.to_float(), (std::vector<float>{0, 1, 1, 1}));
}

// Through float these would round twice, and the first rounding makes them ties.
TEST(Cast, RoundsOnce) {
  EXPECT_EQ((cast_one<Half>(1 + 0x1p-11 + 0x1p-40)).bits, 0x3c01);
  EXPECT_EQ((cast_one<Half>(1 + 0x1p-11)).bits, 0x3c00);
  EXPECT_EQ((cast_one<Half>(1 + 0x3p-11 - 0x1p-40)).bits, 0x3c01);
  EXPECT_EQ((cast_one<Half>(-65520.0 + 0x1p-30)).bits, 0xfbff);
  EXPECT_EQ((cast_one<Half>(0x1p-25 + 0x1p-70)).bits, 0x0001);
  EXPECT_EQ((cast_one<BFloat16>(1 + 0x1p-8 + 0x1p-40)).bits, 0x3f81);
  EXPECT_EQ((cast_one<BFloat16>((std::int64_t(257) << 54) + 1)).bits, BFloat16(258 * 0x1p54f).bits);
  EXPECT_EQ((cast_one<BFloat16>(-(std::int64_t(257) << 54))).bits, BFloat16(-256 * 0x1p54f).bits);
  EXPECT_EQ((cast_one<BFloat16>(~std::uint64_t(0))).bits, BFloat16(0x1p64f).bits);
  EXPECT_EQ((cast_one<Half>(std::int32_t(2049))).bits, Half(2048.0f).bits);
  EXPECT_EQ((cast_one<float>((std::int64_t(1) << 60) + 1)), 0x1p60f);
}

TEST(Cast, EveryPairKeepsSmallIntegers) {
  std::vector<float> values(100);
  std::iota(values.begin(), values.end(), 0.0f);
  const Tensor start = Tensor::from<float>(Shape{100}, values);
  for (int from = 0; from < int(DType::boolean); ++from) {
    for (int to = 0; to < int(DType::boolean); ++to) {
      const Tensor result = start.cast(DType(from)).cast(DType(to));
      ASSERT_EQ(result.dtype(), DType(to));
      ASSERT_EQ(result.to_float(), values) << to_string(DType(from)) << to_string(DType(to));
    }
  }
}

TEST(Tensor, IntegersComeOutAsInt64) {
  EXPECT_EQ(Tensor::from<std::int32_t>(Shape{2}, {-1, 4}).to_int64(),
            (std::vector<std::int64_t>{-1, 4}));
  expect_error(ErrorCode::model, "got elements of type f32",
               [] { Tensor::scalar(1.0f).to_int64(); });
  expect_error(ErrorCode::model, "element 1 is 18446744073709551615", [] {
    Tensor::from<std::uint64_t>(Shape{2}, {1, ~std::uint64_t(0)}).to_int64();
  });
}

TEST(Tensor, IdenticalComparesBits) {
  const Tensor zero = Tensor::scalar(0.0f);
  EXPECT_FALSE(identical(zero, Tensor::scalar(-0.0f)));
  EXPECT_FALSE(identical(zero, Tensor::scalar(std::int32_t(0))));
  EXPECT_FALSE(identical(zero, zero.reshaped(Shape{1})));
  const Tensor nan = Tensor::scalar(NAN);
  EXPECT_TRUE(identical(nan, nan.clone()));
}

TEST(Arena, OwnsOrBorrows) {
  const Arena owned(1000);
  EXPECT_TRUE(is_aligned(owned.data()));
  EXPECT_EQ(owned.size(), 1000u);
  alignas(arena_alignment) std::byte memory[128];
  const Arena borrowed(memory, sizeof memory);
  EXPECT_EQ(borrowed.data(), memory);
  const Arena copy = owned;
  EXPECT_EQ(copy.data(), owned.data());
}

}  // namespace
}  // namespace strata
