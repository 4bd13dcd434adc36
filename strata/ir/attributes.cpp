#include "strata/ir/attributes.hpp"

#include <algorithm>
#include <bit>

#include "strata/ir/graph.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/text.hpp"

namespace strata::ir {
namespace {

template <class T>
const T& get(const Attribute& attribute, std::string_view name, const char* wanted) {
  const T* value = std::get_if<T>(&attribute);
  if (!value) {
    fail(ErrorCode::model, "attribute '{}' is of kind {}, expected {}", name,
         to_string(AttributeKind(attribute.index())), wanted);
  }
  return *value;
}

bool before(const std::pair<std::string, Attribute>& item, std::string_view name) {
  return item.first < name;
}

bool same_bits(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

}  // namespace

Attributes::Attributes(std::initializer_list<std::pair<std::string, Attribute>> items) {
  for (const auto& [name, value] : items) set(name, value);
}

void Attributes::set(std::string_view name, Attribute value) {
  auto at = std::lower_bound(items_.begin(), items_.end(), name, before);
  if (at != items_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    items_.emplace(at, std::string(name), std::move(value));
  }
}

void Attributes::erase(std::string_view name) {
  auto at = std::lower_bound(items_.begin(), items_.end(), name, before);
  if (at != items_.end() && at->first == name) items_.erase(at);
}

const Attribute* Attributes::find(std::string_view name) const {
  auto at = std::lower_bound(items_.begin(), items_.end(), name, before);
  return at != items_.end() && at->first == name ? &at->second : nullptr;
}

std::int64_t Attributes::integer(std::string_view name, std::int64_t fallback) const {
  const Attribute* attribute = find(name);
  return attribute ? get<std::int64_t>(*attribute, name, "integer") : fallback;
}

float Attributes::real(std::string_view name, float fallback) const {
  const Attribute* attribute = find(name);
  return attribute ? get<float>(*attribute, name, "real") : fallback;
}

std::string Attributes::string(std::string_view name, std::string_view fallback) const {
  const Attribute* attribute = find(name);
  return attribute ? get<std::string>(*attribute, name, "string") : std::string(fallback);
}

std::vector<std::int64_t> Attributes::integers(std::string_view name,
                                               std::vector<std::int64_t> fallback) const {
  const Attribute* attribute = find(name);
  if (!attribute) return fallback;
  return get<std::vector<std::int64_t>>(*attribute, name, "integers");
}

std::vector<float> Attributes::reals(std::string_view name) const {
  const Attribute* attribute = find(name);
  if (!attribute) return {};
  return get<std::vector<float>>(*attribute, name, "reals");
}

namespace {

const Attribute& need(const Attributes& attributes, std::string_view name) {
  const Attribute* attribute = attributes.find(name);
  if (!attribute) fail(ErrorCode::model, "attribute '{}' is missing", name);
  return *attribute;
}

}  // namespace

const Tensor& Attributes::tensor(std::string_view name) const {
  return get<Tensor>(need(*this, name), name, "tensor");
}

DType Attributes::dtype(std::string_view name) const {
  return get<DType>(need(*this, name), name, "dtype");
}

const Graph& Attributes::graph(std::string_view name) const {
  const auto& graph = get<Subgraph>(need(*this, name), name, "graph");
  if (!graph) fail(ErrorCode::model, "attribute '{}' is a graph without content", name);
  return *graph;
}

bool equal(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& left) {
        using T = std::decay_t<decltype(left)>;
        const T& right = std::get<T>(b);
        if constexpr (std::is_same_v<T, float>) {
          return same_bits(left, right);
        } else if constexpr (std::is_same_v<T, std::vector<float>>) {
          return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_bits);
        } else if constexpr (std::is_same_v<T, Tensor>) {
          return strata::identical(left, right);
        } else if constexpr (std::is_same_v<T, Subgraph>) {
          return left == right || (left && right && identical(*left, *right));
        } else {
          return left == right;
        }
      },
      a);
}

}  // namespace strata::ir
