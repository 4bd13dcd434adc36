#include "strata/runtime/packing.hpp"

#include <algorithm>
#include <new>
#include <optional>

#include "strata/base/file.hpp"
#include "strata/base/memory.hpp"
#include "strata/kernels/packing_version.hpp"
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

/// Nothing where the graph has no such constants.
std::optional<std::vector<PackSource>> sources_of(const ir::Graph& graph,
                                                  const ir::PackedWeights& weights) {
  std::vector<PackSource> sources;
  for (const auto& [name, part] : weights.sources) {
    PackSource& source = sources.emplace_back(PackSource{nullptr, part});
    if (name.empty()) continue;
    const auto value = graph.find_value(name);
    if (!value || !graph.is_constant(*value)) return std::nullopt;
    source.constant = &*graph.value(*value).constant;
  }
  return sources;
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

PackedStore::Key PackedStore::key_of(const kernels::Row& row, std::size_t size, std::uint64_t form,
                                     std::span<const PackSource> sources, Entry& entry) {
  Key key{reinterpret_cast<std::uintptr_t>(&row), size, std::uintptr_t(form)};
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
  return key;
}

Packed PackedStore::pack(const kernels::Row& row, const kernels::Problem& problem,
                         std::span<const PackSource> sources) {
  const std::size_t size = row.packed_bytes ? row.packed_bytes(problem) : 0;
  if (size == 0) return nullptr;
  Entry entry;
  Key key = key_of(row, size, row.packed_form ? row.packed_form(problem) : 0, sources, entry);

  std::lock_guard lock(mutex_);
  if (auto found = entries_.find(key); found != entries_.end()) {
    if (found->second.offered) {
      ++spared_;
      return found->second.offered;
    }
    if (Packed packed = found->second.packed.lock()) return packed;
  }
  const std::shared_ptr<std::byte> packed = allocate_packed(size);
  pack_into(row, problem, sources, packed.get());
  ++packings_;
  if (entries_.size() >= purge_at_) {
    std::erase_if(entries_, [](const auto& item) {
      return !item.second.offered && item.second.packed.expired();
    });
    purge_at_ = 2 * entries_.size() + 16;
  }
  entry.packed = packed;
  entries_[std::move(key)] = std::move(entry);
  return packed;
}

void PackedStore::offer(const ir::Graph& graph, const ir::PackedSet& packed,
                        std::span<const kernels::Row* const> rows) {
  if (packed.version != kernels::packing_version()) return;
  for (const ir::PackedWeights& weights : packed.weights) {
    const auto row = std::ranges::find(rows, weights.row, &kernels::Row::name);
    const auto address = reinterpret_cast<std::uintptr_t>(weights.bytes.raw());
    if (row == rows.end() || address % arena_alignment != 0) continue;
    const auto sources = sources_of(graph, weights);
    if (!sources) continue;
    Entry entry;
    Key key = key_of(**row, weights.bytes.size_bytes(), weights.form, *sources, entry);
    const auto keeper = std::make_shared<const Tensor>(weights.bytes);
    entry.offered = Packed(keeper, weights.bytes.bytes().data());
    const std::lock_guard lock(mutex_);
    entries_[std::move(key)] = std::move(entry);
  }
}

std::size_t PackedStore::spared() const {
  std::lock_guard lock(mutex_);
  return spared_;
}

std::size_t PackedStore::packings() const {
  std::lock_guard lock(mutex_);
  return packings_;
}

}  // namespace strata::runtime
