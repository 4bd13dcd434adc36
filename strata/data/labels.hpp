#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/tensor/dtype.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::data {

/// A class number from a file; throws model above 2^31 or below 0.
std::int32_t checked_label(std::int64_t value);

/// The labels of a raw file: whole elements, little endian. Throws model.
std::vector<std::int32_t> parse_labels(std::span<const std::byte> bytes, DType dtype);
/// One column of a csv with a header line, a line for each item. Throws model with the line.
std::vector<std::int32_t> parse_label_column(std::string_view csv, std::string_view column);
/// The labels of an array [n] or [n,1] of integers. Throws model.
std::vector<std::int32_t> labels_from(const Tensor& tensor);

/// Which class a picture belongs to, by a csv file with a header line (docs/data.md, "Pictures").
class LabelTable {
 public:
  /// Throws model with the line.
  static LabelTable parse(std::string_view csv);

  /// By the picture's path in its folder or archive. Throws model if nothing, or more than one
  /// class, fits.
  std::int32_t label_of(std::string_view path) const;
  /// Names by class, empty where there is none; empty if the table has no names.
  const std::vector<std::string>& class_names() const { return names_; }

 private:
  void add(std::string_view key, std::int32_t label, std::size_t line);

  bool by_file_ = false;    // keys are pictures, else parts of their names
  bool by_number_ = false;  // the table has no keys: the class number itself is looked for
  std::map<std::string, std::int32_t, std::less<>> labels_;
  std::vector<std::string> names_;
};

/// Classes of pictures by the folders they lie in. With `classes`, folders have class names, or
/// there are as many of them, in the same order; else they are numbered in order of their names.
struct FolderLabels {
  std::vector<std::int32_t> labels;
  std::vector<std::string> class_names;
};
/// Nothing if no picture lies in a folder; throws model if only some do.
std::optional<FolderLabels> labels_by_folder(std::span<const std::string> paths,
                                             const std::vector<std::string>& classes);

}  // namespace strata::data
