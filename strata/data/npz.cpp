#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <exception>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/archive.hpp"
#include "strata/data/npy.hpp"

namespace strata::data {
namespace {

constexpr std::string_view suffix = ".npy";
constexpr std::time_t first_zip_time = 315532800;  // 1980-01-01, when the format's clock begins

using Writer = std::unique_ptr<archive, int (*)(archive*)>;

/// Hands what libarchive writes to a sink; C code in between must not see exceptions.
struct SinkState {
  const ByteSink& sink;
  std::exception_ptr error;
};

la_ssize_t pass_on(archive* writer, void* context, const void* data, std::size_t size) {
  auto& state = *static_cast<SinkState*>(context);
  try {
    state.sink({static_cast<const std::byte*>(data), size});
    return la_ssize_t(size);
  } catch (...) {
    state.error = std::current_exception();
    archive_set_error(writer, EIO, "writing failed");
    return -1;
  }
}

void check_names(std::span<const NamedTensor> arrays) {
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    const std::string& name = arrays[i].name;
    if (name.empty() || name.find('\0') != std::string::npos) {
      fail(ErrorCode::usage, "an array of an npz needs a name without zero bytes");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (arrays[j].name == name) fail(ErrorCode::usage, "array name '{}' given twice", name);
    }
  }
}

void write_entry(archive* writer, const NamedTensor& array) {
  const std::string content = npy_bytes(array.tensor);
  const std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
  archive_entry_set_pathname(entry.get(), (array.name + std::string(suffix)).c_str());
  archive_entry_set_size(entry.get(), la_int64_t(content.size()));
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_mtime(entry.get(), first_zip_time, 0);
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK ||
      archive_write_data(writer, content.data(), content.size()) < 0) {
    fail(ErrorCode::io, "array {}: {}", array.name, archive_error_string(writer));
  }
}

void write_zip(std::span<const NamedTensor> arrays, const ByteSink& sink) {
  SinkState state{sink, nullptr};
  const Writer writer(archive_write_new(), archive_write_free);
  archive_write_set_format_zip(writer.get());
  archive_write_zip_set_compression_store(writer.get());
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  archive_write_open(writer.get(), &state, nullptr, pass_on, nullptr);
  try {
    for (const NamedTensor& array : arrays) write_entry(writer.get(), array);
    if (archive_write_close(writer.get()) != ARCHIVE_OK) {
      fail(ErrorCode::io, "{}", archive_error_string(writer.get()));
    }
  } catch (const Error&) {
    if (state.error) std::rethrow_exception(state.error);
    throw;
  }
}

std::vector<NamedTensor> from_file(const MappedFile& file, std::size_t byte_limit) {
  ArchiveLimits limits;
  limits.unpacked_bytes = byte_limit;
  std::vector<NamedTensor> arrays;
  const auto any_name = [](std::string_view) { return true; };
  for (const ArchiveEntry& entry : read_archive(file, ArchiveKind::zip, any_name, limits)) {
    std::string name = entry.name;
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
    if (std::ranges::find(arrays, name, &NamedTensor::name) != arrays.end()) {
      fail(ErrorCode::model, "array {} appears twice", name);
    }
    with_context(
        [&] { return "array " + name; },
        [&] {
          arrays.push_back({name, parse_npy(entry.content.bytes(), entry.content.owner())});
        });
  }
  return arrays;
}

}  // namespace

std::vector<NamedTensor> parse_npz(std::span<const std::byte> bytes, std::size_t byte_limit) {
  const auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  return from_file({copy, *copy}, byte_limit);
}

std::vector<NamedTensor> read_npz(const std::filesystem::path& path, std::size_t byte_limit) {
  return with_context([&] { return "reading " + path.string(); },
                      [&] { return from_file(MappedFile::open(path), byte_limit); });
}

void write_npz(const std::filesystem::path& path, std::span<const NamedTensor> arrays) {
  check_names(arrays);
  write_file(path, [&](const ByteSink& sink) { write_zip(arrays, sink); });
}

}  // namespace strata::data
