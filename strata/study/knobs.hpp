#pragma once

#include <functional>
#include <span>
#include <vector>

#include "strata/search/space.hpp"
#include "strata/study/optimizer.hpp"

namespace strata::study {

/// A parameter of a search space, and what its choices do to a configuration.
struct Knob {
  search::Parameter parameter;
  std::function<void(Configuration&, std::uint32_t choice)> set;
};

/// One for all layers together, under the name "all.encoding".
std::vector<Knob> uniform_encoding_knob(const SearchSpace& space);
/// One for each layer.
std::vector<Knob> encoding_knobs(const SearchSpace& space);
/// Fusion and threads, where the space leaves a choice.
std::vector<Knob> execution_knobs(const SearchSpace& space, const Configuration& base);
/// One for each node; the default choice leaves it to the runtime.
std::vector<Knob> kernel_knobs(std::span<const tune::NodeRows> nodes);

search::Space space_of(std::span<const Knob> knobs);
/// `base` with the choices of a point of space_of(knobs).
Configuration apply(std::span<const Knob> knobs, const search::Point& point, Configuration base);

}  // namespace strata::study
