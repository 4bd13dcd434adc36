#include "strata/study/recording.hpp"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"

namespace strata::study {
namespace {

using nlohmann::json;

json to_document(const tune::Timing& timing) {
  return {{"median", timing.median},
          {"low", timing.low},
          {"high", timing.high},
          {"samples", timing.samples}};
}

tune::Timing timing_from(const json& document) {
  return {document.at("median"), document.at("low"), document.at("high"), document.at("samples")};
}

json to_document(const Configuration& configuration) {
  return {{"encodings", configuration.encodings},
          {"kernels", configuration.kernels},
          {"execution", configuration.execution}};
}

Configuration configuration_from(const json& document) {
  Configuration configuration;
  document.at("encodings").get_to(configuration.encodings);
  document.at("kernels").get_to(configuration.kernels);
  document.at("execution").get_to(configuration.execution);
  return configuration;
}

json to_document(const Measured& measured) {
  json document = {{"file_bytes", measured.file_bytes},
                   {"peak_bytes", measured.peak_bytes},
                   {"over_budget", measured.over_budget}};
  if (measured.failed()) {
    document["failure"] = measured.failure;
    return document;
  }
  document.update({{"count", measured.count},
                   {"correct", measured.correct},
                   {"lost", measured.lost},
                   {"gained", measured.gained},
                   {"ratio", to_document(measured.ratio)},
                   {"latency_s", to_document(measured.latency)}});
  return document;
}

Measured measured_from(const json& document) {
  Measured measured;
  document.at("file_bytes").get_to(measured.file_bytes);
  document.at("peak_bytes").get_to(measured.peak_bytes);
  document.at("over_budget").get_to(measured.over_budget);
  if (document.contains("failure")) {
    document.at("failure").get_to(measured.failure);
    return measured;
  }
  document.at("count").get_to(measured.count);
  document.at("correct").get_to(measured.correct);
  document.at("lost").get_to(measured.lost);
  document.at("gained").get_to(measured.gained);
  measured.ratio = timing_from(document.at("ratio"));
  measured.latency = timing_from(document.at("latency_s"));
  return measured;
}

json to_document(const tune::NodeRows& rows) {
  json options = json::array();
  for (const tune::RowOption& option : rows.options) {
    options.push_back(
        {{"row", option.row}, {"modelled_s", option.seconds}, {"measured_s", option.measured}});
  }
  return {{"node", rows.node}, {"chosen", rows.chosen}, {"options", std::move(options)}};
}

tune::NodeRows rows_from(const json& document) {
  tune::NodeRows rows{document.at("node"), document.at("chosen"), {}};
  for (const json& option : document.at("options")) {
    rows.options.push_back({option.at("row"), option.at("modelled_s"), option.at("measured_s")});
  }
  return rows;
}

}  // namespace

std::string to_json(const Recording& recording) {
  json document = {{"schema", "strata.recording/2"},
                   {"measured", json::array()},
                   {"kernels", json::array()},
                   {"timed_kernels", json::array()},
                   {"slow_integers", json::array()}};
  for (const auto& [configuration, measured] : recording.measured) {
    document["measured"].push_back(
        {{"configuration", to_document(configuration)}, {"result", to_document(measured)}});
  }
  const auto add_kernels = [&](const char* key, const Recording::Kernels& kernels) {
    for (const auto& [configuration, nodes] : kernels) {
      json list = json::array();
      for (const tune::NodeRows& rows : nodes) list.push_back(to_document(rows));
      document[key].push_back(
          {{"configuration", to_document(configuration)}, {"nodes", std::move(list)}});
    }
  };
  add_kernels("kernels", recording.kernels);
  add_kernels("timed_kernels", recording.timed_kernels);
  for (const auto& [configuration, layers] : recording.slow_integers) {
    document["slow_integers"].push_back(
        {{"configuration", to_document(configuration)}, {"layers", layers}});
  }
  return document.dump(1, ' ', false, json::error_handler_t::replace);
}

Recording recording_from_json(std::string_view text) {
  try {
    const json document = json::parse(text);
    Recording recording;
    for (const json& entry : document.at("measured")) {
      recording.measured[configuration_from(entry.at("configuration"))] =
          measured_from(entry.at("result"));
    }
    const auto read_kernels = [&](const char* key, Recording::Kernels& kernels) {
      for (const json& entry : document.at(key)) {
        auto& nodes = kernels[configuration_from(entry.at("configuration"))];
        for (const json& rows : entry.at("nodes")) nodes.push_back(rows_from(rows));
      }
    };
    read_kernels("kernels", recording.kernels);
    read_kernels("timed_kernels", recording.timed_kernels);
    for (const json& entry : document.at("slow_integers")) {
      entry.at("layers").get_to(
          recording.slow_integers[configuration_from(entry.at("configuration"))]);
    }
    return recording;
  } catch (const json::exception& error) {
    fail(ErrorCode::model, "recorded measurements: {}", error.what());
  }
}

std::optional<Measured> Recorder::measure(const Configuration& configuration, double effort,
                                          const Stopped& stopped) {
  auto measured = evaluator_.measure(configuration, effort, stopped);
  if (measured) recording_.measured[configuration] = *measured;
  return measured;
}

std::vector<tune::NodeRows> Recorder::kernels(const Configuration& configuration) {
  return recording_.kernels[configuration] = evaluator_.kernels(configuration);
}

std::vector<tune::NodeRows> Recorder::timed_kernels(const Configuration& configuration,
                                                    const Stopped& stopped) {
  return recording_.timed_kernels[configuration] = evaluator_.timed_kernels(configuration, stopped);
}

std::vector<std::string> Recorder::slow_integers(const Configuration& configuration,
                                                 const Stopped& stopped) {
  return recording_.slow_integers[configuration] = evaluator_.slow_integers(configuration, stopped);
}

std::optional<Measured> RecordedEvaluator::measure(const Configuration& configuration, double,
                                                   const Stopped&) {
  const auto found = recording_.measured.find(configuration);
  if (found == recording_.measured.end()) {
    fail(ErrorCode::usage, "no measurement was recorded for: {}",
         fmt::join(changes(configuration), " "));
  }
  return found->second;
}

namespace {

template <class Map>
typename Map::mapped_type found_in(const Map& map, const Configuration& configuration) {
  const auto found = map.find(configuration);
  return found == map.end() ? typename Map::mapped_type() : found->second;
}

}  // namespace

std::vector<tune::NodeRows> RecordedEvaluator::kernels(const Configuration& configuration) {
  return found_in(recording_.kernels, configuration);
}

std::vector<tune::NodeRows> RecordedEvaluator::timed_kernels(const Configuration& configuration,
                                                             const Stopped&) {
  return found_in(recording_.timed_kernels, configuration);
}

std::vector<std::string> RecordedEvaluator::slow_integers(const Configuration& configuration,
                                                          const Stopped&) {
  return found_in(recording_.slow_integers, configuration);
}

}  // namespace strata::study
