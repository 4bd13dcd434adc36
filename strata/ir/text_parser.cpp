#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <unordered_map>

#include "strata/ir/base64.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/text_names.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::ir {
namespace {

/// Graphs nested deeper are refused.
constexpr int deepest = 64;

/// Where a graph holds the state of that name.
using StateNames = std::unordered_map<std::string, std::size_t>;

class Parser {
 public:
  Parser(std::string_view text, const ReadPart& read_part) : text_(text), read_part_(read_part) {}

  Graph whole() {
    try {
      expect_word("graph");
      Graph result = graph();
      if (!peek_is('\0') || at_ < text_.size()) complain("the end of the text expected");
      return result;
    } catch (Error& error) {
      error.add_context(fmt::format("line {}, column {}", line(), column()));
      throw;
    }
  }

 private:
  // Characters and words.

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool peek_is(char c) {
    skip_space();
    return (at_ < text_.size() ? text_[at_] : '\0') == c;
  }
  bool accept(char c) {
    if (at_ >= text_.size() || !peek_is(c)) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) complain(fmt::format("'{}' expected", c));
  }
  [[noreturn]] void complain_at(std::size_t start, std::string_view what) {
    at_ = start;
    complain(what);
  }
  [[noreturn]] void complain(std::string_view what) const { fail(ErrorCode::model, "{}", what); }

  std::size_t line() const {
    return 1 + std::size_t(std::count(text_.begin(), text_.begin() + std::ptrdiff_t(at_), '\n'));
  }
  std::size_t column() const {
    const std::size_t newline = at_ == 0 ? text_.npos : text_.rfind('\n', at_ - 1);
    return newline == text_.npos ? at_ + 1 : at_ - newline;
  }

  std::string_view peek_word() {
    skip_space();
    std::size_t end = at_;
    while (end < text_.size() && (is_plain_letter(text_[end]) || text_[end] == '+')) ++end;
    return text_.substr(at_, end - at_);
  }
  std::string_view word(std::string_view what) {
    const std::string_view found = peek_word();
    if (found.empty()) complain(fmt::format("{} expected", what));
    at_ += found.size();
    return found;
  }
  bool accept_word(std::string_view wanted) {
    if (peek_word() != wanted) return false;
    at_ += wanted.size();
    return true;
  }
  void expect_word(std::string_view wanted) {
    if (!accept_word(wanted)) complain(fmt::format("'{}' expected", wanted));
  }

