#include "strata/eval/profile_document.hpp"

#include <map>
#include <nlohmann/json.hpp>

namespace strata::eval {
namespace {

using nlohmann::json;

double per_second(double amount, double seconds) { return seconds > 0 ? amount / seconds : 0; }

json roofline_document(const runtime::Roofline& roofline) {
  json levels = json::array();
  for (const runtime::Roofline::Level& level : roofline.levels) {
    levels.push_back({{"bytes", level.bytes}, {"bytes_per_s", level.bytes_per_s}});
  }
  return {{"clock", "wall"}, {"flops_per_s", roofline.flops_per_s}, {"levels", levels}};
}

json sources_of(const runtime::Program& program, const runtime::Step& step) {
  if (step.node == ir::no_node) return json::array();
  return program.graph().node(step.node).sources;
}

/// Least time by the measured peaks, and how near the step comes. They are peaks of f32: other
/// arithmetic has no such bound.
void add_bound(const runtime::StepProfile& figures, const runtime::Roofline& roofline,
               json& document) {
  const runtime::Work& work = figures.work;
  for (const char* key : {"bound_s", "of_bound", "bound_by", "beyond_bound"})
    document[key] = nullptr;
  if (work.arithmetic == runtime::Work::Arithmetic::other) return;
  const double bound = roofline.bound_seconds(work.flops, work.bytes);
  const bool computes = roofline.bound_seconds(work.flops, 0) == bound && work.flops > 0;
  document["bound_s"] = bound;
  document["bound_by"] = computes ? "compute" : "memory";
  if (figures.seconds <= 0) return;
  document["of_bound"] = bound / figures.seconds;
  if (bound <= figures.seconds) return;
  document["beyond_bound"] = computes
                                 ? "its kernel needs fewer operations than the op has by definition"
                                 : "its data lay in a nearer cache than data of its size has to";
}

/// The steps that a step runs: itself, or the block whose last one it is.
std::vector<std::size_t> steps_of(const runtime::Binding& binding, std::size_t step) {
  for (const runtime::BoundBlock& block : binding.blocks()) {
    if (block.steps.back() == step) return block.steps;
  }
  return {step};
}

double modelled_seconds(const runtime::Binding& binding, std::size_t step) {
  double seconds = 0;
  for (const std::size_t part : steps_of(binding, step)) {
    seconds += binding.program().steps()[part].estimate;
  }
  for (const runtime::BoundBlock& block : binding.blocks()) {
    if (block.steps.back() == step) seconds -= block.saved_seconds;
  }
  return seconds;
}

/// Names of the user's nodes.
json all_sources(const runtime::Binding& binding, std::size_t step) {
  auto names = json::array();
  for (const std::size_t part : steps_of(binding, step)) {
    for (const json& name : sources_of(binding.program(), binding.program().steps()[part])) {
      names.push_back(name);
    }
  }
  return names;
}

json step_document(const runtime::Binding& binding, const runtime::Profile& profile,
                   const runtime::Roofline& roofline, std::size_t i) {
  const runtime::Step& step = binding.program().steps()[i];
  const runtime::StepProfile& figures = profile.steps[i];
  const runtime::Work& work = figures.work;
  json document = {{"name", step.name},
                   {"op", step.op},
                   {"sources", all_sources(binding, i)},
                   {"kernel", binding.steps()[i].row->name},
                   {"weights", step.weights},
                   {"skipped", binding.steps()[i].skipped},
                   {"time_s", figures.seconds},
                   {"share", per_second(figures.seconds, profile.run_seconds)},
                   {"gap_s", figures.gap},
                   {"flops", work.flops},
                   {"bytes", work.bytes},
                   {"flops_per_s", per_second(work.flops, figures.seconds)},
                   {"bytes_per_s", per_second(work.bytes, figures.seconds)},
                   {"modelled_s", modelled_seconds(binding, i)},
                   {"start_s", profile.example.steps[i].start},
                   {"end_s", profile.example.steps[i].end}};
  add_bound(figures, roofline, document);
  return document;
}

json block_document(const runtime::Binding& binding, const runtime::ArenaBlock& block) {
  json document = {{"values", block.values}, {"offset", block.offset},
                   {"bytes", block.bytes},   {"first", block.first},
                   {"last", block.last},     {"kind", block.values.empty() ? "scratch" : "values"}};
  if (block.values.empty()) {
    document["scratch_of"] = binding.program().steps()[std::size_t(block.first)].name;
  }
  return document;
}

}  // namespace

nlohmann::json profile_document(const runtime::Binding& binding, const runtime::Profile& profile,
                                const runtime::Roofline& roofline) {
  json document = {
      {"schema", "strata.profile/1"},
      {"clock", "wall"},
      {"threads", binding.threads()},
      {"isa", to_string(binding.program().target().isa)},
      {"dims", json::object()},
      {"runs", profile.runs},
      {"runs_kept", profile.kept},
      {"run_s", profile.run_seconds},
      {"nodes_s", profile.node_seconds()},
      {"nodes_of_run", per_second(profile.node_seconds(), profile.run_seconds)},
      {"gaps_s", profile.gap_seconds()},
      {"plain_run_s", profile.plain_seconds},
      {"plain_of_run", per_second(profile.plain_seconds, profile.run_seconds)},
      {"clock_read_s", profile.clock_seconds},
      {"clock_reads", profile.readings},
      {"finish_s", profile.finish},
      {"finish_gap_s", profile.finish_gap},
      {"finish",
       {{"start_s", profile.example.finish.start}, {"end_s", profile.example.finish.end}}},
      {"roofline", roofline_document(roofline)},
      {"arena",
       {{"peak_bytes", binding.peak_bytes()},
        {"bound_bytes", binding.bound_bytes()},
        {"blocks", json::array()}}},
      {"steps", json::array()}};
  for (const auto& [symbol, value] : binding.dims().items()) document["dims"][symbol] = value;
  for (std::size_t i = 0; i < profile.steps.size(); ++i) {
    document["steps"].push_back(step_document(binding, profile, roofline, i));
  }
  for (const runtime::ArenaBlock& block : runtime::arena_blocks(binding)) {
    document["arena"]["blocks"].push_back(block_document(binding, block));
  }
  return document;
}

nlohmann::json trace_document(const nlohmann::json& profile) {
  constexpr int process = 1, thread = 1;
  constexpr double microsecond = 1e6;
  json events = json::array();
  const auto name = [&](const char* kind, const std::string& text) {
    events.push_back({{"ph", "M"},
                      {"name", kind},
                      {"pid", process},
                      {"tid", thread},
                      {"args", {{"name", text}}}});
  };
  name("process_name", "strata " + profile["model"]["name"].get<std::string>());
  name("thread_name", "steps");
  const auto complete = [&](const std::string& title, const std::string& category,
                            const json& interval, json arguments) {
    const double start = interval["start_s"], end = interval["end_s"];
    events.push_back({{"ph", "X"},
                      {"name", title},
                      {"cat", category},
                      {"pid", process},
                      {"tid", thread},
                      {"ts", start * microsecond},
                      {"dur", (end - start) * microsecond},
                      {"args", std::move(arguments)}});
  };
  std::map<double, double> changes;  // bytes of the arena that come into use, by time
  const json& steps = profile["steps"];
  for (const json& step : steps) {
    if (step["skipped"]) continue;
    complete(step["name"], step["op"], step,
             {{"kernel", step["kernel"]},
              {"sources", step["sources"]},
              {"mean_us", step["time_s"].get<double>() * microsecond},
              {"GFLOP/s", step["flops_per_s"].get<double>() / 1e9},
              {"GB/s", step["bytes_per_s"].get<double>() / 1e9},
              {"of roofline bound", step["of_bound"]}});
  }
  complete("copy results", "finish", profile["finish"], json::object());
  for (const json& block : profile["arena"]["blocks"]) {
    const std::size_t first = block["first"], last = block["last"];
    if (first >= steps.size()) continue;
    const double bytes = block["bytes"];
    changes[steps[first]["start_s"]] += bytes;
    changes[last < steps.size() ? steps[last]["end_s"] : profile["finish"]["end_s"]] -= bytes;
  }
  double alive = 0;
  for (const auto& [at, change] : changes) {
    alive += change;
    events.push_back({{"ph", "C"},
                      {"name", "arena"},
                      {"pid", process},
                      {"ts", at * microsecond},
                      {"args", {{"bytes", alive}}}});
  }
  json other = json::object();
  for (const char* key : {"command", "clock", "device", "created"}) other[key] = profile[key];
  return {{"traceEvents", events}, {"displayTimeUnit", "ns"}, {"otherData", other}};
}

}  // namespace strata::eval
