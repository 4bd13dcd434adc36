#pragma once

#include "strata/kernels/convert/convert.hpp"
#include "strata/kernels/integer/ints.hpp"

namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

template <class From, class To>
void convert_run(const Args& args, std::int64_t from, std::int64_t to) {
  const From* __restrict x = static_cast<const From*>(args.in[0]);
  To* __restrict y = static_cast<To*>(args.out[0]);
  for (std::int64_t i = from; i < to; ++i) y[i] = To(x[i]);
}

template <class From>
void convert_from(CastProblem::Type type, const Args& args, std::int64_t from, std::int64_t to) {
  switch (type) {
    case CastProblem::Type::u8:
      return convert_run<From, std::uint8_t>(args, from, to);
    case CastProblem::Type::i8:
      return convert_run<From, std::int8_t>(args, from, to);
    case CastProblem::Type::i32:
      return convert_run<From, std::int32_t>(args, from, to);
    case CastProblem::Type::i64:
      return convert_run<From, std::int64_t>(args, from, to);
    case CastProblem::Type::f32:
      return convert_run<From, float>(args, from, to);
  }
}

}  // namespace

const char* run_cast(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const CastProblem&>(*args.problem);
  const std::int64_t from = begin * cast_unit;
  const std::int64_t to = end * cast_unit < p.elements ? end * cast_unit : p.elements;
  switch (p.from) {
    case CastProblem::Type::u8:
      convert_from<std::uint8_t>(p.to, args, from, to);
      break;
    case CastProblem::Type::i8:
      convert_from<std::int8_t>(p.to, args, from, to);
      break;
    case CastProblem::Type::i32:
      convert_from<std::int32_t>(p.to, args, from, to);
      break;
    case CastProblem::Type::i64:
      convert_from<std::int64_t>(p.to, args, from, to);
      break;
    case CastProblem::Type::f32:
      convert_run<float, float>(args, from, to);
      break;
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
