#pragma once

#include <memory>
#include <string>

#include "strata/ir/graph.hpp"
#include "strata/tensor/dim.hpp"

namespace strata::study {

/// A graph at known sizes, with what TensorFlow Lite has no ops for computed or folded away.
/// `given` binds symbols of the inputs; the others are 1.
ir::Graph sized_for_tflite(const ir::Graph& graph, const DimValues& given = {});

/// A graph as a TensorFlow Lite file, and what reading that file gives: integers in the arithmetic
/// that users of LiteRT get (tflite_xnnpack), names and sources those of the graph.
struct TfliteForm {
  std::shared_ptr<const std::string> bytes;  ///< of the file
  ir::Graph graph;
};
/// Throws unsupported for what the file cannot say.
TfliteForm tflite_form(const ir::Graph& graph, const DimValues& given = {});

}  // namespace strata::study
