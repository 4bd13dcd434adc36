#include "strata/eval/counters.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace strata::eval {
namespace {

/// A powercap folder with energy counters as Linux shows them.
class Powercap {
 public:
  Powercap() {
    std::filesystem::remove_all(path_);
    write("intel-rapl:0", "package-0", 1000, 10'000);
    write("intel-rapl:1", "package-1", 9'000, 10'000);
    write("intel-rapl:0:0", "core", 5, 10'000);
  }
  ~Powercap() { std::filesystem::remove_all(path_); }

  void write(const std::string& zone, const std::string& name, long energy, long range) const {
    std::filesystem::create_directories(path_ / zone);
    std::ofstream(path_ / zone / "name") << name << "\n";
    std::ofstream(path_ / zone / "energy_uj") << energy << "\n";
    std::ofstream(path_ / zone / "max_energy_range_uj") << range << "\n";
  }
  std::filesystem::path zone(const char* name) const { return path_ / name; }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("strata_powercap_" + std::to_string(getpid()));
};

const Counted& find(const std::vector<Counted>& counted, std::string_view name) {
  for (const Counted& figure : counted) {
    if (figure.name == name) return figure;
  }
  throw std::runtime_error("no " + std::string(name));
}

TEST(Counters, GiveAFigureOrAReason) {
  Counters counters;
  int calls = 0;
  const std::vector<Counted> counted = counters.measure(7, [&] { ++calls; });
  EXPECT_EQ(calls, 7);
  ASSERT_EQ(counted.size(), 5u);
  for (const Counted& figure : counted) {
    EXPECT_NE(figure.per_run.has_value(), !figure.reason.empty()) << figure.name;
  }
}

TEST(Counters, AddUpTheEnergyOfPackagesAndKnowThatTheyWrap) {
  const Powercap powercap;
  Counters counters(powercap.path());
  const auto counted = counters.measure(2, [&, run = 0]() mutable {
    if (run++ > 0) return;
    powercap.write("intel-rapl:0", "package-0", 4000, 10'000);  // 3000 more
    powercap.write("intel-rapl:1", "package-1", 1000, 10'000);  // 2000 more, beyond its range
    powercap.write("intel-rapl:0:0", "core", 900, 10'000);      // part of package 0
  });
  EXPECT_DOUBLE_EQ(find(counted, "energy_j").per_run.value(), 5000e-6 / 2);
}

TEST(Counters, SayWhyThereIsNoEnergy) {
  Counters nowhere("/no/such/folder");
  EXPECT_EQ(find(nowhere.measure(1, [] {}), "energy_j").reason,
            "no processor package with an energy counter in /no/such/folder");
  const Powercap powercap;
  std::filesystem::remove(powercap.zone("intel-rapl:1") / "energy_uj");
  Counters partial(powercap.path());
  const auto counted = partial.measure(1, [] {});
  EXPECT_FALSE(find(counted, "energy_j").per_run);
  EXPECT_NE(find(counted, "energy_j").reason.find("intel-rapl:1/energy_uj cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace strata::eval
