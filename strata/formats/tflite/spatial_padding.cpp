#include "strata/formats/tflite/spatial_padding.hpp"

#include <algorithm>
#include <tuple>

#include "strata/base/error.hpp"

namespace strata::formats::tflite {
namespace {

/// Rows and columns that SAME adds, half of them (rounded down) before.
std::int64_t same_total(std::int64_t extent, std::int64_t kernel, std::int64_t stride,
                        std::int64_t dilation) {
  const std::int64_t reach = (kernel - 1) * dilation + 1;
  const std::int64_t count = (extent + stride - 1) / stride;
  return std::max<std::int64_t>(0, (count - 1) * stride + reach - extent);
}

void read_pair(const ir::Attributes& attributes, std::string_view name,
               std::array<std::int64_t, 2>& to) {
  if (!attributes.has(name)) return;
  const auto& values = attributes.integers(name);
  to = {values.at(0), values.at(1)};
}

}  // namespace

SpatialWindow::SpatialWindow(const ir::Attributes& attributes, std::array<std::int64_t, 2> size,
                             const std::vector<std::int64_t>& x)
    : kernel(size) {
  if (x.size() != 4) {
    fail(ErrorCode::unsupported, "an operand of {} axes; accepted: 4 (two spatial ones)", x.size());
  }
  read_pair(attributes, "strides", stride);
  read_pair(attributes, "dilations", dilation);
  if (attributes.has("pads")) {
    const auto& pads = attributes.integers("pads");
    before = {pads.at(0), pads.at(1)};
    after = {pads.at(2), pads.at(3)};
  }
  const std::string mode(attributes.string("auto_pad", "NOTSET"));
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") return;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t total = same_total(x[i + 2], kernel[i], stride[i], dilation[i]);
    before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    after[i] = total - before[i];
  }
}

bool SpatialWindow::is_same(std::array<std::int64_t, 2> extent) const {
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t total = same_total(extent[i], kernel[i], stride[i], dilation[i]);
    if (before[i] != total / 2 || after[i] != total - total / 2) return false;
  }
  return true;
}

std::int32_t padded(NodeWriter& writer, std::int32_t image, ir::ValueId value,
                    const SpatialWindow& window, const Tensor* number) {
  const std::vector<std::int64_t> x = writer.forms().shape(value);
  const auto& [before, after] = std::tie(window.before, window.after);
  const std::vector<std::int64_t> pads = {0, 0, before[0], after[0], before[1], after[1], 0, 0};
  const std::vector<std::int64_t> extents = {x[0], x[2] + before[0] + after[0],
                                             x[3] + before[1] + after[1], x[1]};
  const std::int32_t result =
      writer.forms().make_between(value, "/padded/" + writer.node().name, extents);
  std::vector<std::int32_t> operands = {
      image, writer.own("/pads", Tensor::from<std::int64_t>(Shape{4, 2}, pads).cast(DType::i32))};
  if (number) operands.push_back(writer.own("/outside", *number, writer.grid(0)));
  writer.file().add_operator(number ? schema::BuiltinOperator::PADV2 : schema::BuiltinOperator::PAD,
                             operands, {result});
  return result;
}

}  // namespace strata::formats::tflite
