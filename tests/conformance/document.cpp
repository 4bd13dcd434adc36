#include "tests/conformance/document.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "strata/formats/onnx/import.hpp"
#include "strata/ir/op.hpp"
#include "tests/conformance/element_types.hpp"

namespace strata::conformance {
namespace {

struct Reason {
  std::string_view start, parts, why;  // `parts`: one of them, between bars, is in the name
};
constexpr Reason reasons[] = {
#define REASON(start, parts, why) {start, parts, why},
#include "tests/conformance/reasons.def"
#undef REASON
};

bool holds_any(std::string_view name, std::string_view parts) {
  while (true) {
    const std::size_t bar = parts.find('|');
    if (name.find(parts.substr(0, bar)) != std::string_view::npos) return true;
    if (bar == std::string_view::npos) return false;
    parts.remove_prefix(bar + 1);
  }
}

std::string counts_table(const std::vector<SetResults>& sets) {
  std::string text = "| cases of | group | passed | of |\n|---|---|---:|---:|\n";
  for (const SetResults& set : sets) {
    for (const auto& [group, count] : count_groups(set)) {
      text += fmt::format("| {} | {} | {} | {} |\n", set.name, group, count.passed, count.all);
    }
  }
  return text;
}

std::string failures_table(const std::vector<SetResults>& sets) {
  std::string text;
  for (const SetResults& set : sets) {
    for (const Result& result : set.results) {
      if (result.wrong.empty()) continue;
      const std::string_view why = known_reason(result.example.name);
      text += fmt::format("| {} | `{}` | {} | {} |\n", set.name, result.example.name, result.wrong,
                          why.empty() ? "not known" : why);
    }
  }
  if (text.empty()) return "None.\n";
  return "| cases of | case | what differs | why |\n|---|---|---|---|\n" + text;
}

/// The definitions of an op; those that a case which passed uses are bold.
std::string versions_text(const std::vector<std::int64_t>& versions,
                          const std::vector<std::int64_t>& opsets) {
  std::string text;
  for (std::size_t i = 0; i < versions.size(); ++i) {
    if (versions[i] > formats::onnx::newest_opset) continue;
    const bool tried = std::ranges::any_of(opsets, [&](std::int64_t opset) {
      return opset >= versions[i] && (i + 1 == versions.size() || opset < versions[i + 1]);
    });
    const std::string_view mark = tried ? "**" : "";
    text += fmt::format("{}{}{}{}", text.empty() ? "" : ", ", mark, versions[i], mark);
  }
  return text;
}

std::string ops_table(const std::vector<SetResults>& sets,
                      const std::map<std::string, std::vector<std::int64_t>>& versions) {
  std::string text =
      "| op | defined in opset | element types | cases passed | of |\n|---|---|---|---:|---:|\n";
  for (const ir::OpDef* op : ir::all_ops()) {
    const std::string name = ir::qualified_name(*op);
    Count count;
    std::vector<std::int64_t> opsets;
    for (const SetResults& set : sets) {
      for (const Result& result : set.results) {
        if (!result.example.ops.contains(name)) continue;
        ++count.all;
        if (!result.wrong.empty()) continue;
        ++count.passed;
        opsets.push_back(result.example.opset);
      }
    }
    const auto known = versions.find(name);
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", name,
                        known == versions.end() ? "" : versions_text(known->second, opsets),
                        element_types(*op), count.passed, count.all);
  }
  return text;
}

}  // namespace

std::string_view known_reason(std::string_view name) {
  for (const Reason& reason : reasons) {
    if (name.starts_with(reason.start) && holds_any(name, reason.parts)) return reason.why;
  }
  return {};
}

std::map<std::string, Count> count_groups(const SetResults& set) {
  std::map<std::string, Count> groups;
  for (const Result& result : set.results) {
    const bool small = result.example.scope == Scope::small_types;
    Count& count = groups[small ? "floats of 8 bits, types of 4 and 2" : result.example.group];
    ++count.all;
    count.passed += result.wrong.empty();
  }
  return groups;
}

std::string document(const std::vector<SetResults>& sets,
                     const std::map<std::string, std::vector<std::int64_t>>& versions) {
  std::string excluded;
  for (const SetResults& set : sets) {
    for (const auto& [why, count] : set.out_of_scope) {
      excluded += fmt::format("{}{} {} ({})", excluded.empty() ? "" : ", ", count, why, set.name);
    }
  }
  return fmt::format(
      R"(# Conformance

`make conformance` writes this page: ONNX's own cases, each run by `test_conformance` in a process of its own with a
limit of time and memory. A crash or an endless run is a failure. Two collections: what the installed `onnx` package
generates and carries, and the older files of Debian's `libonnx-testdata`. Floats may differ by the tolerance that the case
states (a thousandth unless it says otherwise), integers not at all; of ops that draw random numbers only types and shapes are compared.

## Counts

{}
Out of scope: {}.
Strata leaves out sequences, optionals, maps, strings, complex numbers, the domain `ai.onnx.ml` and the training ops
(`ai.onnx.preview.training`).

Where a Python program compares through numpy, cases whose data the `onnx` package holds as `TensorProto` objects (casts among
16-bit and narrower types, `QuantizeLinear` and `DequantizeLinear` to and from them) and the bfloat16 cases of Debian's
collection, whose files say `uint16`, cannot be compared. Here they are.

## What fails

{}
## Ops

Opsets are those in which ONNX defined the op anew, up to {}; Strata takes all of them but the forms that the [page on
import](onnx.md) names. Bold: a case that passed uses that definition. Element types: what the first operand may be, by the
op's shape rule; `narrow` stands for floats of 8 to 4 bits and integers of 4 and 2. Cases: those that hold the op
anywhere, also as a part of something else.

{})",
      counts_table(sets), excluded.empty() ? "nothing" : excluded, failures_table(sets),
      formats::onnx::newest_opset, ops_table(sets, versions));
}

}  // namespace strata::conformance
