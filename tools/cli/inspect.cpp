#include <CLI/CLI.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/container/container.hpp"
#include "strata/formats/model_info.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/grids.hpp"
#include "strata/ir/op.hpp"
#include "strata/kernels/packing_version.hpp"
#include "strata/report/numbers.hpp"
#include "strata/report/text.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/saved_choices.hpp"
#include "strata/runtime/sizes.hpp"
#include "strata/study/execution_choices.hpp"
#include "tools/cli/command.hpp"
#include "tools/cli/options.hpp"
#include "tools/cli/output.hpp"

namespace strata::cli {
namespace {

using nlohmann::json;
using report::format_bytes;
using report::format_count;
using report::format_si;

struct Options {
  ModelOptions model;
  PlanOptions plan;
  bool json = false;
  bool wide = false;
};

/// What a node adds to the totals. Costs are missing where sizes are not known.
struct NodeFacts {
  const ir::Node* node = nullptr;
  std::int64_t parameters = 0;  // elements of constants that no earlier node used
  std::int64_t parameter_bytes = 0;
  std::optional<ir::Cost> cost;
};

/// The plan's memory; neither a peak nor a problem where it is cut into parts.
struct Memory {
  std::optional<std::size_t> peak, bound;
  std::string problem;
};

/// A part of the plan where it is cut because sizes or branches depend on data.
struct Part {
  std::size_t nodes = 0;
  std::vector<std::string>
      deciders;  // nodes whose operands tell sizes or branches: "pick (Gather)"
};

/// Weights that a container has packed beside the plain ones.
struct PackedFacts {
  std::size_t weights = 0;
  std::int64_t bytes = 0;
  bool current = false;  // by kernels that pack as these do
  std::size_t used = 0;  // by the plan
};

struct Facts {
  std::int64_t file_bytes = 0;
  PackedFacts packed;
  runtime::SavedChoices choices;
  std::vector<NodeFacts> nodes;
  NodeFacts total;
  Memory memory;
  std::vector<Part> parts;  // none: one plan
};

std::optional<ir::Cost> cost_of(const ir::Graph& graph, const ir::Node& node,
                                const DimValues& dims) {
  try {
    return ir::node_cost(graph, node, dims);
  } catch (const Error&) {
    return std::nullopt;  // sizes that only data tell
  }
}

/// Bytes of the parts when packed as files pack them: bits for types of fewer than eight.
std::int64_t stored_bytes(const EncodedTensor& constant) {
  std::int64_t bytes = 0;
  for (const Tensor& part : constant.parts) {
    bytes += (part.elements() * bits_of(part.dtype()) + 7) / 8;
  }
  return bytes;
}

/// Constants of types of fewer than eight bits, by name, with the bytes that they take in the file.
/// Reading makes integers of eight bits of those that are computed with.
using NarrowConstants = std::map<std::string, std::int64_t>;

NarrowConstants narrow_constants(const ModelOptions& options) {
  ModelOptions literal = options;
  literal.literal = true;
  const ir::Graph graph = literal.load();
  NarrowConstants found;
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    const ir::Value& value = graph.value(ir::ValueId(i));
    if (!value.constant || !is_narrow(value.constant->dtype)) continue;
    found.emplace(value.name, stored_bytes(*value.constant));
  }
  return found;
}

/// Whether the graph has quantized ops that stand for groups of the file's nodes.
bool has_folded_groups(const ir::Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
    const ir::OpDef& op = *graph.node(id).op;
    return std::ranges::count(op.attributes, "arithmetic", &ir::AttributeDef::name) != 0;
  });
}

std::vector<NodeFacts> gather_nodes(const ir::Graph& graph, const DimValues& dims,
                                    const NarrowConstants& narrow) {
  std::vector<NodeFacts> nodes;
  std::vector<char> counted(graph.value_limit());
  for (const ir::NodeId id : graph.order()) {
    NodeFacts facts;
    facts.node = &graph.node(id);
    facts.cost = cost_of(graph, *facts.node, dims);
    for (const ir::ValueId input : facts.node->inputs) {
      if (!graph.is_constant(input) || counted[ir::index(input)]++) continue;
      const ir::Value& value = graph.value(input);
      const auto in_file = narrow.find(value.name);
      facts.parameters += value.constant->shape.elements();
      facts.parameter_bytes +=
          in_file != narrow.end() ? in_file->second : stored_bytes(*value.constant);
    }
    nodes.push_back(facts);
  }
  return nodes;
}

