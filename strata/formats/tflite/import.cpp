#include "strata/formats/tflite/import.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "strata/formats/tflite/converters.hpp"

namespace strata::formats::tflite {
namespace {

std::string describe(const Model& model, const OperatorInfo& info, std::size_t index) {
  std::string name;
  if (!info.outputs.empty() && info.outputs[0] >= 0 && info.outputs[0] < model.tensors()) {
    name = fmt::format(" writing \"{}\"", model.tensor_name(info.outputs[0]));
  }
  return fmt::format("operator {} {}{}", index, op_name(info), name);
}

// All operators of the file that have no converter, in one error.
void check_operators(const Model& model, const std::vector<OperatorInfo>& operators) {
  struct Missing {
    std::size_t count = 0;
    std::string first;
  };
  std::map<std::string, Missing> missing;
  for (std::size_t i = 0; i < operators.size(); ++i) {
    if (find_converter(operators[i])) continue;
    Missing& entry = missing[op_name(operators[i])];
    if (entry.count++ == 0) entry.first = describe(model, operators[i], i);
  }
  if (missing.empty()) return;
  std::string list;
  for (const auto& [name, entry] : missing) {
    list += fmt::format("{}{} ({}, first {})", list.empty() ? "" : ", ", name, entry.count,
                        entry.first);
  }
  fail(ErrorCode::unsupported, "{} op{} not supported: {}", missing.size(),
       missing.size() == 1 ? " is" : "s are", list);
}

class Importer {
 public:
  Importer(const Model& model, const LoadOptions& options)
      : model_(model), options_(options), values_(model, options, graph_) {}

  ir::Graph run() {
    graph_.name = model_.name().empty() ? "main" : model_.name();
    const std::vector<OperatorInfo> operators = model_.operators();
    check_operators(model_, operators);
    for (const std::int32_t tensor : model_.inputs()) {
      with_context([&] { return fmt::format("graph input {}", tensor); },
                   [&] { values_.add_input(tensor); });
    }
    for (const std::int32_t tensor : model_.outputs()) values_.mark_output(tensor);
    for (std::size_t i = 0; i < operators.size(); ++i) add_operator(operators[i], i);
    add_outputs();
    values_.finish_states();
    values_.log_wrong_axes();
    graph_.compact();
    return std::move(graph_);
  }

 private:
  void add_operator(const OperatorInfo& info, std::size_t index) {
    with_context([&] { return describe(model_, info, index); },
                 [&] {
                   OperatorContext context(model_, info, values_, graph_, options_.arithmetic);
                   find_converter(info)(context);
                   for (std::size_t i = 0; i < info.outputs.size(); ++i) {
                     if (context.wants_output(i) && !values_.defined(info.outputs[i])) {
                       fail(ErrorCode::unsupported, "output {} is not supported", i);
                     }
                   }
                 });
  }

  void add_outputs() {
    if (model_.outputs().empty()) fail(ErrorCode::model, "the subgraph has no outputs");
    for (const std::int32_t tensor : model_.outputs()) {
      with_context([&] { return fmt::format("graph output {}", tensor); },
                   [&] { add_output(tensor); });
    }
  }

  void add_output(std::int32_t tensor) {
    const std::string name = values_.name(tensor);
    ir::ValueId value = values_.get(tensor, Layout::plain);
    const bool listed = std::ranges::find(graph_.outputs, value) != graph_.outputs.end();
    if (listed || graph_.value(value).producer == ir::no_node) {
      value = ir::Builder(graph_, {name}).op("Identity", {value}, {}, name);
    } else if (graph_.value(value).name != name) {
      const auto bearer = graph_.find_value(name);
      const bool fixed = bearer && graph_.value(*bearer).producer == ir::no_node;
      if (bearer && !fixed) graph_.swap_names(value, *bearer);
      if (!bearer) graph_.rename(value, name);
    }
    graph_.outputs.push_back(value);
  }

  const Model& model_;
  const LoadOptions& options_;
  ir::Graph graph_;
  Values values_;
};

}  // namespace

bool is_model(std::span<const std::byte> bytes) {
  constexpr std::string_view signature = "TFL3";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return text.size() >= 8 && text.substr(4, 4) == signature;
}

ir::Graph import_model(const MappedFile& file, const LoadOptions& options) {
  const Model model(file);
  return Importer(model, options).run();
}

}  // namespace strata::formats::tflite
