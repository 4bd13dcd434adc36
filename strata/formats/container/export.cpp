#include <xxhash.h>
#include <zstd.h>

#include <cstring>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/container/container.hpp"
#include "strata/formats/container/layout.hpp"
#include "strata/formats/container/packed.hpp"
#include "strata/ir/text.hpp"

namespace strata::formats::container {
namespace {

// Names and shapes repeat: the highest level of zstd's fast ones costs milliseconds.
constexpr int compression_level = 12;

std::string compressed(std::string_view text) {
  std::string result(ZSTD_compressBound(text.size()), '\0');
  const std::size_t size =
      ZSTD_compress(result.data(), result.size(), text.data(), text.size(), compression_level);
  if (ZSTD_isError(size)) fail(ErrorCode::io, "compressing: {}", ZSTD_getErrorName(size));
  result.resize(size);
  return result;
}

template <class T>
void append(std::string& to, const T& value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_text(std::string& to, std::string_view text) {
  if (text.size() > std::numeric_limits<std::uint32_t>::max()) {
    fail(ErrorCode::unsupported, "a text of {} bytes in the model's info", text.size());
  }
  append(to, std::uint32_t(text.size()));
  to += text;
}

std::string info_bytes(const ModelInfo& info) {
  std::string bytes;
  const auto add = [&](std::string_view key, std::string_view value) {
    append_text(bytes, key);
    append_text(bytes, value);
  };
  const auto add_known = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) add(key, value);
  };
  // Keys of Strata's begin with a colon; the author's are written with one more where they do.
  add_known(":producer", info.producer);
  add_known(":producer_version", info.producer_version);
  add_known(":domain", info.domain);
  add_known(":description", info.description);
  add_known(":graph_description", info.graph_description);
  if (info.version != 0) add(":version", std::to_string(info.version));
  for (const auto& [key, value] : info.metadata) {
    add(key.starts_with(':') ? ":" + key : key, value);
  }
  return bytes;
}

std::uint64_t checksum_of(const Tensor& part) {
  const std::uint64_t sum = XXH3_64bits(part.raw(), part.size_bytes());
  drop_pages(part.bytes());
  return sum;
}

std::uint64_t aligned(std::uint64_t offset) {
  return (offset + alignment - 1) / alignment * alignment;
}

}  // namespace

Content content_of(const ir::Graph& graph, const ModelInfo& info, const ir::PackedSet& packed,
                   bool with_sums) {
  std::vector<Tensor> parts;
  ir::TextOptions text_options;
  text_options.parts = &parts;
  const std::string text = ir::to_text(graph, text_options);
  const std::string stored = compressed(text);
  std::string about = info_bytes(info);
  if (!packed.weights.empty()) {
    append_text(about, packed_key);
    append_text(about, packed_entry(packed, std::uint32_t(parts.size())));
  }
  for (const ir::PackedWeights& weights : packed.weights) parts.push_back(weights.bytes);
  if (parts.size() > std::numeric_limits<std::uint32_t>::max()) {
    fail(ErrorCode::unsupported, "{} tensors in one container", parts.size());
  }

  Content content;
  std::string table;
  const std::size_t table_size = parts.size() * sizeof(PartRow);
  std::uint64_t end = magic.size() + sizeof(Header) + table_size + about.size() + stored.size();
  for (const Tensor& part : parts) {
    const std::uint64_t offset = aligned(end);
    append(table, PartRow{offset, part.size_bytes(), with_sums ? checksum_of(part) : 0});
    content.parts.push_back({offset, part});
    end = offset + part.size_bytes();
  }
  content.size = end;

  Header header{newest_version,
                std::uint32_t(parts.size()),
                end,
                about.size(),
                stored.size(),
                text.size(),
                0};
  content.head = magic;
  append(content.head, header);
  content.head += table + about + stored;
  // Hashed with a checksum of zero.
  header.checksum = XXH3_64bits(content.head.data(), content.head.size());
  std::memcpy(content.head.data() + magic.size(), &header, sizeof header);
  return content;
}

}  // namespace strata::formats::container
