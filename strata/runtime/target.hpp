#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/kernels/row.hpp"
#include "strata/tensor/dim.hpp"

namespace strata::runtime {

class PackedStore;

/// Forces a kernel: the node with this name (as the user named it, or its current one) runs with
/// the row of this name or compilation fails with the row's reason; unless it is not required: then
/// any row runs the node that this one refuses. Of several pins of a node the first counts.
struct Pin {
  std::string node;
  std::string row;
  bool required = true;
};

/// What a graph is compiled for. The number of threads is not in it: choice must not depend on it.
struct Target {
  Isa isa = detected_isa();
  Machine machine = this_machine();
  /// bf16: kernels may round factors to it; those that do need Isa::avx512_bf16.
  kernels::Precision precision = kernels::Precision::f32;
  /// In order of preference where costs tie; `builtin_rows` unless a higher layer adds its own.
  std::vector<const kernels::Row*> rows;
  std::vector<Pin> pins;
  /// Convolutions that feed one another may run band by band, so that what lies between them never
  /// exists as a whole (blocks.hpp). Off for whoever wants to see every result.
  bool blocks = true;
  /// Values that symbols are assumed to have while choosing; 1 where none is given.
  DimValues typical;
  /// Packed weights shared between programs; made by default_target.
  std::shared_ptr<PackedStore> packed;
};

/// This machine, all built-in rows.
Target default_target();

/// "f32" or "bf16"; throws usage for anything else.
kernels::Precision parse_precision(std::string_view name);
/// Throws usage if the target is to compute in a precision that its instruction sets lack.
void check_precision(const Target& target);

}  // namespace strata::runtime
