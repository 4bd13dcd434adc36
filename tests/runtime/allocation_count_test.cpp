#include "tests/runtime/allocation_count.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>

namespace {
std::atomic<std::int64_t> allocations{0};
}  // namespace

// Replaced for the whole program; the aligned forms fall back on aligned_alloc.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void* operator new[](std::size_t size) { return operator new(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  ++allocations;
  const auto a = std::size_t(alignment);
  if (void* p = std::aligned_alloc(a, (size + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace strata::runtime::testing {

std::int64_t allocation_count() { return allocations; }

namespace {

TEST(AllocationCount, Counts) {
  const std::int64_t before = allocation_count();
  auto counted = std::make_unique<std::int64_t>(before);
  EXPECT_EQ(allocation_count() - *counted, 1);
}

}  // namespace
}  // namespace strata::runtime::testing
