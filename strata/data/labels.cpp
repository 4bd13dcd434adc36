#include "strata/data/labels.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstring>
#include <limits>
#include <set>

#include "strata/base/error.hpp"
#include "strata/data/csv.hpp"

namespace strata::data {
namespace {

constexpr std::size_t most_names = 1 << 20;

enum class Role { file, label, name, key };

Role role_of(std::string header) {
  std::ranges::transform(header, header.begin(),
                         [](char c) { return char(std::tolower(static_cast<unsigned char>(c))); });
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, header) != names.end();
  };
  if (is_one_of({"file", "filename", "path", "image", "picture"})) return Role::file;
  if (is_one_of({"label", "class", "class_index", "index", "target"})) return Role::label;
  if (is_one_of({"name", "class_name"})) return Role::name;
  return Role::key;
}

std::int32_t label_field(std::string_view field, std::size_t line) {
  std::int64_t value = -1;
  const auto result = std::from_chars(field.data(), field.data() + field.size(), value);
  if (field.empty() || result.ec != std::errc() || result.ptr != field.data() + field.size()) {
    fail(ErrorCode::model, "line {}: class '{}', a number expected", line, field);
  }
  return with_context([&] { return fmt::format("line {}", line); },
                      [&] { return checked_label(value); });
}

std::string_view base_name(std::string_view path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

/// Parts of a path between the characters that separate words in file names.
std::vector<std::string_view> words_of(std::string_view path) {
  std::vector<std::string_view> words;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find_first_of("/_-. "), path.size());
    if (end > 0) words.push_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return words;
}

/// The number a file name begins with.
std::optional<std::string> leading_number(std::string_view path) {
  const std::string_view name = base_name(path);
  std::int64_t value = 0;
  const auto result = std::from_chars(name.data(), name.data() + name.size(), value);
  if (result.ec != std::errc()) return std::nullopt;
  return std::to_string(value);
}

}  // namespace

std::int32_t checked_label(std::int64_t value) {
  if (value < 0 || value > std::numeric_limits<std::int32_t>::max()) {
    fail(ErrorCode::model, "class {}, accepted are 0 to {}", value,
         std::numeric_limits<std::int32_t>::max());
  }
  return std::int32_t(value);
}

std::vector<std::int32_t> parse_labels(std::span<const std::byte> bytes, DType dtype) {
  const std::size_t width = size_of(dtype);
  if (bytes.size() % width != 0) {
    fail(ErrorCode::model, "{} bytes are no whole number of {} labels", bytes.size(),
         to_string(dtype));
  }
  const Shape shape{std::int64_t(bytes.size() / width)};
  return labels_from(Tensor::borrow(dtype, shape, static_cast<const void*>(bytes.data())));
}

std::vector<std::int32_t> labels_from(const Tensor& tensor) {
  const Shape& shape = tensor.shape();
  const bool list = shape.rank() == 1 || (shape.rank() == 2 && shape[1] == 1);
  if (!list || !is_integer(tensor.dtype())) {
    fail(ErrorCode::model, "labels are {}{}, a list of integers expected",
         to_string(tensor.dtype()), to_string(shape));
  }
  std::vector<std::int32_t> labels;
  labels.reserve(std::size_t(tensor.elements()));
  for (const std::int64_t value : tensor.to_int64()) {
    labels.push_back(with_context([&] { return fmt::format("label {}", labels.size()); },
                                  [&] { return checked_label(value); }));
  }
  return labels;
}

std::vector<std::int32_t> parse_label_column(std::string_view csv, std::string_view column) {
  std::vector<std::int32_t> labels;
  std::optional<std::size_t> at;
  for (CsvReader lines(csv); lines.next();) {
    const std::vector<std::string>& fields = lines.fields();
    if (!at) {
      const auto found = std::ranges::find(fields, column);
      if (found == fields.end()) {
        fail(ErrorCode::model, "line {}: no column '{}', there are {}", lines.number(), column,
             fmt::join(fields, ", "));
      }
      at = std::size_t(found - fields.begin());
      continue;
    }
    lines.expect_as_many_as_header();
    labels.push_back(label_field(fields[*at], lines.number()));
  }
  return labels;
}

