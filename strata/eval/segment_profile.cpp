#include "strata/eval/segment_profile.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "strata/ir/op.hpp"

namespace strata::eval {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr std::size_t most_events = 100'000;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// What one run took, by segment and step.
struct RunFigures {
  struct Cell {
    double calls = 0, seconds = 0, flops = 0, bytes = 0;
  };
  double seconds = 0;
  std::vector<Cell> segments;
  std::vector<std::vector<Cell>> steps;
};

/// Times the steps of every plan of a run.
class Recorder : public runtime::RunObserver {
 public:
  explicit Recorder(SegmentProfile& profile) : profile_(profile) {}

  RunFigures take(Clock::time_point start, const std::function<void()>& run) {
    figures_ = {};
    profile_.example.clear();
    start_ = start;
    run();
    figures_.seconds = since(start);
    return std::move(figures_);
  }

  void run_plan(const runtime::PlanCall& call) override {
    const double offset = since(start_);
    call.context.run_traced(call.in, call.out, trace_);
    const runtime::Binding& binding = call.context.binding();
    const std::size_t segment = number_of(call);
    const std::vector<std::size_t>& steps = steps_of(segment, binding);
    if (figures_.segments.size() <= segment) figures_.segments.resize(segment + 1);
    if (figures_.steps.size() <= segment) figures_.steps.resize(segment + 1);
    figures_.segments[segment].calls += 1;
    figures_.segments[segment].seconds += trace_.finish.end;
    auto& cells = figures_.steps[segment];
    cells.resize(profile_.segments[segment].steps.size());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (binding.steps()[i].skipped) continue;
      RunFigures::Cell& cell = cells[steps[i]];
      const runtime::Interval& when = trace_.steps[i];
      const runtime::Work work = runtime::work_of(binding, i);
      cell.calls += 1;
      cell.seconds += when.seconds();
      cell.flops += work.flops;
      cell.bytes += work.bytes;
      if (profile_.example.size() < most_events) {
        profile_.example.push_back({segment, steps[i], {offset + when.start, offset + when.end}});
      }
    }
  }

  void begin_control(const ir::Node& node, std::span<const Tensor>) override {
    path_.push_back(ir::describe(node));
  }
  void end_control(const ir::Node&, std::span<const Tensor>) override { path_.pop_back(); }

 private:
  std::size_t number_of(const runtime::PlanCall& call) {
    const void* place = call.segment ? static_cast<const void*>(call.segment) : &call.graph;
    const auto known = segments_.find(place);
    if (known != segments_.end()) return known->second;
    SegmentFigures figures;
    for (const std::string& node : path_) figures.body += (figures.body.empty() ? "" : ", ") + node;
    figures.number = ++counts_[&call.graph];
    profile_.segments.push_back(std::move(figures));
    return segments_[place] = profile_.segments.size() - 1;
  }

  /// Which step of the segment each step of a program is: it may be compiled again for other sizes.
  const std::vector<std::size_t>& steps_of(std::size_t segment, const runtime::Binding& binding) {
    const auto known = steps_.find(&binding.program());
    if (known != steps_.end()) return known->second;
    std::vector<SegmentStep>& listed = profile_.segments[segment].steps;
    std::vector<std::size_t>& numbers = steps_[&binding.program()];
    for (std::size_t i = 0; i < binding.steps().size(); ++i) {
      const runtime::Step& step = binding.program().steps()[i];
      const std::string_view kernel = binding.steps()[i].row->name;
      const auto same = std::ranges::find_if(listed, [&](const SegmentStep& other) {
        return other.name == step.name && other.kernel == kernel;
      });
      numbers.push_back(std::size_t(same - listed.begin()));
      if (same != listed.end()) continue;
      SegmentStep figures;
      figures.name = step.name;
      figures.op = step.op;
      figures.kernel = kernel;
      if (step.node != ir::no_node) {
        figures.sources = binding.program().graph().node(step.node).sources;
      }
      listed.push_back(std::move(figures));
    }
    return numbers;
  }

  SegmentProfile& profile_;
  RunFigures figures_;
  runtime::RunTrace trace_;
  Clock::time_point start_;
  std::vector<std::string> path_;
  std::map<const void*, std::size_t> segments_;
  std::map<const ir::Graph*, std::size_t> counts_;
  std::map<const runtime::Program*, std::vector<std::size_t>> steps_;
};

template <class T>
std::span<const T> middle_half(const std::vector<T>& sorted) {
  const std::size_t cut = sorted.size() / 4;
  return std::span(sorted).subspan(cut, sorted.size() - 2 * cut);
}

void summarize(std::vector<RunFigures> runs, SegmentProfile& profile) {
  std::ranges::sort(runs, {}, &RunFigures::seconds);
  const auto middle = middle_half(runs);
  const auto count = double(middle.size());
  for (const RunFigures& run : middle) {
    profile.run_seconds += run.seconds;
    for (std::size_t i = 0; i < run.segments.size(); ++i) {
      SegmentFigures& segment = profile.segments[i];
      segment.calls += run.segments[i].calls;
      segment.seconds += run.segments[i].seconds;
      for (std::size_t k = 0; k < run.steps[i].size(); ++k) {
        const RunFigures::Cell& cell = run.steps[i][k];
        segment.steps[k].calls += cell.calls;
        segment.steps[k].seconds += cell.seconds;
        segment.steps[k].work.flops += cell.flops;
        segment.steps[k].work.bytes += cell.bytes;
      }
    }
  }
  // Sums first: counts are whole numbers, and their means exact where runs agree.
  profile.run_seconds /= count;
  for (SegmentFigures& segment : profile.segments) {
    segment.calls /= count;
    segment.seconds /= count;
    for (auto& step : segment.steps) {
      step.calls /= count;
      step.seconds /= count;
      step.work.flops /= count;
      step.work.bytes /= count;
    }
  }
}

