#include "strata/runtime/packing.hpp"

#include <new>

#include "strata/tensor/arena.hpp"

namespace strata::runtime {

Packed PackedStore::pack(const kernels::Row& row, const kernels::Problem& problem,
                         std::span<const Tensor> constants) {
  const std::size_t size = row.packed_bytes ? row.packed_bytes(problem) : 0;
  if (size == 0) return nullptr;
  std::vector<const void*> data;
  for (const Tensor& tensor : constants) data.push_back(tensor.raw());

  std::lock_guard lock(mutex_);
  Key key{&row, data, size};
  if (auto entry = entries_.find(key); entry != entries_.end()) {
    if (Packed packed = entry->second.packed.lock()) return packed;
  }
  const auto alignment = std::align_val_t(arena_alignment);
  std::shared_ptr<std::byte> packed(static_cast<std::byte*>(::operator new(size, alignment)),
                                    [alignment](std::byte* p) { ::operator delete(p, alignment); });
  row.pack(problem, kernels::Constants{data.data()}, packed.get());
  ++packings_;
  std::erase_if(entries_, [](const auto& item) { return item.second.packed.expired(); });
  entries_[std::move(key)] = {packed, {constants.begin(), constants.end()}};
  return packed;
}

std::size_t PackedStore::packings() const {
  std::lock_guard lock(mutex_);
  return packings_;
}

}  // namespace strata::runtime
