#include "strata/base/thread_pool.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include "strata/base/error.hpp"

namespace {
std::atomic<std::int64_t> allocations = 0;
}

// Not inlined, or the compiler sees malloc and free inside new and delete and warns of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace strata {
namespace {

/// Runs a callable as units of a pool.
template <class Body>
void run(ThreadPool& pool, std::int64_t units, Body body) {
  pool.run(
      units,
      [](void* context, std::int64_t begin, std::int64_t end, int worker) noexcept {
        (*static_cast<Body*>(context))(begin, end, worker);
      },
      &body);
}

TEST(ThreadPool, EveryUnitRunsOnceInFewContiguousRanges) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (std::int64_t units : {-1, 0, 1, 2, 3, 7, 8, 9, 1000}) {
      std::vector<int> hits(std::size_t(std::max<std::int64_t>(units, 0)));
      std::atomic<int> ranges = 0;  // a worker that is late leaves its own to the caller
      run(pool, units, [&](std::int64_t begin, std::int64_t end, int worker) {
        ++ranges;
        EXPECT_TRUE(worker >= 0 && worker < threads);
        EXPECT_LT(begin, end);
        for (std::int64_t i = begin; i < end; ++i) ++hits.at(std::size_t(i));
      });
      EXPECT_EQ(hits, std::vector<int>(hits.size(), 1)) << threads << " threads, " << units;
      EXPECT_LE(ranges, threads);
    }
  }
}

TEST(ThreadPool, CountsBeyondThirtyTwoBitsAreDealtWithoutOverflow) {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum = 0;
  constexpr std::int64_t units = INT64_MAX;
  run(pool, units, [&](std::int64_t begin, std::int64_t end, int) { sum += end - begin; });
  EXPECT_EQ(sum, units);
}

TEST(ThreadPool, ManyShortLoopsSeeEachOthersWrites) {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(16, 0);
  constexpr int loops = 20'000;
  for (int loop = 0; loop < loops; ++loop) {
    // Each loop moves every value to its neighbour, so a late worker would leave a wrong one.
    std::vector<std::int64_t> next(values.size());
    run(pool, 16, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t i = begin; i < end; ++i) {
        next[std::size_t(i)] = values[std::size_t((i + 5) % 16)] + i;
      }
    });
    values.swap(next);
  }
  EXPECT_EQ(std::accumulate(values.begin(), values.end(), std::int64_t(0)), loops * 120);
}

TEST(ThreadPool, ParkedWorkersWakeUp) {
  ThreadPool pool(3);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::atomic<int> ran = 0;
    // The last range is slow, so the caller parks as well.
    run(pool, 3, [&](std::int64_t begin, std::int64_t, int) {
      if (begin == 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      ++ran;
    });
    ASSERT_EQ(ran, 3);
  }
}

TEST(ThreadPool, NestedRunExecutesInlineAsTheSameWorker) {
  ThreadPool pool(4), other(2);
  std::atomic<int> inner_units = 0, other_units = 0;
  run(pool, 4, [&](std::int64_t, std::int64_t, int worker) {
    const auto thread = std::this_thread::get_id();
    run(pool, 10, [&](std::int64_t begin, std::int64_t end, int inner) {
      EXPECT_EQ(inner, worker);
      EXPECT_EQ(std::this_thread::get_id(), thread);
      inner_units += int(end - begin);
    });
  });
  EXPECT_EQ(inner_units, 40);
  run(pool, 1, [&](std::int64_t, std::int64_t, int) {
    run(other, 6,
        [&](std::int64_t begin, std::int64_t end, int) { other_units += int(end - begin); });
  });
  EXPECT_EQ(other_units, 6);
}

TEST(ThreadPool, RunAllocatesNothing) {
  ThreadPool pool(3);
  const auto loop = [&] { run(pool, 100, [](std::int64_t, std::int64_t, int) {}); };
  loop();
  const std::int64_t before = allocations;
  for (int i = 0; i < 100; ++i) loop();
  EXPECT_EQ(allocations, before);
}

TEST(ThreadPool, StartsAndStopsRepeatedly) {
  for (int i = 0; i < 50; ++i) {
    ThreadPool pool(4);
    if (i % 2) run(pool, 4, [](std::int64_t, std::int64_t, int) {});
  }
}

TEST(ThreadPool, RefusesImpossibleSizes) {
  for (int threads : {-1, 0, 257}) {
    try {
      ThreadPool pool(threads);
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_EQ(error.what(),
                fmt::format("a thread pool of {} threads, accepted are 1 to 256", threads));
    }
  }
}

// ThreadSanitizer does not follow a process with threads through fork.
#if !defined(__SANITIZE_THREAD__)
TEST(ThreadPool, WorksInAForkedChild) {
  auto pool = std::make_unique<ThreadPool>(4);
  run(*pool, 4, [](std::int64_t, std::int64_t, int) {});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::int64_t sum = 0;
    run(*pool, 100, [&](std::int64_t begin, std::int64_t end, int) { sum += end - begin; });
    pool.reset();
    _exit(sum == 100 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  std::atomic<int> ran = 0;
  run(*pool, 4, [&](std::int64_t, std::int64_t, int) { ++ran; });
  EXPECT_EQ(ran, 4) << "the parent keeps its workers";
}
#endif

}  // namespace
}  // namespace strata
