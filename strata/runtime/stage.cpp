#include "strata/runtime/stage.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::runtime {
namespace {

constexpr std::size_t most_bindings = 8;

}  // namespace

Stage::Stage(ir::Graph graph, StageOptions options, std::shared_ptr<ThreadPool> pool,
             std::shared_ptr<States> states)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      pool_(std::move(pool)),
      states_(std::move(states)) {}

Stage::Stage(ir::Graph graph, StageOptions options, std::shared_ptr<ThreadPool> pool,
             std::shared_ptr<Arena> arena)
    : graph_(std::move(graph)),
      options_(std::move(options)),
      pool_(std::move(pool)),
      arena_(std::move(arena)) {}

Stage Stage::share(std::shared_ptr<ThreadPool> pool, std::shared_ptr<States> states,
                   std::shared_ptr<Arena> arena) const {
  Stage twin(graph_, options_, std::move(pool), std::move(states));
  twin.arena_ = std::move(arena);
  twin.program_ = program_;
  return twin;
}

void Stage::compile(const DimValues& typical) {
  Target target = options_.target;
  target.typical = typical;
  program_ = Program::compile(graph_, target);
}

std::shared_ptr<const Binding> Stage::bind(const DimValues& dims) {
  BindOptions bind_options;
  bind_options.threads = pool_->size();
  if (!arena_) bind_options.memory_budget = options_.memory_budget;
  const Binding* earlier = bound_.empty() ? nullptr : &bound_.back().context->binding();
  try {
    if (program_) return Binding::bind(program_, dims, bind_options, earlier);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
  }
  compile(dims);
  return Binding::bind(program_, dims, bind_options);
}

std::vector<const Binding*> Stage::bindings() const {
  std::vector<const Binding*> list;
  for (const Bound& bound : bound_) list.push_back(&bound.context->binding());
  return list;
}

std::unique_ptr<Context> Stage::make_context(std::shared_ptr<const Binding> binding) const {
  if (!arena_) return std::make_unique<Context>(std::move(binding), pool_, std::nullopt, states_);
  return std::make_unique<Context>(std::move(binding), pool_, arena_, states_);
}

Context& Stage::context(std::span<const Shape> inputs, const DimValues& dims, RunAccount* account) {
  ++uses_;
  for (Bound& bound : bound_) {
    if (std::ranges::equal(bound.shapes, inputs) && bound.dims == dims) {
      bound.last_use = uses_;
      if (account) account->reserve(bound.context->binding());
      return *bound.context;
    }
  }
  auto binding = bind(dims);
  if (account) account->reserve(*binding);
  // Kept only once it is complete: there may be no memory for the arena.
  Bound bound{{inputs.begin(), inputs.end()}, dims, make_context(std::move(binding)), uses_};
  if (bound_.size() == most_bindings) {
    bound_.erase(std::ranges::min_element(bound_, {}, &Bound::last_use));
  }
  return *bound_.emplace_back(std::move(bound)).context;
}

}  // namespace strata::runtime
