#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "strata/base/file.hpp"
#include "strata/formats/model_info.hpp"
#include "strata/ir/graph.hpp"
#include "strata/ir/packed_weights.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats {

/// Where weights outside the model's own file may lie.
enum class ExternalData {
  beneath,       ///< in the model's folder, reached without symbolic links that leave it
  follow_links,  ///< the same, but links may lead anywhere (caches that link to shared blobs)
  refuse,
};

struct LoadOptions {
  /// Bytes that constants may take which cannot be used where they lie in the file (bools, and what
  /// is written as lists of numbers). More is refused.
  std::int64_t byte_limit = std::int64_t(16) << 30;
  ExternalData external = ExternalData::beneath;
  /// What external data is relative to; load(path) sets it. Empty: external data is refused.
  std::filesystem::path folder;
  /// Whose rounding the integer ops of a TensorFlow Lite model follow: tflite_xnnpack as its
  /// runtime computes by default, tflite_optimized without the XNNPACK delegate, or
  /// tflite_reference.
  Arithmetic arithmetic = Arithmetic::tflite_xnnpack;
  /// Whether ops of an ONNX model between DequantizeLinear and QuantizeLinear stay ops on floats,
  /// as the standard says, instead of becoming ops on integers, as ONNX Runtime computes them: see
  /// ir::fold_quantization.
  bool literal = false;
  /// Whether a container's weights are held to their checksums however many they are, which reads
  /// them all.
  bool verify = false;
};

/// By name, of those that LoadOptions takes; throws usage listing them.
Arithmetic model_arithmetic(std::string_view name);

/// Reads a model file: ONNX, TensorFlow Lite, or the text form of a graph. Weights stay in the
/// mapped file; the graph keeps it open. Any bytes give a verified graph or one Error "reading
/// FILE: ...".
ir::Graph load(const std::filesystem::path& path, const LoadOptions& options = {});
/// The same from bytes that live as long as the owner in `file`, which the graph shares.
ir::Graph load(const MappedFile& file, const LoadOptions& options = {});
/// The same from bytes of the caller, which are copied.
ir::Graph load(std::span<const std::byte> bytes, const LoadOptions& options = {});

/// All that a file has: its graph, what it says of itself, and packed weights.
struct Model {
  ir::Graph graph;
  ModelInfo info;
  ir::PackedSet packed;
};
Model load_model(const std::filesystem::path& path, const LoadOptions& options = {});
Model load_model(std::span<const std::byte> bytes, const LoadOptions& options = {});

}  // namespace strata::formats
