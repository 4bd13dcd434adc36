#include "strata/study/static_versions.hpp"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "strata/base/error.hpp"
#include "strata/compress/quantize/flatten.hpp"

namespace strata::study {
namespace {

constexpr StaticScheme schemes[] = {
    {"static_i8", "8-bit weights per channel and 8-bit activations", 8, false},
    {"static_i4", "4-bit weights per channel, rounded on data, and 8-bit activations", 4, true},
};

/// Units to leave out: layers that are not asked for, and what reads something that stays float.
std::vector<std::size_t> excluded(const ir::Graph& graph, const compress::StaticPlan& plan,
                                  const std::map<std::string, const StaticScheme*>& layers) {
  std::unordered_set<std::uint32_t> integers;
  for (const ir::ValueId id : graph.inputs) integers.insert(ir::index(id));
  std::vector<std::size_t> left_out;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    const compress::Unit& unit = plan.units[i];
    const ir::Node& main = graph.node(unit.main);
    const bool wanted = unit.weighted() ? layers.contains(unit.name)
                                        : std::ranges::all_of(unit.inputs, [&](std::size_t input) {
                                            return graph.is_constant(main.inputs[input]) ||
                                                   integers.contains(ir::index(main.inputs[input]));
                                          });
    if (wanted) {
      integers.insert(ir::index(unit.output));
    } else {
      left_out.push_back(i);
    }
  }
  return left_out;
}

}  // namespace

std::span<const StaticScheme> static_schemes() { return schemes; }

const StaticScheme* find_static_scheme(std::string_view name) {
  const auto found = std::ranges::find(schemes, name, &StaticScheme::name);
  return found == std::end(schemes) ? nullptr : found;
}

StaticVersions::StaticVersions(const ir::Graph& model, const data::Dataset& dataset,
                               std::vector<std::int64_t> items, int threads)
    : model_(model), dataset_(dataset), items_(std::move(items)), threads_(threads) {
  ir::Graph flat = model;
  compress::flatten_products(flat);
  for (const compress::Unit& unit : compress::share_grids(flat, compress::find_units(flat)).units) {
    if (unit.weighted()) layers_.insert(unit.name);
  }
}

compress::PostTraining StaticVersions::make(const StaticScheme& scheme,
                                            const Stopped& stopped) const {
  std::atomic<bool> cancel = false;
  const auto ask = [&] {
    if (stopped && stopped()) cancel = true;
  };
  compress::PostTrainingOptions options;
  options.weight_bits = scheme.weight_bits;
  options.reconstruct = scheme.reconstruct;
  options.calibration.threads = threads_;
  options.calibration.cancel = &cancel;
  options.calibration.progress = [&](std::int64_t) { ask(); };
  options.poll = ask;
  return compress::quantize_post_training(model_, dataset_, items_, options);
}

const compress::PostTraining& StaticVersions::of(const StaticScheme& scheme,
                                                 const Stopped& stopped) {
  if (const auto known = made_.find(scheme.name); known != made_.end()) return known->second;
  if (const auto known = failed_.find(scheme.name); known != failed_.end()) throw known->second;
  try {
    compress::PostTraining made = make(scheme, stopped);
    if (made.complete) return made_.emplace(scheme.name, std::move(made)).first->second;
  } catch (const Error& error) {
    failed_.emplace(scheme.name, error);
    throw;
  }
  fail(ErrorCode::usage, "stopped while {} was calibrated", scheme.name);
}

ir::Graph StaticVersions::version(const ir::Graph& model,
                                  const std::map<std::string, const StaticScheme*>& layers,
                                  const Stopped& stopped) {
  const compress::PostTraining& base = of(schemes[0], stopped);
  ir::Graph graph = base.original;
  // Constants by name: both graphs come from the same model.
  for (std::size_t i = 0; i < graph.value_limit(); ++i) {
    ir::Value& value = graph.value(ir::ValueId(i));
    if (!value.constant) continue;
    const auto same = model.find_value(value.name);
    if (same && model.is_constant(*same)) value.constant = model.value(*same).constant;
  }
  compress::StaticPlan plan = base.plan;
  for (const auto& [name, scheme] : layers) {
    const auto unit = std::ranges::find_if(plan.units, [&name = name](const compress::Unit& u) {
      return u.weighted() && u.name == name;
    });
    if (unit == plan.units.end()) {
      fail(ErrorCode::unsupported, "layer {} cannot be computed on integers", name);
    }
    plan.layers[unit->main] = of(*scheme, stopped).plan.layers.at(unit->main);
  }
  const std::vector<std::size_t> left_out = excluded(graph, plan, layers);
  return compress::quantized(graph, compress::without(graph, plan, left_out));
}

}  // namespace strata::study
