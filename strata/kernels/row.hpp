#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "strata/base/cpu.hpp"
#include "strata/kernels/layout.hpp"

namespace strata::kernels {

/// Which struct derived from Problem a row reads. `reference` is the adapter of op rooms, in
/// `runtime`.
enum class ProblemKind : std::uint8_t {
  conv,
  conv_transpose,
  gemm,
  pool,
  unary,
  binary,
  reduce,
  softmax,
  arg_extremum,
  layer_norm,
  attention,
  concat,
  strided_copy,
  pad,
  reorder,
  cast,
  integer_conv,
  dynamic_conv,
  integer_conv_transpose,
  recurrent,
  byte_table,
  byte_binary,
  byte_pool,
  byte_resize,
  quantize,
  dequantize,
  reference
};
std::string_view to_string(ProblemKind kind);

/// Layouts of the buffers a kernel reads and writes; one entry per operand of Args.
struct OperandLayouts {
  std::vector<Layout> in;
  std::vector<Layout> out;
};

/// What is to be computed: a plain struct per kind, derived from this. Made when binding, with
/// all sizes known.
struct Problem {
  explicit Problem(ProblemKind k) : kind(k) {}
  Problem(const Problem&) = default;
  Problem& operator=(const Problem&) = default;
  virtual ~Problem() = default;

  ProblemKind kind;
  OperandLayouts layouts;  ///< the option that was chosen among those the row offers
};

/// Operands of one execution. Buffers are 64-byte aligned, except graph inputs and outputs, which
/// are aligned to their element only.
struct Args {
  const Problem* problem;
  const void* const* in;  ///< activations, as the Problem lists them
  void* const* out;
  const std::byte* packed;    ///< what `pack` wrote
  std::byte* scratch;         ///< shared by all workers, 64-byte aligned, uninitialised
  std::byte* worker_scratch;  ///< of this worker
};

/// Constant operands as the graph stores them; read only while packing.
struct Constants {
  const void* const* data;  ///< per constant, as the Problem describes its element type
};

/// Expected cost in seconds on one core, from arithmetic and bytes.
struct CostEstimate {
  double seconds = 0;
};

/// How exactly kernels must multiply: with bf16, factors may be rounded to it (8 significant
/// bits instead of 24) before they are multiplied; sums stay f32.
enum class Precision : std::uint8_t { f32, bf16 };
std::string_view to_string(Precision precision);

/// One way to execute a problem. Constant table, baseline code: functions here may be called on
/// any processor, except `pack` and `run`, which are called only if `isa` is there.
struct Row {
  std::string_view name;  ///< <op>_<types>_<algorithm>[_<tile>]_<isa>, at most 40 characters
  ProblemKind kind;
  Isa isa = Isa::baseline;
  /// How many times the rounding of a plain sum of products in f32 its own may be at most.
  double rounding = 1;
  Precision precision = Precision::f32;  ///< bf16: only where that is precise enough

  /// Why this row cannot do the problem (static text), or null. The layouts are not looked at.
  const char* (*rejects)(const Problem& problem);
  /// Layout options this row can run with, best first; at least one.
  void (*layouts)(const Problem& problem, std::vector<OperandLayouts>& options);
  /// Estimate for problem.layouts.
  CostEstimate (*cost)(const Problem& problem, const Machine& machine);

  /// Packed constants: size, and the once-only packing. Neither may depend on the batch or on
  /// spatial extents: other sizes are bound without packing again. Null: nothing is packed.
  std::size_t (*packed_bytes)(const Problem& problem) = nullptr;
  void (*pack)(const Problem& problem, const Constants& constants, std::byte* packed) = nullptr;
  /// A number for what packing depends on besides the row, its constants and the size: problems
  /// that share all of these share what is packed. Null: on nothing else.
  std::uint64_t (*packed_form)(const Problem& problem) = nullptr;

  /// Null: none is needed.
  std::size_t (*scratch_bytes)(const Problem& problem) = nullptr;
  std::size_t (*worker_scratch_bytes)(const Problem& problem) = nullptr;

  /// Phases run one after the other with all workers joined in between; null: one phase.
  int (*phases)(const Problem& problem) = nullptr;
  /// Independent work units of a phase, each with a fixed order of reduction.
  std::int64_t (*units)(const Problem& problem, int phase);
  /// Executes units [begin, end) of a phase. Allocates nothing. Returns null, or static text for
  /// what only the data can get wrong.
  const char* (*run)(const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;

  /// Inputs whose buffer the first output may take over when it dies here (bit i: in[i]).
  std::uint32_t (*in_place)(const Problem& problem) = nullptr;
};

}  // namespace strata::kernels
