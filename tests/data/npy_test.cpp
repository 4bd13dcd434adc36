#include "strata/data/npy.hpp"

#include <array>
#include <cstring>

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

/// A version 1 file around this dictionary and these elements.
std::string file(std::string_view header, std::string_view elements) {
  std::string text("\x93NUMPY\x01\x00", 8);
  text += char(header.size() & 0xff);
  text += char(header.size() >> 8);
  return text + std::string(header) + std::string(elements);
}

std::string dictionary(std::string_view descr, std::string_view order, std::string_view shape) {
  return fmt::format("{{'descr': '{}', 'fortran_order': {}, 'shape': {}, }}\n", descr, order,
                     shape);
}

template <class T>
std::string raw(std::initializer_list<T> values) {
  std::string text(values.size() * sizeof(T), '\0');
  std::memcpy(text.data(), values.begin(), text.size());
  return text;
}

TEST(Npy, ReadsWhatNumpyWrites) {
  // numpy.save of numpy.arange(6, dtype=numpy.int16).reshape(2, 3), byte by byte.
  std::string header = "{'descr': '<i2', 'fortran_order': False, 'shape': (2, 3), }";
  header.append(117 - header.size(), ' ');
  header += '\n';
  const std::string text = file(header, raw<std::int16_t>({0, 1, 2, 3, 4, 5}));
  const Tensor tensor = parse_npy(bytes_of(text));
  EXPECT_TRUE(identical(tensor, Tensor::from<std::int16_t>({2, 3}, {0, 1, 2, 3, 4, 5})));
  EXPECT_EQ(npy_bytes(tensor), text);
}

TEST(Npy, ReadsFortranOrder) {
  const std::string text = file(dictionary("<i4", "True", "(2, 3, 2)"),
                                raw<std::int32_t>({0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11}));
  const Tensor tensor = parse_npy(bytes_of(text));
  EXPECT_EQ(tensor.shape(), (Shape{2, 3, 2}));
  for (std::int32_t i = 0; i < 12; ++i) EXPECT_EQ(tensor.data<std::int32_t>()[std::size_t(i)], i);
}

TEST(Npy, RoundTripsEveryTypeAndRank) {
  for (const DType dtype :
       {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64, DType::i32, DType::i16,
        DType::i8, DType::u64, DType::u32, DType::u16, DType::u8, DType::boolean}) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{0, 3}, Shape{2, 1, 3}}) {
      Tensor counted = Tensor::zeros(DType::f32, shape);
      for (std::int64_t i = 0; i < counted.elements(); ++i) {
        counted.mutable_data<float>()[std::size_t(i)] = float(i % 2);
      }
      const Tensor tensor = counted.cast(dtype);
      const std::string text = npy_bytes(tensor);
      EXPECT_EQ((text.size() - tensor.size_bytes()) % 64, 0u);
      EXPECT_TRUE(identical(parse_npy(bytes_of(text)), tensor))
          << to_string(dtype) << to_string(shape);
    }
  }
}

TEST(Npy, ReadsLaterVersionsAndOldSpellings) {
  const std::string header = dictionary("<f4", "False", "(2L,)");
  for (const char version : {'\2', '\3'}) {
    std::string text("\x93NUMPY", 6);
    text += {version, '\0', char(header.size()), '\0', '\0', '\0'};
    text += header + raw<float>({1.5f, -2});
    EXPECT_TRUE(identical(parse_npy(bytes_of(text)), Tensor::from<float>({2}, {1.5f, -2})));
  }
}

TEST(Npy, SharesBytesThatHaveAnOwner) {
  const Tensor original = Tensor::from<float>({3}, {1, 2, 3});
  const auto text = std::make_shared<std::string>(npy_bytes(original));
  const Tensor tensor = parse_npy(bytes_of(*text), text);
  EXPECT_TRUE(identical(tensor, original));
  const auto* data = static_cast<const char*>(tensor.raw());
  EXPECT_TRUE(data >= text->data() && data < text->data() + text->size());
}