NodeFacts add_up(const std::vector<NodeFacts>& nodes) {
  NodeFacts total;
  total.cost.emplace();
  for (const NodeFacts& facts : nodes) {
    total.parameters += facts.parameters;
    total.parameter_bytes += facts.parameter_bytes;
    if (!facts.cost) continue;
    total.cost->macs += facts.cost->macs;
    total.cost->flops += facts.cost->flops;
  }
  return total;
}

std::vector<Part> gather_parts(const runtime::Session& session) {
  std::vector<Part> parts;
  const auto name = [](const ir::Node& node) {
    return fmt::format("{} ({})", node.name, ir::qualified_name(*node.op));
  };
  for (const runtime::Segment& segment : session.segments()) {
    Part& part = parts.emplace_back();
    if (segment.control != ir::no_node) {
      part.nodes = 1;
      part.deciders = {name(session.graph().node(segment.control))};
      continue;
    }
    part.nodes = segment.graph.order().size();
    for (const ir::NodeId id : segment.graph.order()) {
      const ir::Node& node = segment.graph.node(id);
      if (node.open) part.deciders.push_back(name(node));
    }
  }
  return parts;
}

/// A model that cannot be planned can still be looked at; a request that cannot be met is an error.
void plan(const formats::Model& model, const Options& options, const DimValues& dims,
          Facts& facts) {
  const runtime::SessionOptions session_options = options.plan.session_for(model, dims);
  try {
    at_sizes(dims, [&] {
      const runtime::Session session(model.graph, session_options);
      facts.packed.used = session_options.target.packed->spared();
      facts.parts = gather_parts(session);
      if (!session.is_static()) return;
      runtime::BindOptions bind_options;
      bind_options.threads = session.threads();
      bind_options.memory_budget = session_options.memory_budget;
      const auto binding = runtime::Binding::bind(session.shared_program(), dims, bind_options);
      facts.memory.peak = binding->peak_bytes();
      facts.memory.bound = binding->bound_bytes();
    });
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal || error.code() == ErrorCode::usage) throw;
    facts.memory.problem = error.what();
  }
}

std::string parts_text(const std::vector<Part>& parts) {
  std::string text = fmt::format(
      "\nplan    {} segment{}, as sizes or branches depend on data; memory follows from the data\n",
      parts.size(), parts.size() == 1 ? "" : "s");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text +=
        fmt::format("  {:>4}  {} node{}", i + 1, parts[i].nodes, parts[i].nodes == 1 ? "" : "s");
    std::string deciders;
    for (const std::string& decider : parts[i].deciders) {
      deciders += (deciders.empty() ? "" : ", ") + report::printable(decider);
    }
    if (!deciders.empty()) text += "; decided by the operands of " + deciders;
    text += "\n";
  }
  return text;
}

json parts_json(const std::vector<Part>& parts) {
  auto list = json::array();
  for (const Part& part : parts) {
    list.push_back({{"nodes", part.nodes}, {"decided_by", part.deciders}});
  }
  return list;
}

std::string shape_text(const ir::Graph& graph, ir::ValueId id, const DimValues& dims) {
  if (id == ir::no_value) return "";
  const ir::TensorType& type = graph.value(id).type;
  try {
    return fmt::format("{}{}", to_string(type.dtype), to_string(evaluate(type.shape, dims)));
  } catch (const Error&) {
    return to_string(type);
  }
}

std::string count_or_dash(const std::optional<ir::Cost>& cost) {
  return cost ? format_si(double(cost->macs)) : "–";
}

report::Table node_table(const ir::Graph& graph, const Facts& facts, const DimValues& dims) {
  using report::Align;
  report::Table table({{"node", "", Align::left, true, 12},
                       {"op", "", Align::left, true, 10},
                       {"output", "", Align::left, true, 20},
                       {"parameters", "", Align::right},
                       {"bytes", "", Align::right},
                       {"MACs", "", Align::right}});
  const auto add = [&](const std::string& name, const std::string& op, const std::string& output,
                       const NodeFacts& row) {
    table.add_row({name, op, output, row.parameters ? format_count(row.parameters) : "",
                   row.parameters ? format_bytes(double(row.parameter_bytes)) : "",
                   count_or_dash(row.cost)});
  };
  for (const NodeFacts& row : facts.nodes) {
    const std::string output =
        row.node->outputs.empty() ? "" : shape_text(graph, row.node->outputs[0], dims);
    add(row.node->name, ir::qualified_name(*row.node->op), output, row);
  }
  table.add_rule();
  add("total", fmt::format("{} nodes", facts.nodes.size()), "", facts.total);
  return table;
}

