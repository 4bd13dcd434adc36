#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

/// The program as a user runs it: exit codes, messages, JSON.
namespace strata::cli::testing {

using ::testing::TempDir;

inline const std::string source = STRATA_SOURCE_DIR;
inline const std::string model = source + "/demo/kws/kws_dscnn_fp32.onnx";

struct Outcome {
  int code = -1;  ///< 1000 and the signal, if that ended it
  std::string text;
};

/// Runs `strata ARGUMENTS` in a shell; stdout, and stderr too unless it is thrown away.
Outcome strata(const std::string& arguments, bool with_errors = true);
/// What it prints, after it succeeded.
nlohmann::json json_of(const std::string& arguments);
void expect_failure(int code, const std::string& part, const std::string& arguments);

/// The words of a text, one blank between them: where lines break depends on the length of paths.
std::string in_one_line(const std::string& text);
/// No line is wider than 80 columns.
void expect_narrow(const std::string& text);

/// A run of the program that can be interrupted.
class Running {
 public:
  /// `exec strata ARGUMENTS`, stdout and stderr into one pipe.
  explicit Running(const std::string& arguments);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  /// Until it says that, or ends.
  void wait_for(const std::string& part);
  /// Until it has a handler for SIGINT, or ends.
  void wait_for_handler() const;
  Outcome interrupt();

 private:
  bool read_some();

  pid_t child_ = -1;
  int from_ = -1;
  Outcome outcome_;
};

/// A folder of its own, removed in the end.
struct Folder {
  std::filesystem::path path;

  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const char* name) const { return (path / name).string(); }
  std::string text(const char* name) const;
  nlohmann::json json(const char* name) const;
};

}  // namespace strata::cli::testing
