#include "strata/runtime/saved_choices.hpp"

#include <algorithm>
#include <charconv>

#include "strata/base/error.hpp"

namespace strata::runtime {
namespace {

constexpr std::string_view threads_key = "strata.threads", precision_key = "strata.precision",
                           off_key = "strata.off", machine_key = "strata.machine",
                           kernel_prefix = "strata.kernel.";
constexpr int most_threads = 256;

bool is_choice(std::string_view key) {
  return key == threads_key || key == precision_key || key == off_key || key == machine_key ||
         key.starts_with(kernel_prefix);
}

int parse_threads(std::string_view text) {
  int threads = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), threads);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || threads < 1 ||
      threads > most_threads) {
    fail(ErrorCode::model, "{}: '{}' in the file's metadata, 1 to {} accepted", threads_key, text,
         most_threads);
  }
  return threads;
}

std::vector<std::string> parse_passes(std::string_view text) {
  std::vector<std::string> passes;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view name = rest.substr(0, end);
    const bool is_known =
        name == blocks_switch || std::ranges::any_of(ir::all_passes(), [&](const ir::Pass* pass) {
          return pass->name == name;
        });
    if (is_known) passes.emplace_back(name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return passes;
}

}  // namespace

bool SavedChoices::any() const {
  return threads != 1 || precision != kernels::Precision::f32 || !off.empty() || !pins.empty();
}

void save_choices(Metadata& metadata, const SavedChoices& choices) {
  std::erase_if(metadata, [](const auto& entry) { return is_choice(entry.first); });
  if (!choices.any()) return;
  const auto add = [&](std::string_view key, std::string_view value) {
    metadata.emplace_back(key, value);
  };
  if (choices.threads != 1) add(threads_key, std::to_string(choices.threads));
  if (choices.precision != kernels::Precision::f32)
    add(precision_key, to_string(choices.precision));
  std::string off;
  for (const std::string& pass : choices.off) off += (off.empty() ? "" : ",") + pass;
  if (!off.empty()) add(off_key, off);
  for (const Pin& pin : choices.pins) add(std::string(kernel_prefix) + pin.node, pin.row);
  if (!choices.machine.empty()) add(machine_key, choices.machine);
}

SavedChoices saved_choices(const Metadata& metadata) {
  SavedChoices choices;
  for (const auto& [key, value] : metadata) {
    if (key == threads_key) choices.threads = parse_threads(value);
    if (key == precision_key) {
      choices.precision = with_context([] { return std::string("in the file's metadata"); },
                                       [&value = value] { return parse_precision(value); });
    }
    if (key == off_key) choices.off = parse_passes(value);
    if (key == machine_key) choices.machine = value;
    if (key.starts_with(kernel_prefix)) {
      choices.pins.push_back({key.substr(kernel_prefix.size()), value, false});
    }
  }
  return choices;
}

void follow(const SavedChoices& choices, const Given& given, SessionOptions& options) {
  if (!given.threads) options.threads = std::min(choices.threads, usable_threads());
  for (const std::string& pass : choices.off) options.passes.off.push_back(pass);
  Target& target = options.target;
  const bool has_bf16 = has_isa(target.isa, Isa::avx512_bf16);
  if (!given.precision && has_bf16) target.precision = choices.precision;
  for (const Pin& pin : choices.pins) {
    target.pins.push_back(pin);
    target.pins.back().required = false;
  }
}

}  // namespace strata::runtime
