#include "strata/study/knobs.hpp"

#include <algorithm>
#include <map>

namespace strata::study {
namespace {

/// The layer's own encoding first: the default.
std::vector<std::string> encoding_choices(const SearchSpace& space, const std::string& own) {
  std::vector<std::string> choices{own};
  for (const std::string& encoding : space.encodings) {
    if (encoding != own) choices.push_back(encoding);
  }
  return choices;
}

void set_encoding(Configuration& configuration, const SearchSpace::Layer& layer,
                  const std::string& encoding) {
  if (encoding == layer.encoding) {
    configuration.encodings.erase(layer.name);
  } else {
    configuration.encodings[layer.name] = encoding;
  }
}

}  // namespace

std::vector<Knob> uniform_encoding_knob(const SearchSpace& space) {
  std::vector<std::string> choices = encoding_choices(space, "as stored");
  return {{search::categorical("all.encoding", choices),
           [layers = space.layers, choices](Configuration& configuration, std::uint32_t choice) {
             for (const SearchSpace::Layer& layer : layers) {
               set_encoding(configuration, layer, choice ? choices[choice] : layer.encoding);
             }
           }}};
}

std::vector<Knob> encoding_knobs(const SearchSpace& space) {
  std::vector<Knob> knobs;
  for (const SearchSpace::Layer& layer : space.layers) {
    std::vector<std::string> choices = encoding_choices(space, layer.encoding);
    knobs.push_back({search::categorical(layer.name + ".encoding", choices),
                     [layer, choices](Configuration& configuration, std::uint32_t choice) {
                       set_encoding(configuration, layer, choices[choice]);
                     }});
  }
  return knobs;
}

std::vector<Knob> execution_knobs(const SearchSpace& space, const Configuration& base) {
  std::vector<Knob> knobs;
  for (const ExecutionChoice& choice : space.execution) {
    const auto set = base.execution.find(choice.name);
    const auto own = set == base.execution.end() ? choice.values.begin()
                                                 : std::ranges::find(choice.values, set->second);
    knobs.push_back({search::categorical(choice.name, choice.values,
                                         std::uint32_t(own - choice.values.begin())),
                     [choice](Configuration& configuration, std::uint32_t number) {
                       if (number == 0) {
                         configuration.execution.erase(choice.name);
                       } else {
                         configuration.execution[choice.name] = choice.values[number];
                       }
                     }});
  }
  return knobs;
}

std::vector<Knob> kernel_knobs(std::span<const tune::NodeRows> nodes) {
  std::vector<Knob> knobs;
  for (const tune::NodeRows& node : nodes) {
    std::vector<std::string> choices{"as it is"};
    for (const tune::RowOption& option : node.options) {
      if (option.row != node.chosen) choices.push_back(option.row);
    }
    knobs.push_back(
        {search::categorical(node.node + ".kernel", choices),
         [name = node.node, choices](Configuration& configuration, std::uint32_t choice) {
           if (choice != 0) configuration.kernels[name] = choices[choice];
         }});
  }
  return knobs;
}

std::vector<Knob> joint_kernel_knob(std::span<const tune::NodeRows> nodes) {
  std::map<std::string, std::string> fastest;
  for (const tune::NodeRows& node : nodes) {
    if (const tune::RowOption* option = node.fastest()) fastest[node.node] = option->row;
  }
  if (fastest.size() < 2) return {};
  return {{search::categorical("all.kernel", {"as it is", "fastest"}),
           [fastest](Configuration& configuration, std::uint32_t choice) {
             if (choice == 0) return;
             for (const auto& [node, row] : fastest) configuration.kernels[node] = row;
           }}};
}

std::vector<Knob> float_knobs(const SearchSpace& space, std::span<const std::string> layers) {
  std::vector<Knob> knobs;
  for (const SearchSpace::Layer& layer : space.layers) {
    if (std::ranges::find(layers, layer.name) == layers.end()) continue;
    std::vector<std::string> choices{"as it is", layer.encoding};
    for (const std::string& encoding : space.encodings) {
      // The smallest that is computed on floats.
      if (encoding == "i8_channel" && layer.encoding != encoding) choices.push_back(encoding);
    }
    knobs.push_back({search::categorical(layer.name + ".encoding", choices),
                     [layer, choices](Configuration& configuration, std::uint32_t choice) {
                       if (choice != 0) set_encoding(configuration, layer, choices[choice]);
                     }});
  }
  return knobs;
}

search::Space space_of(std::span<const Knob> knobs) {
  std::vector<search::Parameter> parameters;
  for (const Knob& knob : knobs) parameters.push_back(knob.parameter);
  return search::Space(std::move(parameters));
}

Configuration apply(std::span<const Knob> knobs, const search::Point& point, Configuration base) {
  for (std::size_t i = 0; i < knobs.size(); ++i) knobs[i].set(base, point[i]);
  return base;
}

}  // namespace strata::study