/// What its integers stand for, where they stand for other numbers.
std::string grid_text(const std::optional<Grid>& grid) {
  return grid ? fmt::format("  scale {:.9g}, zero point {}", grid->scale, grid->zero_point) : "";
}

std::string port_text(std::string_view label, const ir::Value& value,
                      const std::optional<Grid>& grid) {
  return report::printable(fmt::format("{:<8}{} {}{}", label, value.name, to_string(value.type),
                                       grid_text(grid))) +
         '\n';
}

json port_json(const ir::Value& value, const std::optional<Grid>& grid) {
  json port = describe(value);
  if (grid) port["scale"] = grid->scale, port["zero_point"] = grid->zero_point;
  return port;
}

/// What the file says of how it came to be.
std::string origin_text(const formats::ModelInfo& info) {
  std::string text;
  const auto add = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<8}{}\n", what, report::printable(value));
  };
  add("from",
      info.producer_version.empty() ? info.producer : info.producer + " " + info.producer_version);
  for (const auto& [key, value] : info.metadata) {
    if (key == formats::command_key) add("by", value);
  }
  return text;
}

std::string packed_text(const PackedFacts& packed) {
  if (packed.weights == 0) return "";
  const std::string use = packed.current
                              ? fmt::format("the plan uses {} of them where they lie", packed.used)
                              : "by another Strata's kernels: the plain ones are packed again";
  return fmt::format("packed  {} weight{}, {}; {}\n", packed.weights,
                     packed.weights == 1 ? "" : "s", format_bytes(double(packed.bytes)), use);
}

/// How the file says that it is best run.
std::string choices_text(const runtime::SavedChoices& choices) {
  if (!choices.any()) return "";
  std::string text = study::describe(choices);
  if (!choices.machine.empty()) text += fmt::format(" (found on {})", choices.machine);
  return report::printable("best    " + text) + '\n';
}

void print_text(const formats::Model& model, const Options& options, const Facts& facts,
                const DimValues& dims) {
  const ir::Graph& graph = model.graph;
  std::string head = fmt::format("{}  {}\n", report::printable(options.model.path),
                                 format_bytes(double(facts.file_bytes)));
  for (const ir::ValueId id : graph.inputs) {
    head += port_text("input", graph.value(id), ir::grid_by_uses(graph, id));
  }
  for (const ir::ValueId id : graph.outputs) {
    head += port_text("output", graph.value(id), ir::grid_by_producer(graph, id));
  }
  for (const auto& [symbol, value] : dims.items()) {
    head += report::printable(fmt::format("with    {} = {}", symbol, value)) + '\n';
  }
  if (options.model.verify) head += "weights are as they were written\n";
  head += packed_text(facts.packed) + choices_text(facts.choices) + origin_text(model.info);
  print_wrapped(head + '\n');
  const report::Table table = node_table(graph, facts, dims);
  if (options.wide) {
    print(table.text({.colour = report::use_colour(stdout)}));
  } else {
    print(table, 80);
  }
  const Memory& memory = facts.memory;
  if (memory.peak) {
    print_wrapped(
        fmt::format("\nmemory  {} for activations and scratch at its peak ({} alive at once)\n",
                    format_bytes(double(*memory.peak)), format_bytes(double(*memory.bound))));
  } else if (memory.problem.empty()) {
    print_wrapped(parts_text(facts.parts));
  } else {
    print_wrapped(fmt::format("\nmemory  not planned: {}\n", report::printable(memory.problem)));
  }
}

json node_json(const ir::Graph& graph, const NodeFacts& facts) {
  const auto names = [&](const std::vector<ir::ValueId>& ids) {
    auto list = json::array();
    for (const ir::ValueId id : ids) {
      list.push_back(id == ir::no_value ? "" : graph.value(id).name);
    }
    return list;
  };
  auto outputs = json::array();
  for (const ir::ValueId id : facts.node->outputs) {
    if (id != ir::no_value) outputs.push_back(describe(graph.value(id)));
  }
  json node = {{"name", facts.node->name},
               {"op", ir::qualified_name(*facts.node->op)},
               {"inputs", names(facts.node->inputs)},
               {"outputs", outputs},
               {"parameters", facts.parameters},
               {"parameter_bytes", facts.parameter_bytes},
               {"macs", nullptr},
               {"flops", nullptr}};
  if (facts.cost) {
    node["macs"] = facts.cost->macs;
    node["flops"] = facts.cost->flops;
  }
  return node;
}

