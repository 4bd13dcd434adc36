#include "strata/base/cpu.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cmath>
#include <thread>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"

namespace strata {
namespace {

namespace fs = std::filesystem;

TEST(Isa, NamesAndMasksRoundTrip) {
  EXPECT_EQ(parse_isa(to_string(detected_isa())), detected_isa());
  EXPECT_EQ(parse_isa("baseline"), Isa::baseline);
  EXPECT_EQ(to_string(Isa::avx2 | Isa::avx512), "avx512");
  EXPECT_EQ(to_string(Isa::avx512_vnni), "avx512_vnni");
  EXPECT_TRUE(has_isa(Isa::avx2 | Isa::avx512, Isa::avx2));
  EXPECT_FALSE(has_isa(Isa::avx2, Isa::avx2 | Isa::avx512));
}

#if defined(__x86_64__)
TEST(Isa, AgreesWithTheCompilersDetection) {
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx2), avx2);
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx512), avx512);
  EXPECT_EQ(has_isa(detected_isa(), Isa::avx512_vnni),
            avx512 && __builtin_cpu_supports("avx512vnni"));
}
#endif

TEST(Isa, RefusalsNameWhatIsAccepted) {
  for (const char* name :
       {"sse9", "", "AVX2", has_isa(detected_isa(), Isa::neon) ? "avx2" : "neon"}) {
    try {
      parse_isa(name);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("'baseline'"), std::string::npos) << error.what();
    }
  }
}

TEST(Machine, HasPlausibleCaches) {
  const Machine& machine = this_machine();
  EXPECT_FALSE(machine.cpu_name.empty());
  EXPECT_GE(machine.l1_bytes, 4u << 10);
  EXPECT_GE(machine.l2_bytes, machine.l1_bytes);
}

/// A folder that looks like the root of a system with control groups.
class Quota : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::temp_directory_path() / fmt::format("strata-quota-{}", getpid());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void put(const std::string& path, std::string_view text) {
    fs::create_directories((root_ / path).parent_path());
    write_file(root_ / path, text);
  }
  double cpus() const { return detail::cgroup_cpus(root_); }

  fs::path root_;
};

TEST_F(Quota, VersionTwoTakesTheTightestAncestor) {
  put("proc/self/cgroup", "0::/slice/job\n");
  EXPECT_TRUE(std::isinf(cpus()));
  put("sys/fs/cgroup/slice/job/cpu.max", "max 100000\n");
  EXPECT_TRUE(std::isinf(cpus()));
  put("sys/fs/cgroup/slice/cpu.max", "250000 100000\n");
  EXPECT_EQ(cpus(), 2.5);
  put("sys/fs/cgroup/slice/job/cpu.max", "50000 100000\n");
  EXPECT_EQ(cpus(), 0.5);
}

TEST_F(Quota, VersionOneInsideAContainerFallsBackOnTheMount) {
  put("proc/self/cgroup", "12:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n1:name=systemd:/x\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_TRUE(std::isinf(cpus()));
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "400000\n");
  EXPECT_EQ(cpus(), 4);
}

TEST_F(Quota, NonsenseMeansNoLimit) {
  EXPECT_TRUE(std::isinf(cpus())) << "no control groups at all";
  for (const char* groups : {"", ":", "::", "0::", "0::/../..", "garbage\n\n::::\n"}) {
    put("proc/self/cgroup", groups);
    for (const char* text : {"", "x", "100000", "0 0", "100000 0", "-5 100000", "9e9 y",
                             "99999999999999999999999 1"}) {
      put("sys/fs/cgroup/cpu.max", text);
      EXPECT_TRUE(std::isinf(cpus())) << groups << " / " << text;
    }
  }
}

TEST(UsableThreads, FollowsTheAffinityMask) {
  const int all = usable_threads();
  EXPECT_GE(all, 1);
  int pinned = 0;
  std::thread([&] {
    cpu_set_t mask;
    CPU_ZERO(&mask);
    CPU_SET(unsigned(sched_getcpu()), &mask);
    if (sched_setaffinity(0, sizeof mask, &mask) == 0) pinned = usable_threads();
  }).join();
  EXPECT_LE(pinned, 1);
  EXPECT_EQ(usable_threads(), all);
}

}  // namespace
}  // namespace strata
