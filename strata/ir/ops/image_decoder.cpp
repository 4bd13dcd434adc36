#include "strata/image/image.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

// ImageDecoder: the bytes of a picture's file to its pixels, (height, width, channels); none at all
// if they are no picture.

namespace strata::ir {
namespace {

constexpr std::string_view formats[] = {"RGB", "BGR", "Grayscale"};

int channels_of(const Attributes& attributes) {
  return text_view(attributes, "pixel_format", "RGB") == "Grayscale" ? 1 : 3;
}

image::Image decode(const Tensor& file) {
  try {
    return image::decode_image(std::as_bytes(file.data<std::uint8_t>()));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::model && error.code() != ErrorCode::unsupported) throw;
    return {};
  }
}

void infer(InferContext& context) {
  expect_dtype(context, 0, "encoded_stream", DType::u8);
  context.expect_rank(0, "encoded_stream", 1);
  expect_word(context.attributes(), "pixel_format", "RGB", formats);
  const Dim channels = channels_of(context.attributes());
  if (const auto file = context.constant(0)) {
    const image::Image picture = decode(*file);
    return context.set_output(0, {DType::u8, {picture.height, picture.width, channels}});
  }
  context.set_output(0,
                     {DType::u8, {context.open_extent(0, 0), context.open_extent(0, 1), channels}});
}

/// The luma of ITU-R BT.601 in 16-bit fixed point, as Pillow computes it.
std::uint8_t luma(const std::uint8_t* rgb) {
  return std::uint8_t((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

// Decodes into memory of its own: how much depends on the picture.
Status reference(const EvalArgs& args) {
  const image::Image picture = decode(args.inputs[0]);
  Tensor& y = args.outputs[0];
  if (y.shape()[0] != picture.height || y.shape()[1] != picture.width) {
    return {"the picture is not of the size that was planned"};
  }
  const std::string_view format = text_view(args.attributes(), "pixel_format", "RGB");
  const auto step = std::size_t(picture.channels);
  std::uint8_t* out = y.mutable_data<std::uint8_t>().data();
  for (std::size_t i = 0; i < picture.pixels.size(); i += step) {
    const std::uint8_t* pixel = picture.pixels.data() + i;
    if (format == "Grayscale") {
      *out++ = step == 1 ? *pixel : luma(pixel);
      continue;
    }
    for (std::size_t c = 0; c < 3; ++c) {
      *out++ = step == 1 ? *pixel : pixel[format == "BGR" ? 2 - c : c];
    }
  }
  return {};
}

OpCase::Input bytes(std::string_view text) {
  const Shape shape{std::int64_t(text.size())};
  const std::vector<std::uint8_t> file(text.begin(), text.end());
  return {.type = {DType::u8, {shape[0]}}, .value = Tensor::from<std::uint8_t>(shape, file)};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto picture = bytes("P3 2 1 255 1 2 3 250 100 0");
  return {{"rgb", {picture}},
          {"bgr", {picture}, {{"pixel_format", "BGR"}}},
          {"gray", {picture}, {{"pixel_format", "Grayscale"}}},
          {"from_gray", {bytes("P2 1 2 100 50 100")}},
          {"no_picture", {bytes("GIF89a")}},
          {"open", {input(DType::u8, {Dim::symbol("N")})}}};
}

constexpr AttributeDef attributes[] = {{"pixel_format", AttributeKind::string}};

}  // namespace

extern const OpDef image_decoder_op;
constinit const OpDef image_decoder_op = {.name = "ImageDecoder",
                                          .attributes = attributes,
                                          .infer = infer,
                                          .reference = reference,
                                          .cost = elementwise_cost,
                                          .cases = cases};

}  // namespace strata::ir
