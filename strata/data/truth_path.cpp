#include "strata/data/truth_path.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::data {

namespace fs = std::filesystem;

fs::path truth_path(const fs::path& given, const Truth& truth, const std::string& name) {
  if (!given.empty() || name.empty()) return given;
  const fs::path relative(name);
  const bool plain =
      relative.is_relative() && std::ranges::none_of(relative, [](const fs::path& part) {
        return part == ".." || part == ".";
      });
  const fs::path folder = truth.folder.empty() ? fs::path(".") : truth.folder;
  std::error_code error;
  const fs::path root = fs::weakly_canonical(folder, error);
  const fs::path target = fs::weakly_canonical(folder / relative, error);
  const bool inside =
      std::ranges::mismatch(root, target).in1 == root.end();  // links may lead elsewhere
  if (!plain || !inside) {
    fail(ErrorCode::model, "[labels]: '{}' given, a path within the sidecar's folder expected",
         name);
  }
  return folder / relative;
}

}  // namespace strata::data
