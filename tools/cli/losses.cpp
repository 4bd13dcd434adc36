#include "tools/cli/losses.hpp"

#include <fmt/ranges.h>

#include <map>
#include <string>

#include "strata/formats/save.hpp"
#include "strata/ir/op.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using formats::Format;

void tell_decoded(const ir::Graph& graph, Format format) {
  std::map<std::string_view, std::size_t> decoded;
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    const auto& constant = graph.value(ir::ValueId(i)).constant;
    if (!constant) continue;
    const bool stored = format == Format::onnx ? formats::onnx_stores(*constant)
                                               : formats::tflite_stores(*constant);
    if (stored) continue;
    ++decoded[constant->encoding->name];
    ++count;
  }
  if (count == 0) return;
  std::vector<std::string> kinds;
  for (const auto& [name, of_it] : decoded) kinds.push_back(fmt::format("{} {}", of_it, name));
  note(fmt::format(
      "{} constant{} written decoded, for {} has no such encodings ({}); *{} keeps them", count,
      count == 1 ? " is" : "s are", format == Format::onnx ? "ONNX" : "TensorFlow Lite",
      fmt::join(kinds, ", "), formats::container_suffix));
}

void tell_arithmetic(const ir::Graph& graph, Format format) {
  std::map<std::string, std::size_t> nodes;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    const bool takes =
        std::ranges::count(node.op->attributes, "arithmetic", &ir::AttributeDef::name) != 0;
    if (takes) ++nodes[node.attributes.string("arithmetic", "onnx")];
  }
  if (format == Format::onnx) {
    nodes.erase("onnx");
    for (const auto& [arithmetic, count] : nodes) {
      note(
          fmt::format("{} node{} on integers in the arithmetic {}: the file tells Strata so, other "
                      "runtimes will compute ONNX's",
                      count, count == 1 ? " computes" : "s compute", arithmetic));
    }
    return;
  }
  // What XNNPACK does not take, LiteRT computes by its optimised kernels: one runtime.
  nodes.erase("tflite_xnnpack");
  nodes.erase("tflite_optimized");
  for (const auto& [arithmetic, count] : nodes) {
    note(fmt::format(
        "{} node{} on integers in the arithmetic {}, which the file cannot say: it will "
        "be read as tflite_xnnpack, what LiteRT computes",
        count, count == 1 ? " computes" : "s compute", arithmetic));
  }
}

}  // namespace

void tell_losses(const ir::Graph& graph, Format format) {
  if (format != Format::onnx && format != Format::tflite) return;
  tell_decoded(graph, format);
  tell_arithmetic(graph, format);
}

}  // namespace strata::cli
