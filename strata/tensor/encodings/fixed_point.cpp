// Dynamic fixed point: element = code * 2^exponent, one exponent for the tensor or for each
// channel, the least with which the largest element fits.

#include <algorithm>
#include <cmath>

#include "strata/tensor/encodings/parts.hpp"

namespace strata {
namespace {

/// The least e with largest <= highest * 2^e, of those whose 2^e is a normal number.
int exponent_for(double largest, int highest) {
  if (largest == 0) return 0;
  int exponent;
  if (std::frexp(largest / highest, &exponent) == 0.5) --exponent;
  return std::max(exponent, -126);
}

Channels rows_of(const EncodedTensor& encoded, bool per_channel) {
  return per_channel ? Channels::along(encoded.shape, encoded.axis)
                     : Channels::whole(encoded.shape);
}

template <class Code, bool per_channel>
EncodedTensor encode(const Encoding& self, const Tensor& tensor, int axis) {
  expect_finite(tensor);
  if (per_channel) expect_axis(ErrorCode::unsupported, tensor.shape(), axis);
  EncodedTensor encoded = start_encoding(self, tensor, per_channel ? axis : 0);
  for (const PartType& part : self.layout(encoded)) {
    encoded.parts.push_back(Tensor::zeros(part.dtype, part.shape));
  }
  constexpr int highest = std::numeric_limits<Code>::max();
  const auto codes = encoded.parts[0].mutable_data<Code>();
  const auto exponents = encoded.parts[1].mutable_data<std::int8_t>();
  const Channels rows = rows_of(encoded, per_channel);
  std::vector<double> elements;
  for_each_unit(rows, 0, [&](const Unit& unit) {
    read_unit(tensor, rows, unit, elements);
    double largest = 0;
    for (const double x : elements) largest = std::max(largest, std::fabs(x));
    const int exponent = exponent_for(largest, highest);
    exponents[std::size_t(unit.row)] = std::int8_t(exponent);
    auto element = elements.begin();
    rows.for_each(unit.row, unit.begin, unit.end, [&](std::size_t place) {
      codes[place] = Code(std::nearbyint(std::ldexp(*element++, -exponent)));
    });
  });
  return encoded;
}

template <class Code, bool per_channel>
std::vector<PartType> layout(const EncodedTensor& encoded) {
  if (per_channel) expect_axis(ErrorCode::model, encoded.shape, encoded.axis);
  const Shape exponents = per_channel ? Shape{encoded.shape[encoded.axis]} : Shape{};
  return {{"codes", dtype_of<Code>, encoded.shape}, {"exponents", DType::i8, exponents}};
}

template <class Code, bool per_channel>
Tensor decode(const EncodedTensor& encoded) {
  const auto codes = encoded.parts[0].data<Code>();
  const auto exponents = encoded.parts[1].data<std::int8_t>();
  Tensor result = Tensor::zeros(DType::f32, encoded.shape);
  const auto out = result.mutable_data<float>();
  const Channels rows = rows_of(encoded, per_channel);
  for_each_unit(rows, 0, [&](const Unit& unit) {
    const int exponent = exponents[std::size_t(unit.row)];
    rows.for_each(unit.row, unit.begin, unit.end, [&](std::size_t place) {
      out[place] = std::ldexp(float(codes[place]), exponent);
    });
  });
  return in_type_of(encoded, std::move(result));
}

template <class Code, bool per_channel>
constexpr Encoding row(std::string_view name, std::string_view summary) {
  return {.name = name,
          .summary = summary,
          .encoder = encode<Code, per_channel>,
          .layout = layout<Code, per_channel>,
          .decoder = decode<Code, per_channel>};
}

}  // namespace

constinit const Encoding fixed16_tensor_encoding =
    row<std::int16_t, false>("fixed16_tensor", "int16, one power of two as scale");
constinit const Encoding fixed16_channel_encoding = row<std::int16_t, true>(
    "fixed16_channel", "int16, a power of two as scale for each output channel");
constinit const Encoding fixed8_tensor_encoding =
    row<std::int8_t, false>("fixed8_tensor", "int8, one power of two as scale");
constinit const Encoding fixed8_channel_encoding = row<std::int8_t, true>(
    "fixed8_channel", "int8, a power of two as scale for each output channel");

}  // namespace strata
