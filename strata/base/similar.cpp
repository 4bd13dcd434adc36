#include "strata/base/similar.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace strata {
namespace {

std::string folded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c != '*') result += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  }
  return result;
}

/// Letters to insert, drop, change or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t(0));
  for (std::size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({above[j + 1] + 1, row[j] + 1, above[j] + (a[i] != b[j])});
      const bool swapped = i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j];
      if (swapped) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
    before = std::exchange(above, std::exchange(row, before));
  }
  return above[b.size()];
}

}  // namespace

std::vector<std::string> similar_names(std::string_view word, std::span<const std::string> names,
                                       std::size_t most) {
  constexpr std::size_t longest = 64;  // more is no slip of the fingers
  const std::string wanted = folded(word);
  if (wanted.empty() || wanted.size() > longest) return {};
  struct Found {
    std::size_t far, at;
  };
  std::vector<Found> found;
  for (std::size_t at = 0; at < names.size(); ++at) {
    const std::string text = folded(names[at]);
    if (text.find(wanted) != std::string::npos) {
      found.push_back({0, at});
    } else if (text.size() <= longest) {
      const std::size_t far = distance(wanted, text);
      if (3 * far <= std::max(wanted.size(), text.size())) found.push_back({far, at});
    }
  }
  std::ranges::sort(found, {}, [](const Found& of) { return std::pair(of.far, of.at); });
  if (found.size() > most) found.resize(most);
  std::vector<std::string> result;
  for (const Found& of : found) result.push_back(names[of.at]);
  return result;
}

std::string suggestion(std::string_view word, std::span<const std::string> names) {
  const std::vector<std::string> similar = similar_names(word, names);
  std::string text;
  for (std::size_t i = 0; i < similar.size(); ++i) {
    text += i == 0 ? "; did you mean " : i + 1 < similar.size() ? ", " : " or ";
    text += similar[i];
  }
  return text.empty() ? "" : text + "?";
}

}  // namespace strata
