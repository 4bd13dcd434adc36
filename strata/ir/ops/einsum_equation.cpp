#include "strata/ir/ops/einsum_equation.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "strata/base/error.hpp"

namespace strata::ir {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string label_text(int label) {
  return label < 0 ? std::string("...") : std::string(1, char(label));
}

/// A term as written: letters before and after its ellipsis.
struct Written {
  EinsumTerm before, after;
  bool ellipsis = false;
  std::size_t letters() const { return before.size() + after.size(); }
  EinsumTerm spelled_out(std::size_t ellipsis_axes) const {
    EinsumTerm term = before;
    for (std::size_t i = ellipsis ? ellipsis_axes : 0; i > 0; --i) term.push_back(-int(i));
    term.insert(term.end(), after.begin(), after.end());
    return term;
  }
};

Written read_term(std::string_view text) {
  Written term;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_letter(text[i])) {
      (term.ellipsis ? term.after : term.before).push_back(text[i]);
    } else if (text.substr(i).starts_with("...") && !term.ellipsis) {
      term.ellipsis = true;
      i += 2;
    } else {
      fail(ErrorCode::model, "equation term '{}' is malformed; accepted: letters and one '...'",
           text);
    }
  }
  return term;
}

/// Without "->": the ellipsis, then the letters that appear once, in ASCII order.
EinsumTerm implicit_output(const std::vector<EinsumTerm>& inputs, std::size_t ellipsis_axes) {
  std::map<int, int> counts;
  for (const EinsumTerm& term : inputs) {
    for (const int label : term) ++counts[label];
  }
  EinsumTerm output;
  for (std::size_t i = ellipsis_axes; i > 0; --i) output.push_back(-int(i));
  for (const auto& [label, count] : counts) {
    if (label > 0 && count == 1) output.push_back(label);
  }
  return output;
}

void expect_output(const EinsumEquation& equation) {
  EinsumTerm sorted = equation.output;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    fail(ErrorCode::model, "equation names '{}' twice in its output", label_text(*twice));
  }
  for (const int label : sorted) {
    const bool known = std::ranges::any_of(equation.inputs, [&](const EinsumTerm& term) {
      return std::find(term.begin(), term.end(), label) != term.end();
    });
    if (!known) fail(ErrorCode::model, "equation has no input with '{}'", label_text(label));
  }
}

void expect_equal(int label, const Dim& a, const Dim& b) {
  if (!a.is_constant() || a == b) return;
  fail(ErrorCode::model, "axis '{}' has extents {} and {}", label_text(label), a.constant(),
       b.constant());
}

}  // namespace

EinsumEquation parse_einsum(std::string_view text, const std::vector<std::size_t>& ranks) {
  std::string compact;
  for (const char c : text) {
    if (c != ' ') compact += c;
  }
  const std::size_t arrow = compact.find("->");
  std::string_view left = std::string_view(compact).substr(0, arrow);
  std::vector<Written> written;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = left.find(',');
    written.push_back(read_term(left.substr(0, comma)));
    if (comma != std::string_view::npos) left.remove_prefix(comma + 1);
  }
  if (written.size() != ranks.size()) {
    fail(ErrorCode::model, "equation '{}' has {} terms for {} operands", text, written.size(),
         ranks.size());
  }
  std::size_t ellipsis_axes = 0;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const std::size_t letters = written[i].letters();
    if (written[i].ellipsis ? ranks[i] < letters : ranks[i] != letters) {
      fail(ErrorCode::model, "equation '{}' has {} letters for input {} of rank {}", text, letters,
           i, ranks[i]);
    }
    ellipsis_axes = std::max(ellipsis_axes, ranks[i] - letters);
  }
  EinsumEquation equation;
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    equation.inputs.push_back(written[i].spelled_out(ranks[i] - written[i].letters()));
  }
  equation.output =
      arrow == std::string::npos
          ? implicit_output(equation.inputs, ellipsis_axes)
          : read_term(std::string_view(compact).substr(arrow + 2)).spelled_out(ellipsis_axes);
  expect_output(equation);
  return equation;
}

Dim einsum_extent(const EinsumEquation& equation, const std::vector<SymbolicShape>& shapes,
                  int label) {
  std::optional<Dim> extent;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    for (std::size_t axis = 0; axis < shapes[i].size(); ++axis) {
      if (equation.inputs[i][axis] != label) continue;
      const Dim& own = shapes[i][axis];
      if (!extent || (label < 0 && *extent == Dim(1))) {
        extent = own;
      } else if (own.is_constant() && !(label < 0 && own == Dim(1))) {
        expect_equal(label, *extent, own);
        extent = own;
      }
    }
  }
  return *extent;
}

}  // namespace strata::ir
