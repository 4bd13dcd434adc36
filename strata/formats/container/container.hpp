#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/model_info.hpp"
#include "strata/ir/graph.hpp"
#include "strata/ir/packed_weights.hpp"

/// Strata's own file format: the text of a graph, and its tensors 64-byte aligned to be used where
/// they lie in the mapped file. docs/container.md has the layout.
namespace strata::formats::container {

constexpr std::uint32_t newest_version = 2;

/// Whether the bytes begin as a container of any version does.
bool is_container(std::span<const std::byte> bytes);

/// Files with at most so many bytes of tensors are held to all their checksums: that takes about a
/// millisecond. Of larger ones, see LoadOptions::verify.
constexpr std::uint64_t always_verified = 16 << 20;

/// Reads a graph whose tensors borrow the file's bytes. Throws model for damaged files, unsupported
/// for versions other than newest_version.
ir::Graph import_model(const MappedFile& file, const LoadOptions& options);
/// What the file says of itself, without its graph.
ModelInfo read_info(std::span<const std::byte> bytes);
/// The packed weights in the file, which borrow its bytes; none in most files. What they were made
/// of is not looked at, nor are their checksums (import_model's are those of all parts).
ir::PackedSet read_packed(const MappedFile& file);

/// A container ready to be written: `head`, then each part at its offset.
struct Content {
  std::string head;
  struct Part {
    std::uint64_t offset;
    Tensor data;
  };
  std::vector<Part> parts;
  std::uint64_t size = 0;  ///< of the file
};
/// `with_sums`: without, nothing reads the tensors, but the head's checksums are not right.
Content content_of(const ir::Graph& graph, const ModelInfo& info, const ir::PackedSet& packed = {},
                   bool with_sums = true);

}  // namespace strata::formats::container
