#include "strata/formats/load.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "strata/formats/container/container.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/formats/tflite/import.hpp"
#include "strata/ir/passes/fold_quantization.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::formats {
namespace {

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  std::string_view format;
};

// Formats that are easily taken for a model Strata reads; ONNX itself has no signature.
constexpr Signature foreign[] = {
    {4, "ORTM", "ONNX Runtime's own format"},
    {0, "GGUF", "a GGUF file"},
    {0, "PK\x03\x04", "a zip archive (PyTorch, npz or Keras)"},
    {0, "\x89HDF", "an HDF5 file"},
    {0, "\x89PNG", "a picture (PNG)"},
    {0, "\xff\xd8\xff", "a picture (JPEG)"},
    {0, "\x1f\x8b", "compressed by gzip"},
    {0, "\x28\xb5\x2f\xfd", "compressed by zstd"},
    {0, "version https://git-lfs", "a Git LFS pointer, not the file it stands for"},
};

/// Pages that servers give in the place of a file.
bool is_markup(std::string_view content) {
  const std::size_t start = content.find_first_not_of(" \t\r\n\f");
  if (start == std::string_view::npos) return false;
  content.remove_prefix(start);
  constexpr std::string_view starts[] = {"<!doctype", "<html", "<?xml", "<!--"};
  return std::ranges::any_of(starts, [&](std::string_view begin) {
    return std::ranges::equal(content.substr(0, begin.size()), begin, {}, [](char c) {
      return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    });
  });
}

[[noreturn]] void refuse(std::string_view what) {
  fail(ErrorCode::unsupported,
       "this is {}; accepted: ONNX (.onnx), TensorFlow Lite (.tflite), Strata's container ({}), "
       "graph text ({})",
       what, container_suffix, text_suffix);
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The first bytes, for people.
std::string quoted_start(std::string_view content) {
  constexpr std::size_t shown = 12;
  std::string text;
  for (const char c : content.substr(0, shown)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return text;
}

/// Reads a varint of protobuf; whether one was there.
bool take_varint(std::string_view& content, std::uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64 && !content.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(content[0]);
    content.remove_prefix(1);
    value |= std::uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

/// What is wrong with bytes that were read as ONNX in vain, as far as their outermost fields tell:
/// they are something else, or end too early.
std::string what_is_wrong(std::string_view content) {
  constexpr std::uint64_t last_field = 25;  // of ModelProto
  const std::size_t size = content.size();
  const std::string start = quoted_start(content);
  const std::string other = fmt::format("; no ONNX model begins with '{}'", start);
  // A model may begin so too, if with fields in another order than usual.
  if (content.starts_with("BM")) return "; it seems to be a picture (BMP)";
  const auto is_plain = [](char c) { return (c >= 0x20 && c < 0x7f) || (c >= '\t' && c <= '\r'); };
  if (std::ranges::all_of(content.substr(0, 32), is_plain)) return other;
  while (!content.empty()) {
    std::uint64_t tag = 0, value = 0;
    const bool first = content.size() == size;
    const bool read = take_varint(content, tag) && take_varint(content, value);
    const std::uint64_t field = tag >> 3, wire = tag & 7;
    if (read && (field == 0 || field > last_field || (wire != 0 && wire != 2))) {
      return first ? other : "";
    }
    if (!read || (wire == 2 && value > content.size())) {
      return fmt::format("; the file seems to be cut short: it ends after {} bytes, within a part",
                         size);
    }
    if (wire == 2) content.remove_prefix(std::size_t(value));
  }
  return "";
}

void refuse_foreign(std::string_view content) {
  if (content.empty()) fail(ErrorCode::model, "the file is empty");
  for (const Signature& s : foreign) {
    if (content.size() > s.offset && content.substr(s.offset).starts_with(s.bytes)) {
      refuse(s.format);
    }
  }
  if (is_markup(content)) refuse("an HTML or XML document");
}

// Names from hostile files reach error texts: one line, of bounded length, nothing that a terminal
// would obey.
std::string printable(std::string_view text) {
  constexpr std::size_t longest = 3000;
  std::string result;
  for (const char c : text.substr(0, longest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
    } else {
      result += c;
    }
  }
  if (text.size() > longest) {
    // Not in the middle of a UTF-8 sequence.
    while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xc0) == 0x80) {
      result.pop_back();
    }
    if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0xc0) result.pop_back();
    result += "...";
  }
  return result;
}

