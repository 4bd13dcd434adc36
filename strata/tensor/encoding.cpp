#include "strata/tensor/encoding.hpp"

#include <fmt/ranges.h>

#include "strata/base/error.hpp"
#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

constexpr const Encoding* encodings[] = {
#define STRATA_ENCODING(name) &name##_encoding,
#include "strata/tensor/encodings/encodings.def"
#undef STRATA_ENCODING
};

}  // namespace

EncodedTensor::EncodedTensor(Tensor tensor)
    : encoding(&dense_encoding), dtype(tensor.dtype()), shape(tensor.shape()) {
  parts.push_back(std::move(tensor));
}

bool EncodedTensor::is_dense() const { return encoding == &dense_encoding; }

Tensor EncodedTensor::decode() const {
  STRATA_ASSERT(encoding != nullptr);
  EncodedTensor readable = *this;
  for (Tensor& part : readable.parts) part = part.aligned();
  return with_context([&] { return fmt::format("decoding {}", encoding->name); },
                      [&] { return encoding->decode(readable); });
}

std::int64_t EncodedTensor::size_bytes() const {
  std::int64_t sum = 0;
  for (const Tensor& part : parts) sum += std::int64_t(part.size_bytes());
  return sum;
}

std::span<const Encoding* const> all_encodings() { return encodings; }

const Encoding& find_encoding(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Encoding* encoding : encodings) {
    if (encoding->name == name) return *encoding;
    names.push_back(encoding->name);
  }
  fail(ErrorCode::usage, "unknown encoding '{}', expected one of {}", name, fmt::join(names, ", "));
}

void expect_float(const Tensor& tensor) {
  if (!is_float(tensor.dtype())) {
    fail(ErrorCode::unsupported, "elements are {}, expected a float type",
         to_string(tensor.dtype()));
  }
}

void expect_parts(const EncodedTensor& encoded, std::initializer_list<PartType> types) {
  if (encoded.parts.size() != types.size()) {
    fail(ErrorCode::model, "{} parts, expected {}", encoded.parts.size(), types.size());
  }
  auto part = encoded.parts.begin();
  for (const PartType& type : types) {
    if (!part->present() || part->dtype() != type.dtype || part->shape() != type.shape) {
      fail(ErrorCode::model, "{} are {}{}, expected {}{}", type.name,
           part->present() ? to_string(part->dtype()) : "absent", to_string(part->shape()),
           to_string(type.dtype), to_string(type.shape));
    }
    ++part;
  }
}

}  // namespace strata
