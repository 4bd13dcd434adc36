#include "strata/formats/onnx/batched_scan.hpp"

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"

namespace strata::formats::onnx {

ir::Attributes over_batch(const ir::Attributes& attributes,
                          const std::vector<ir::TensorType>& operands, std::string_view name) {
  const ir::Graph& body = attributes.graph("body");
  const std::int64_t captures = attributes.integer("captures", 0);
  const std::size_t own = operands.size() - std::size_t(captures);
  auto entry = std::make_shared<ir::Graph>();
  entry->name = body.name;
  std::vector<ir::ValueId> inputs;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    ir::TensorType type = operands[i];
    if (i < own) type.shape.erase(type.shape.begin());
    // Names of bodies differ from those around them.
    inputs.push_back(entry->add_input(fmt::format("{}_of_entry", body.value(body.inputs[i]).name),
                                      std::move(type)));
  }
  ir::Attributes sequence = attributes;
  sequence.erase("directions");
  if (attributes.has("directions")) {
    sequence.set("scan_input_directions", attributes.integers("directions"));
  }
  ir::Builder builder(*entry, {std::string(name)});
  entry->outputs =
      builder.multi("Scan", inputs, int(body.outputs.size()), std::move(sequence), name);
  return {{"body", ir::Subgraph(std::move(entry))},
          {"captures", captures},
          {"num_scan_inputs", std::int64_t(own)}};
}

}  // namespace strata::formats::onnx
