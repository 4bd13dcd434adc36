#include "strata/base/thread_pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/base/error.hpp"

namespace strata {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t cache_line = 64;

// Longer than the serial gap between two layers, shorter than a task switch costs.
constexpr auto spin_time = std::chrono::microseconds(40);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Busy-waits for `ready` for a bounded time; what `ready` said last.
template <class Ready>
bool spin(Clock::duration limit, Ready&& ready) {
  if (ready()) return true;
  if (limit == Clock::duration::zero()) return false;
  const auto end = Clock::now() + limit;
  do {
    for (int i = 0; i < 16; ++i) {
      pause();
      if (ready()) return true;
    }
  } while (Clock::now() < end);
  return false;
}

/// Counts the forks between the process that loaded this code and the present one. Threads do not
/// survive a fork, so a pool made under another count has only its caller left.
std::atomic<unsigned>& forks() {
  static std::atomic<unsigned> count = 0;
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { forks().fetch_add(1, std::memory_order_relaxed); });
  (void)registered;
  return count;
}

/// The loops that this thread is inside of, innermost first.
struct Frame {
  const void* pool;
  int worker;
  const Frame* outer;
};
thread_local const Frame* innermost = nullptr;

class Entered {
 public:
  Entered(const void* pool, int worker) : frame_{pool, worker, innermost} { innermost = &frame_; }
  ~Entered() { innermost = frame_.outer; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;

 private:
  Frame frame_;
};

/// `working`: a range was posted; `taken`: and its worker has begun it.
enum : int { idle, parked, taken, working, stopping };

}  // namespace

struct ThreadPool::Shared {
  /// The mailbox of one worker. The caller fills in the range before it sets `state` to working.
  struct alignas(cache_line) Worker {
    std::atomic<int> state = idle;
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  explicit Shared(int size)
      : workers(std::size_t(size)),
        // Spinning only helps while each thread has a processor of its own.
        spin_limit(usable_threads() >= size ? Clock::duration(spin_time) : Clock::duration{}) {}

  void serve(int number) noexcept;
  void stop() noexcept;
  void post(Worker& worker, int state) noexcept;

  Body body = nullptr;
  void* context = nullptr;
  std::vector<Worker> workers;  // [0], the caller, stays unused
  std::vector<std::thread> threads;
  Clock::duration spin_limit;
  unsigned forks_at_start = forks();
  alignas(cache_line) std::atomic<int> pending = 0;
};

void ThreadPool::Shared::post(Worker& worker, int state) noexcept {
  if (worker.state.exchange(state) == parked) worker.state.notify_one();
}

void ThreadPool::Shared::serve(int number) noexcept {
  Worker& self = workers[std::size_t(number)];
  const Entered entered(this, number);
  for (;;) {
    const auto posted = [&] { return self.state.load(std::memory_order_acquire) >= working; };
    if (!spin(spin_limit, posted)) {
      while (!posted()) {
        int expected = idle;
        self.state.compare_exchange_strong(expected, parked);
        self.state.wait(parked);
      }
    }
    if (self.state.load(std::memory_order_acquire) == stopping) return;
    int expected = working;
    if (!self.state.compare_exchange_strong(expected, taken)) continue;  // the caller was faster
    body(context, self.begin, self.end, number);
    self.state.store(idle, std::memory_order_relaxed);
    if (pending.fetch_sub(1) == 1) pending.notify_one();
  }
}

void ThreadPool::Shared::stop() noexcept {
  for (std::size_t i = 1; i <= threads.size(); ++i) post(workers[i], stopping);
  for (std::thread& thread : threads) thread.join();
}

ThreadPool::ThreadPool(int threads) : size_(threads) {
  if (threads < 1 || threads > 256) {
    fail(ErrorCode::usage, "a thread pool of {} threads, accepted are 1 to 256", threads);
  }
  shared_ = std::make_unique<Shared>(threads);
  shared_->threads.reserve(std::size_t(threads - 1));
  try {
    for (int i = 1; i < threads; ++i) {
      shared_->threads.emplace_back([shared = shared_.get(), i] { shared->serve(i); });
    }
  } catch (const std::system_error& error) {
    const std::size_t started = shared_->threads.size() + 1;
    shared_->stop();
    fail(ErrorCode::io, "starting thread {} of {}: {}", started + 1, threads, error.what());
  }
}

ThreadPool::~ThreadPool() {
  if (shared_->forks_at_start == forks()) {
    shared_->stop();
  } else {
    // The threads stayed in the parent process: nothing can be joined, so their handles are leaked.
    static_cast<void>(shared_.release());
  }
}

void ThreadPool::run(std::int64_t units, Body body, void* context) noexcept {
  if (units <= 0) return;
  Shared& shared = *shared_;
  for (const Frame* frame = innermost; frame; frame = frame->outer) {
    if (frame->pool == &shared) return body(context, 0, units, frame->worker);
  }
  const Entered entered(&shared, 0);
  const int ranges = int(std::min<std::int64_t>(units, size_));
  if (ranges == 1 || shared.forks_at_start != forks()) return body(context, 0, units, 0);

  shared.body = body;
  shared.context = context;
  shared.pending.store(ranges - 1, std::memory_order_relaxed);
  // The first units % ranges ranges are one unit longer.
  const std::int64_t each = units / ranges, longer = units % ranges;
  for (int i = 1; i < ranges; ++i) {
    Shared::Worker& worker = shared.workers[std::size_t(i)];
    worker.begin = each * i + std::min<std::int64_t>(i, longer);
    worker.end = worker.begin + each + (i < longer);
    shared.post(worker, working);
  }
  body(context, 0, each + (0 < longer), 0);

  // What a worker has not begun, because others use its processor, need not wait for it.
  for (int i = 1; i < ranges; ++i) {
    Shared::Worker& worker = shared.workers[std::size_t(i)];
    int expected = working;
    if (!worker.state.compare_exchange_strong(expected, idle)) continue;
    body(context, worker.begin, worker.end, 0);
    shared.pending.fetch_sub(1);
  }

  const auto done = [&] { return shared.pending.load(std::memory_order_acquire) == 0; };
  if (spin(shared.spin_limit, done)) return;
  while (const int left = shared.pending.load(std::memory_order_acquire)) shared.pending.wait(left);
}

}  // namespace strata
