#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "strata/runtime/binding.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {

/// The bytes of one run that goes in segments, bodies of control flow included: values between
/// segments (what loops collect among them) and the arena, which one plan has at a time. One count
/// against one budget. For one thread; tensors may be dropped by any, and outlive the account.
class RunAccount {
 public:
  /// The arena grows and shrinks as plans and the budget ask for.
  RunAccount(std::size_t budget, std::shared_ptr<Arena> arena);

  /// Zeroed, and counted until the last copy is gone. Throws usage if the budget does not hold,
  /// with the bytes; `what` is that for which they are.
  Tensor zeros(DType dtype, const Shape& shape, std::string_view what);
  /// Counts a tensor that was allocated elsewhere, from now on; as it is if it is counted already.
  Tensor adopt(const Tensor& tensor, std::string_view what);
  bool counts(const Tensor& tensor) const;
  /// Whether it was made by `zeros`: nobody else has it, and it may be written.
  bool made(const Tensor& tensor) const;
  /// Makes the arena large enough for a plan. Throws usage naming its fullest step.
  void reserve(const Binding& binding);
  /// Notes that the run holds this many bytes besides for a moment. Throws usage if the budget does
  /// not hold then.
  void pass(std::size_t bytes, std::string_view what);

  /// Bytes of the tensors counted.
  std::size_t held() const;
  /// Most bytes that were needed at a time, those of plans included.
  std::size_t peak() const { return peak_; }

 private:
  struct Ledger;
  struct Entry;
  Tensor counted(Tensor tensor, bool writable);
  void make_room(std::size_t bytes, std::string_view what);

  std::size_t budget_;
  std::size_t peak_ = 0;
  std::shared_ptr<Arena> arena_;
  std::shared_ptr<Ledger> ledger_;
};

}  // namespace strata::runtime
