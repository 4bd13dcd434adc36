#pragma once

#include <span>
#include <vector>

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/conv/winograd.hpp"

namespace strata::kernels {

/// One axis of a transposed convolution. Tap k carries input i to output
/// i * stride - pad + k * dilation.
struct TransposedAxis {
  std::int64_t in = 1, out = 1;
  std::int64_t kernel = 1, stride = 1, dilation = 1, pad = 0;
};

/// 2-D transposed convolution on f32 activations (1-D is height 1): every input is multiplied with
/// all taps and added where they lead; what leads out of the output is cut off.
/// in: {X (N,C,H,W), residual (N,O,OH,OW) if epilogue.residual}; out: {Y (N,O,OH,OW)}.
/// constants: {weights f32 (C, O/G, KH, KW) row-major, bias f32 [O] or null}.
struct ConvTransposeProblem : Problem {
  ConvTransposeProblem() : Problem(ProblemKind::conv_transpose) {}

  std::int64_t batch = 1;
  std::int64_t channels = 0, out_channels = 0, groups = 1;
  TransposedAxis h, w;
  Epilogue epilogue;
};

std::span<const Row> conv_transpose_rows();

/// An activation on values in place.
using ActivateRow = void(float* values, std::int64_t count, const Epilogue& epilogue) noexcept;
namespace avx512 {
ActivateRow activate_row;
}
namespace avx2 {
ActivateRow activate_row;
}
namespace baseline {
ActivateRow activate_row;
}
/// The functions of an instruction set.
struct TapKernels {
  FindTile* tile;
  ActivateRow* activate;
};

/// Why these sizes cannot be computed phase by phase, or null; and not with spread axes.
const char* transposed_rejects(std::int64_t batch, std::int64_t channels, std::int64_t out_channels,
                               std::int64_t groups, const TransposedAxis& h,
                               const TransposedAxis& w);
const char* spread_rejects(const TransposedAxis& h, const TransposedAxis& w);

/// The outputs o of an axis with (o + pad) % stride == residue: they read the same taps, one after
/// the other as an ordinary convolution of stride 1 does.
struct AxisPhase {
  std::int64_t first = 0, count = 0;  ///< the first output, and how many
  std::int64_t taps = 0;              ///< in ascending order of the input they read
  std::int64_t tap = 0,
               tap_step = 0;  ///< of W: the first of them is `tap`, they descend by tap_step
  std::int64_t offset = 0;    ///< the input that the first tap of the first output reads
  std::int64_t dilation = 1;  ///< inputs between taps
};
AxisPhase axis_phase(const TransposedAxis& axis, std::int64_t residue);

/// The weights (O, C/G, taps of h, taps of w) of two axes' phases.
std::vector<float> phase_taps(const ConvTransposeProblem& p, const AxisPhase& h, const AxisPhase& w,
                              const Constants& constants);

/// How an axis that is one input long is seen: no two taps meet, so every output is a phase.
TransposedAxis spread(const TransposedAxis& axis);

/// Inputs before the first and behind the last that any phase reads.
struct AxisPadding {
  std::int64_t before = 0, after = 0;
};
AxisPadding axis_padding(const TransposedAxis& axis);

/// Transposed convolution as one direct convolution per phase (stride_h x stride_w of them), each
/// with its part of the taps and a grid of the output of its own: nothing is multiplied in vain
/// and nothing added twice (the bands of Chang et al., "Towards design methodology of efficient
/// fast algorithms for accelerating generative adversarial networks on FPGAs").
/// Packed: per phase what direct convolution packs, each from a 64-byte boundary.
struct TransposedPhase {
  ConvProblem conv;  ///< over the padded input
  DirectPlan plan;
  AxisPhase h, w;
  std::ptrdiff_t x_first = 0, y_first = 0;  ///< floats
};

/// What all phases share, then one phase after the other.
class TransposedPlan {
 public:
  /// `spread`: axes of one input are seen as spread() sees them.
  TransposedPlan(const ConvTransposeProblem& p, bool spread, DirectForm form, VectorForm vector);

  int phases() const { return frame_.padded ? 2 : 1; }
  std::size_t scratch_bytes() const { return direct_scratch_bytes(frame_); }
  std::int64_t units(int phase) const;
  std::size_t packed_bytes() const;
  void pack(const Constants& constants, std::byte* packed) const;
  void run(const TapKernels& kernels, const Args& args, int phase, std::int64_t begin,
           std::int64_t end) const;
  double seconds() const;

 private:
  std::int64_t parts() const { return h_.stride * w_.stride; }
  TransposedPhase part(std::int64_t index) const;

  const ConvTransposeProblem& p_;
  TransposedAxis h_, w_;
  DirectForm form_;
  VectorForm vector_;
  AxisPadding pad_h_, pad_w_;
  ConvProblem source_;  ///< the input as it comes, for the padded copy
  DirectPlan frame_;    ///< of that copy
};

/// Why not every phase is a window of 2 x 2 neighbours, or null.
const char* winograd_phases_rejects(const ConvTransposeProblem& p);

/// Transposed convolution whose phases are windows of 2 x 2, each by Winograd's F(m x m, 2 x 2).
/// A unit is a block of tiles of a phase. Packed: per phase what Winograd packs, each from a
/// 64-byte boundary.
class WinogradPhasesPlan {
 public:
  WinogradPhasesPlan(const ConvTransposeProblem& p, int m, VectorForm vector)
      : p_(p), m_(m), vector_(vector) {}

  std::int64_t units() const;
  std::size_t worker_scratch_bytes() const;
  std::size_t packed_bytes() const;
  void pack(const WinogradKernels& kernels, const Constants& constants, std::byte* packed) const;
  void run(const WinogradKernels& kernels, FindTile* tile, const Args& args, std::int64_t begin,
           std::int64_t end) const;
  double seconds() const;

 private:
  struct Phase {
    AxisPhase h, w;
    ConvProblem conv;  ///< over the input as it is
    WinogradPlan plan;
  };
  std::int64_t parts() const { return p_.h.stride * p_.w.stride; }
  Phase part(std::int64_t index) const;

  const ConvTransposeProblem& p_;
  int m_;
  VectorForm vector_;
};

/// Transposed convolution to few channels: an ordinary pointwise convolution whose channels are
/// (KH, KW, O), then the sums of what taps carry to each pixel of a plain output. Lanes of several
/// taps fill vectors that one phase would not.
class TapSumsPlan {
 public:
  TapSumsPlan(const ConvTransposeProblem& p, DirectForm form, VectorForm vector);

  int phases() const { return 2; }
  std::int64_t units(int phase) const;
  std::size_t scratch_bytes() const;
  std::size_t packed_bytes() const;
  void pack(const Constants& constants, std::byte* packed) const;
  void run(const TapKernels& kernels, const Args& args, int phase, std::int64_t begin,
           std::int64_t end) const;
  double seconds() const;

 private:
  void add_row(const float* products, std::int64_t filter, std::int64_t row, float* y) const;

  const ConvTransposeProblem& p_;
  DirectForm form_;
  ConvProblem conv_;
  DirectPlan plan_;
};

}  // namespace strata::kernels
