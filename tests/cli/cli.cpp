#include "tests/cli/cli.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace strata::cli::testing {

Outcome strata(const std::string& arguments, bool with_errors) {
  const std::string command =
      std::string(STRATA_PROGRAM) + " " + arguments + (with_errors ? " 2>&1" : " 2>/dev/null");
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    outcome.text.append(buffer, size);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return outcome;
}

nlohmann::json json_of(const std::string& arguments) {
  const Outcome outcome = strata(arguments, false);
  EXPECT_EQ(outcome.code, 0) << arguments;
  return nlohmann::json::parse(outcome.text);
}

void expect_failure(int code, const std::string& part, const std::string& arguments) {
  const Outcome outcome = strata(arguments);
  EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.text;
  EXPECT_TRUE(outcome.text.starts_with("strata: error: ")) << outcome.text;
  EXPECT_NE(outcome.text.find(part), std::string::npos) << outcome.text;
}

std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += word + " ";
  return line;
}

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  const auto continues = [](char c) { return (c & 0xC0) == 0x80; };
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::ssize(line) - std::ranges::count_if(line, continues), 80) << line;
  }
}

Running::Running(const std::string& arguments) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("pipe");
  child_ = fork();
  if (child_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    const std::string command = "exec " + std::string(STRATA_PROGRAM) + " " + arguments;
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  from_ = ends[0];
}

Running::~Running() {
  close(from_);
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
}

void Running::wait_for(const std::string& part) {
  while (outcome_.text.find(part) == std::string::npos && read_some()) {
  }
}

void Running::wait_for_handler() const {
  for (;;) {
    std::ifstream status("/proc/" + std::to_string(child_) + "/status");
    bool ended = true, handles = false, started = false;  // before, it is a shell
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("Name:")) started = line.ends_with("\tstrata");
      if (line.starts_with("State:")) ended = line.find('Z') != std::string::npos;
      if (!line.starts_with("SigCgt:")) continue;
      handles = std::stoull(line.substr(line.find('\t')), nullptr, 16) >> (SIGINT - 1) & 1;
    }
    if (ended || (started && handles)) return;
    usleep(1000);
  }
}

Outcome Running::interrupt() {
  kill(child_, SIGINT);
  while (read_some()) {
  }
  int status = 0;
  waitpid(child_, &status, 0);
  child_ = -1;
  outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return outcome_;
}

bool Running::read_some() {
  char buffer[4096];
  const ssize_t size = read(from_, buffer, sizeof buffer);
  if (size > 0) outcome_.text.append(buffer, std::size_t(size));
  return size > 0;
}

Folder::Folder()
    : path(std::filesystem::temp_directory_path() / fmt::format("strata_cli_{}", ::getpid())) {
  std::filesystem::create_directories(path);
}

Folder::~Folder() { std::filesystem::remove_all(path); }

std::string Folder::text(const char* name) const {
  std::ifstream stream(path / name);
  return {std::istreambuf_iterator<char>(stream), {}};
}

nlohmann::json Folder::json(const char* name) const {
  return nlohmann::json::parse(std::ifstream(path / name));
}

}  // namespace strata::cli::testing
