#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::search {

/// One of the things a parameter can be. `value` is what integers and booleans stand for.
struct Choice {
  std::string name;
  std::int64_t value = 0;
};

struct Parameter {
  std::string name;
  std::vector<Choice> choices;
  std::uint32_t default_choice = 0;
};

/// Parameters whose choices are only names; `value` is the position.
Parameter categorical(std::string name, std::vector<std::string> choices,
                      std::uint32_t default_choice = 0);
Parameter integers(std::string name, const std::vector<std::int64_t>& values,
                   std::uint32_t default_choice = 0);
/// Choices `off` and `on`, in this order.
Parameter boolean(std::string name, bool default_value);

/// The index of the chosen choice of each parameter, in the order of the space.
using Point = std::vector<std::uint32_t>;

/// What can be varied: an ordered list of parameters with unique names.
class Space {
 public:
  Space() = default;
  explicit Space(std::vector<Parameter> parameters);

  /// Throws usage: name taken, no choices, two choices of one name, default out of range.
  void add(Parameter parameter);

  std::size_t size() const { return parameters_.size(); }
  const Parameter& operator[](std::size_t index) const { return parameters_[index]; }
  auto begin() const { return parameters_.begin(); }
  auto end() const { return parameters_.end(); }
  std::optional<std::size_t> find(std::string_view name) const;

  /// How many points there are; nothing when that exceeds 64 bits.
  std::optional<std::uint64_t> count() const;
  Point defaults() const;
  bool contains(const Point& point) const;

  /// What `point` chooses for the parameter `name`; throws usage when there is none.
  const Choice& choice(const Point& point, std::string_view name) const;
  /// "fusion=on threads=2", every parameter.
  std::string text(const Point& point) const;
  /// Only the parameters in which `point` differs from `base`; empty when it does not.
  std::string differences(const Point& point, const Point& base) const;

 private:
  std::vector<Parameter> parameters_;
};

}  // namespace strata::search
