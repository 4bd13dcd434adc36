#include "strata/runtime/run_account.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "strata/base/error.hpp"

namespace strata::runtime {

/// What is held; tensors keep it as long as they live.
struct RunAccount::Ledger {
  mutable std::mutex mutex;
  std::size_t bytes = 0;
  std::unordered_map<const void*, bool> made;  // by address: whether by zeros
};

/// Owns a tensor that is counted.
struct RunAccount::Entry {
  Entry(std::shared_ptr<Ledger> in, Tensor of, bool made)
      : ledger(std::move(in)), tensor(std::move(of)) {
    const std::lock_guard lock(ledger->mutex);
    ledger->bytes += tensor.size_bytes();
    ledger->made.emplace(tensor.raw(), made);
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  ~Entry() {
    const std::lock_guard lock(ledger->mutex);
    ledger->bytes -= tensor.size_bytes();
    ledger->made.erase(tensor.raw());
  }

  std::shared_ptr<Ledger> ledger;
  Tensor tensor;
};

RunAccount::RunAccount(std::size_t budget, std::shared_ptr<Arena> arena)
    : budget_(budget), arena_(std::move(arena)), ledger_(std::make_shared<Ledger>()) {}

std::size_t RunAccount::held() const {
  const std::lock_guard lock(ledger_->mutex);
  return ledger_->bytes;
}

bool RunAccount::counts(const Tensor& tensor) const {
  const std::lock_guard lock(ledger_->mutex);
  return ledger_->made.contains(tensor.raw());
}

bool RunAccount::made(const Tensor& tensor) const {
  const std::lock_guard lock(ledger_->mutex);
  const auto found = ledger_->made.find(tensor.raw());
  return found != ledger_->made.end() && found->second;
}

void RunAccount::pass(std::size_t bytes, std::string_view what) {
  const std::size_t now = held();
  if (now <= budget_ && bytes <= budget_ - now) {
    peak_ = std::max(peak_, now + bytes);
    return;
  }
  fail(ErrorCode::usage,
       "memory budget of {} bytes does not hold: {} bytes for {}, while the run holds {} bytes",
       budget_, bytes, what, now);
}

void RunAccount::make_room(std::size_t bytes, std::string_view what) {
  pass(bytes, what);
  // No plan runs while tensors are made, so nothing lies in the arena.
  if (arena_->size() > budget_ - held() - bytes) *arena_ = Arena();
}

Tensor RunAccount::counted(Tensor tensor, bool writable) {
  const DType dtype = tensor.dtype();
  const Shape shape = tensor.shape();
  void* data = writable ? tensor.mutable_raw() : nullptr;
  const void* read_only = tensor.raw();
  auto entry = std::make_shared<const Entry>(ledger_, std::move(tensor), writable);
  return writable ? Tensor::borrow(dtype, shape, data, std::move(entry))
                  : Tensor::borrow(dtype, shape, read_only, std::move(entry));
}

Tensor RunAccount::zeros(DType dtype, const Shape& shape, std::string_view what) {
  make_room(std::size_t(shape.elements()) * size_of(dtype), what);
  return counted(Tensor::zeros(dtype, shape), true);
}

Tensor RunAccount::adopt(const Tensor& tensor, std::string_view what) {
  if (!tensor.present() || counts(tensor)) return tensor;
  make_room(tensor.size_bytes(), what);
  return counted(tensor, false);
}

void RunAccount::reserve(const Binding& binding) {
  const std::size_t now = held(), peak = binding.peak_bytes();
  if (now > budget_ || peak > budget_ - now) {
    const Step& fullest = binding.fullest_step();
    fail(ErrorCode::usage,
         "memory budget of {} bytes does not hold: the arena needs {} bytes, most of them at {} "
         "({}), while the run holds {} bytes between its segments",
         budget_, peak, fullest.name, fullest.op, now);
  }
  peak_ = std::max(peak_, now + peak);
  if (arena_->data() && arena_->size() >= peak && arena_->size() <= budget_ - now) return;
  *arena_ = Arena();  // before there is another
  *arena_ = Arena(peak);
}

}  // namespace strata::runtime
