#include "strata/eval/evaluate_segments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <mutex>

#include "strata/base/error.hpp"
#include "strata/base/thread_pool.hpp"

namespace strata::eval {
namespace {

std::size_t output_named(const runtime::Session& session, const std::string& name) {
  const std::vector<std::string>& names = session.output_names();
  if (name.empty()) return 0;
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    fail(ErrorCode::usage, "no output '{}', the model has {}", name, fmt::join(names, ", "));
  }
  return std::size_t(found - names.begin());
}

/// What the workers share.
struct Job {
  const data::Dataset& dataset;
  std::span<const std::int64_t> indices;
  const EvalOptions& options;
  Feed feed;
  std::size_t output = 0;
  Evaluation& result;
  std::vector<std::uint8_t> done;  // per batch
  std::deque<runtime::Session> sessions;
  std::atomic<std::size_t> next_session{0};
  std::atomic<std::int64_t> next_batch{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr error;
};

/// The scores of a batch of items: a row for each.
std::vector<float> scores_of(Job& job, runtime::Session& session, std::int64_t first,
                             std::int64_t count) {
  const Shape& item = job.dataset.item_shape();
  std::vector<std::int64_t> extents(item.begin(), item.end());
  if (job.feed.has_batch_axis) extents.insert(extents.begin(), job.feed.batch);
  Tensor input = Tensor::zeros(job.dataset.dtype(), Shape(extents));
  auto* to = static_cast<std::byte*>(input.mutable_raw());
  const std::size_t item_bytes = job.dataset.item_bytes();
  for (std::int64_t i = 0; i < job.feed.batch; ++i) {
    job.dataset.read(job.indices[std::size_t(first + std::min(i, count - 1))],
                     to + std::size_t(i) * item_bytes);
  }
  session.reset();
  const Tensor output = session.run(std::span(&input, 1))[job.output];
  const Shape& shape = output.shape();
  const bool per_item =
      !job.feed.has_batch_axis || (shape.rank() > 0 && shape[0] == job.feed.batch);
  if (!per_item || shape.elements() == 0) {
    fail(ErrorCode::usage, "output {} is {} for a batch of {}; scores for each item are expected",
         session.output_names()[job.output], to_string(shape), job.feed.batch);
  }
  return output.to_float();
}

void judge(Job& job, std::size_t position, std::span<const float> scores) {
  Evaluation& result = job.result;
  result.predictions[position] = data::argmax(scores);
  if (result.correct.empty()) return;
  const std::int64_t item = job.indices[position];
  const std::int32_t label = *job.dataset.label(item);
  if (label >= std::int64_t(scores.size())) {
    fail(ErrorCode::usage, "{} has class {}, the model's output has {} scores for it",
         job.dataset.item_name(item), label, scores.size());
  }
  result.correct[position] = result.predictions[position] == label;
  result.in_top[position] = data::in_top_k(scores, label, job.options.top);
}

void run_batches(Job& job, runtime::Session& session) {
  const std::int64_t size = job.feed.batch, items = std::int64_t(job.indices.size());
  for (;;) {
    if (job.stop || (job.options.cancel && *job.options.cancel)) return;
    const std::int64_t batch = job.next_batch++, first = batch * size;
    if (first >= items) return;
    const std::int64_t count = std::min(size, items - first);
    const std::vector<float> scores = scores_of(job, session, first, count);
    const std::size_t classes = scores.size() / std::size_t(size);
    for (std::int64_t i = 0; i < count; ++i) {
      judge(job, std::size_t(first + i),
            std::span(scores).subspan(std::size_t(i) * classes, classes));
    }
    if (first == 0) job.result.classes = std::int64_t(classes);
    job.done[std::size_t(batch)] = 1;
    if (job.options.progress) job.options.progress(count);
  }
}

void work(void* context, std::int64_t, std::int64_t, int) noexcept {
  Job& job = *static_cast<Job*>(context);
  try {
    run_batches(job, job.sessions[job.next_session++]);
  } catch (...) {
    job.stop = true;
    const std::lock_guard lock(job.mutex);
    if (!job.error) job.error = std::current_exception();
  }
}

/// Cuts the lists before the first batch that was not done.
void keep_finished(Job& job) {
  const auto missing = std::ranges::find(job.done, std::uint8_t(0));
  if (missing == job.done.end()) return;
  const auto kept = std::size_t((missing - job.done.begin()) * job.feed.batch);
  job.result.complete = false;
  job.result.predictions.resize(kept);
  if (job.result.correct.empty()) return;
  job.result.correct.resize(kept);
  job.result.in_top.resize(kept);
}

}  // namespace

Evaluation evaluate_segments(const runtime::Session& session, const data::Dataset& dataset,
                             std::span<const std::int64_t> indices, const EvalOptions& options) {
  Evaluation result;
  Job job{.dataset = dataset, .indices = indices, .options = options, .result = result};
  job.feed = make_feed(session.graph(), dataset, options.batch);
  job.output = output_named(session, options.output);
  result.predictions.resize(indices.size());
  if (dataset.labelled()) {
    result.correct.resize(indices.size());
    result.in_top.resize(indices.size());
  }
  const std::int64_t batches = (std::int64_t(indices.size()) + job.feed.batch - 1) / job.feed.batch;
  job.done.resize(std::size_t(batches));
  const std::int64_t wanted = options.threads > 0 ? options.threads : usable_threads();
  const auto threads = int(std::clamp<std::int64_t>(std::min(wanted, batches), 1, 256));
  for (int i = 0; i < threads; ++i) job.sessions.push_back(session.share());
  ThreadPool pool(threads);
  pool.run(threads, work, &job);
  if (job.error) std::rethrow_exception(job.error);
  keep_finished(job);
  return result;
}

}  // namespace strata::eval
