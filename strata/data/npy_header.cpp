#include "strata/data/npy_header.hpp"

#include <array>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

/// NumPy's code without byte order: kind and bytes.
constexpr std::array<std::pair<std::string_view, DType>, 13> type_codes{{{"f8", DType::f64},
                                                                         {"f4", DType::f32},
                                                                         {"f2", DType::f16},
                                                                         {"V2", DType::bf16},
                                                                         {"i8", DType::i64},
                                                                         {"i4", DType::i32},
                                                                         {"i2", DType::i16},
                                                                         {"i1", DType::i8},
                                                                         {"u8", DType::u64},
                                                                         {"u4", DType::u32},
                                                                         {"u2", DType::u16},
                                                                         {"u1", DType::u8},
                                                                         {"b1", DType::boolean}}};

DType parse_descr(std::string_view descr) {
  const std::string_view code = descr.empty() ? descr : descr.substr(1);
  if (code.starts_with("O")) {
    fail(ErrorCode::unsupported, "element type '{}': pickled objects are never read", descr);
  }
  for (const auto& [name, dtype] : type_codes) {
    if (code != name) continue;
    if (descr[0] == '<' || (descr[0] == '|' && (name[1] == '1' || name == "V2"))) return dtype;
    if (descr[0] == '>') {
      fail(ErrorCode::unsupported, "element type '{}' is big endian, accepted is '<{}'", descr,
           name);
    }
  }
  fail(ErrorCode::unsupported,
       "element type '{}', accepted are little-endian f2 f4 f8, i1 to i8, u1 to u8, b1 and V2 "
       "(bf16)",
       descr.substr(0, 40));
}

/// Reads the few forms of Python literals that NumPy writes here.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  NpyHeader read() {
    NpyHeader header;
    unsigned seen = 0;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      unsigned bit = 0;
      if (key == "descr") {
        bit = 1;
        header.dtype = descr();
      } else if (key == "fortran_order") {
        bit = 2;
        header.fortran_order = boolean();
      } else if (key == "shape") {
        bit = 4;
        header.shape = shape();
      } else {
        complain("unknown key, accepted are descr, fortran_order and shape");
      }
      if (seen & bit) complain("key given twice");
      seen |= bit;
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) complain("text after the dictionary");
    if (seen != 7) complain("descr, fortran_order or shape is missing");
    return header;
  }

 private:
  [[noreturn]] void complain(std::string_view what) const {
    fail(ErrorCode::model, "npy header, character {}: {}", at_, what);
  }
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) complain(std::string("'") + c + "' expected");
  }
  std::string_view string() {
    skip_blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
      complain("a quoted string expected");
    }
    const char quote = text_[at_++];
    const std::size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) complain("string without end");
    const std::string_view content = text_.substr(at_, end - at_);
    if (content.find('\\') != std::string_view::npos) complain("escapes are not accepted here");
    at_ = end + 1;
    return content;
  }
  DType descr() {
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '[') {
      fail(ErrorCode::unsupported, "structured arrays are not supported, only plain numbers");
    }
    return parse_descr(string());
  }
  bool boolean() {
    skip_blanks();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(at_).starts_with(word)) {
        at_ += word.size();
        return value;
      }
    }
    complain("True or False expected");
  }
  Shape shape() {
    std::vector<std::int64_t> extents;
    expect('(');
    while (!accept(')')) {
      skip_blanks();
      std::int64_t extent = 0;
      const char* begin = text_.data() + at_;
      const auto result = std::from_chars(begin, text_.data() + text_.size(), extent);
      if (result.ec != std::errc() || extent < 0) complain("an extent of 0 or more expected");
      at_ += std::size_t(result.ptr - begin);
      accept('L');  // written under Python 2
      extents.push_back(extent);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return Shape(extents);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::string_view text) { return LiteralReader(text).read(); }

std::string npy_header(DType dtype, const Shape& shape) {
  std::string_view code;
  for (const auto& [name, type] : type_codes) {
    if (type == dtype) code = name;
  }
  std::string extents;
  for (const std::int64_t extent : shape) extents += fmt::format("{}, ", extent);
  if (shape.rank() > 1) extents.resize(extents.size() - 2);
  if (shape.rank() == 1) extents.pop_back();
  return fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
                     size_of(dtype) == 1 ? '|' : '<', code, extents);
}

}  // namespace strata::data
