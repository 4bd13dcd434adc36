#include "strata/data/sidecar.hpp"

// On some malformed keys ("[# a") toml++ fails an assertion instead of complaining. Here that is a
// complaint too, in every kind of build, so the parser is compiled into this file.
#undef NDEBUG
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ASSERT(expression) ((expression) ? void(0) : ::strata::data::malformed_toml())
namespace strata::data {
[[noreturn]] void malformed_toml();
}
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"

namespace strata::data {
namespace {

constexpr std::int64_t most_side = 32768;
constexpr std::int64_t most_samples = std::int64_t(1) << 31;
constexpr std::int64_t most_classes = 1 << 20;

/// One section; complains in its name about keys that nobody asked for.
class Section {
 public:
  Section(const toml::table& table, std::string_view name) : table_(table), name_(name) {}

  const toml::node* find(std::string_view key) {
    known_.push_back(key);
    return table_.get(key);
  }

  [[noreturn]] void complain(std::string_view key, const std::string& what) const {
    const toml::node* node = table_.get(key);
    const auto line = node ? node->source().begin.line : 0;
    fail(ErrorCode::model, "{}[{}] {}: {}", line ? fmt::format("line {}: ", line) : std::string(),
         name_, key, what);
  }

  std::optional<std::string> text(std::string_view key) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    if (!node->is_string()) complain(key, "a string expected");
    return node->ref<std::string>();
  }
  std::string required_text(std::string_view key) {
    auto value = text(key);
    if (!value) complain(key, "the key is missing");
    return *value;
  }
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    return as_integer(key, *node, low, high);
  }
  std::optional<double> number(std::string_view key) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    return as_number(key, *node);
  }
  std::vector<double> numbers(std::string_view key, std::vector<double> fallback) {
    const toml::node* node = find(key);
    if (!node) return fallback;
    if (!node->is_array()) return {as_number(key, *node)};
    std::vector<double> values;
    for (const toml::node& element : *node->as_array()) values.push_back(as_number(key, element));
    if (values.empty()) complain(key, "one number or a list of numbers expected");
    return values;
  }
  std::optional<std::vector<std::int64_t>> integers(std::string_view key, std::int64_t low,
                                                    std::int64_t high) {
    const toml::node* node = find(key);
    if (!node) return std::nullopt;
    if (!node->is_array()) complain(key, "a list of integers expected");
    std::vector<std::int64_t> values;
    for (const toml::node& element : *node->as_array()) {
      values.push_back(as_integer(key, element, low, high));
    }
    return values;
  }
  template <class T, std::size_t n>
  T choice(std::string_view key, const std::array<std::pair<std::string_view, T>, n>& choices,
           T fallback) {
    const auto given = text(key);
    if (!given) return fallback;
    std::string accepted;
    for (const auto& [name, value] : choices) {
      if (name == *given) return value;
      accepted += (accepted.empty() ? "" : ", ") + std::string(name);
    }
    complain(key, fmt::format("'{}' given, accepted are {}", *given, accepted));
  }

  /// To be called when all keys were asked for.
  void refuse_unknown() const {
    for (const auto& [key, node] : table_) {
      if (std::ranges::find(known_, key.str()) != known_.end()) continue;
      std::string accepted;
      for (const auto known : known_) {
        accepted += (accepted.empty() ? "" : ", ") + std::string(known);
      }
      complain(key.str(), "unknown key, accepted are " + accepted);
    }
  }

 private:
  std::int64_t as_integer(std::string_view key, const toml::node& node, std::int64_t low,
                          std::int64_t high) const {
    if (!node.is_integer()) complain(key, "an integer expected");
    const std::int64_t value = node.ref<std::int64_t>();
    if (value < low || value > high) {
      complain(key, fmt::format("{} given, accepted are {} to {}", value, low, high));
    }
    return value;
  }
  double as_number(std::string_view key, const toml::node& node) const {
    if (!node.is_number()) complain(key, "a number expected");
    const double value = *node.value<double>();
    if (!std::isfinite(float(value))) complain(key, "a finite f32 number expected");
    return value;
  }

  const toml::table& table_;
  std::string_view name_;
  std::vector<std::string_view> known_;
};

