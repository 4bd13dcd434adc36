#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "strata/tensor/tensor.hpp"

namespace strata::ir {

class Graph;

/// A subgraph held by a node (the body of a Fused, If, Loop). Shared and immutable: a pass that
/// changes it makes a copy.
using Subgraph = std::shared_ptr<const Graph>;

using Attribute =
    std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                 std::vector<std::string>, Tensor, DType, Subgraph>;

/// Attributes of a node, sorted by name. Getters throw model if the attribute has another kind.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> items);

  void set(std::string_view name, Attribute value);
  void erase(std::string_view name);
  const Attribute* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  /// The value, or the fallback if absent.
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  float real(std::string_view name, float fallback) const;
  std::string string(std::string_view name, std::string_view fallback) const;
  std::vector<std::int64_t> integers(std::string_view name,
                                     std::vector<std::int64_t> fallback = {}) const;
  std::vector<float> reals(std::string_view name) const;
  /// The value; throws model if absent.
  const Tensor& tensor(std::string_view name) const;
  DType dtype(std::string_view name) const;
  const Graph& graph(std::string_view name) const;

  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }
  bool empty() const { return items_.empty(); }

 private:
  std::vector<std::pair<std::string, Attribute>> items_;
};

/// The same kind and value; subgraphs and tensors by content.
bool equal(const Attribute& a, const Attribute& b);

}  // namespace strata::ir
