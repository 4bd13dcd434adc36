#include "strata/data/idx.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "strata/base/byte_reader.hpp"
#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"
#include "strata/data/archive.hpp"

namespace strata::data {
namespace {

// Two zero bytes, a type and the number of axes, then an extent of four bytes for each axis.
constexpr std::pair<std::uint8_t, DType> types[] = {{0x08, DType::u8},  {0x09, DType::i8},
                                                    {0x0b, DType::i16}, {0x0c, DType::i32},
                                                    {0x0d, DType::f32}, {0x0e, DType::f64}};

std::uint32_t read_big(ByteReader& reader) {
  std::uint32_t value = 0;
  for (const std::byte b : reader.take(4)) value = value << 8 | std::uint32_t(b);
  return value;
}

DType read_type(ByteReader& reader) {
  const auto zeros = reader.read<std::uint16_t>();
  const auto code = reader.read<std::uint8_t>();
  const auto found =
      std::ranges::find_if(types, [&](const auto& known) { return known.first == code; });
  if (zeros != 0 || found == std::end(types)) {
    fail(ErrorCode::model,
         "at byte 0: not an idx file: two zero bytes and the type 8, 9, 11, 12, 13 or 14 expected");
  }
  return found->second;
}

}  // namespace

Tensor parse_idx(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  const DType dtype = read_type(reader);
  const int rank = reader.read<std::uint8_t>();
  if (rank < 1 || rank > max_rank) {
    fail(ErrorCode::model, "at byte 3: {} axes, accepted are 1 to {}", rank, max_rank);
  }
  std::vector<std::int64_t> extents;
  std::optional<std::int64_t> size = std::int64_t(size_of(dtype));
  for (int axis = 0; axis < rank; ++axis) {
    extents.push_back(read_big(reader));
    if (size) size = checked_mul(*size, extents.back());
  }
  if (!size || std::size_t(*size) != reader.remaining()) {
    fail(ErrorCode::model, "at byte {}: {} of {} axes needs {} bytes, {} are there",
         reader.offset(), to_string(dtype), rank,
         size ? std::to_string(*size) : std::string("too many"), reader.remaining());
  }
  Tensor tensor = Tensor::zeros(dtype, Shape(extents));
  const std::size_t width = size_of(dtype);
  auto* out = static_cast<std::byte*>(tensor.mutable_raw());
  const auto elements = reader.take(std::size_t(*size));
  if (!elements.empty()) std::memcpy(out, elements.data(), elements.size());
  for (std::size_t at = 0; width > 1 && at < elements.size(); at += width) {
    std::reverse(out + at, out + at + width);
  }
  return tensor;
}

bool has_idx_name(std::string_view name) {
  name = without_compression(name);
  for (const std::string_view start : {".idx", "-idx"}) {
    const std::size_t at = name.find(start);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = name.substr(at + start.size());
    if (rest.empty() || (rest.front() >= '1' && rest.front() <= '9')) return true;
  }
  return false;
}

}  // namespace strata::data
