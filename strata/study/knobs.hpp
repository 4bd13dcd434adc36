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
/// One for each of the space's execution choices.
std::vector<Knob> execution_knobs(const SearchSpace& space, const Configuration& base);
/// One for each node; the default choice leaves it as it is.
std::vector<Knob> kernel_knobs(std::span<const tune::NodeRows> nodes);
/// One that gives every node its fastest measured row, under the name "all.kernel"; none where that
/// concerns fewer than two nodes.
std::vector<Knob> joint_kernel_knob(std::span<const tune::NodeRows> nodes);
/// One for each of these layers, that are computed on integers: as it is, or on floats.
std::vector<Knob> float_knobs(const SearchSpace& space, std::span<const std::string> layers);

search::Space space_of(std::span<const Knob> knobs);
/// `base` with the choices of a point of space_of(knobs).
Configuration apply(std::span<const Knob> knobs, const search::Point& point, Configuration base);

}  // namespace strata::study
