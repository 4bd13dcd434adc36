#include "strata/runtime/session.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/base/memory.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/typing_budget.hpp"
#include "strata/ir/verify.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::runtime {
namespace {

/// Shape rules in bodies, while a session and those of its bodies are made: passes type a graph
/// again and again.
constexpr std::size_t most_typed_nodes = 2'000'000;

std::shared_ptr<ThreadPool> make_pool(int threads) {
  if (threads < 0 || threads > 256) {
    fail(ErrorCode::usage, "threads: {} given, 0 (all) to 256 accepted", threads);
  }
  return std::make_shared<ThreadPool>(threads ? threads : usable_threads());
}

/// What has no reference is cut where its parts are, so it is taken apart first.
void decompose_open(ir::Graph& graph) {
  std::vector<ir::NodeId> whole;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.open && !node.op->reference && node.op->decompose) whole.push_back(id);
  }
  if (whole.empty()) return;
  std::vector<std::pair<ir::ValueId, ir::ValueId>> replaced;
  for (const ir::NodeId id : whole) {
    const ir::Node node = graph.node(id);
    ir::Builder builder(graph, node.sources);
    const auto values = node.op->decompose(builder, node);
    if (!values) continue;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i] == ir::no_value) continue;
      graph.swap_names(node.outputs[i], (*values)[i]);
      replaced.emplace_back(node.outputs[i], (*values)[i]);
    }
  }
  graph.replace_uses(replaced);
  graph.erase(whole);
  graph.sort();
  ir::infer_types(graph);
}

/// What the list of passes to skip says of plans, which are no pass over the graph.
void take_switches(SessionOptions& options) {
  if (std::erase(options.passes.off, blocks_switch) > 0) options.target.blocks = false;
}

bool names_node(const Pin& pin, const ir::Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
    const ir::Node& node = graph.node(id);
    return node.name == pin.node || std::ranges::count(node.sources, pin.node) > 0;
  });
}

/// Pins that concern the nodes of a part.
Target for_part(const Target& target, const ir::Graph& part) {
  Target own = target;
  std::erase_if(own.pins, [&](const Pin& pin) { return !names_node(pin, part); });
  return own;
}

/// A body whose inputs have extents that follow from each other: those that depend on symbols of
/// the graph around it become symbols of their own.
ir::Graph with_own_symbols(const ir::Graph& body) {
  ir::Graph graph = body;
  std::vector<std::string> bound;
  for (const ir::ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).type.shape) {
      if (const auto symbol = dim.as_symbol()) bound.emplace_back(*symbol);
    }
  }
  std::map<std::string, Dim> own;  // by the expression's text
  for (const ir::ValueId id : graph.inputs) {
    ir::Value& input = graph.value(id);
    for (std::size_t axis = 0; axis < input.type.shape.size(); ++axis) {
      Dim& dim = input.type.shape[axis];
      std::vector<std::string> used;
      dim.collect_symbols(used);
      const bool follows = std::ranges::all_of(
          used, [&](const std::string& symbol) { return std::ranges::count(bound, symbol) > 0; });
      if (follows) continue;
      const Dim symbol = Dim::symbol(fmt::format("{}_dim{}", input.name, axis));
      dim = own.emplace(to_string(dim), symbol).first->second;
    }
    input.elements.reset();  // they may name symbols that no input binds
  }
  return graph;
}

}  // namespace

Session::Session(Session&&) noexcept = default;
Session::~Session() = default;

Session::Session(ir::Graph graph, SessionOptions options)
    : Session(std::move(graph), options, make_pool(options.threads), nullptr) {}

Session::Session(ir::Graph graph, SessionOptions options, std::shared_ptr<ThreadPool> pool,
                 std::shared_ptr<Arena> arena)
    : options_(std::move(options)),
      graph_(std::move(graph)),
      pool_(std::move(pool)),
      arena_(std::move(arena)) {
  take_switches(options_);
  if (!options_.memory_budget) options_.memory_budget = usable_memory();
  const ir::TypingBudget budget(most_typed_nodes);
  ir::infer_types(graph_);
  ir::verify_structure(graph_);
  describe();
  if (options_.optimize) passes_ = ir::optimize(graph_, options_.passes);
  states_ = std::make_shared<States>(graph_);
  decompose_open(graph_);
  depends_on_data(graph_) ? prepare_segments() : prepare();
}