std::vector<std::string> read_files(Section& section) {
  const toml::node* node = section.find("file");
  if (!node) section.complain("file", "the key is missing");
  if (node->is_string()) return {node->ref<std::string>()};
  std::vector<std::string> files;
  if (const toml::array* list = node->as_array()) {
    for (const toml::node& element : *list) {
      if (element.is_string()) files.push_back(element.ref<std::string>());
    }
    if (files.size() != list->size()) files.clear();
  }
  if (files.empty()) section.complain("file", "a file name or a list of file names expected");
  return files;
}

DType read_dtype(Section& section, std::string_view given, bool labels) {
  const auto dtype = parse_dtype(given);
  const bool fits = dtype && *dtype != DType::boolean && !is_narrow(*dtype) &&
                    (!labels || *dtype == DType::u8 || *dtype == DType::u16 ||
                     *dtype == DType::i32 || *dtype == DType::i64);
  if (!fits) {
    section.complain("dtype",
                     fmt::format("'{}' given, accepted are {}", given,
                                 labels ? "u8, u16, i32 and i64"
                                        : "f64, f32, f16, bf16, i8, u8, i16, u16, i32, u32, i64 "
                                          "and u64"));
  }
  return *dtype;
}

RecordsSpec read_records(Section section) {
  RecordsSpec spec;
  spec.files = read_files(section);
  spec.dtype = read_dtype(section, section.required_text("dtype"), false);
  const auto shape = section.integers("shape", 1, std::int64_t(1) << 40);
  if (!shape) section.complain("shape", "the key is missing");
  if (shape->size() > std::size_t(max_rank)) {
    section.complain("shape", fmt::format("{} axes, at most {} accepted", shape->size(), max_rank));
  }
  spec.shape = Shape(*shape);
  spec.scale = section.number("scale");
  spec.zero_point = section.integer("zero_point", -(std::int64_t(1) << 24), std::int64_t(1) << 24);
  constexpr std::array<std::pair<std::string_view, bool>, 2> labels{
      {{"none", false}, {"u8", true}}};
  spec.label_byte = section.choice("label", labels, false);
  section.refuse_unknown();
  return spec;
}

std::optional<Extent> read_extent(Section& section, std::string_view key) {
  const auto values = section.integers(key, 1, most_side);
  if (!values) return std::nullopt;
  if (values->size() != 2) section.complain(key, "[height, width] expected");
  return Extent{int((*values)[0]), int((*values)[1])};
}

/// Reads the keys that are there over what `spec` holds.
void read_image(Section& section, ImageSpec& spec) {
  if (const auto side = section.integer("resize", 1, most_side)) spec.resize = int(*side);
  if (const auto extent = read_extent(section, "crop")) spec.crop = extent;
  if (const auto extent = read_extent(section, "size")) spec.size = extent;
  constexpr std::array<std::pair<std::string_view, Interpolation>, 2> interpolations{
      {{"bilinear", Interpolation::bilinear}, {"bicubic", Interpolation::bicubic}}};
  constexpr std::array<std::pair<std::string_view, Channels>, 3> channels{
      {{"rgb", Channels::rgb}, {"bgr", Channels::bgr}, {"gray", Channels::gray}}};
  constexpr std::array<std::pair<std::string_view, ImageLayout>, 2> layouts{
      {{"nchw", ImageLayout::nchw}, {"nhwc", ImageLayout::nhwc}}};
  spec.interpolation = section.choice("interpolation", interpolations, spec.interpolation);
  if (section.find("channels")) spec.channels = section.choice("channels", channels, Channels::rgb);
  if (section.find("layout")) spec.layout = section.choice("layout", layouts, ImageLayout::nchw);
  if (const auto divide = section.number("divide")) spec.divide = *divide;
  spec.mean = section.numbers("mean", spec.mean);
  spec.std = section.numbers("std", spec.std);
  const auto is_zero = [](double value) { return float(value) == 0; };
  if (is_zero(spec.divide)) section.complain("divide", "0 given");
  if (std::ranges::any_of(spec.std, is_zero)) section.complain("std", "0 given");
  section.refuse_unknown();
}

