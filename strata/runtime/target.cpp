#include "strata/runtime/target.hpp"

#include "strata/base/error.hpp"
#include "strata/kernels/kernels.hpp"
#include "strata/runtime/packing.hpp"

namespace strata::runtime {

using kernels::Precision;

Target default_target() {
  Target target;
  target.rows = kernels::builtin_rows();
  target.packed = std::make_shared<PackedStore>();
  return target;
}

Precision parse_precision(std::string_view name) {
  for (const Precision precision : {Precision::f32, Precision::bf16}) {
    if (name == to_string(precision)) return precision;
  }
  fail(ErrorCode::usage, "unknown precision '{}', accepted are 'f32', 'bf16'", name);
}

void check_precision(const Target& target) {
  if (target.precision == Precision::f32 || has_isa(target.isa, Isa::avx512_bf16)) return;
  if (has_isa(detected_isa(), Isa::avx512_bf16)) {
    fail(ErrorCode::usage,
         "precision bf16 needs the instruction set avx512_bf16, but {} was asked for",
         to_string(target.isa));
  }
  fail(ErrorCode::usage,
       "precision bf16 needs the instruction set avx512_bf16, which this processor ({}) lacks; "
       "accepted is 'f32'",
       target.machine.cpu_name);
}

}  // namespace strata::runtime
