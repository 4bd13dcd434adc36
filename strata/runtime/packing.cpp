#include "strata/runtime/packing.hpp"

#include <new>

#include "strata/base/file.hpp"
#include "strata/base/memory.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {
namespace {

/// Weights in a mapped file are not needed in memory a second time; few bytes are not worth a call.
constexpr std::size_t least_dropped = 64 << 10;

std::shared_ptr<std::byte> allocate_small(std::size_t size) {
  const auto alignment = std::align_val_t(arena_alignment);
  return {static_cast<std::byte*>(::operator new(size, alignment)),
          [alignment](std::byte* p) { ::operator delete(p, alignment); }};
}

void pack_into(const kernels::Row& row, const kernels::Problem& problem,
               std::span<const PackSource> sources, std::byte* packed) {
  std::vector<Tensor> tensors;
  std::vector<const void*> data;
  for (const auto& [constant, part] : sources) {
    if (constant) {
      tensors.push_back(part == PackSource::decoded ? constant->decode()
                                                    : constant->parts[std::size_t(part)].aligned());
    }
    data.push_back(constant ? tensors.back().raw() : nullptr);
  }
  row.pack(problem, kernels::Constants{data.data()}, packed);
  for (const auto& [constant, part] : sources) {
    if (!constant) continue;
    for (const Tensor& tensor : constant->parts) {
      if (tensor.size_bytes() >= least_dropped) drop_pages(tensor.bytes());
    }
  }
}

}  // namespace

/// Weights of a network that has many lie in large pages: the larger ones in pages of their own,
/// small ones several in one. The first few bytes do not, for a small network would be all waste.
std::shared_ptr<std::byte> PackedStore::allocate_packed(std::size_t size) {
  if (size >= large_page) return allocate_large(size);
  size = (size + arena_alignment - 1) / arena_alignment * arena_alignment;
  small_bytes_ += size;
  if (small_bytes_ <= large_page) return allocate_small(size);
  std::shared_ptr<std::byte> page = page_.lock();
  if (!page || large_page - page_used_ < size) {
    page = allocate_large(large_page);
    page_ = page;
    page_used_ = 0;
  }
  page_used_ += size;
  return {page, page.get() + page_used_ - size};
}

Packed PackedStore::pack(const kernels::Row& row, const kernels::Problem& problem,
                         std::span<const PackSource> sources) {
  const std::size_t size = row.packed_bytes ? row.packed_bytes(problem) : 0;
  if (size == 0) return nullptr;
  Entry entry;
  Key key{reinterpret_cast<std::uintptr_t>(&row), size,
          std::uintptr_t(row.packed_form ? row.packed_form(problem) : 0)};
  for (const auto& [constant, part] : sources) {
    key.push_back(std::uintptr_t(part));
    key.push_back(reinterpret_cast<std::uintptr_t>(constant ? constant->encoding : nullptr));
    if (!constant) continue;
    key.push_back(std::uintptr_t(constant->axis));
    for (const Tensor& tensor : constant->parts) {
      key.push_back(reinterpret_cast<std::uintptr_t>(tensor.raw()));
      entry.parts.push_back(tensor);
    }
  }

  std::lock_guard lock(mutex_);
  if (auto found = entries_.find(key); found != entries_.end()) {
    if (Packed packed = found->second.packed.lock()) return packed;
  }
  const std::shared_ptr<std::byte> packed = allocate_packed(size);
  pack_into(row, problem, sources, packed.get());
  ++packings_;
  if (entries_.size() >= purge_at_) {
    std::erase_if(entries_, [](const auto& item) { return item.second.packed.expired(); });
    purge_at_ = 2 * entries_.size() + 16;
  }
  entry.packed = packed;
  entries_[std::move(key)] = std::move(entry);
  return packed;
}

std::size_t PackedStore::packings() const {
  std::lock_guard lock(mutex_);
  return packings_;
}

}  // namespace strata::runtime
