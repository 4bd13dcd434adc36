#include "strata/runtime/states.hpp"

#include <cstring>

namespace strata::runtime {

States::States(const ir::Graph& graph) {
  for (const ir::State& state : graph.states) {
    initial_.push_back(state.initial.aligned());
    memory_.emplace_back(state.initial.size_bytes());
  }
  reset();
}

void States::reset() {
  for (std::size_t i = 0; i < initial_.size(); ++i) {
    std::memcpy(memory_[i].data(), initial_[i].raw(), initial_[i].size_bytes());
  }
}

}  // namespace strata::runtime