Session::Session(const Session& other, std::shared_ptr<ThreadPool> pool,
                 std::shared_ptr<Arena> arena)
    : options_(other.options_),
      input_names_(other.input_names_),
      output_names_(other.output_names_),
      input_types_(other.input_types_),
      output_types_(other.output_types_),
      passes_(other.passes_),
      graph_(other.graph_),
      pool_(std::move(pool)),
      arena_(std::move(arena)),
      states_(std::make_shared<States>(graph_)),
      segments_(other.segments_) {
  for (const Stage& stage : other.stages_) {
    stages_.push_back(stage.share(pool_, segments_.empty() ? states_ : nullptr, arena_));
  }
  for (const auto& [place, body] : other.bodies_) {
    bodies_.emplace(place, std::unique_ptr<Session>(new Session(*body, pool_, arena_)));
  }
}

Session Session::share() const {
  return Session(*this, std::make_shared<ThreadPool>(pool_->size()),
                 arena_ ? std::make_shared<Arena>() : nullptr);
}

void Session::describe() {
  const auto list = [&](const std::vector<ir::ValueId>& ids, std::vector<std::string>& names,
                        std::vector<ir::TensorType>& types) {
    for (const ir::ValueId id : ids) {
      names.push_back(graph_.value(id).name);
      types.push_back(graph_.value(id).type);
    }
  };
  list(graph_.inputs, input_names_, input_types_);
  list(graph_.outputs, output_names_, output_types_);
}

void Session::prepare() {
  const StageOptions stage_options{options_.memory_budget, options_.target};
  if (arena_) {
    stages_.emplace_back(graph_, stage_options, pool_, arena_);  // a body, which has no states
  } else {
    stages_.emplace_back(graph_, stage_options, pool_, states_);
  }
  const bool sizes_are_open = !typical_dims(graph_, {}).items().empty();
  try {
    stages_[0].compile(options_.target.typical);
  } catch (const Error& error) {
    // Sizes of 1 may make no sense; the first inputs tell better ones.
    if (!sizes_are_open || error.code() != ErrorCode::model) throw;
    not_compiled_ = error.what();
  }
}

void Session::prepare_segments() {
  if (!arena_) arena_ = std::make_shared<Arena>();
  segments_ = cut_at_data(graph_);
  for (const Segment& segment : segments_) {
    if (segment.control != ir::no_node) {
      add_bodies(segment.control);
    } else {
      const StageOptions stage_options{options_.memory_budget,
                                       for_part(options_.target, segment.graph)};
      stages_.emplace_back(segment.graph, stage_options, pool_, arena_);
    }
  }
}

void Session::add_bodies(ir::NodeId id) {
  for (const auto& [name, attribute] : graph_.node(id).attributes) {
    const auto* body = std::get_if<ir::Subgraph>(&attribute);
    if (!body) continue;
    SessionOptions body_options = options_;
    body_options.target = for_part(options_.target, **body);
    std::unique_ptr<Session> session(
        new Session(with_own_symbols(**body), std::move(body_options), pool_, arena_));
    bodies_.emplace(std::pair(id, name), std::move(session));
  }
}

std::shared_ptr<const Program> Session::shared_program() const {
  if (!is_static()) {
    fail(ErrorCode::usage, "sizes depend on data: the model has {} segments and no one plan",
         segments_.size());
  }
  if (!stages_[0].program()) {
    fail(ErrorCode::model,
         "kernels are chosen when the sizes of the inputs are known; for those assumed: {}",
         not_compiled_);
  }
  return stages_[0].program();
}

std::vector<const Binding*> Session::bindings() const {
  std::vector<const Binding*> list;
  const auto add = [&](const std::vector<const Binding*>& more) {
    list.insert(list.end(), more.begin(), more.end());
  };
  for (const Stage& stage : stages_) add(stage.bindings());
  for (const auto& [node, body] : bodies_) add(body->bindings());
  return list;
}

Context& Session::context(std::span<const Shape> input_shapes) {
  if (!is_static()) shared_program();  // which says why
  return stages_[0].context(input_shapes, ir::bind_inputs(graph_, input_shapes));
}

}  // namespace strata::runtime
