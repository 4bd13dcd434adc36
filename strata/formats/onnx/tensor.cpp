#include "strata/formats/onnx/tensor.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <vector>

#include "strata/base/checked.hpp"
#include "strata/formats/onnx/element_type.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::formats::onnx {
namespace {

// The typed list that holds elements of a type (onnx.proto, TensorProto).
int list_field(DType type) {
  switch (type) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 10;
    case DType::i64:
      return 7;
    case DType::u64:
    case DType::u32:
      return 11;
    default:
      return 5;
  }
}

// Of the elements as files hold them.
std::int64_t byte_count(DType type, const Shape& shape) {
  if (is_narrow(type)) return std::int64_t(packed_size(type, std::size_t(shape.elements())));
  const auto bytes = checked_mul(shape.elements(), std::int64_t(size_of(type)));
  if (!bytes) fail(ErrorCode::model, "{} elements are too many", shape.elements());
  return *bytes;
}

// An element of int32_data or uint64_data, which hold the bits of f16 and bf16.
template <class T>
T element(std::int64_t value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    if (value < 0 || value > 0xffff) fail(ErrorCode::model, "{} is no 16 bits", value);
    T bits;
    bits.bits = std::uint16_t(value);
    return bits;
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return std::uint64_t(value);
  } else if constexpr (std::is_same_v<T, bool>) {
    return value != 0;
  } else {
    if (value < std::int64_t(std::numeric_limits<T>::lowest()) ||
        value > std::int64_t(std::numeric_limits<T>::max())) {
      fail(ErrorCode::model, "{} does not fit its element type", value);
    }
    return T(value);
  }
}

// Calls f(value) for each element of the tensor's typed list.
template <class T, class F>
void for_each_element(const TensorProto& proto, F&& f) {
  const int field = list_field(dtype_of<T>);
  for (Message m = proto.content; m.next();) {
    if (m.field() != field) continue;
    if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
      m.fixed<T>(f);
    } else {
      m.integers([&](std::int64_t value) { f(element<T>(value)); });
    }
  }
}

std::int64_t parse_count(std::string_view key, std::string_view text) {
  std::int64_t value = -1;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0) {
    fail(ErrorCode::model, "external data: {} is \"{}\", expected a number of bytes", key, text);
  }
  return value;
}

struct ExternalRange {
  std::string_view location;
  std::int64_t offset = 0;
  std::optional<std::int64_t> length;
};

ExternalRange external_range(const TensorProto& proto) {
  ExternalRange range;
  for (const auto& [key, value] : proto.external_data) {
    if (key == "location") {
      range.location = value;
    } else if (key == "offset") {
      range.offset = parse_count(key, value);
    } else if (key == "length") {
      range.length = parse_count(key, value);
    } else if (key != "checksum") {  // a SHA-1 that ONNX declares optional and nobody checks
      fail(ErrorCode::model,
           "external data: key \"{}\"; accepted: location, offset, length, checksum", key);
    }
  }
  while (range.location.starts_with("./")) range.location.remove_prefix(2);
  if (range.location.empty()) fail(ErrorCode::model, "external data without location");
  return range;
}

// follow_links: every component may be a link, but the path as written stays in the folder.
MappedFile open_linked(const std::filesystem::path& folder, std::string_view location) {
  const std::filesystem::path path(location);
  bool contained = path.is_relative() && location.find('\\') == std::string_view::npos;
  for (const auto& part : path) contained = contained && part != "..";
  if (!contained) {
    fail(ErrorCode::model, "external data \"{}\" leads out of the model's folder", location);
  }
  return MappedFile::open(folder / path);
}

}  // namespace

Tensor TensorReader::read(const TensorProto& proto) {
  const DType type = element_type(proto.data_type);
  const bool has_raw = proto.raw_data && !proto.raw_data->empty();
  if (int(proto.external) + int(has_raw) + int(proto.has_list) > 1) {
    fail(ErrorCode::model,
         "its data is given twice; accepted: one of raw, listed or external data");
  }
  if (proto.external) return external(type, proto);
  if (!has_raw) return typed(type, proto);
  const std::span raw(reinterpret_cast<const std::byte*>(proto.raw_data->data()),
                      proto.raw_data->size());
  return in_place(type, proto.dims, raw, file_.owner());
}