LabelsSpec read_labels(Section section) {
  LabelsSpec spec;
  spec.file = section.text("file");
  if (const auto dtype = section.text("dtype")) spec.dtype = read_dtype(section, *dtype, true);
  spec.column = section.text("column");
  spec.offset = section.integer("offset", -most_classes, most_classes).value_or(0);
  spec.classes = section.text("classes");
  spec.masks = section.text("masks");
  spec.boxes = section.text("boxes");
  section.refuse_unknown();
  return spec;
}

FilesSpec read_files_spec(Section section) {
  const FilesSpec spec{section.text("archive")};
  section.refuse_unknown();
  return spec;
}

AudioSpec read_audio(Section section) {
  AudioSpec spec;
  spec.rate = section.integer("rate", 1, 1'000'000);
  spec.length = section.integer("length", 1, most_samples);
  constexpr std::array<std::pair<std::string_view, AudioChannels>, 4> channels{
      {{"mono", AudioChannels::mono},
       {"left", AudioChannels::left},
       {"right", AudioChannels::right},
       {"stereo", AudioChannels::stereo}}};
  spec.channels = section.choice("channels", channels, spec.channels);
  spec.scale = section.number("scale").value_or(spec.scale);
  section.refuse_unknown();
  return spec;
}

DetectionSpec read_detections(Section section) {
  DetectionSpec spec;
  spec.boxes = section.text("boxes");
  spec.scores = section.text("scores");
  spec.classes = section.text("classes");
  spec.count = section.text("count");
  constexpr std::array<std::pair<std::string_view, BoxForm>, 4> forms{
      {{"yxyx", BoxForm::yxyx},
       {"xyxy", BoxForm::xyxy},
       {"xywh", BoxForm::xywh},
       {"cxcywh", BoxForm::cxcywh}}};
  spec.form = section.choice("form", forms, spec.form);
  constexpr std::array<std::pair<std::string_view, bool>, 2> units{
      {{"fractions", false}, {"pixels", true}}};
  spec.pixels = section.choice("units", units, spec.pixels);
  spec.background = section.integer("background", 0, most_classes);
  spec.score = section.number("score").value_or(spec.score);
  spec.overlap = section.number("overlap");
  if (spec.overlap && !(*spec.overlap >= 0 && *spec.overlap <= 1)) {
    section.complain("overlap", fmt::format("{} given, accepted are 0 to 1", *spec.overlap));
  }
  section.refuse_unknown();
  return spec;
}

void check_image(const ImageSpec& spec) {
  if (spec.size && (spec.resize || spec.crop)) {
    fail(ErrorCode::model, "[image] size: excludes resize and crop");
  }
}

/// What one section excludes of others.
void check_sections(const Sidecar& sidecar) {
  if (sidecar.records.has_value() + sidecar.pictures.has_value() + sidecar.clips.has_value() > 1) {
    fail(ErrorCode::model, "[records], [pictures] and [clips] exclude each other");
  }
  if (sidecar.records && sidecar.records->label_byte && sidecar.labels.file) {
    fail(ErrorCode::model, "[labels] file: the records carry their labels themselves");
  }
  if (sidecar.labels.column && !sidecar.labels.file) {
    fail(ErrorCode::model, "[labels] column: of which file? 'file' is missing");
  }
}

void read_section(Section section, std::string_view name, Sidecar& sidecar) {
  if (name == "input") {
    sidecar.input_name = section.text("name");
    section.refuse_unknown();
  } else if (name == "records") {
    sidecar.records = read_records(section);
  } else if (name == "pictures") {
    sidecar.pictures = read_files_spec(section);
  } else if (name == "clips") {
    sidecar.clips = read_files_spec(section);
  } else if (name == "labels") {
    sidecar.labels = read_labels(section);
  } else if (name == "image") {
    read_image(section, sidecar.image.emplace());
    check_image(*sidecar.image);
  } else if (name == "audio") {
    sidecar.audio = read_audio(section);
  } else {
    sidecar.detections = read_detections(section);
  }
}