TEST(Npy, RefusesWithReasons) {
  const auto expect = [](ErrorCode code, std::string_view part, const std::string& text) {
    expect_error(code, part, [&] { parse_npy(bytes_of(text)); });
  };
  const std::string four(4, '\0');
  expect(ErrorCode::model, "not an npy file", "NUMPY and more");
  expect(ErrorCode::unsupported, "version 9.0", std::string("\x93NUMPY\x09\0\0\0", 10));
  expect(ErrorCode::unsupported, "pickled objects are never read",
         file(dictionary("|O", "False", "(1,)"), four));
  expect(ErrorCode::unsupported, "structured arrays",
         file("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", four));
  expect(ErrorCode::unsupported, "big endian", file(dictionary(">f4", "False", "(1,)"), four));
  expect(ErrorCode::unsupported, "'<c8'", file(dictionary("<c8", "False", "(1,)"), four));
  expect(ErrorCode::unsupported, "at most 8",
         file(dictionary("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), four));
  expect(ErrorCode::model, "63 bits",
         file(dictionary("<f4", "False", "(4611686018427387904, 4)"), four));
  expect(ErrorCode::model, "needs too many bytes",
         file(dictionary("<f4", "False", "(4611686018427387904,)"), four));
  expect(ErrorCode::model, "needs 4000000000 bytes, 4 are there",
         file(dictionary("<f4", "False", "(1000000000,)"), four));
  expect(ErrorCode::model, "needs 4 bytes, 5 are there",
         file(dictionary("<f4", "False", "(1,)"), four + "x"));
  expect(ErrorCode::model, "an extent of 0 or more",
         file(dictionary("<f4", "False", "(-1,)"), four));
  expect(ErrorCode::model, "True or False", file(dictionary("<f4", "0", "(1,)"), four));
  expect(ErrorCode::model, "unknown key",
         file("{'descr': '<f4', 'order': False, 'shape': (1,)}", four));
  expect(ErrorCode::model, "given twice", file("{'shape': (1,), 'shape': (1,)}", four));
  expect(ErrorCode::model, "is missing", file("{'descr': '<f4', 'shape': (1,)}", four));
  expect(ErrorCode::model, "quoted string expected",
         file("{__import__('os').system('x'): 1}", four));
  expect(ErrorCode::model, "text after the dictionary",
         file(dictionary("<f4", "False", "(1,)") + "+ f()", four));
  expect(ErrorCode::model, "bool element 2", file(dictionary("|b1", "False", "(1,)"), "\x02"));
}

TEST(Npy, SurvivesDamage) {
  const auto read = [](std::span<const std::byte> bytes) { parse_npy(bytes); };
  for (const std::string order : {"False", "True"}) {
    const std::string text = file(dictionary("<f4", order, "(2, 2)"), raw<float>({1, 2, 3, 4}));
    expect_prefixes_refused(text, read);
    expect_no_defect(text, read);
  }
}

TEST(Npz, RoundTripsArraysInOrder) {
  const Folder folder;
  const NamedTensor arrays[] = {{"logits", Tensor::from<float>({2}, {1, 2})},
                                {"a/b", Tensor::from<std::int64_t>({1, 1}, {7})},
                                {"empty", Tensor::zeros(DType::u8, {0})}};
  write_npz(folder / "x.npz", arrays);
  const std::vector<NamedTensor> back = read_npz(folder / "x.npz");
  ASSERT_EQ(back.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(back[i].name, arrays[i].name);
    EXPECT_TRUE(identical(back[i].tensor, arrays[i].tensor));
  }
  write_npz(folder / "y.npz", arrays);
  EXPECT_EQ(read_file(folder / "x.npz", 1 << 20), read_file(folder / "y.npz", 1 << 20));
}

TEST(Npz, HoldsItsLimitAndRefusesTwins) {
  const Folder folder;
  const std::string deflated = corpus("npy/deflated.npz");
  const std::vector<NamedTensor> arrays = parse_npz(bytes_of(deflated));
  EXPECT_TRUE(identical(arrays.at(0).tensor, Tensor::zeros(DType::i32, {100})));
  expect_error(ErrorCode::model, "unpacks to more", [&] { parse_npz(bytes_of(deflated), 500); });
  const NamedTensor twins[] = {{"a", arrays[0].tensor}, {"a", arrays[0].tensor}};
  expect_error(ErrorCode::usage, "'a' given twice", [&] { write_npz(folder / "y.npz", twins); });
  EXPECT_FALSE(std::filesystem::exists(folder / "y.npz"));
}

TEST(Npz, ReadsWhatNumpyWrites) {
  const std::vector<NamedTensor> arrays = parse_npz(bytes_of(corpus("npy/two.npz")));
  ASSERT_EQ(arrays.size(), 2u);
  EXPECT_EQ(arrays[0].name, "a");
  EXPECT_TRUE(identical(arrays[0].tensor, Tensor::from<std::uint8_t>({1}, {1})));
  EXPECT_TRUE(identical(arrays[1].tensor, Tensor::scalar(2.0)));
  expect_error(ErrorCode::unsupported, "pickled objects are never read",
               [] { parse_npy(bytes_of(corpus("npy/object.npy"))); });
}

TEST(Npz, SurvivesDamage) {
  const Folder folder;
  const NamedTensor arrays[] = {{"a", Tensor::from<float>({2}, {1, 2})}};
  write_npz(folder / "x.npz", arrays);
  const std::string text = read_file(folder / "x.npz", 1 << 20);
  const auto read = [](std::span<const std::byte> bytes) { parse_npz(bytes); };
  expect_no_defect(corpus("npy/deflated.npz"), read);
  expect_no_defect(text, read);
  // Without its directory at the end, a zip may still be read from the front.
  expect_prefixes_refused(text, read, 100);
}

}  // namespace
}  // namespace strata::data
