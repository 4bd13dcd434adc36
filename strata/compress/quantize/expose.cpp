#include "strata/compress/quantize/expose.hpp"

#include <algorithm>

namespace strata::compress {

Exposed expose(ir::Graph graph, std::span<const ir::ValueId> values, bool alone) {
  Exposed exposed{std::move(graph), {}};
  std::vector<ir::ValueId>& outputs = exposed.graph.outputs;
  if (alone) outputs.clear();
  for (const ir::ValueId value : values) {
    if (std::ranges::count(exposed.graph.inputs, value) > 0) {
      exposed.places.push_back(Exposed::given);
      continue;
    }
    const auto at = std::ranges::find(outputs, value);
    exposed.places.push_back(std::size_t(at - outputs.begin()));
    if (at == outputs.end()) outputs.push_back(value);
  }
  return exposed;
}

}  // namespace strata::compress
