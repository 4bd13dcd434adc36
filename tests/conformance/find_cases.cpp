#include <algorithm>
#include <array>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/onnx/wire.hpp"
#include "tests/conformance/case.hpp"

namespace strata::conformance {
namespace {

namespace wire = formats::onnx;
namespace fs = std::filesystem;

// Codes of TensorProto.DataType.
constexpr std::int64_t text = 8, complex64 = 14, complex128 = 15, first_small = 17, last_small = 26;

bool is_small(std::int64_t type) { return type >= first_small && type <= last_small; }

bool own_domain(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

class Reading {
 public:
  explicit Reading(Case& example) : case_(example) {}

  void model(const wire::ModelProto& model) {
    for (const auto& [domain, version] : model.opset_import) {
      if (own_domain(domain)) {
        case_.opset = version;
      } else {
        leave("another domain");
      }
    }
    if (!model.graph) return;
    for (const auto* values : {&model.graph->inputs, &model.graph->outputs}) {
      for (const wire::ValueInfoProto& value : *values) type(value);
    }
    for (const wire::TensorProto& tensor : model.graph->initializers) {
      if (is_small(tensor.data_type)) shrink();
    }
    nodes(model.graph->nodes);
    // Models call few functions; only what draws numbers matters in them.
    for (const wire::FunctionProto& function : model.functions) {
      for (const wire::NodeProto& node : function.nodes) chance(node.op_type);
    }
  }

 private:
  void leave(std::string why) {
    case_.scope = Scope::out;
    if (case_.out_of.empty()) case_.out_of = std::move(why);
  }
  void shrink() {
    if (case_.scope == Scope::full) case_.scope = Scope::small_types;
  }

  void type(const wire::ValueInfoProto& value) {
    const std::int64_t type = value.elem_type;
    if (!value.is_tensor) {
      leave("sequences, optionals and maps");
    } else if (type == text || type == complex64 || type == complex128) {
      leave("strings and complex numbers");
    } else if (is_small(type)) {
      shrink();
    }
  }

  void nodes(const std::vector<wire::NodeProto>& nodes) {
    constexpr std::array<std::string_view, 6> excluded = {
        "Sequence",        "Optional",           "String",
        "SplitToSequence", "ConcatFromSequence", "RegexFullMatch"};
    for (const wire::NodeProto& node : nodes) {
      for (const std::string_view start : excluded) {
        if (node.op_type.starts_with(start)) leave("sequences, optionals and maps");
      }
      if (own_domain(node.domain)) case_.ops.emplace(node.op_type);
      chance(node.op_type);
      for (const wire::AttributeProto& attribute : node.attributes) {
        if (attribute.graph) {
          this->nodes(attribute.graph->nodes);
        } else if (attribute.name == "to" || attribute.name.ends_with("dtype")) {
          const std::int64_t type = parse_attribute(attribute.content).i;
          if (type == text) leave("strings and complex numbers");
          if (is_small(type)) shrink();
        }
      }
    }
  }

  void chance(std::string_view op) {
    constexpr std::array<std::string_view, 6> random = {"Bernoulli",     "Multinomial",
                                                        "RandomNormal",  "RandomNormalLike",
                                                        "RandomUniform", "RandomUniformLike"};
    if (std::ranges::find(random, op) != random.end()) case_.by_chance = true;
  }

  Case& case_;
};

void read(Case& example) {
  try {
    const MappedFile file = MappedFile::open(example.folder / "model.onnx");
    Reading(example).model(wire::parse_model(wire::Message(file.bytes())));
  } catch (const Error&) {  // running it says what is wrong
  }
  // Dropout in training draws too; what it drops is the whole result.
  if (example.name.find("training_dropout") != std::string::npos) example.by_chance = true;
  if (example.scope != Scope::out && !fs::exists(example.folder / "test_data_set_0")) {
    example.scope = Scope::out;
    example.out_of = "cases without data";
  }
}

}  // namespace

std::vector<Case> find_cases(const fs::path& root) {
  std::vector<Case> cases;
  for (const fs::directory_entry& group : fs::directory_iterator(root)) {
    if (!group.is_directory()) continue;
    for (const fs::directory_entry& entry : fs::directory_iterator(group)) {
      const std::string name = entry.path().filename();
      if (!name.starts_with("test_") || !fs::exists(entry.path() / "model.onnx")) continue;
      cases.push_back({.name = name, .group = group.path().filename(), .folder = entry.path()});
      read(cases.back());
    }
  }
  std::ranges::sort(cases, {},
                    [](const Case& example) { return std::pair(example.group, example.name); });
  return cases;
}

}  // namespace strata::conformance
