#include "strata/data/npy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "strata/base/byte_reader.hpp"
#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/npy_header.hpp"

namespace strata::data {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr std::size_t most_header_bytes = 64 << 10;
constexpr std::size_t header_alignment = 64;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

NpyHeader read_header(ByteReader& reader) {
  if (reader.remaining() < magic.size() || as_text(reader.take(magic.size())) != magic) {
    fail(ErrorCode::model, "not an npy file: it does not begin with \\x93NUMPY");
  }
  const int major = reader.read<std::uint8_t>();
  const int minor = reader.read<std::uint8_t>();
  if (major < 1 || major > 3 || minor != 0) {
    fail(ErrorCode::unsupported, "npy version {}.{}, accepted are 1.0, 2.0 and 3.0", major, minor);
  }
  const std::size_t length =
      major == 1 ? reader.read<std::uint16_t>() : reader.read<std::uint32_t>();
  if (length > most_header_bytes) {
    fail(ErrorCode::model, "npy header of {} bytes, accepted are {}", length, most_header_bytes);
  }
  return parse_npy_header(as_text(reader.take(length)));
}

/// Bytes of all elements; throws model unless the reader holds exactly these.
std::span<const std::byte> take_elements(ByteReader& reader, const NpyHeader& header) {
  const auto size = checked_mul(header.shape.elements(), std::int64_t(size_of(header.dtype)));
  if (!size || std::size_t(*size) != reader.remaining()) {
    fail(ErrorCode::model, "at byte {}: {} {} needs {} bytes, {} are there", reader.offset(),
         to_string(header.dtype), to_string(header.shape),
         size ? std::to_string(*size) : std::string("too many"), reader.remaining());
  }
  return reader.take(std::size_t(*size));
}

void check_booleans(std::span<const std::byte> bytes, std::size_t offset) {
  const auto wrong = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte(1); });
  if (wrong != bytes.end()) {
    fail(ErrorCode::model, "at byte {}: bool element {}, accepted are 0 and 1",
         offset + std::size_t(wrong - bytes.begin()), int(*wrong));
  }
}

/// Elements in Fortran order (first axis fastest) to row-major order.
Tensor from_fortran_order(const NpyHeader& header, std::span<const std::byte> bytes) {
  Tensor tensor = Tensor::zeros(header.dtype, header.shape);
  const std::size_t width = size_of(header.dtype);
  auto* out = static_cast<std::byte*>(tensor.mutable_raw());
  std::array<std::int64_t, max_rank> at{};
  std::array<std::int64_t, max_rank> strides{};
  std::int64_t stride = 1;
  for (int axis = 0; axis < header.shape.rank(); ++axis) {
    strides[std::size_t(axis)] = stride;
    stride *= header.shape[axis];
  }
  std::int64_t source = 0;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    std::memcpy(out + std::size_t(i) * width, bytes.data() + std::size_t(source) * width, width);
    for (int axis = header.shape.rank() - 1; axis >= 0; --axis) {
      const auto a = std::size_t(axis);
      source += strides[a];
      if (++at[a] < header.shape[axis]) break;
      source -= at[a] * strides[a];
      at[a] = 0;
    }
  }
  return tensor;
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
  ByteReader reader(bytes);
  const NpyHeader header = read_header(reader);
  const std::size_t offset = reader.offset();
  const std::span<const std::byte> elements = take_elements(reader, header);
  if (header.dtype == DType::boolean) check_booleans(elements, offset);
  if (header.fortran_order && header.shape.rank() > 1) return from_fortran_order(header, elements);
  const Tensor shared =
      Tensor::borrow(header.dtype, header.shape, static_cast<const void*>(elements.data()), owner);
  return owner ? shared : shared.clone();
}

Tensor read_npy(const std::filesystem::path& path) {
  return with_context([&] { return "reading " + path.string(); },
                      [&] {
                        const MappedFile file = MappedFile::open(path);
                        return parse_npy(file.bytes(), file.owner());
                      });
}

namespace {

Tensor as_numpy_knows(const Tensor& narrow) {
  const DType type = narrow.dtype();
  if (is_narrow_float(type)) return narrow.cast(DType::f32);
  return narrow.cast(type == DType::i4 || type == DType::i2 ? DType::i8 : DType::u8);
}

}  // namespace

std::string npy_bytes(const Tensor& tensor) {
  STRATA_ASSERT(tensor.present());
  if (is_narrow(tensor.dtype())) return npy_bytes(as_numpy_knows(tensor));
  std::string header = npy_header(tensor.dtype(), tensor.shape());
  const std::size_t before = magic.size() + 4;
  // The elements begin at a multiple of 64 bytes, so that they can be used where they lie.
  const std::size_t used = before + header.size() + 1;
  header.append((header_alignment - used % header_alignment) % header_alignment, ' ');
  header += '\n';
  std::string file(magic);
  file += {'\x01', '\x00', char(header.size() & 0xff), char(header.size() >> 8)};
  file += header;
  file += as_text(tensor.bytes());
  return file;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  write_file(path, npy_bytes(tensor));
}

}  // namespace strata::data
