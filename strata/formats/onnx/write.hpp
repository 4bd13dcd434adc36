#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

/// The messages of onnx.proto3 as bytes. A tensor's data is not copied: content is a list of
/// pieces, so that a file is written from where its weights lie.
namespace strata::formats::onnx {

struct Piece {
  std::string head;
  Tensor data;  ///< its bytes follow the head; may be absent
};

/// A message under construction.
class MessageWriter {
 public:
  void integer(int field, std::int64_t value);
  void real(int field, float value);
  void text(int field, std::string_view value);
  void integers(int field, std::span<const std::int64_t> values);  ///< packed
  void reals(int field, std::span<const float> values);            ///< packed
  void message(int field, MessageWriter&& content);
  void raw(int field, Tensor tensor);  ///< its bytes

  std::int64_t size() const { return size_; }
  std::vector<Piece> take() &&;

 private:
  void append(std::string_view bytes);
  void header(int field, int wire_type);
  void varint(std::uint64_t value);

  std::vector<Piece> pieces_;
  std::int64_t size_ = 0;
};

}  // namespace strata::formats::onnx
