#include "strata/tensor/encoding.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata {
namespace {

std::vector<const Encoding*> collected() {
  std::vector<const Encoding*> list;
  const auto add = [&](std::span<const Encoding* const> family) {
    list.insert(list.end(), family.begin(), family.end());
  };
#define STRATA_ENCODING(name) list.push_back(&name##_encoding);
#define STRATA_ENCODING_FAMILY(name) add(name##_encodings());
#include "strata/tensor/encodings/encodings.def"
#undef STRATA_ENCODING
#undef STRATA_ENCODING_FAMILY
  return list;
}

/// Parts come from files; those of encoders are right by construction.
void expect_part(const Tensor& part, const PartType& type) {
  if (part.present() && part.dtype() == type.dtype && part.shape() == type.shape) return;
  fail(ErrorCode::model, "{} are {}{}, expected {}{}", type.name,
       part.present() ? to_string(part.dtype()) : "absent", to_string(part.shape()),
       to_string(type.dtype), to_string(type.shape));
}

}  // namespace

EncodedTensor::EncodedTensor(Tensor tensor)
    : encoding(&dense_encoding), dtype(tensor.dtype()), shape(tensor.shape()) {
  parts.push_back(std::move(tensor));
}

bool EncodedTensor::is_dense() const { return encoding == &dense_encoding; }

void EncodedTensor::check() const {
  STRATA_ASSERT(encoding != nullptr);
  const std::vector<PartType> types = encoding->layout(*this);
  if (parts.size() != types.size()) {
    fail(ErrorCode::model, "{} parts, expected {}", parts.size(), types.size());
  }
  for (std::size_t i = 0; i < types.size(); ++i) expect_part(parts[i], types[i]);
}

Tensor EncodedTensor::decode() const {
  STRATA_ASSERT(encoding != nullptr);
  return with_context([&] { return fmt::format("decoding {}", encoding->name); },
                      [&] {
                        check();
                        EncodedTensor readable = *this;
                        for (Tensor& part : readable.parts) part = part.aligned();
                        return encoding->decoder(readable);
                      });
}

std::int64_t EncodedTensor::size_bytes() const {
  std::int64_t sum = 0;
  for (const Tensor& part : parts) sum += std::int64_t(part.size_bytes());
  return sum;
}

std::span<const Encoding* const> all_encodings() {
  static const std::vector<const Encoding*> list = collected();
  return list;
}

const Encoding& find_encoding(std::string_view name) {
  const auto found = std::ranges::find(all_encodings(), name, &Encoding::name);
  if (found != all_encodings().end()) return **found;
  fail(ErrorCode::usage, "unknown encoding '{}', expected one of {}", name, encoding_names());
}

std::string encoding_names() {
  std::vector<std::string_view> names;
  for (const Encoding* encoding : all_encodings()) {
    const std::string_view name = encoding->family.empty() ? encoding->name : encoding->family;
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace strata
