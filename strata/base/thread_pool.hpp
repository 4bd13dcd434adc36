#pragma once

#include <cstdint>
#include <memory>

namespace strata {

/// A fixed set of workers that share out numbered, independent work units.
/// The caller is worker 0. Units are dealt in contiguous ranges; which worker runs a unit never
/// changes what the unit computes. Ranges that workers have not begun when the caller is done with
/// its own, because other programs use their processors, the caller runs too. One `run` at a time;
/// `run` allocates nothing. A `run` from inside a body of the same pool executes there and then, as
/// that body's worker. After a fork the child keeps a pool that works with its caller alone; do not
/// fork while another thread is in `run`.
class ThreadPool {
 public:
  /// Body of a parallel loop: executes units [begin, end) as worker `worker`.
  using Body = void (*)(void* context, std::int64_t begin, std::int64_t end, int worker) noexcept;

  /// `threads` in 1..256; with 1 nothing is started and `run` is a plain call.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const noexcept { return size_; }

  /// Runs units [0, units) and returns when all are done. At most `size()` ranges.
  void run(std::int64_t units, Body body, void* context) noexcept;

 private:
  struct Shared;
  int size_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace strata
