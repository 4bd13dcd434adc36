#pragma once

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// The row whose functions are the static members of Functions; those that it lacks stay null.
template <class Functions>
constexpr Row row_of(std::string_view name, ProblemKind kind, Isa isa) {
  Row row{.name = name,
          .kind = kind,
          .isa = isa,
          .rejects = Functions::rejects,
          .layouts = Functions::layouts,
          .cost = Functions::cost,
          .units = Functions::units,
          .run = Functions::run};
  if constexpr (requires { &Functions::packed_bytes; }) row.packed_bytes = Functions::packed_bytes;
  if constexpr (requires { &Functions::pack; }) row.pack = Functions::pack;
  if constexpr (requires { &Functions::packed_form; }) row.packed_form = Functions::packed_form;
  if constexpr (requires { &Functions::scratch_bytes; }) {
    row.scratch_bytes = Functions::scratch_bytes;
  }
  if constexpr (requires { &Functions::worker_scratch_bytes; }) {
    row.worker_scratch_bytes = Functions::worker_scratch_bytes;
  }
  if constexpr (requires { &Functions::phases; }) row.phases = Functions::phases;
  if constexpr (requires { &Functions::in_place; }) row.in_place = Functions::in_place;
  return row;
}

}  // namespace strata::kernels
