#include "tests/conformance/guarded.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

#include "strata/base/error.hpp"

namespace strata::conformance {
namespace {

constexpr rlim_t most_memory = rlim_t(8) << 30;

[[noreturn]] void child(const std::function<std::string()>& body, int out) {
  const rlimit limit{most_memory, most_memory};
  setrlimit(RLIMIT_AS, &limit);
  const std::string result = body();
  std::size_t done = 0;
  while (done < result.size()) {
    const ssize_t count = write(out, result.data() + done, result.size() - done);
    if (count <= 0) _exit(1);
    done += std::size_t(count);
  }
  _exit(0);
}

/// All the child writes; false if time runs out.
bool read_all(int in, std::chrono::steady_clock::time_point end, std::string& text) {
  char block[4096];
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    pollfd wait{in, POLLIN, 0};
    if (left.count() <= 0 || poll(&wait, 1, int(left.count())) == 0) return false;
    const ssize_t count = read(in, block, sizeof block);
    if (count <= 0) return true;
    text.append(block, std::size_t(count));
  }
}

}  // namespace

std::string run_guarded(const std::function<std::string()>& body, int seconds) {
  int ends[2];
  if (pipe(ends) != 0) fail(ErrorCode::io, "no pipe: {}", std::strerror(errno));
  const pid_t process = fork();
  if (process < 0) fail(ErrorCode::io, "no process: {}", std::strerror(errno));
  if (process == 0) {
    close(ends[0]);
    child(body, ends[1]);
  }
  close(ends[1]);
  std::string text;
  const bool in_time =
      read_all(ends[0], std::chrono::steady_clock::now() + std::chrono::seconds(seconds), text);
  close(ends[0]);
  if (!in_time) kill(process, SIGKILL);
  int status = 0;
  waitpid(process, &status, 0);
  if (!in_time) return fmt::format("no end within {} seconds", seconds);
  if (WIFSIGNALED(status)) return fmt::format("crash: {}", strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) return fmt::format("crash: exit code {}", WEXITSTATUS(status));
  return text;
}

}  // namespace strata::conformance
