// The written form of dimensions. Grammar:
//   sum     = product { ("+" | "-") product }
//   product = signed { "*" signed }
//   signed  = ["-"] ( number | symbol | quoted | "(" sum ")" | function )
//   function = "floor(" product "/" signed ")" | ("max(" | "min(") sum { "," sum } ")"

#include <fmt/format.h>

#include <charconv>

#include "strata/base/error.hpp"
#include "strata/tensor/dim_terms.hpp"

namespace strata {
namespace {

constexpr std::size_t max_text = 1 << 16;
constexpr int max_nesting = 256;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_letter(c) || is_digit(c) || c == '.'; }
bool is_function(std::string_view name) {
  return name == "floor" || name == "max" || name == "min";
}

/// With quotes and control characters written so that they can be read, and read back.
std::string escape(std::string_view raw) {
  std::string text;
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
  return text;
}

std::string symbol_text(std::string_view name) {
  bool plain = is_letter(name[0]) && !is_function(name);
  for (char c : name) plain = plain && is_name_part(c);
  return plain ? std::string(name) : '"' + escape(name) + '"';
}

/// In parentheses unless it reads as one operand of a product.
std::string operand_text(const Dim& dim, bool product_allowed) {
  bool plain = dim.is_constant() && dim.constant() >= 0;
  if (!dim.is_constant() && dim.expression()->terms.size() == 1) {
    const DimTerm& term = dim.expression()->terms[0];
    plain =
        product_allowed ? term.coefficient > 0 : term.coefficient == 1 && term.factors.size() == 1;
  }
  return plain ? to_string(dim) : "(" + to_string(dim) + ")";
}

std::string atom_text(const DimAtom& atom) {
  if (atom.kind == DimAtom::Kind::symbol) return symbol_text(atom.name);
  if (atom.kind == DimAtom::Kind::floor_div) {
    return fmt::format("floor({}/{})", operand_text(atom.operands[0], true),
                       operand_text(atom.operands[1], false));
  }
  std::string text = atom.kind == DimAtom::Kind::max ? "max" : "min";
  char separator = '(';
  for (const Dim& operand : atom.operands) {
    text += separator;
    text += to_string(operand);
    separator = ',';
  }
  return text + ')';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Dim sum() {
    Dim result = product();
    while (true) {
      if (accept('+')) {
        result = result + product();
      } else if (peek() == '-') {
        result = result + product();  // which takes the sign
      } else {
        return result;
      }
    }
  }

  SymbolicShape shape() {
    SymbolicShape result;
    expect('[');
    if (accept(']')) return result;
    do {
      result.push_back(sum());
    } while (accept(','));
    expect(']');
    return result;
  }

  std::size_t position() const { return position_; }
  void expect_end() {
    if (peek() != '\0' || position_ < text_.size()) complain("end of the expression expected");
  }

 private:
  char peek() {
    while (position_ < text_.size() && text_[position_] == ' ') ++position_;
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool accept(char c) {
    if (peek() != c) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) complain(fmt::format("'{}' expected", c));
  }
  [[noreturn]] void complain(std::string_view what) const {
    constexpr std::size_t shown = 80;
    fail(ErrorCode::model, "dimension '{}'{} at character {}: {}", escape(text_.substr(0, shown)),
         text_.size() > shown ? "..." : "", position_ + 1, what);
  }

  Dim product() {
    Dim result = signed_operand();
    while (accept('*')) result = result * signed_operand();
    return result;
  }

  Dim signed_operand() {
    const bool negative = accept('-');
    const char c = peek();
    if (is_digit(c)) return number(negative);
    Dim result = operand(c);
    return negative ? 0 - result : result;
  }

  Dim operand(char c) {
    if (c == '"') return Dim::symbol(quoted());
    if (is_letter(c)) {
      const std::size_t start = position_;
      while (position_ < text_.size() && is_name_part(text_[position_])) ++position_;
      const std::string_view name = text_.substr(start, position_ - start);
      return is_function(name) ? nested([&] { return call(name); }) : Dim::symbol(name);
    }
    if (c != '(') complain("a number, a symbol, floor, max, min or '(' expected");
    return nested([&] {
      expect('(');
      Dim result = sum();
      expect(')');
      return result;
    });
  }

  template <class Body>
  Dim nested(Body&& body) {
    if (++nesting_ > max_nesting) {
      complain(fmt::format("nested deeper than {}", max_nesting));
    }
    Dim result = body();
    --nesting_;
    return result;
  }

  Dim call(std::string_view name) {
    expect('(');
    Dim result = name == "floor" ? product() : sum();
    if (name == "floor") {
      expect('/');
      result = Dim::floor_div(result, signed_operand());
    } else {
      while (accept(','))
        result = name == "max" ? Dim::max(result, sum()) : Dim::min(result, sum());
    }
    expect(')');
    return result;
  }

  Dim number(bool negative) {
    std::uint64_t magnitude = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + position_, end, magnitude);
    const std::uint64_t limit = (std::uint64_t(1) << 63) - (negative ? 0 : 1);
    if (error != std::errc() || magnitude > limit) complain("the number exceeds 63 bits");
    position_ = std::size_t(stop - text_.data());
    return Dim(std::int64_t(negative ? 0 - magnitude : magnitude));
  }

  std::string quoted() {
    std::string name;
    for (++position_; position_ < text_.size(); ++position_) {
      char c = text_[position_];
      if (c == '"') {
        ++position_;
        if (name.empty()) complain("a symbol needs a name");
        return name;
      }
      if (c == '\\') c = escaped();
      name += c;
    }
    complain("the closing '\"' is missing");
  }

  char escaped() {
    const std::string_view rest = text_.substr(position_ + 1);
    if (rest.starts_with('"') || rest.starts_with('\\')) return text_[++position_];
    unsigned code = 0;
    if (rest.size() >= 3 && rest[0] == 'x' &&
        std::from_chars(rest.data() + 1, rest.data() + 3, code, 16).ptr == rest.data() + 3) {
      position_ += 3;
      return char(code);
    }
    complain("\\\", \\\\ or \\x and two hexadecimal digits expected");
  }

  std::string_view text_;
  std::size_t position_ = 0;
  int nesting_ = 0;
};

}  // namespace

std::string to_string(const Dim& dim) {
  if (dim.is_constant()) return std::to_string(dim.constant());
  std::string text;
  for (const DimTerm& term : dim.expression()->terms) {
    const bool negative = term.coefficient < 0;
    const auto magnitude =
        negative ? 0 - std::uint64_t(term.coefficient) : std::uint64_t(term.coefficient);
    if (negative) {
      text += '-';
    } else if (!text.empty()) {
      text += '+';
    }
    const bool number = magnitude != 1 || term.factors.empty();
    if (number) text += std::to_string(magnitude);
    for (std::size_t i = 0; i < term.factors.size(); ++i) {
      if (number || i > 0) text += '*';
      text += atom_text(*term.factors[i]);
    }
  }
  return text;
}

Dim parse_dim(std::string_view text) {
  if (text.size() > max_text) {
    fail(ErrorCode::model, "a dimension of {} characters, at most {} are accepted", text.size(),
         max_text);
  }
  Parser parser(text);
  Dim result = parser.sum();
  parser.expect_end();
  return result;
}

SymbolicShape take_symbolic_shape(std::string_view& text) {
  Parser parser(text.substr(0, max_text));
  SymbolicShape result = parser.shape();
  text.remove_prefix(parser.position());
  return result;
}

}  // namespace strata