json choices_json(const runtime::SavedChoices& choices) {
  if (!choices.any()) return {};
  auto kernels = json::object();
  for (const runtime::Pin& pin : choices.pins) kernels[pin.node] = pin.row;
  return {{"threads", choices.threads},
          {"precision", to_string(choices.precision)},
          {"off", choices.off},
          {"kernels", kernels},
          {"machine", choices.machine}};
}

void print_json(const formats::Model& model, const Options& options, const Facts& facts,
                const DimValues& dims) {
  const ir::Graph& graph = model.graph;
  json document = {{"file", options.model.path},
                   {"file_bytes", facts.file_bytes},
                   {"graph", graph.name},
                   {"inputs", json::array()},
                   {"outputs", json::array()},
                   {"dims", json::object()},
                   {"nodes", json::array()},
                   {"parameters", facts.total.parameters},
                   {"parameter_bytes", facts.total.parameter_bytes},
                   {"macs", facts.total.cost->macs},
                   {"flops", facts.total.cost->flops},
                   {"peak_arena_bytes", nullptr},
                   {"packed",
                    {{"weights", facts.packed.weights},
                     {"bytes", facts.packed.bytes},
                     {"current", facts.packed.current},
                     {"used", facts.packed.used}}},
                   {"choices", choices_json(facts.choices)},
                   {"segments", parts_json(facts.parts)}};
  for (const ir::ValueId id : graph.inputs) {
    document["inputs"].push_back(port_json(graph.value(id), ir::grid_by_uses(graph, id)));
  }
  for (const ir::ValueId id : graph.outputs) {
    document["outputs"].push_back(port_json(graph.value(id), ir::grid_by_producer(graph, id)));
  }
  document["producer"] = model.info.producer;
  document["metadata"] = nlohmann::json::array();
  for (const auto& [key, value] : model.info.metadata) document["metadata"].push_back({key, value});
  for (const auto& [symbol, value] : dims.items()) document["dims"][symbol] = value;
  for (const NodeFacts& node : facts.nodes) document["nodes"].push_back(node_json(graph, node));
  if (facts.memory.peak) {
    document["peak_arena_bytes"] = *facts.memory.peak;
    document["least_arena_bytes"] = *facts.memory.bound;
  } else if (!facts.memory.problem.empty()) {
    document["not_planned"] = facts.memory.problem;
  }
  print_document(document);
}

/// Other files have no checksums: saying nothing would pass for good news.
void expect_checksums(const Options& options) {
  if (!options.model.verify) return;
  const MappedFile file = MappedFile::open(options.model.path);
  if (formats::container::is_container(file.bytes())) return;
  fail(ErrorCode::usage, "--verify: {} is no container ({}), and other files have no checksums",
       options.model.path, formats::container_suffix);
}

void inspect(const Options& options) {
  expect_checksums(options);
  const formats::Model model = options.model.load_model();
  const ir::Graph& graph = model.graph;
  const DimValues dims = runtime::typical_dims(graph, options.model.dim_values(graph));
  Facts facts;
  facts.file_bytes = std::int64_t(std::filesystem::file_size(options.model.path));
  const bool folded = !options.model.literal && has_folded_groups(graph);
  facts.nodes =
      gather_nodes(graph, dims, folded ? narrow_constants(options.model) : NarrowConstants());
  facts.total = add_up(facts.nodes);
  facts.choices = runtime::saved_choices(model.info.metadata);
  facts.packed.weights = model.packed.weights.size();
  for (const ir::PackedWeights& weights : model.packed.weights) {
    facts.packed.bytes += std::int64_t(weights.bytes.size_bytes());
  }
  facts.packed.current = model.packed.version == kernels::packing_version();
  plan(model, options, dims, facts);
  if (options.json) {
    print_json(model, options, facts, dims);
  } else {
    print_text(model, options, facts, dims);
  }
}

std::function<ExitCode()> declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  add_model_options(app, options->model, true);
  add_plan_options(app, options->plan);
  app.add_flag("--json", options->json, "print one JSON object");
  app.add_flag("--verify", options->model.verify,
               "hold a container's weights to their checksums, which reads them all (where they "
               "are at most 16 MiB every command does)");
  app.add_flag("--wide", options->wide, "names in full, however wide the table gets");
  app.footer(
      "Nodes are those of the file, before any pass; parameters that several nodes share count "
      "once. Memory is that of the plan after all passes, without weights, inputs and outputs. "
      "Where sizes or branches depend on data, the plan is cut into segments: each is shown with "
      "the nodes whose operands decide.");
  return [options] {
    inspect(*options);
    return success;
  };
}

}  // namespace

const Command inspect_command{
    "inspect", "Show nodes, shapes, parameters, MACs and memory of a model", declare};

}  // namespace strata::cli
