// Random numbers.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {

// A node without seed gets one from its name: the same in every run, another for every node.
void convert_random(NodeContext& node) {
  if (!node.attributes.has("seed")) {
    std::uint32_t hash = 0x811c9dc5;  // FNV-1a
    for (const char c : node.name()) hash = (hash ^ std::uint8_t(c)) * 0x01000193;
    node.attributes.set("seed", float(hash >> 8));  // 24 bits, which a float holds
  }
  node.emit(node.op(), {node.all_inputs().begin(), node.all_inputs().end()}, node.attributes);
}

}  // namespace strata::formats::onnx
