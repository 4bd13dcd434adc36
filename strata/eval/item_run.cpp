#include "strata/eval/item_run.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <exception>
#include <mutex>

#include "strata/base/error.hpp"
#include "strata/base/thread_pool.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/tensor/convert.hpp"

namespace strata::eval {
namespace {

/// Runs batches for one worker.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Outputs stay valid until the next run.
  virtual std::span<const Tensor> run(const Tensor& input) = 0;
};

/// One plan with operands of its own.
class PlanEngine final : public Engine {
 public:
  explicit PlanEngine(const std::shared_ptr<const runtime::Binding>& binding)
      : context_(binding, std::make_shared<ThreadPool>(1)) {
    const ir::Graph& graph = binding->program().graph();
    for (const ir::ValueId id : graph.outputs) {
      outputs_.push_back(
          Tensor::zeros(graph.value(id).type.dtype, binding->shapes()[ir::index(id)]));
      out_.push_back(outputs_.back().mutable_raw());
    }
  }
  std::span<const Tensor> run(const Tensor& input) override {
    const void* in = input.raw();
    context_.reset();
    context_.run(std::span(&in, 1), out_);
    return outputs_;
  }

 private:
  runtime::Context context_;
  std::vector<Tensor> outputs_;
  std::vector<void*> out_;
};

/// A session that runs in segments.
class SegmentEngine final : public Engine {
 public:
  explicit SegmentEngine(runtime::Session session) : session_(std::move(session)) {}
  std::span<const Tensor> run(const Tensor& input) override {
    session_.reset();
    outputs_ = session_.run(std::span(&input, 1));
    return outputs_;
  }

 private:
  runtime::Session session_;
  std::vector<Tensor> outputs_;
};

/// What all workers share, read-only while they run except for the counters.
struct Job {
  std::span<const std::int64_t> indices;
  const ItemRun::Judge& judge;
  std::vector<std::uint8_t> done = {};  // per batch
  std::deque<std::unique_ptr<ItemWorker>> workers = {};
  std::atomic<std::size_t> next_worker{0};
  std::atomic<std::int64_t> next_batch{0};
  std::atomic<bool> stop{false};
  std::mutex mutex = {};
  std::exception_ptr error = {};
};

}  // namespace

/// One thread's engine and input.
class ItemWorker {
 public:
  ItemWorker(const ItemRun& run, std::unique_ptr<Engine> engine)
      : run_(run),
        engine_(std::move(engine)),
        input_(Tensor::zeros(run.dataset_.dtype(), run.input_shape_)) {}

  static std::unique_ptr<ItemWorker> make(const ItemRun& run) {
    std::unique_ptr<Engine> engine;
    if (run.binding_) {
      engine = std::make_unique<PlanEngine>(run.binding_);
    } else {
      engine = std::make_unique<SegmentEngine>(run.session_->share());
    }
    return std::make_unique<ItemWorker>(run, std::move(engine));
  }

  void work(Job& job) {
    const std::int64_t size = run_.feed_.batch, items = std::int64_t(job.indices.size());
    for (;;) {
      if (job.stop || (run_.options_.cancel && *run_.options_.cancel)) return;
      const std::int64_t batch = job.next_batch++;
      if (batch * size >= items) return;
      const auto first = std::size_t(batch * size);
      run_batch(job, first, std::min(std::size_t(size), job.indices.size() - first));
      job.done[std::size_t(batch)] = 1;
    }
  }

 private:
  void run_batch(Job& job, std::size_t first, std::size_t count) {
    const auto indices = job.indices.subspan(first, count);
    const std::size_t item_bytes = run_.dataset_.item_bytes();
    auto* to = static_cast<std::byte*>(input_.mutable_raw());
    // A batch that is not full repeats its last item, for what reads across items must see data.
    for (std::size_t i = 0; i < std::size_t(run_.feed_.batch); ++i) {
      run_.dataset_.read(indices[std::min(i, count - 1)], to + i * item_bytes);
    }
    ItemResult result;
    result.run_ = &run_;
    result.outputs_ = engine_->run(input_);
    for (std::size_t i = 0; i < count; ++i) {
      result.position = first + i;
      result.item = indices[i];
      result.input = Tensor::borrow(input_.dtype(), run_.dataset_.item_shape(),
                                    static_cast<const void*>(to + i * item_bytes));
      result.in_batch_ = std::int64_t(i);
      job.judge(result);
    }
    if (run_.options_.progress) run_.options_.progress(std::int64_t(count));
  }

  const ItemRun& run_;
  std::unique_ptr<Engine> engine_;
  Tensor input_;
};

