#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "strata/formats/model_info.hpp"
#include "strata/ir/graph.hpp"
#include "strata/ir/packed_weights.hpp"

namespace strata::formats {

struct SaveOptions {
  /// Lowest opset to write, 13 or later.
  int opset = 17;
  /// What came later raises the opset; else it is refused by name.
  bool raise_opset = true;
  /// Weights go to PATH.data beside the model, 64-byte aligned; small ones stay. For save_onnx.
  bool external_data = false;
  /// What nodes and constants came from is written along (metadata_props), so that reading gives
  /// the identical graph.
  bool sources = false;
  /// What the file is to say about itself; without a producer it names Strata. For ONNX.
  ModelInfo info;
  /// Integer weights whose codes all fit 4 bits go out in so many (opset 21).
  bool narrow_weights = false;
};

/// Writes a graph as ONNX. Node and value names are kept, nodes of our own go out as what they are
/// made of, f16 and bf16 constants as Cast, affine codes of 8, 4 and 2 bits and 8-bit floats as
/// DequantizeLinear on an initializer of their type; other encodings are written decoded. Atomic:
/// see write_files. Throws unsupported for states, ops without a form in ONNX, a model of 2 GiB
/// beside its external data.
void save_onnx(const ir::Graph& graph, const std::filesystem::path& path,
               const SaveOptions& options = {});
/// Whether ONNX stores the constant in its encoding; else it goes out decoded.
bool onnx_stores(const EncodedTensor& constant);
/// The file's content, and its size without writing it.
std::string onnx_bytes(const ir::Graph& graph, const SaveOptions& options = {});
std::int64_t onnx_size(const ir::Graph& graph, const SaveOptions& options = {});

/// Writes a graph, whatever it has, as Strata's container (docs/container.md): reading it gives the
/// identical graph. `packed`, of the graph's constants, goes beside them. Atomic.
void save_container(const ir::Graph& graph, const std::filesystem::path& path,
                    const ModelInfo& info = {}, const ir::PackedSet& packed = {});
/// The file's content, and its size.
std::string container_bytes(const ir::Graph& graph, const ModelInfo& info = {},
                            const ir::PackedSet& packed = {});
std::int64_t container_size(const ir::Graph& graph, const ModelInfo& info = {});

/// Writes a graph of known sizes as TensorFlow Lite: integer ops by their own operators, on the
/// grids that their operands say. Which arithmetic computes them is then the runtime's choice.
/// Atomic. Throws unsupported listing the ops that have no form there.
void save_tflite(const ir::Graph& graph, const std::filesystem::path& path);
/// Whether TensorFlow Lite stores the constant in its encoding; else it goes out decoded.
bool tflite_stores(const EncodedTensor& constant);
std::string tflite_bytes(const ir::Graph& graph);

}  // namespace strata::formats