LabelTable LabelTable::parse(std::string_view csv) {
  LabelTable table;
  std::vector<Role> roles;
  for (CsvReader lines(csv); lines.next();) {
    const std::size_t number = lines.number();
    const std::vector<std::string>& fields = lines.fields();
    if (roles.empty()) {
      for (const std::string& field : fields) roles.push_back(role_of(field));
      table.by_file_ = std::ranges::count(roles, Role::file) == 1;
      table.by_number_ = !table.by_file_ && std::ranges::count(roles, Role::key) == 0;
      if (std::ranges::count(roles, Role::label) != 1) {
        fail(ErrorCode::model,
             "line 1: one column named label, class, class_index, index or target "
             "expected");
      }
      continue;
    }
    if (fields.size() != roles.size()) {
      fail(ErrorCode::model, "line {}: {} fields, {} expected", number, fields.size(),
           roles.size());
    }
    const auto column = [&](Role role) { return std::ranges::find(roles, role) - roles.begin(); };
    const std::int32_t label = label_field(fields[std::size_t(column(Role::label))], number);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const Role wanted = table.by_file_ ? Role::file : table.by_number_ ? Role::label : Role::key;
      if (roles[i] == wanted) {
        table.add(table.by_number_ ? std::to_string(label) : fields[i], label, number);
      }
      if (roles[i] == Role::name && std::size_t(label) < most_names) {
        if (table.names_.size() <= std::size_t(label)) table.names_.resize(std::size_t(label) + 1);
        table.names_[std::size_t(label)] = fields[i];
      }
    }
  }
  if (roles.empty()) fail(ErrorCode::model, "no header line");
  return table;
}

void LabelTable::add(std::string_view key, std::int32_t label, std::size_t line) {
  if (key.empty()) return;
  const auto [entry, is_new] = labels_.emplace(key, label);
  if (!is_new && entry->second != label) {
    fail(ErrorCode::model, "line {}: '{}' stands for class {} and for class {}", line, key,
         entry->second, label);
  }
}

std::int32_t LabelTable::label_of(std::string_view path) const {
  std::optional<std::int32_t> found;
  const auto look_up = [&](std::string_view key) {
    const auto entry = labels_.find(key);
    if (entry == labels_.end()) return;
    if (found && *found != entry->second) {
      fail(ErrorCode::model, "picture {}: classes {} and {} both fit its name", path, *found,
           entry->second);
    }
    found = entry->second;
  };
  if (by_file_) {
    look_up(path);
    if (!found) look_up(base_name(path));
  } else if (by_number_) {
    if (const auto number = leading_number(path)) look_up(*number);
  } else {
    for (const std::string_view word : words_of(path)) look_up(word);
  }
  if (!found)
    fail(ErrorCode::model, "picture {}: the table of labels does not name its class", path);
  return *found;
}

std::optional<FolderLabels> labels_by_folder(std::span<const std::string> paths,
                                             const std::vector<std::string>& classes) {
  std::vector<std::string> folders;
  for (const std::string& path : paths) {
    const std::string_view parent = std::string_view(path).substr(0, path.rfind('/') + 1);
    folders.emplace_back(parent.empty() ? parent : base_name(parent.substr(0, parent.size() - 1)));
  }
  const auto bare = std::ranges::find(folders, std::string());
  if (std::ranges::count(folders, std::string()) == std::ptrdiff_t(folders.size())) return {};
  if (bare != folders.end()) {
    fail(ErrorCode::model, "picture {} lies in no class folder, others do",
         paths[std::size_t(bare - folders.begin())]);
  }
  const std::set<std::string> distinct(folders.begin(), folders.end());
  FolderLabels result;
  result.class_names.assign(distinct.begin(), distinct.end());
  if (!classes.empty()) {
    const bool by_name = std::ranges::all_of(distinct, [&](const std::string& name) {
      return std::ranges::find(classes, name) != classes.end();
    });
    if (!by_name && classes.size() != distinct.size()) {
      fail(ErrorCode::model,
           "{} class folders such as '{}' fit neither the names nor the number of "
           "the {} classes",
           distinct.size(), *distinct.begin(), classes.size());
    }
    if (by_name) result.class_names = classes;
  }
  std::map<std::string_view, std::int32_t> numbers;
  for (std::size_t i = 0; i < result.class_names.size(); ++i) {
    numbers.emplace(result.class_names[i], std::int32_t(i));
  }
  for (const std::string& folder : folders) result.labels.push_back(numbers.at(folder));
  if (!classes.empty()) result.class_names = classes;
  return result;
}

}  // namespace strata::data
