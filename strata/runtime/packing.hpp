#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/ir/packed_weights.hpp"
#include "strata/kernels/row.hpp"
#include "strata/tensor/encoding.hpp"

namespace strata::runtime {

/// Weights in a kernel's own order. Kept alive by the programs that use them.
using Packed = std::shared_ptr<const std::byte>;

/// What a kernel packs: one part of a constant as it is encoded, or its decoded elements.
struct PackSource {
  static constexpr int decoded = -1;
  const EncodedTensor* constant = nullptr;  ///< null: the kernel gets a null pointer
  int part = decoded;
};

/// Packs each (constants, row, size, form) once, however many programs and bindings ask for it.
class PackedStore {
 public:
  /// `sources` as the row's problem lists its constants. Null where the row packs nothing.
  Packed pack(const kernels::Row& row, const kernels::Problem& problem,
              std::span<const PackSource> sources);

  /// Takes over what a file has packed of the graph's constants, to be used where it lies; nothing
  /// where other kernels packed it or its bytes are not aligned. Weights of other names are
  /// ignored.
  void offer(const ir::Graph& graph, const ir::PackedSet& packed,
             std::span<const kernels::Row* const> rows);

  /// How many times packing really ran, and how many times what was offered spared it.
  std::size_t packings() const;
  std::size_t spared() const;

 private:
  struct Entry {
    std::weak_ptr<const std::byte> packed;
    std::vector<Tensor> parts;  // keep the addresses in the key taken
    Packed offered;             // stays; null: made here
  };
  /// Row, packed size and form, and for each source its encoding, axis, part and the addresses of
  /// all parts.
  using Key = std::vector<std::uintptr_t>;
  static Key key_of(const kernels::Row& row, std::size_t size, std::uint64_t form,
                    std::span<const PackSource> sources, Entry& entry);

  std::shared_ptr<std::byte> allocate_packed(std::size_t size);

  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::size_t purge_at_ = 16;  // entries, when those nobody uses any more are forgotten
  std::size_t packings_ = 0;
  std::size_t small_bytes_ = 0;    // ever asked for in blocks below a large page
  std::weak_ptr<std::byte> page_;  // the large page that small blocks go to
  std::size_t page_used_ = 0;
  std::size_t spared_ = 0;
};

}  // namespace strata::runtime