ir::Graph read_model(const MappedFile& file, const LoadOptions& options) {
  if (container::is_container(file.bytes())) return container::import_model(file, options);
  if (tflite::is_model(file.bytes())) return tflite::import_model(file, options);
  ir::Graph graph = [&] {
    try {
      return onnx::import_model(file, options);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::model) throw;
      throw Error(error.code(), error.what() + what_is_wrong(as_text(file.bytes())));
    }
  }();
  if (!options.literal) ir::fold_quantization(graph);
  return graph;
}

/// What `body` gives, or its error as one about reading.
template <class Body>
auto reading(std::string_view what, Body&& body) {
  std::optional<Error> error;
  try {
    return with_context([&] { return fmt::format("reading {}", what); }, body);
  } catch (const Error& e) {
    error.emplace(e.code(), printable(e.what()));
  } catch (const std::bad_alloc&) {
    error.emplace(ErrorCode::unsupported,
                  fmt::format("reading {}: it needs more memory than there is", what));
  }
  throw *error;
}

ir::Graph load_as(const MappedFile& file, const LoadOptions& options, std::string_view what,
                  bool is_text) {
  return reading(what, [&] {
    const std::string_view content = as_text(file.bytes());
    refuse_foreign(content);
    ir::Graph graph = is_text ? ir::parse_text(content) : read_model(file, options);
    ir::verify(graph);
    return graph;
  });
}

Model load_all(const MappedFile& file, const LoadOptions& options, std::string_view what,
               bool is_text) {
  Model model{load_as(file, options, what, is_text), {}, {}};
  if (is_text) return model;
  return reading(what, [&] {
    model.info = model_info(file.bytes());
    if (container::is_container(file.bytes())) model.packed = container::read_packed(file);
    return std::move(model);
  });
}

MappedFile open_model(const std::filesystem::path& path) {
  return with_context([&] { return printable(fmt::format("reading {}", path.string())); },
                      [&] { return MappedFile::open(path); });
}

LoadOptions in_folder_of(const std::filesystem::path& path, LoadOptions options) {
  if (options.folder.empty()) {
    options.folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  }
  return options;
}

bool is_text(const std::filesystem::path& path) { return path.string().ends_with(text_suffix); }

MappedFile copy_of(std::span<const std::byte> bytes) {
  const auto size = std::int64_t(bytes.size());
  const auto copy =
      std::make_shared<Tensor>(Tensor::borrow(DType::u8, Shape{size}, bytes.data()).clone());
  return MappedFile(copy, copy->bytes());
}

}  // namespace

Arithmetic model_arithmetic(std::string_view name) {
  const auto found = arithmetic_named(name);
  if (!found || *found == Arithmetic::onnx) {
    fail(ErrorCode::usage,
         "arithmetic '{}'; accepted: tflite_xnnpack, tflite_optimized, tflite_reference", name);
  }
  return *found;
}

ir::Graph load(const std::filesystem::path& path, const LoadOptions& options) {
  return load_as(open_model(path), in_folder_of(path, options), path.string(), is_text(path));
}

ir::Graph load(const MappedFile& file, const LoadOptions& options) {
  return load_as(file, options, "model", false);
}

ir::Graph load(std::span<const std::byte> bytes, const LoadOptions& options) {
  return load(copy_of(bytes), options);
}

Model load_model(const std::filesystem::path& path, const LoadOptions& options) {
  return load_all(open_model(path), in_folder_of(path, options), path.string(), is_text(path));
}

Model load_model(std::span<const std::byte> bytes, const LoadOptions& options) {
  return load_all(copy_of(bytes), options, "model", false);
}

}  // namespace strata::formats
