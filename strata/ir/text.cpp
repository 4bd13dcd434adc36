#include "strata/ir/text.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <map>

#include "strata/ir/base64.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/text_names.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::ir {
namespace {

/// Tensors of more elements are written as base64.
constexpr std::int64_t most_listed = 16;

std::string quote(std::string_view raw) {
  std::string text = "\"";
  for (char c : raw) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += '\\';
      text += c;
    } else if (code < 0x20 || code == 0x7f) {
      text += fmt::format("\\x{:02x}", code);
    } else {
      text += c;
    }
  }
  return text + '"';
}

/// Letters, digits and a few signs need no quotes.
std::string name_text(std::string_view name) {
  return is_plain_name(name) ? std::string(name) : quote(name);
}

/// The shortest decimal that reads back as the same bits; NaN with its bits.
template <class Bits, class T>
std::string real_text(T value) {
  if (std::isnan(value)) return fmt::format("nan:{:x}", std::bit_cast<Bits>(value));
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

template <class T>
std::string element_text(T value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, float>) {
    return real_text<std::uint32_t>(value);
  } else if constexpr (std::is_same_v<T, double>) {
    return real_text<std::uint64_t>(value);
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return std::isnan(float(value)) ? fmt::format("nan:{:x}", value.bits)
                                    : real_text<std::uint32_t>(float(value));
  } else {
    return fmt::format("{}", value);
  }
}

template <class T, class Each>
std::string list(const T& items, Each&& each) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += each(item);
  }
  return text;
}

class Printer {
 public:
  Printer(std::string& out, const TextOptions& options) : out_(out), options_(options) {}

  void graph(const Graph& graph, int depth) {
    out_ += "graph " + quote(graph.name) + " {\n";
    const std::string indent(std::size_t(depth + 1) * 2, ' ');
    for (ValueId id : graph.inputs) {
      out_ += indent + "input " + declaration(graph, id) + "\n";
    }
    for (const State& state : graph.states) {
      out_ += indent + "state " + reference(graph, state.read) + " " + quote(state.name) + " = " +
              tensor(state.initial) + "\n";
    }
    for (std::size_t i = 0; i < graph.value_limit(); ++i) {
      const Value& value = graph.value(ValueId(i));
      if (!value.constant) continue;
      out_ += indent + "constant " + reference(graph, ValueId(i)) + " = " +
              encoded(*value.constant) + sources(value.sources) + "\n";
    }
    for (NodeId id : graph.order()) node(graph, graph.node(id), depth + 1);
    for (const State& state : graph.states) {
      out_ +=
          indent + "write " + quote(state.name) + " = " + reference(graph, state.written) + "\n";
    }
    for (ValueId id : graph.outputs) out_ += indent + "output " + reference(graph, id) + "\n";
    out_ += std::string(std::size_t(depth) * 2, ' ') + "}";
  }

 private:
  void node(const Graph& graph, const Node& node, int depth) {
    out_ += std::string(std::size_t(depth) * 2, ' ');
    out_ += list(node.outputs, [&](ValueId id) { return declaration(graph, id); });
    out_ += " = " + qualified_name(*node.op) + " " + quote(node.name) + " (";
    out_ += list(node.inputs, [&](ValueId id) { return reference(graph, id); }) + ")";
    if (!node.attributes.empty()) {
      out_ += " {";
      bool first = true;
      for (const auto& [name, value] : node.attributes) {
        out_ += first ? "" : ", ";
        first = false;
        out_ += name_text(name) + " = ";
        attribute(value, depth);
      }
      out_ += "}";
    }
    out_ += sources(node.sources) + "\n";
  }

  static std::string reference(const Graph& graph, ValueId id) {
    return id == no_value ? "_" : "%" + name_text(graph.value(id).name);
  }
  static std::string declaration(const Graph& graph, ValueId id) {
    return id == no_value ? "_" : reference(graph, id) + ": " + to_string(graph.value(id).type);
  }

  std::string sources(const Sources& from) const {
    return from.empty() || !options_.sources ? "" : " from [" + list(from, quote) + "]";
  }

  std::string tensor(const Tensor& tensor) {
    std::string text(strata::to_string(tensor.dtype()));
    text += strata::to_string(tensor.shape());
    if (!options_.constants) return text + " {...}";
    if (tensor.elements() > most_listed) {
      if (options_.parts) return fmt::format("{} part {}", text, part(tensor));
      return text + " base64 \"" + to_base64(tensor.bytes()) + "\"";
    }
    if (is_narrow(tensor.dtype())) return text + " {" + narrow_list(tensor) + "}";
    return dispatch(tensor.dtype(), [&]<class T>() {
      return text + " {" + list(tensor.aligned().data<T>(), element_text<T>) + "}";
    });
  }

  /// Integers as such, floats by their codes.
  static std::string narrow_list(const Tensor& tensor) {
    const bool floats = is_narrow_float(tensor.dtype());
    const std::span codes(static_cast<const std::uint8_t*>(tensor.raw()), tensor.size_bytes());
    return list(codes, [&](std::uint8_t code) {
      return std::to_string(floats ? int(code) : int(narrow_value(tensor.dtype(), code)));
    });
  }

  std::string encoded(const EncodedTensor& constant) {
    if (constant.is_dense()) return tensor(constant.parts.at(0));
    std::string text = fmt::format("encoded {} {}{} axis {} (", constant.encoding->name,
                                   strata::to_string(constant.dtype),
                                   strata::to_string(constant.shape), constant.axis);
    return text + list(constant.parts, [&](const Tensor& part) { return tensor(part); }) + ")";
  }

  void attribute(const Attribute& value, int depth) {
    std::visit(
        [&]<class T>(const T& v) {
          if constexpr (std::is_same_v<T, Subgraph>) {
            graph(*v, depth);
          } else {
            out_ += scalar(v);
          }
        },
        value);
  }

  static std::string scalar(std::int64_t value) { return std::to_string(value); }
  static std::string scalar(float value) { return element_text(value); }
  static std::string scalar(const std::string& value) { return quote(value); }
  static std::string scalar(DType value) {
    return "dtype " + std::string(strata::to_string(value));
  }
  static std::string scalar(const std::vector<std::int64_t>& values) {
    return "[" + list(values, element_text<std::int64_t>) + "]";
  }
  static std::string scalar(const std::vector<float>& values) {
    return "reals [" + list(values, element_text<float>) + "]";
  }
  static std::string scalar(const std::vector<std::string>& values) {
    return "strings [" + list(values, quote) + "]";
  }
  std::string scalar(const Tensor& value) { return "tensor " + tensor(value); }

  /// Bytes that graphs share are one part.
  std::size_t part(const Tensor& tensor) {
    const auto [found, is_new] =
        parts_.emplace(std::pair(tensor.raw(), tensor.size_bytes()), options_.parts->size());
    if (is_new) options_.parts->push_back(tensor);
    return found->second;
  }

  std::string& out_;
  const TextOptions& options_;
  std::map<std::pair<const void*, std::size_t>, std::size_t> parts_;
};

}  // namespace

std::string to_text(const Graph& graph, const TextOptions& options) {
  std::string text;
  Printer(text, options).graph(graph, 0);
  return text + "\n";
}

}  // namespace strata::ir