  std::string quoted() {
    expect('"');
    std::string raw;
    while (at_ < text_.size()) {
      char c = text_[at_++];
      if (c == '"') return raw;
      if (c == '\\') c = escaped();
      raw += c;
    }
    complain("the closing '\"' is missing");
  }
  char escaped() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with('"') || rest.starts_with('\\')) return text_[at_++];
    unsigned code = 0;
    if (rest.size() < 3 || rest[0] != 'x' ||
        std::from_chars(rest.data() + 1, rest.data() + 3, code, 16).ptr != rest.data() + 3) {
      complain("\\\", \\\\ or \\x and two hexadecimal digits expected");
    }
    at_ += 3;
    return char(code);
  }
  std::string name() { return peek_is('"') ? quoted() : std::string(word("a name")); }

  /// Items separated by commas up to `close`, which is taken.
  template <class Item>
  void items(char close, Item&& item) {
    if (accept(close)) return;
    do {
      item();
    } while (accept(','));
    expect(close);
  }

  // Numbers.

  template <class T>
  T number(std::string_view token, int base = 10) {
    T value{};
    const char* end = token.data() + token.size();
    std::from_chars_result result{};
    if constexpr (std::is_floating_point_v<T>) {
      result = std::from_chars(token.data(), end, value);
    } else {
      result = std::from_chars(token.data(), end, value, base);
    }
    if (result.ec != std::errc() || result.ptr != end) {
      complain(fmt::format("'{}' is not a number of type {}", token.substr(0, 40),
                           strata::to_string(dtype_of<T>)));
    }
    return value;
  }

  template <class T>
  T element() {
    const std::string_view token = word("an element");
    if constexpr (std::is_same_v<T, bool>) {
      if (token != "true" && token != "false") complain("'true' or 'false' expected");
      return token == "true";
    } else if constexpr (std::is_same_v<T, float>) {
      return nan_or<float, std::uint32_t>(token, [&] { return number<float>(token); });
    } else if constexpr (std::is_same_v<T, double>) {
      return nan_or<double, std::uint64_t>(token, [&] { return number<double>(token); });
    } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      return nan_or<T, std::uint16_t>(token, [&] { return T(number<float>(token)); });
    } else {
      return number<T>(token);
    }
  }
  template <class T, class Bits, class Other>
  T nan_or(std::string_view token, Other&& other) {
    if (token != "nan") return other();
    expect(':');
    return std::bit_cast<T>(number<Bits>(word("the bits of a NaN"), 16));
  }

  // Types and tensors.

  DType dtype() {
    const std::string_view found = word("an element type");
    const auto type = parse_dtype(found);
    if (!type) complain(fmt::format("unknown element type '{}'", found.substr(0, 40)));
    return *type;
  }
  TensorType type() {
    const DType element_type = dtype();
    std::string_view rest = text_.substr(at_);
    SymbolicShape shape = take_symbolic_shape(rest);
    at_ = text_.size() - rest.size();
    if (shape.size() > std::size_t(max_rank)) {
      complain(fmt::format("{} axes, at most {} are accepted", shape.size(), max_rank));
    }
    for (const Dim& extent : shape) {
      if (extent.as_constant().value_or(0) < 0) {
        complain(fmt::format("extent {}, expected at least 0", extent.constant()));
      }
    }
    return {element_type, std::move(shape)};
  }
  Shape constant_shape(const TensorType& given) {
    const auto shape = as_constant(given.shape);
    if (!shape) complain(fmt::format("type {} has symbols, expected numbers", to_string(given)));
    return *shape;
  }

  Tensor tensor() {
    const TensorType given = type();
    const Shape shape = constant_shape(given);
    if (accept_word("base64")) return binary(given.dtype, shape);
    if (accept_word("part")) return part(given.dtype, shape);
    expect('{');
    if (accept('.')) complain("the text was written without constants");
    if (is_narrow(given.dtype)) return narrow_tensor(given.dtype, shape);
    return dispatch(given.dtype, [&]<class T>() {
      // std::vector<bool> has no span.
      std::vector<std::conditional_t<std::is_same_v<T, bool>, char, T>> elements;
      items('}', [&] { elements.push_back(element<T>()); });
      expect_count(std::int64_t(elements.size()), shape.elements());
      Tensor result = Tensor::zeros(given.dtype, shape);
      std::copy(elements.begin(), elements.end(), result.mutable_data<T>().begin());
      return result;
    });
  }
  Tensor narrow_tensor(DType type, const Shape& shape) {
    const int most = 1 << bits_of(type);
    std::vector<std::uint8_t> codes;
    items('}', [&] {
      const int given = number<int>(word("an element"));
      const auto code =
          is_narrow_float(type) ? std::uint8_t(given) : narrow_code(type, std::int64_t(given));
      const int meant = is_narrow_float(type) ? int(code) : int(narrow_value(type, code));
      if (meant != given || code >= most) {
        complain(fmt::format("{} is not an element of type {}", given, strata::to_string(type)));
      }
      codes.push_back(code);
    });
    expect_count(std::int64_t(codes.size()), shape.elements());
    Tensor result = Tensor::zeros(type, shape);
    std::copy(codes.begin(), codes.end(), static_cast<std::uint8_t*>(result.mutable_raw()));
    return result;
  }
  Tensor binary(DType element_type, const Shape& shape) {
    const auto bytes = from_base64(quoted());
    if (!bytes) complain("malformed base64");
    const auto size = std::int64_t(size_of(element_type));
    expect_count(std::int64_t(bytes->size()) / size, shape.elements());
    expect_count(std::int64_t(bytes->size()) % size, 0);
    for (const std::byte code : *bytes) {
      if (bits_of(element_type) < 8 && std::to_integer<int>(code) >> bits_of(element_type) != 0) {
        complain(fmt::format("{} is not a code of type {}", std::to_integer<int>(code),
                             strata::to_string(element_type)));
      }
    }
    Tensor result = Tensor::zeros(element_type, shape);
    std::copy(bytes->begin(), bytes->end(), static_cast<std::byte*>(result.mutable_raw()));
    return result;
  }
  Tensor part(DType element_type, const Shape& shape) {
    const auto part_number = number<std::uint32_t>(word("the number of a part"));
    if (!read_part_) complain("a part of a container, and this text stands alone");
    return read_part_(part_number, element_type, shape);
  }
  void expect_count(std::int64_t given, std::int64_t expected) {
    if (given != expected) complain(fmt::format("{} elements, expected {}", given, expected));
  }

  const Encoding* encoding() {
    const std::string_view wanted = word("an encoding");
    for (const Encoding* known : all_encodings()) {
      if (known->name == wanted) return known;
    }
    complain(fmt::format("unknown encoding '{}'", wanted.substr(0, 40)));
  }

  EncodedTensor encoded() {
    if (!accept_word("encoded")) return tensor();
    EncodedTensor result;
    result.encoding = encoding();
    const TensorType given = type();
    result.dtype = given.dtype;
    result.shape = constant_shape(given);
    expect_word("axis");
    result.axis = number<std::int32_t>(word("an axis"));
    expect('(');
    items(')', [&] { result.parts.push_back(tensor()); });
    with_context([&] { return fmt::format("encoding {}", result.encoding->name); },
                 [&] { result.check(); });
    return result;
  }

  // Graphs.

  Sources sources() {
    Sources result;
    if (!accept_word("from")) return result;
    expect('[');
    items(']', [&] { result.push_back(quoted()); });
    if (std::adjacent_find(result.begin(), result.end(), std::greater_equal<>()) != result.end()) {
      complain("sources are not sorted");
    }
    return result;
  }

  std::string new_value(const Graph& graph) {
    expect('%');
    const std::size_t start = at_ - 1;
    std::string result = name();
    if (result.empty()) complain("a value needs a name");
    if (graph.find_value(result))
      complain_at(start, fmt::format("value %{} is defined twice", result));
    return result;
  }
  ValueId old_value(const Graph& graph) {
    expect('%');
    const std::size_t start = at_ - 1;
    const std::string wanted = name();
    const auto id = graph.find_value(wanted);
    if (!id) complain_at(start, fmt::format("value %{} is not defined before", wanted));
    return *id;
  }

  Graph graph() {
    if (++depth_ > deepest) complain(fmt::format("graphs nested deeper than {}", deepest));
    Graph result;
    result.name = quoted();
    expect('{');
    StateNames states;
    while (!accept('}')) statement(result, states);
    for (const State& state : result.states) {
      if (state.written == no_value) complain(fmt::format("state {} is not written", state.name));
    }
    --depth_;
    return result;
  }

  void statement(Graph& graph, StateNames& states) {
    if (peek_is('%') || peek_word() == "_") return node(graph);
    const std::size_t start = at_;
    const std::string_view kind = word("a statement or '}'");
    if (kind == "input") {
      const std::string value = new_value(graph);
      expect(':');
      graph.add_input(value, type());
    } else if (kind == "constant") {
      const std::string value = new_value(graph);
      expect('=');
      EncodedTensor constant = encoded();
      graph.add_constant(value, std::move(constant), sources());
    } else if (kind == "state") {
      state(graph, states);
    } else if (kind == "write") {
      write(graph, states);
    } else if (kind == "output") {
      graph.outputs.push_back(old_value(graph));
    } else {
      complain_at(start, fmt::format("unknown statement '{}'", kind.substr(0, 40)));
    }
  }

  void state(Graph& graph, StateNames& names) {
    const std::string value = new_value(graph);
    std::string state_name = quoted();
    if (!names.emplace(state_name, graph.states.size()).second) {
      complain(fmt::format("state {} is defined twice", state_name));
    }
    expect('=');
    graph.add_state(value, tensor());
    graph.states.back().name = std::move(state_name);
  }

  void write(Graph& graph, const StateNames& names) {
    const std::string wanted = quoted();
    const auto found = names.find(wanted);
    if (found == names.end()) complain(fmt::format("there is no state {}", wanted));
    expect('=');
    graph.states[found->second].written = old_value(graph);
  }

  struct Output {
    std::string name;  // empty: not wanted
    TensorType type;
  };

  std::vector<Output> outputs(const Graph& graph) {
    std::vector<Output> result;
    do {
      Output& output = result.emplace_back();
      if (accept_word("_")) continue;
      output.name = new_value(graph);
      expect(':');
      output.type = type();
    } while (accept(','));
    return result;
  }

  void node(Graph& graph) {
    skip_space();
    const std::size_t start = at_;
    const std::vector<Output> written = outputs(graph);
    expect('=');
    const OpDef& op = find_op(word("an op"));
    const std::string node_name = quoted();
    if (node_name.empty()) complain("a node needs a name");
    if (graph.find_node(node_name)) complain(fmt::format("node {} is defined twice", node_name));
    std::vector<ValueId> reads;
    expect('(');
    items(')', [&] { reads.push_back(accept_word("_") ? no_value : old_value(graph)); });
    Attributes given = attributes();
    Sources from = sources();
    // Complaints about the node as a whole point at its beginning.
    const std::size_t end = std::exchange(at_, start);
    std::vector<ValueId> values;
    for (const Output& output : written) {
      if (graph.find_value(output.name)) {
        complain(fmt::format("value %{} is defined twice", output.name));
      }
      values.push_back(output.name.empty() ? no_value : graph.add_value(output.name));
    }
    infer_node(graph, graph.add_node(op, node_name, std::move(reads), values, std::move(given),
                                     std::move(from)));
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] != no_value) expect_type(graph.value(values[i]), written[i].type);
    }
    at_ = end;
  }

  void expect_type(const Value& value, const TensorType& written) {
    if (value.type == written) return;
    complain(fmt::format("value %{} is written as {}, but the shape rule says {}", value.name,
                         to_string(written), to_string(value.type)));
  }

  Attributes attributes() {
    Attributes result;
    if (!accept('{')) return result;
    items('}', [&] {
      const std::string attribute_name = name();
      if (result.has(attribute_name)) {
        complain(fmt::format("attribute '{}' is given twice", attribute_name));
      }
      expect('=');
      result.set(attribute_name, attribute());
    });
    return result;
  }

  template <class Each>
  auto vector(Each&& each) {
    std::vector<decltype(each())> result;
    expect('[');
    items(']', [&] { result.push_back(each()); });
    return result;
  }

  Attribute attribute() {
    if (peek_is('"')) return quoted();
    if (peek_is('[')) return vector([&] { return element<std::int64_t>(); });
    if (accept_word("reals")) return vector([&] { return element<float>(); });
    if (accept_word("strings")) return vector([&] { return quoted(); });
    if (accept_word("tensor")) return tensor();
    if (accept_word("dtype")) return dtype();
    if (accept_word("graph")) return std::make_shared<const Graph>(graph());
    const bool real = peek_word().find_first_of(".eni") != std::string_view::npos;
    if (real) return element<float>();
    return element<std::int64_t>();
  }

  std::string_view text_;
  const ReadPart& read_part_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Graph parse_text(std::string_view text, const ReadPart& read_part) {
  return Parser(text, read_part).whole();
}

}  // namespace strata::ir
