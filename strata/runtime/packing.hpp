#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <tuple>
#include <vector>

#include "strata/kernels/row.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::runtime {

/// Weights in a kernel's own order. Kept alive by the programs that use them.
using Packed = std::shared_ptr<const std::byte>;

/// Packs each (constants, row, size) once, however many programs and bindings ask for it.
class PackedStore {
 public:
  /// `constants` as the row's problem lists them; absent tensors become null pointers. Null where
  /// the row packs nothing.
  Packed pack(const kernels::Row& row, const kernels::Problem& problem,
              std::span<const Tensor> constants);

  /// How many times packing really ran.
  std::size_t packings() const;

 private:
  struct Entry {
    std::weak_ptr<const std::byte> packed;
    std::vector<Tensor> constants;  // keep the addresses in the key taken
  };
  using Key = std::tuple<const kernels::Row*, std::vector<const void*>, std::size_t>;

  mutable std::mutex mutex_;
  std::map<Key, Entry> entries_;
  std::size_t packings_ = 0;
};

}  // namespace strata::runtime