Sidecar from_table(const toml::table& table, const std::filesystem::path& folder) {
  constexpr std::string_view sections[] = {"input",  "records", "pictures", "clips",
                                           "labels", "image",   "audio",    "detections"};
  Sidecar sidecar;
  sidecar.folder = folder;
  for (const auto& [key, node] : table) {
    const std::string_view name = key.str();
    const auto line = node.source().begin.line;
    if (!node.is_table()) {
      fail(ErrorCode::model, "line {}: key {} outside of a section", line, name);
    }
    if (std::ranges::find(sections, name) == std::end(sections)) {
      fail(ErrorCode::model, "line {}: unknown section [{}], accepted are {}", line, name,
           fmt::join(sections, ", "));
    }
    read_section(Section(*node.as_table(), name), name, sidecar);
  }
  check_sections(sidecar);
  return sidecar;
}

/// Where a string that opens at `at` ends: at its closing quote, or with the line.
std::size_t end_of_string(std::string_view line, std::size_t at) {
  const char quote = line[at++];
  while (at < line.size() && line[at] != quote) at += quote == '"' && line[at] == '\\' ? 2 : 1;
  return at;
}

/// TOML has ASCII only outside of strings and comments; what else stands there leads toml++ 3.3
/// into undefined behaviour. Strings over several lines, of no use here, would hide it.
void check_characters(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // a byte order mark
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    for (std::size_t at = 0; at < line.size() && line[at] != '#'; ++at) {
      const std::string_view rest = line.substr(at);
      if (rest.starts_with("\"\"\"") || rest.starts_with("'''")) {
        fail(ErrorCode::model, "line {}: strings over several lines are not accepted", number);
      }
      if (static_cast<unsigned char>(line[at]) >= 0x80) {
        fail(ErrorCode::model, "line {}: only strings and comments may have other than ASCII",
             number);
      }
      if (line[at] == '"' || line[at] == '\'') at = end_of_string(line, at);
    }
  }
}

toml::table parse_toml(std::string_view text) {
  check_characters(text);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::model, "line {}: {}", error.source().begin.line, error.description());
  }
}

/// A value of a command line as TOML: numbers and lists as they are, other text quoted.
std::string as_toml(std::string_view value) {
  const bool plain = value.find_first_not_of("0123456789+-.,eE ") == std::string_view::npos;
  if (!plain) return "'" + std::string(value) + "'";
  const bool list = value.find(',') != std::string_view::npos;
  return list ? "[" + std::string(value) + "]" : std::string(value);
}

}  // namespace

void malformed_toml() { fail(ErrorCode::model, "not TOML: a key expected"); }

Sidecar parse_sidecar(std::string_view text, const std::filesystem::path& folder) {
  if (text.size() > most_sidecar_bytes) {
    fail(ErrorCode::model, "{} bytes, at most {} accepted", text.size(), most_sidecar_bytes);
  }
  return from_table(parse_toml(text), folder);
}

Sidecar read_sidecar(const std::filesystem::path& path) {
  return with_context([&] { return "reading " + path.string(); },
                      [&] {
                        const auto parent = path.parent_path();
                        return parse_sidecar(read_file(path, most_sidecar_bytes), parent);
                      });
}

void set_image_key(ImageSpec& spec, std::string_view key, std::string_view value) {
  try {
    const toml::table table = parse_toml(fmt::format("{} = {}", key, as_toml(value)));
    Section section(table, "image");
    read_image(section, spec);
  } catch (const Error&) {
    constexpr std::string_view forms =
        "resize N, crop and size HEIGHT,WIDTH, interpolation bilinear or bicubic, channels rgb, "
        "bgr or gray, layout nchw or nhwc, divide NUMBER, mean and std one number or one for each "
        "channel (std and divide not 0)";
    fail(ErrorCode::usage, "picture option {} = '{}': accepted are {}", key, value, forms);
  }
}

std::vector<std::string> parse_classes(std::string_view text) {
  std::vector<std::string> names;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    names.push_back(line);
  }
  return names;
}

}  // namespace strata::data
