#include "strata/formats/container/packed.hpp"

#include <span>

#include "strata/base/byte_reader.hpp"
#include "strata/base/error.hpp"

namespace strata::formats::container {
namespace {

template <class T>
void append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& to, std::string_view text) {
  append(to, std::uint32_t(text.size()));
  to += text;
}

std::string read_text(ByteReader& reader) {
  const auto size = reader.read<std::uint32_t>();
  const auto bytes = reader.take(size);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ir::PackedWeights read_weights(ByteReader& reader,
                               const std::function<Tensor(std::size_t number)>& part) {
  ir::PackedWeights weights;
  weights.bytes = part(reader.read<std::uint32_t>());
  weights.form = reader.read<std::uint64_t>();
  weights.row = read_text(reader);
  // The bytes that follow bound them: nothing is reserved for what is only claimed.
  for (auto left = reader.read<std::uint32_t>(); left > 0; --left) {
    std::string value = read_text(reader);
    weights.sources.push_back({std::move(value), reader.read<std::int32_t>()});
  }
  return weights;
}

}  // namespace

std::string packed_entry(const ir::PackedSet& packed, std::uint32_t first_part) {
  std::string entry;
  append(entry, packed.version);
  for (std::size_t i = 0; i < packed.weights.size(); ++i) {
    const ir::PackedWeights& weights = packed.weights[i];
    append(entry, first_part + std::uint32_t(i));
    append(entry, weights.form);
    append_text(entry, weights.row);
    append(entry, std::uint32_t(weights.sources.size()));
    for (const auto& [value, part] : weights.sources) {
      append_text(entry, value);
      append(entry, std::int32_t(part));
    }
  }
  return entry;
}

ir::PackedSet parse_packed(std::string_view entry,
                           const std::function<Tensor(std::size_t number)>& part) {
  ByteReader reader(std::as_bytes(std::span(entry)));
  ir::PackedSet packed;
  packed.version = reader.read<std::uint64_t>();
  while (reader.remaining() > 0) packed.weights.push_back(read_weights(reader, part));
  return packed;
}

}  // namespace strata::formats::container
