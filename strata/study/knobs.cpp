#include "strata/study/knobs.hpp"

#include <algorithm>

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
  if (space.fusion) {
    knobs.push_back({search::boolean("fusion", base.fusion),
                     [](Configuration& configuration, std::uint32_t choice) {
                       configuration.fusion = choice != 0;
                     }});
  }
  if (space.threads.size() > 1) {
    const std::vector<std::int64_t> counts(space.threads.begin(), space.threads.end());
    const auto own = std::ranges::find(space.threads, base.threads) - space.threads.begin();
    knobs.push_back({search::integers("threads", counts, std::uint32_t(own)),
                     [threads = space.threads](Configuration& configuration, std::uint32_t choice) {
                       configuration.threads = threads[choice];
                     }});
  }
  return knobs;
}

std::vector<Knob> kernel_knobs(std::span<const tune::NodeRows> nodes) {
  std::vector<Knob> knobs;
  for (const tune::NodeRows& node : nodes) {
    std::vector<std::string> choices{"auto"};
    for (const tune::RowOption& option : node.options) {
      if (option.row != node.chosen) choices.push_back(option.row);
    }
    knobs.push_back(
        {search::categorical(node.node + ".kernel", choices),
         [name = node.node, choices](Configuration& configuration, std::uint32_t choice) {
           if (choice == 0) {
             configuration.kernels.erase(name);
           } else {
             configuration.kernels[name] = choices[choice];
           }
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
