#include "strata/eval/evaluate.hpp"

#include <algorithm>
#include <exception>
#include <mutex>

#include "strata/base/error.hpp"
#include "strata/base/thread_pool.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/runtime/context.hpp"
#include "strata/tensor/convert.hpp"

namespace strata::eval {
namespace {

std::size_t find_output(const ir::Graph& graph, const std::string& name) {
  std::string accepted;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const std::string& output = graph.value(graph.outputs[i]).name;
    if (name.empty() || name == output) return i;
    accepted += (accepted.empty() ? "" : ", ") + output;
  }
  fail(ErrorCode::usage, "no output '{}', the model has {}", name, accepted);
}

/// What all workers share, read-only while they run except for the counters.
struct Job {
  const data::Dataset& dataset;
  std::span<const std::int64_t> indices;
  const EvalOptions& options;
  Feed feed;
  std::size_t output = 0;
  std::int64_t classes = 0;
  std::shared_ptr<const runtime::Binding> binding;
  Evaluation& result;
  std::vector<std::uint8_t> done;  // per batch
  std::atomic<std::int64_t> next_batch{0};
  std::atomic<bool> stop{false};
  std::mutex mutex;
  std::exception_ptr error;

  std::int64_t batches() const {
    return (std::int64_t(indices.size()) + feed.batch - 1) / feed.batch;
  }
};

/// One thread's context and operands.
class Worker {
 public:
  explicit Worker(Job& job) : job_(job), context_(job.binding, std::make_shared<ThreadPool>(1)) {
    const ir::Graph& graph = job.binding->program().graph();
    const auto make = [&](const std::vector<ir::ValueId>& ids, std::vector<Tensor>& tensors) {
      for (const ir::ValueId id : ids) {
        const Shape& shape = job.binding->shapes()[ir::index(id)];
        tensors.push_back(Tensor::zeros(graph.value(id).type.dtype, shape));
      }
    };
    make(graph.inputs, inputs_);
    make(graph.outputs, outputs_);
    for (const Tensor& tensor : inputs_) in_.push_back(tensor.raw());
    for (Tensor& tensor : outputs_) out_.push_back(tensor.mutable_raw());
    scores_.resize(std::size_t(outputs_[job.output].elements()));
  }

  void run() {
    for (;;) {
      if (job_.stop || (job_.options.cancel && *job_.options.cancel)) return;
      const std::int64_t batch = job_.next_batch++;
      if (batch >= job_.batches()) return;
      run_batch(batch);
      job_.done[std::size_t(batch)] = 1;
    }
  }

 private:
  void run_batch(std::int64_t batch) {
    const std::int64_t first = batch * job_.feed.batch;
    const std::int64_t count = std::min(job_.feed.batch, std::int64_t(job_.indices.size()) - first);
    Tensor& input = inputs_[job_.feed.input];
    const std::size_t item_bytes = job_.dataset.item_bytes();
    auto* to = static_cast<std::byte*>(input.mutable_raw());
    // A batch that is not full repeats its last item, for what reads across items must see data.
    for (std::int64_t i = 0; i < job_.feed.batch; ++i) {
      const std::int64_t item = job_.indices[std::size_t(first + std::min(i, count - 1))];
      job_.dataset.read(item, to + std::size_t(i) * item_bytes);
    }
    context_.reset();
    context_.run(in_, out_);
    const Tensor& output = outputs_[job_.output];
    convert_elements(output.dtype(), output.raw(), DType::f32, scores_.data(), output.elements());
    for (std::int64_t i = 0; i < count; ++i) judge(std::size_t(first + i), std::size_t(i));
    if (job_.options.progress) job_.options.progress(count);
  }

  void judge(std::size_t position, std::size_t in_batch) {
    const auto classes = std::size_t(job_.classes);
    const auto scores = std::span(scores_).subspan(in_batch * classes, classes);
    Evaluation& result = job_.result;
    result.predictions[position] = data::argmax(scores);
    if (result.correct.empty()) return;
    const std::int32_t label = *job_.dataset.label(job_.indices[position]);
    result.correct[position] = result.predictions[position] == label;
    result.in_top[position] = data::in_top_k(scores, label, job_.options.top);
  }

  Job& job_;
  runtime::Context context_;
  std::vector<Tensor> inputs_, outputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  std::vector<float> scores_;
};

void work(void* context, std::int64_t, std::int64_t, int) noexcept {
  Job& job = *static_cast<Job*>(context);
  try {
    Worker(job).run();
  } catch (...) {
    job.stop = true;
    const std::lock_guard lock(job.mutex);
    if (!job.error) job.error = std::current_exception();
  }
}

void check_labels(const Job& job) {
  for (const std::int64_t item : job.indices) {
    const std::int32_t label = *job.dataset.label(item);
    if (label >= job.classes) {
      fail(ErrorCode::usage, "{} has class {}, the model's output has {} scores for each item",
           job.dataset.item_name(item), label, job.classes);
    }
  }
}

void bind(Job& job, const std::shared_ptr<const runtime::Program>& program) {
  const ir::Graph& graph = program->graph();
  Shape shape = job.dataset.item_shape();
  if (job.feed.has_batch_axis) {
    std::vector<std::int64_t> extents{job.feed.batch};
    extents.insert(extents.end(), shape.begin(), shape.end());
    shape = Shape(extents);
  }
  runtime::BindOptions bind_options;
  bind_options.memory_budget = job.options.memory_budget;
  job.binding =
      runtime::Binding::bind(program, ir::bind_inputs(graph, std::span(&shape, 1)), bind_options);
  const Shape& scores = job.binding->shapes()[ir::index(graph.outputs[job.output])];
  const bool per_item =
      !job.feed.has_batch_axis || (scores.rank() > 0 && scores[0] == job.feed.batch);
  if (!per_item || scores.elements() == 0) {
    fail(ErrorCode::usage, "output {} is {} for a batch of {}; scores for each item are expected",
         graph.value(graph.outputs[job.output]).name, to_string(scores), job.feed.batch);
  }
  job.classes = scores.elements() / job.feed.batch;
}

/// Cuts the lists before the first batch that was not done.
void keep_finished(Job& job) {
  const auto missing = std::ranges::find(job.done, std::uint8_t(0));
  if (missing == job.done.end()) return;
  Evaluation& result = job.result;
  result.complete = false;
  const auto kept = std::size_t((missing - job.done.begin()) * job.feed.batch);
  result.predictions.resize(kept);
  if (result.correct.empty()) return;
  result.correct.resize(kept);
  result.in_top.resize(kept);
}

}  // namespace

Evaluation evaluate(const std::shared_ptr<const runtime::Program>& program,
                    const data::Dataset& dataset, std::span<const std::int64_t> indices,
                    const EvalOptions& options) {
  Evaluation result;
  Job job{.dataset = dataset, .indices = indices, .options = options, .result = result};
  job.feed = make_feed(program->graph(), dataset, options.batch);
  job.output = find_output(program->graph(), options.output);
  bind(job, program);
  result.classes = job.classes;
  result.predictions.resize(indices.size());
  if (dataset.labelled()) {
    check_labels(job);
    result.correct.resize(indices.size());
    result.in_top.resize(indices.size());
  }
  job.done.resize(std::size_t(job.batches()));
  const std::int64_t wanted = options.threads > 0 ? options.threads : usable_threads();
  const auto threads = int(std::clamp<std::int64_t>(std::min(wanted, job.batches()), 1, 256));
  ThreadPool pool(threads);
  pool.run(threads, work, &job);
  if (job.error) std::rethrow_exception(job.error);
  keep_finished(job);
  return result;
}

}  // namespace strata::eval