namespace {

void work(void* context, std::int64_t, std::int64_t, int) noexcept {
  Job& job = *static_cast<Job*>(context);
  try {
    job.workers[job.next_worker++]->work(job);
  } catch (...) {
    job.stop = true;
    const std::lock_guard lock(job.mutex);
    if (!job.error) job.error = std::current_exception();
  }
}

Shape batch_shape(const data::Dataset& dataset, const Feed& feed) {
  std::vector<std::int64_t> extents(dataset.item_shape().begin(), dataset.item_shape().end());
  if (feed.has_batch_axis) extents.insert(extents.begin(), feed.batch);
  return Shape(extents);
}

}  // namespace

Tensor ItemResult::output(std::size_t index) const {
  const Tensor& batch = outputs_[index];
  const Shape shape = run_->part_of_item(index, batch.shape());
  const std::size_t bytes = std::size_t(shape.elements()) * size_of(batch.dtype());
  const auto* from = static_cast<const std::byte*>(batch.raw());
  return Tensor::borrow(batch.dtype(), shape,
                        static_cast<const void*>(from + std::size_t(in_batch_) * bytes));
}

std::vector<float> ItemResult::values(std::size_t index) const {
  const Tensor tensor = output(index);
  std::vector<float> values(static_cast<std::size_t>(tensor.elements()));
  convert_elements(tensor.dtype(), tensor.raw(), DType::f32, values.data(), tensor.elements());
  return values;
}

ItemRun::ItemRun(const ir::Graph& graph, const data::Dataset& dataset, const EvalOptions& options)
    : dataset_(dataset),
      options_(options),
      feed_(make_feed(graph, dataset, options.batch)),
      input_shape_(batch_shape(dataset, feed_)) {
  for (const ir::ValueId id : graph.outputs) output_names_.push_back(graph.value(id).name);
}

ItemRun::ItemRun(const std::shared_ptr<const runtime::Program>& program,
                 const data::Dataset& dataset, const EvalOptions& options)
    : ItemRun(program->graph(), dataset, options) {
  bind(program);
}

ItemRun::ItemRun(const runtime::Session& session, const data::Dataset& dataset,
                 const EvalOptions& options)
    : ItemRun(session.graph(), dataset, options) {
  if (session.is_static()) {
    bind(session.shared_program());
  } else {
    session_ = &session;
  }
}

void ItemRun::bind(const std::shared_ptr<const runtime::Program>& program) {
  runtime::BindOptions bind_options;
  bind_options.memory_budget = options_.memory_budget;
  const DimValues dims = ir::bind_inputs(program->graph(), std::span(&input_shape_, 1));
  binding_ = runtime::Binding::bind(program, dims, bind_options);
}

std::size_t ItemRun::find_output(const std::string& name) const {
  if (name.empty()) return 0;
  const auto found = std::ranges::find(output_names_, name);
  if (found == output_names_.end()) {
    fail(ErrorCode::usage, "no output '{}', the model has {}", name,
         fmt::join(output_names_, ", "));
  }
  return std::size_t(found - output_names_.begin());
}

Shape ItemRun::part_of_item(std::size_t output, const Shape& shape) const {
  const bool batched = feed_.has_batch_axis && shape.rank() > 0 && shape[0] == feed_.batch;
  const bool whole = !feed_.has_batch_axis || (feed_.batch == 1 && !batched);
  if ((!batched && !whole) || shape.elements() == 0) {
    fail(ErrorCode::usage, "output {} is {} for a batch of {}; scores for each item are expected",
         output_names_[output], to_string(shape), feed_.batch);
  }
  return whole ? shape : Shape(shape.dims().subspan(1));
}

std::optional<Shape> ItemRun::item_shape(std::size_t output) const {
  if (!binding_) return std::nullopt;
  const ir::ValueId id = binding_->program().graph().outputs[output];
  return part_of_item(output, binding_->shapes()[ir::index(id)]);
}

std::size_t ItemRun::run(std::span<const std::int64_t> indices, const Judge& judge) const {
  const std::int64_t batches = (std::int64_t(indices.size()) + feed_.batch - 1) / feed_.batch;
  Job job{.indices = indices, .judge = judge};
  job.done.resize(std::size_t(batches));
  const std::int64_t wanted = options_.threads > 0 ? options_.threads : usable_threads();
  const auto threads = int(std::clamp<std::int64_t>(std::min(wanted, batches), 1, 256));
  for (int i = 0; i < threads; ++i) job.workers.push_back(ItemWorker::make(*this));
  ThreadPool pool(threads);
  pool.run(threads, work, &job);
  if (job.error) std::rethrow_exception(job.error);
  const auto missing = std::ranges::find(job.done, std::uint8_t(0));
  if (missing == job.done.end()) return indices.size();
  return std::size_t((missing - job.done.begin()) * feed_.batch);
}

}  // namespace strata::eval
