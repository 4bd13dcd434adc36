// Runs folders of ONNX's conformance cases and writes what came of it.
// usage: test_conformance [--only TEXT] [--versions FILE] [--write FILE] NAME=FOLDER...
// Exit code: 1 if a case fails that reasons.def does not explain, 2 for wrong usage.
#include <cstdio>
#include <fstream>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "tests/conformance/document.hpp"
#include "tests/conformance/guarded.hpp"

namespace strata::conformance {
namespace {

constexpr int seconds_per_case = 20;

struct Options {
  std::string only;
  std::filesystem::path versions, write;
  std::vector<std::pair<std::string, std::filesystem::path>> sets;
};

Options parse(std::span<char*> words) {
  Options options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = words[i];
    const auto value = [&] {
      if (++i == words.size()) fail(ErrorCode::usage, "{} takes a value", word);
      return std::string(words[i]);
    };
    if (word == "--only") {
      options.only = value();
    } else if (word == "--versions") {
      options.versions = value();
    } else if (word == "--write") {
      options.write = value();
    } else if (const std::size_t equals = word.find('='); equals != std::string::npos) {
      options.sets.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    } else {
      fail(ErrorCode::usage,
           "'{}' given; accepted: --only TEXT, --versions FILE, --write FILE, NAME=FOLDER", word);
    }
  }
  return options;
}

SetResults run_set(const std::string& name, const std::filesystem::path& folder,
                   const std::string& only) {
  SetResults set{.name = name};
  for (const Case& example : find_cases(folder)) {
    if (example.name.find(only) == std::string::npos) continue;
    if (example.scope == Scope::out) {
      ++set.out_of_scope[example.out_of];
      continue;
    }
    std::string wrong = run_guarded([&] { return run_case(example); }, seconds_per_case);
    if (!wrong.empty()) fmt::print("{}: {}: {}\n", name, example.name, wrong);
    // Errors name the file they read, which lies elsewhere on other machines.
    const std::string path = (example.folder / "model.onnx").string();
    if (const std::size_t at = wrong.find(path); at != std::string::npos) {
      wrong.replace(at, path.size(), "model.onnx");
    }
    set.results.push_back({example, std::move(wrong)});
  }
  return set;
}

/// Lines of an op and the opsets that define it.
std::map<std::string, std::vector<std::int64_t>> read_versions(const std::filesystem::path& path) {
  std::map<std::string, std::vector<std::int64_t>> versions;
  if (path.empty()) return versions;
  std::istringstream lines(read_file(path, 1 << 20));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string op;
    words >> op;
    for (std::int64_t version; words >> version;) versions[op].push_back(version);
  }
  return versions;
}

int run(const Options& options) {
  std::vector<SetResults> sets;
  int unexplained = 0;
  for (const auto& [name, folder] : options.sets) {
    sets.push_back(run_set(name, folder, options.only));
    for (const auto& [group, count] : count_groups(sets.back())) {
      fmt::print("{:24} {:36} {:5} of {:5}\n", name, group, count.passed, count.all);
    }
    for (const Result& result : sets.back().results) {
      unexplained += !result.wrong.empty() && known_reason(result.example.name).empty();
    }
  }
  if (!options.write.empty()) {
    write_file(options.write, document(sets, read_versions(options.versions)));
  }
  fmt::print("{} failures that reasons.def does not explain\n", unexplained);
  return unexplained == 0 ? 0 : 1;
}

}  // namespace
}  // namespace strata::conformance

int main(int count, char** words) {
  try {
    using namespace strata::conformance;
    return run(parse(std::span(words, std::size_t(count))));
  } catch (const strata::Error& error) {
    fmt::print(stderr, "test_conformance: {}\n", error.what());
    return error.code() == strata::ErrorCode::usage ? 2 : 1;
  }
}
