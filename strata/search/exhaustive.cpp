#include "strata/base/error.hpp"
#include "strata/search/strategy.hpp"

namespace strata::search {
namespace {

/// Every point of the space in lexicographic order; `total` is exact.
class Exhaustive final : public Strategy {
 public:
  Exhaustive(const Space& space, const StrategyOptions& options) : Strategy(space, options) {
    const std::optional<std::uint64_t> count = space.count();
    if (!count) {
      fail(ErrorCode::usage, "exhaustive search: the space of {} parameters has over 2^64 points",
           space.size());
    }
    total_ = *count;
    upcoming_ = Point(space.size(), 0);
  }

  std::uint64_t total() const override { return total_; }
  std::string_view phase() const override { return "enumeration"; }

 private:
  std::optional<Point> propose() override {
    if (asked_ == total_) return std::nullopt;
    ++asked_;
    const Point point = upcoming_;
    for (std::size_t i = point.size(); i-- > 0;) {
      if (++upcoming_[i] < space()[i].choices.size()) break;
      upcoming_[i] = 0;
    }
    return point;
  }

  std::uint64_t total_ = 0;
  std::uint64_t asked_ = 0;
  Point upcoming_;
};

}  // namespace

extern const StrategyDef exhaustive_strategy;
constinit const StrategyDef exhaustive_strategy = {
    .name = "exhaustive",
    .summary = "measures every combination",
    .make = [](const Space& space, const StrategyOptions& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<Exhaustive>(space, options);
    }};

}  // namespace strata::search
