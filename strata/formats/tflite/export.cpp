#include "strata/formats/tflite/export.hpp"

#include <algorithm>
#include <map>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/node_writer.hpp"
#include "strata/formats/tflite/variables.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::tflite {

#define EXPORTER(op, function) void function(NodeWriter& writer);
#include "strata/formats/tflite/exporters.def"
#undef EXPORTER

Exporter find_exporter(const ir::Node& node) {
  struct Row {
    std::string_view op;
    Exporter exporter;
  };
#define EXPORTER(op, function) {#op, function},
  static constexpr Row rows[] = {
#include "strata/formats/tflite/exporters.def"
  };
#undef EXPORTER
  const std::string name = ir::qualified_name(*node.op);
  const auto row = std::ranges::find(rows, name, &Row::op);
  return row == std::end(rows) ? nullptr : row->exporter;
}

namespace {

void check_ops(const ir::Graph& graph) {
  std::map<std::string, std::pair<std::size_t, std::string>> missing;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (find_exporter(node)) continue;
    auto& [count, first] = missing[ir::qualified_name(*node.op)];
    if (count++ == 0) first = node.name;
  }
  if (missing.empty()) return;
  std::string list;
  for (const auto& [op, entry] : missing) {
    list +=
        fmt::format("{}{} ({}, first {})", list.empty() ? "" : ", ", op, entry.first, entry.second);
  }
  fail(ErrorCode::unsupported, "{} op{} no form in TensorFlow Lite: {}", missing.size(),
       missing.size() == 1 ? " has" : "s have", list);
}

/// Whether some op multiplies codes of u8 by codes of i8, as ONNX Runtime's quantizer has it.
bool mixes_signs(const ir::Graph& graph) {
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    const std::string_view op = node.op->name;
    const bool weighted = op == "QLinearConv" || op == "QLinearConvTranspose" ||
                          op == "QLinearGemm" || op == "QLinearMatMul";
    if (weighted &&
        graph.value(node.inputs[0]).type.dtype != graph.value(node.inputs[3]).type.dtype) {
      return true;
    }
  }
  return false;
}

class ModelWriter {
 public:
  explicit ModelWriter(const ir::Graph& graph)
      : graph_(graph),
        uses_(graph),
        grids_(graph),
        forms_(graph, grids_, file_, mixes_signs(graph)) {}

  std::string run() {
    std::vector<std::int32_t> inputs, outputs;
    for (const ir::ValueId id : graph_.inputs) inputs.push_back(forms_.add_input(id));
    std::vector<bool> written(graph_.node_limit());
    for (const Variable& variable : variables(graph_, uses_)) add_variable(variable, written);
    NodeWriter writer(graph_, uses_, grids_, forms_, file_, written);
    for (const ir::NodeId id : graph_.order()) {
      if (written[ir::index(id)]) continue;
      const ir::Node& node = graph_.node(id);
      with_context([&] { return ir::describe(node); },
                   [&] {
                     writer.seek(id);
                     find_exporter(node)(writer);
                   });
    }
    for (const ir::ValueId id : graph_.outputs) {
      const std::int32_t tensor = forms_.add_output(id);
      if (std::ranges::find(inputs, tensor) == inputs.end()) {
        file_.rename(tensor, graph_.value(id).name);
      }
      outputs.push_back(tensor);
    }
    return file_.finish(graph_.name, inputs, outputs);
  }

 private:
  /// A tensor that its operator writes where it reads.
  void add_variable(const Variable& variable, std::vector<bool>& written) {
    const ir::State& state = *variable.state;
    const Grid* grid = grids_.find(state.read);
    const DType type = state.initial.dtype();
    const std::int64_t first = type == DType::i8 && grid ? grid->zero_point[0] : 0;
    for (const float element : state.initial.to_float()) {
      if (element == float(first)) continue;
      fail(
          ErrorCode::unsupported,
          "state {} begins with {}; variables of TensorFlow Lite begin with what stands for 0 ({})",
          state.name, element, first);
    }
    const std::int32_t tensor = forms_.make(state.read, Layout::plain);
    file_.set_variable(tensor);
    forms_.alias(variable.operand, Layout::plain, tensor);
    for (const ir::NodeId id : variable.between) written[ir::index(id)] = true;
  }

  const ir::Graph& graph_;
  const ir::Uses uses_;
  const Grids grids_;
  FileWriter file_;
  TensorForms forms_;
};

}  // namespace

std::string model_bytes(const ir::Graph& graph) {
  check_ops(graph);
  return ModelWriter(graph).run();
}

}  // namespace strata::formats::tflite
