#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "strata/ir/graph.hpp"

namespace strata::formats {

struct SaveOptions {
  /// Lowest opset to write, 13 or later; ops that came later raise it.
  int opset = 17;
};

/// Writes a graph as ONNX. Node and value names are kept, fused nodes go out as what is inside
/// them, int8 constants as DequantizeLinear on an int8 initializer, f16 and bf16 ones as Cast;
/// other encodings are written decoded. Atomic: see write_file. Throws unsupported for states, ops
/// without a form in ONNX and files of 2 GiB.
void save_onnx(const ir::Graph& graph, const std::filesystem::path& path,
               const SaveOptions& options = {});
/// The file's content, and its size without writing it.
std::string onnx_bytes(const ir::Graph& graph, const SaveOptions& options = {});
std::int64_t onnx_size(const ir::Graph& graph, const SaveOptions& options = {});

}  // namespace strata::formats