double mean_of_middle(std::vector<double> samples) {
  std::ranges::sort(samples);
  const auto middle = middle_half(samples);
  return std::accumulate(middle.begin(), middle.end(), 0.0) / double(middle.size());
}

double over(double amount, double whole) { return whole > 0 ? amount / whole : 0; }

}  // namespace

double SegmentProfile::segment_seconds() const {
  return std::accumulate(segments.begin(), segments.end(), 0.0,
                         [](double sum, const SegmentFigures& s) { return sum + s.seconds; });
}

SegmentProfile profile_segments(runtime::Session& session, std::span<const Tensor> inputs,
                                const runtime::ProfileOptions& options) {
  const auto stopped = [&] { return options.stopped && options.stopped(); };
  SegmentProfile profile;
  Recorder recorder(profile);
  const auto plain = [&] {
    session.reset();
    session.run(inputs);
  };
  Clock::time_point start = Clock::now();
  do {
    plain();
  } while (since(start) < options.warm_up_s && !stopped());
  std::vector<double> plain_runs;
  std::vector<RunFigures> runs;
  start = Clock::now();
  const auto enough = [&] {
    return int(runs.size()) >= options.max_runs ||
           (int(runs.size()) >= options.min_runs && since(start) >= options.seconds);
  };
  do {
    const Clock::time_point begin = Clock::now();
    plain();
    plain_runs.push_back(since(begin));
    session.reset();
    runs.push_back(recorder.take(Clock::now(), [&] { session.run(inputs, &recorder); }));
  } while (!enough() && !stopped());
  profile.runs = int(runs.size());
  profile.plain_seconds = mean_of_middle(std::move(plain_runs));
  profile.peak_bytes = session.peak_bytes();
  summarize(std::move(runs), profile);
  return profile;
}

json segment_document(const SegmentProfile& profile, const runtime::Session& session) {
  json document = {{"schema", "strata.segment_profile/1"},
                   {"clock", "wall"},
                   {"threads", session.threads()},
                   {"runs", profile.runs},
                   {"run_s", profile.run_seconds},
                   {"plain_run_s", profile.plain_seconds},
                   {"segments_s", profile.segment_seconds()},
                   {"between_s", profile.run_seconds - profile.segment_seconds()},
                   {"peak_bytes", profile.peak_bytes},
                   {"segments", json::array()}};
  for (const SegmentFigures& segment : profile.segments) {
    json steps = json::array();
    for (const SegmentStep& step : segment.steps) {
      if (step.calls == 0) continue;
      steps.push_back({{"name", step.name},
                       {"op", step.op},
                       {"sources", step.sources},
                       {"kernel", step.kernel},
                       {"calls", step.calls},
                       {"time_s", step.seconds},
                       {"share", over(step.seconds, profile.run_seconds)},
                       {"flops", step.work.flops},
                       {"bytes", step.work.bytes},
                       {"flops_per_s", over(step.work.flops, step.seconds)},
                       {"bytes_per_s", over(step.work.bytes, step.seconds)}});
    }
    document["segments"].push_back({{"body", segment.body},
                                    {"number", segment.number},
                                    {"calls", segment.calls},
                                    {"time_s", segment.seconds},
                                    {"share", over(segment.seconds, profile.run_seconds)},
                                    {"steps", std::move(steps)}});
  }
  return document;
}

json segment_trace(const json& document, const SegmentProfile& profile) {
  constexpr double microsecond = 1e6;
  constexpr int process = 1;
  json events = json::array();
  for (std::size_t i = 0; i < profile.segments.size(); ++i) {
    const SegmentFigures& segment = profile.segments[i];
    const std::string name = segment.body.empty()
                                 ? fmt::format("segment {}", segment.number)
                                 : fmt::format("{}, segment {}", segment.body, segment.number);
    events.push_back({{"ph", "M"},
                      {"name", "thread_name"},
                      {"pid", process},
                      {"tid", i + 1},
                      {"args", {{"name", name}}}});
  }
  for (const SegmentProfile::Event& event : profile.example) {
    const SegmentStep& step = profile.segments[event.segment].steps[event.step];
    events.push_back({{"ph", "X"},
                      {"name", step.name},
                      {"cat", step.op},
                      {"pid", process},
                      {"tid", event.segment + 1},
                      {"ts", event.when.start * microsecond},
                      {"dur", event.when.seconds() * microsecond},
                      {"args", {{"kernel", step.kernel}, {"sources", step.sources}}}});
  }
  json other = json::object();
  for (const char* key : {"command", "clock", "device", "created"}) {
    if (document.contains(key)) other[key] = document[key];
  }
  return {{"traceEvents", events}, {"displayTimeUnit", "ns"}, {"otherData", other}};
}

}  // namespace strata::eval
