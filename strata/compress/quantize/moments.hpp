#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "strata/compress/quantize/refine.hpp"
#include "strata/compress/quantize/units.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {

/// First and second moments of what one group of output channels reads, K numbers for each element
/// of a channel: before quantizing, and when everything before the layer is quantized.
struct InputMoments {
  std::vector<double> mean, quantized_mean;  ///< (K)
  /// About the means: quantized with quantized, and before (rows) with quantized (columns); (K, K).
  std::vector<double> second, cross;
};

/// What a layer reads and makes on the calibration data, all for each batch.
struct LayerData {
  std::span<const Tensor> before, quantized;  ///< operand 0 of the unit
  std::span<const Tensor> made;               ///< by its main node, before quantizing
  /// That the batch is of, one after the other in the rows of `made`: axes may have been joined.
  std::span<const std::int64_t> items;
};

/// What one group reads.
struct GroupInputs {
  InputMoments all;
  std::array<InputMoments, 2> halves;  ///< of every other item, and of those between
};

/// What all channels read, and at the sampled positions one by one.
struct LayerInputs {
  std::vector<GroupInputs> groups;
  /// With no positions where nothing bounds the layer, or where there are too many.
  SampledLayer samples;
};

/// Products of long thin matrices on the kernels of the runtime.
class MomentProducts {
 public:
  explicit MomentProducts(int threads) : threads_(threads) {}

  static constexpr std::int64_t rows = 2048;
  /// sum(a^T b) added to `sums`, (K, K): a is given transposed, (K, rows), b is (rows, K).
  void add(const Tensor& a, const Tensor& b, std::vector<double>& sums);

 private:
  const int threads_;
  std::map<std::int64_t, std::unique_ptr<runtime::Session>> sessions_;  // by K
};

/// One group for each of a Conv, Gemm or MatMul; none for other units. Positions in the
/// output are sampled where there are more than suffice. `second`: also the second moments, and the
/// samples. `stopped` is asked often; true ends it early.
LayerInputs layer_inputs(const ir::Graph& graph, const Unit& unit, const LayerData& data,
                         bool second, MomentProducts& products,
                         const std::function<bool()>& stopped);

}  // namespace strata::compress
