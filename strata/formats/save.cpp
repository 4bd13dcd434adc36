#include "strata/formats/save.hpp"

#include <limits>

#include "strata/base/file.hpp"
#include "strata/formats/container/container.hpp"
#include "strata/formats/onnx/export.hpp"
#include "strata/formats/onnx/stored.hpp"
#include "strata/formats/tflite/export.hpp"
#include "strata/formats/tflite/stored.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;
using onnx::ExternalWriter;
using onnx::Piece;

/// Protobuf's, and so that of every other reader.
constexpr std::int64_t largest_file = std::numeric_limits<std::int32_t>::max();

onnx::MessageWriter checked_model(const ir::Graph& graph, const SaveOptions& options,
                                  ExternalWriter* external) {
  onnx::MessageWriter model = onnx::model_proto(graph, options, external);
  if (model.size() > largest_file) {
    fail(ErrorCode::unsupported, "a file of {} bytes, and one file of ONNX holds at most {}{}",
         model.size(), largest_file,
         external ? "" : "; write the weights to a file of their own (--external-data)");
  }
  return model;
}

void write_pieces(const std::vector<Piece>& pieces, const ByteSink& sink) {
  for (const Piece& piece : pieces) {
    sink(std::as_bytes(std::span(piece.head)));
    if (piece.data.present()) sink(piece.data.bytes());
  }
}

void write_parts(const ExternalWriter& external, const ByteSink& sink) {
  std::int64_t end = 0;
  for (const auto& [offset, data] : external.parts()) {
    const std::vector<std::byte> padding(std::size_t(offset - end));
    sink(padding);
    sink(data.bytes());
    drop_pages(data.bytes());
    end = offset + std::int64_t(data.size_bytes());
  }
}

void write_content(const container::Content& content, const ByteSink& sink) {
  sink(std::as_bytes(std::span(content.head)));
  std::uint64_t end = content.head.size();
  for (const auto& [offset, data] : content.parts) {
    const std::vector<std::byte> padding(std::size_t(offset - end));
    sink(padding);
    sink(data.bytes());
    drop_pages(data.bytes());
    end = offset + data.size_bytes();
  }
}

}  // namespace

void save_onnx(const ir::Graph& graph, const fs::path& path, const SaveOptions& options) {
  with_context(
      [&] { return fmt::format("writing {}", path.string()); },
      [&] {
        const fs::path beside = path.string() + ".data";
        ExternalWriter external(beside.filename().string());
        const auto pieces =
            checked_model(graph, options, options.external_data ? &external : nullptr).take();
        std::vector<FileContent> files;
        if (!external.parts().empty()) {
          files.push_back({beside, [&](const ByteSink& sink) { write_parts(external, sink); }});
        }
        files.push_back({path, [&](const ByteSink& sink) { write_pieces(pieces, sink); }});
        write_files(files);
      });
}

bool onnx_stores(const EncodedTensor& constant) {
  return constant.is_dense() || onnx::stored_opset(constant).has_value();
}

std::string onnx_bytes(const ir::Graph& graph, const SaveOptions& options) {
  std::string bytes;
  write_pieces(checked_model(graph, options, nullptr).take(), [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

std::int64_t onnx_size(const ir::Graph& graph, const SaveOptions& options) {
  return checked_model(graph, options, nullptr).size();
}

void save_container(const ir::Graph& graph, const fs::path& path, const ModelInfo& info,
                    const ir::PackedSet& packed) {
  with_context([&] { return fmt::format("writing {}", path.string()); },
               [&] {
                 const container::Content content = container::content_of(graph, info, packed);
                 write_file(path, [&](const ByteSink& sink) { write_content(content, sink); });
               });
}

std::string container_bytes(const ir::Graph& graph, const ModelInfo& info,
                            const ir::PackedSet& packed) {
  std::string bytes;
  write_content(container::content_of(graph, info, packed), [&](std::span<const std::byte> part) {
    bytes.append(reinterpret_cast<const char*>(part.data()), part.size());
  });
  return bytes;
}

std::int64_t container_size(const ir::Graph& graph, const ModelInfo& info) {
  return std::int64_t(container::content_of(graph, info, {}, false).size);
}

void save_tflite(const ir::Graph& graph, const fs::path& path) {
  with_context([&] { return fmt::format("writing {}", path.string()); },
               [&] { write_file(path, tflite_bytes(graph)); });
}

bool tflite_stores(const EncodedTensor& constant) {
  return constant.is_dense() || tflite::has_stored_form(constant);
}

std::string tflite_bytes(const ir::Graph& graph) { return tflite::model_bytes(graph); }

}  // namespace strata::formats
