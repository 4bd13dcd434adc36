#include "strata/search/strategy.hpp"

namespace strata::search {
namespace {

/// All choices of one parameter after the other, the rest as the best point so far has them. With
/// a parameter per layer this is the exhaustive search per layer. `total` is exact.
class ExhaustivePerParameter final : public Strategy {
 public:
  ExhaustivePerParameter(const Space& space, const StrategyOptions& options)
      : Strategy(space, options), centre_(this->options().base) {}

  std::uint64_t total() const override {
    std::uint64_t total = 1;
    for (const Parameter& parameter : space()) total += parameter.choices.size() - 1;
    return total;
  }
  std::string_view phase() const override { return at_base_ ? "base" : "per parameter"; }

 private:
  std::optional<Point> propose() override {
    if (!is_known(centre_)) {
      at_base_ = true;
      return centre_;
    }
    at_base_ = false;
    while (parameter_ < space().size()) {
      Point point = centre_;
      for (; choice_ < space()[parameter_].choices.size(); ++choice_) {
        point[parameter_] = choice_;
        if (!is_known(point)) return point;
      }
      // The next parameter builds on the outcome of this one.
      if (!all_told()) return std::nullopt;
      if (best()) centre_ = *best();
      ++parameter_;
      choice_ = 0;
    }
    return std::nullopt;
  }

  bool all_told() const {
    Point point = centre_;
    for (std::uint32_t choice = 0; choice < space()[parameter_].choices.size(); ++choice) {
      point[parameter_] = choice;
      if (!measured(point)) return false;
    }
    return true;
  }

  Point centre_;
  std::size_t parameter_ = 0;
  std::uint32_t choice_ = 0;
  bool at_base_ = true;
};

}  // namespace

extern const StrategyDef exhaustive_per_parameter_strategy;
constinit const StrategyDef exhaustive_per_parameter_strategy = {
    .name = "exhaustive_per_parameter",
    .summary = "measures every choice of one parameter after the other, keeping the best",
    .make = [](const Space& space, const StrategyOptions& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<ExhaustivePerParameter>(space, options);
    }};

}  // namespace strata::search