Tensor TensorReader::in_place(DType type, const Shape& shape, std::span<const std::byte> bytes,
                              const std::shared_ptr<const void>& owner) {
  const std::int64_t expected = byte_count(type, shape);
  if (std::int64_t(bytes.size()) != expected) {
    fail(ErrorCode::model, "{}{} has {} bytes of data, expected {}", to_string(type),
         to_string(shape), bytes.size(), expected);
  }
  if (bytes.empty()) return Tensor::zeros(type, shape);
  if (bits_of(type) < 8) return unpacked(type, shape, bytes);
  if (type == DType::boolean) {
    account(expected);
    Tensor tensor = Tensor::zeros(type, shape);
    // Only 0 and 1 are values of C++'s bool.
    std::transform(bytes.begin(), bytes.end(), tensor.mutable_data<bool>().begin(),
                   [](std::byte b) { return b != std::byte(0); });
    return tensor;
  }
  const void* data = bytes.data();
  return Tensor::borrow(type, shape, data, owner);
}

Tensor TensorReader::external(DType type, const TensorProto& proto) {
  const ExternalRange range = external_range(proto);
  const std::int64_t wanted = byte_count(type, proto.dims);
  const MappedFile& file = open(range.location);
  const auto size = std::int64_t(file.bytes().size());
  const std::int64_t length = range.length.value_or(wanted);
  if (range.offset > size || length > size - range.offset) {
    fail(ErrorCode::model, "external data \"{}\": bytes {} to {}+{} of a file of {} bytes",
         range.location, range.offset, range.offset, length, size);
  }
  return in_place(type, proto.dims,
                  file.bytes().subspan(std::size_t(range.offset), std::size_t(length)),
                  file.owner());
}

Tensor TensorReader::unpacked(DType type, const Shape& shape, std::span<const std::byte> bytes) {
  account(shape.elements());
  Tensor tensor = Tensor::zeros(type, shape);
  auto* codes = static_cast<std::uint8_t*>(tensor.mutable_raw());
  unpack_codes(type, bytes, {codes, std::size_t(shape.elements())});
  return tensor;
}

// Each number of int32_data holds the bits of one element of 8 or 6 bits, of two of 4, four of 2.
Tensor TensorReader::typed_narrow(DType type, const TensorProto& proto) {
  const bool packed = bits_of(type) <= 4;
  const std::int64_t expected = packed ? byte_count(type, proto.dims) : proto.dims.elements();
  const std::int64_t most = packed ? 0xff : (1 << bits_of(type)) - 1;
  std::int64_t count = 0;
  for_each_element<std::int32_t>(proto, [&](std::int32_t value) {
    ++count;
    if (value < 0 || value > most) {
      fail(ErrorCode::model, "{} is no {} bits", value, std::bit_width(std::uint64_t(most)));
    }
  });
  if (count != expected) {
    fail(ErrorCode::model, "{}{} has {} numbers of data, expected {}", to_string(type),
         to_string(proto.dims), count, expected);
  }
  account(expected);
  std::vector<std::byte> bytes;
  bytes.reserve(std::size_t(expected));
  for_each_element<std::int32_t>(proto,
                                 [&](std::int32_t value) { bytes.push_back(std::byte(value)); });
  if (packed) return unpacked(type, proto.dims, bytes);
  return Tensor::borrow(type, proto.dims, static_cast<const void*>(bytes.data())).clone();
}

Tensor TensorReader::typed(DType type, const TensorProto& proto) {
  if (is_narrow(type)) return typed_narrow(type, proto);
  return dispatch(type, [&]<class T>() {
    std::int64_t count = 0;
    for_each_element<T>(proto, [&](T) { ++count; });
    if (count != proto.dims.elements()) {
      fail(ErrorCode::model, "{}{} has {} elements of data, expected {}", to_string(type),
           to_string(proto.dims), count, proto.dims.elements());
    }
    if (count == 0) return Tensor::zeros(type, proto.dims);
    account(byte_count(type, proto.dims));
    Tensor tensor = Tensor::zeros(type, proto.dims);
    T* out = tensor.mutable_data<T>().data();
    for_each_element<T>(proto, [&](T value) { *out++ = value; });
    return tensor;
  });
}

void TensorReader::account(std::int64_t bytes) {
  if (bytes > options_.byte_limit - allocated_) {
    fail(ErrorCode::unsupported, "constants of more than {} bytes that cannot stay in the file",
         options_.byte_limit);
  }
  allocated_ += bytes;
}

const MappedFile& TensorReader::open(std::string_view location) {
  const auto found = opened_.find(std::string(location));
  if (found != opened_.end()) return found->second;
  if (options_.external == ExternalData::refuse) {
    fail(ErrorCode::unsupported, "external data is switched off");
  }
  if (options_.folder.empty()) {
    fail(ErrorCode::unsupported, "external data of a model that was not read from a file");
  }
  MappedFile file = options_.external == ExternalData::beneath
                        ? open_beneath(options_.folder, location)
                        : open_linked(options_.folder, location);
  return opened_.emplace(location, std::move(file)).first->second;
}

}  // namespace strata::formats::onnx
