// Ops that move elements: joining, splitting, padding, other shapes and orders.
#include <algorithm>

#include "strata/base/checked.hpp"
#include "strata/formats/tflite/options.hpp"

namespace strata::formats::tflite {
namespace {

const ir::Attributes literal{{"allowzero", std::int64_t(1)}};  // a 0 in a shape is an extent

void emit_reshape(OperatorContext& context, std::vector<std::int64_t> shape) {
  context.emit("Reshape", {context.input(0), context.integer_list(std::move(shape))}, literal);
}

std::int64_t normalized(std::int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::model, "axis {} of {} dimensions", axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

/// The only element of an operand.
std::int64_t one_integer(const OperatorContext& context, std::size_t i, std::string_view what) {
  const auto values = context.integers(i, what);
  if (values.size() != 1) {
    fail(ErrorCode::model, "{} has {} elements, expected 1", what, values.size());
  }
  return values[0];
}

/// -1 stands for what is left.
std::vector<std::int64_t> filled(std::vector<std::int64_t> shape, const Shape& from) {
  std::int64_t known = 1, unknown = -1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1 && unknown < 0) {
      unknown = std::int64_t(i);
      continue;
    }
    if (shape[i] < 0) fail(ErrorCode::model, "the shape has {}", shape[i]);
    if (shape.size() > std::size_t(max_rank)) break;
    const Shape so_far{known, shape[i]};
    known = so_far.elements();
  }
  if (unknown < 0) return shape;
  if (known == 0 || from.elements() % known != 0) {
    fail(ErrorCode::model, "{} elements do not fill a shape whose known extents have {}",
         from.elements(), known);
  }
  shape[std::size_t(unknown)] = from.elements() / known;
  return shape;
}

void emit_split(OperatorContext& context, std::size_t data, std::int64_t axis,
                std::vector<std::int64_t> lengths) {
  const ir::ValueId x = context.input(data);
  const auto length = std::ranges::find(lengths, -1);
  if (length != lengths.end()) {
    std::int64_t rest = context.shape(data)[std::size_t(axis)];
    for (const std::int64_t other : lengths) rest -= other == -1 ? 0 : other;
    *length = rest;
  }
  std::int64_t start = 0;
  for (std::size_t i = 0; i < context.outputs(); ++i) {
    const std::int64_t end = start + lengths[i];
    if (lengths[i] < 0 || end > context.shape(data)[std::size_t(axis)]) {
      fail(ErrorCode::model, "part {} of axis {} is from {} to {}", i, axis, start, end);
    }
    if (context.wants_output(i)) {
      context.emit("Slice",
                   {x, context.integer_list({start}), context.integer_list({end}),
                    context.integer_list({axis})},
                   {}, Layout::plain, i);
    }
    start = end;
  }
}

}  // namespace

void convert_concatenation(OperatorContext& context) {
  const auto& options = context.options<schema::ConcatenationOptions>();
  const Layout layout = context.at_hand_all();
  ir::Attributes attributes{{"axis", context.axis_in(layout, options.axis(), context.rank(0))}};
  std::vector<ir::ValueId> operands;
  bool requantized = false;
  for (std::size_t i = 0; i < context.inputs(); ++i) {
    requantized = requantized || (context.is_quantized(i) && !context.same_quantization(i));
  }
  if (requantized) {
    if (context.output_type() != DType::u8) {
      fail(ErrorCode::unsupported, "operands of type {} with different scales; accepted: u8",
           to_string(context.output_type()));
    }
    context.append_output_parameters(operands);
    attributes.set("arithmetic", context.arithmetic(false));
  }
  for (std::size_t i = 0; i < context.inputs(); ++i) {
    if (requantized) {
      context.append_quantized(operands, i, layout);
    } else {
      operands.push_back(context.broadcast_input(i, layout));
    }
  }
  context.emit_activated(options.fused_activation_function(),
                         requantized ? "strata.QLinearConcat" : "Concat", std::move(operands),
                         std::move(attributes), layout);
}

void convert_pack(OperatorContext& context) {
  const auto& options = context.options<schema::PackOptions>();
  const std::int64_t axis = normalized(options.axis(), context.rank(0) + 1);
  std::vector<ir::ValueId> operands;
  for (std::size_t i = 0; i < context.inputs(); ++i) {
    operands.push_back(context.node("Unsqueeze", {context.input(i), context.integer_list({axis})}));
  }
  context.emit("Concat", std::move(operands), {{"axis", axis}});
}

void convert_unpack(OperatorContext& context) {
  const auto& options = context.options<schema::UnpackOptions>();
  const std::int64_t axis = normalized(options.axis(), context.rank(0));
  const std::int64_t extent = context.shape(0)[std::size_t(axis)];
  if (extent != std::int64_t(context.outputs())) {
    fail(ErrorCode::model, "it has {} outputs for an axis of {}", context.outputs(), extent);
  }
  for (std::size_t i = 0; i < context.outputs(); ++i) {
    if (!context.wants_output(i)) continue;
    context.emit("Gather", {context.input(0), context.number(DType::i64, double(i))},
                 {{"axis", axis}}, Layout::plain, i);
  }
}

void convert_split(OperatorContext& context) {
  const std::int64_t axis = normalized(one_integer(context, 0, "the axis"), context.rank(1));
  const std::int64_t extent = context.shape(1)[std::size_t(axis)];
  const auto parts = std::int64_t(context.outputs());
  if (parts == 0 || extent % parts != 0) {
    fail(ErrorCode::model, "axis {} of {} in {} parts", axis, extent, parts);
  }
  emit_split(context, 1, axis, std::vector(std::size_t(parts), extent / parts));
}

void convert_split_v(OperatorContext& context) {
  std::vector<std::int64_t> lengths = context.integers(1, "the lengths");
  if (lengths.size() != context.outputs()) {
    fail(ErrorCode::model, "{} lengths for {} outputs", lengths.size(), context.outputs());
  }
  emit_split(context, 0, normalized(one_integer(context, 2, "the axis"), context.rank(0)),
             std::move(lengths));
}

void convert_reshape(OperatorContext& context) {
  std::vector<std::int64_t> shape;
  // Old files give it as an option; of an operand of no elements it is the shape of a scalar.
  if (context.has_input(1)) {
    shape = context.integers(1, "the shape");
  } else if (const auto* option = context.options<schema::ReshapeOptions>().new_shape()) {
    shape.assign(option->begin(), option->end());
    if (shape == std::vector<std::int64_t>{0}) shape.clear();
  }
  emit_reshape(context, filled(std::move(shape), Shape(context.shape(0))));
}

void convert_squeeze(OperatorContext& context) {
  const auto shape = context.shape(0);
  std::vector<bool> dropped(shape.size());
  const auto* dims = context.options<schema::SqueezeOptions>().squeeze_dims();
  if (dims && dims->size() > 0) {
    for (const std::int32_t axis : *dims) {
      dropped[std::size_t(normalized(axis, int(shape.size())))] = true;
    }
  } else {
    for (std::size_t i = 0; i < shape.size(); ++i) dropped[i] = shape[i] == 1;
  }
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (!dropped[i]) kept.push_back(shape[i]);
    if (dropped[i] && shape[i] != 1) {
      fail(ErrorCode::model, "axis {} has extent {}, expected 1", i, shape[i]);
    }
  }
  emit_reshape(context, std::move(kept));
}

void convert_expand_dims(OperatorContext& context) {
  std::vector<std::int64_t> shape = context.shape(0);
  const std::int64_t axis = normalized(one_integer(context, 1, "the axis"), int(shape.size()) + 1);
  shape.insert(shape.begin() + axis, 1);
  emit_reshape(context, std::move(shape));
}

void convert_transpose(OperatorContext& context) {
  context.emit("Transpose", {context.input(0)}, {{"perm", context.integers(1, "the order")}});
}

void convert_pad(OperatorContext& context) {
  const Layout layout = context.at_hand(0);
  const auto pads = context.integers(1, "the padding");
  const auto rank = std::size_t(context.rank(0));
  if (pads.size() != 2 * rank) {
    fail(ErrorCode::model, "{} numbers of padding for {} dimensions", pads.size(), rank);
  }
  std::vector<std::int64_t> ordered(2 * rank);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const auto to = std::size_t(context.axis_in(layout, std::int64_t(axis), int(rank)));
    if (pads[2 * axis] < 0 || pads[2 * axis + 1] < 0) {
      fail(ErrorCode::model, "padding of {} and {}; accepted: 0 or more", pads[2 * axis],
           pads[2 * axis + 1]);
    }
    ordered[to] = pads[2 * axis];
    ordered[rank + to] = pads[2 * axis + 1];
  }
  std::vector<ir::ValueId> operands{context.input(0, layout),
                                    context.integer_list(std::move(ordered))};
  if (context.op() == "MIRROR_PAD") {
    if (context.options<schema::MirrorPadOptions>().mode() != schema::MirrorPadMode::REFLECT) {
      fail(ErrorCode::unsupported, "mode SYMMETRIC; accepted: REFLECT");
    }
    return context.emit("Pad", std::move(operands), {{"mode", std::string("reflect")}}, layout);
  }
  if (context.has_input(2)) {
    operands.push_back(context.reshaped(context.input(2), {}));
  } else if (context.is_quantized(0)) {
    // The real 0.
    const Quantization grid = context.output_quantization();
    const double zero = grid.zero_point.empty() ? 0.0 : double(grid.zero_point[0]);
    operands.push_back(context.number(context.type(0), zero));
  }
  context.emit("Pad", std::move(operands), {}, layout);
}

void convert_tile(OperatorContext& context) {
  context.emit("Tile", {context.input(0), context.index_input(1)});
}

void convert_broadcast_to(OperatorContext& context) {
  context.emit("Expand", {context.input(0), context.index_input(1)});
}

void convert_fill(OperatorContext& context) {
  const ir::ValueId value = context.reshaped(context.input(1), {});
  context.emit("Expand", {value, context.index_input(0)});
}

void convert_reverse(OperatorContext& context) {
  const auto axes = context.integers(1, "the axes");
  std::vector<std::int64_t> from(axes.size(), -1), to(axes.size(), INT64_MIN),
      step(axes.size(), -1);
  context.emit("Slice", {context.input(0), context.integer_list(std::move(from)),
                         context.integer_list(std::move(to)), context.integer_list(axes),
                         context.integer_list(std::move(step))});
}

void convert_shape(OperatorContext& context) {
  const ir::ValueId shape = context.node("Shape", {context.input(0)});
  if (context.output_type() == DType::i64) return context.emit_value(shape);
  context.emit("Cast", {shape}, {{"to", context.output_type()}});
}

void convert_rank(OperatorContext& context) {
  context.emit_constant(EncodedTensor(Tensor::scalar(std::int32_t(context.rank(0)))));
}

void convert_range(OperatorContext& context) {
  context.emit("Range",
               {context.reshaped(context.input(0), {}), context.reshaped(context.input(1), {}),
                context.reshaped(context.input(2), {})});
}

// Blocks become entries of the batch: Reshape, Transpose, Reshape between a Pad or a crop.
void convert_space_to_batch(OperatorContext& context) {
  const auto x = context.shape(0);
  const auto block = context.integers(1, "the block");
  const auto pads = context.integers(2, "the padding");
  const std::size_t spatial = block.size();
  if (spatial + 1 > x.size() || spatial > 3 || pads.size() != 2 * spatial) {
    fail(ErrorCode::model, "a block of {} axes and {} numbers of padding for {} dimensions",
         spatial, pads.size(), x.size());
  }
  std::vector<std::int64_t> padding(2 * x.size()), split{x[0]}, order, joined{x[0]};
  for (std::size_t i = 0; i < spatial; ++i) {
    padding[i + 1] = pads[2 * i];
    padding[x.size() + i + 1] = pads[2 * i + 1];
    const std::int64_t extent = x[i + 1] + pads[2 * i] + pads[2 * i + 1];
    if (block[i] < 1 || pads[2 * i] < 0 || pads[2 * i + 1] < 0 || extent % block[i] != 0) {
      fail(ErrorCode::model, "blocks of {} on a padded extent of {}", block[i], extent);
    }
    split.insert(split.end(), {extent / block[i], block[i]});
    order.push_back(std::int64_t(2 * i + 2));
    const auto entries = checked_mul(joined[0], block[i]);
    if (!entries) fail(ErrorCode::model, "blocks of {} for a batch of {}", block[i], joined[0]);
    joined[0] = *entries;
    joined.push_back(extent / block[i]);
  }
  order.push_back(0);
  for (std::size_t i = 0; i < spatial; ++i) order.push_back(std::int64_t(2 * i + 1));
  for (std::size_t i = spatial + 1; i < x.size(); ++i) {
    order.push_back(std::int64_t(split.size()));
    split.push_back(x[i]);
    joined.push_back(x[i]);
  }
  std::vector<ir::ValueId> pad{context.input(0), context.integer_list(std::move(padding))};
  if (context.is_quantized(0)) {
    const Quantization grid = context.quantization(0);
    pad.push_back(context.number(context.type(0),
                                 grid.zero_point.empty() ? 0.0 : double(grid.zero_point[0])));
  }
  const ir::ValueId parts = context.reshaped(context.node("Pad", std::move(pad)), std::move(split));
  const ir::ValueId turned = context.node("Transpose", {parts}, {{"perm", std::move(order)}});
  context.emit("Reshape", {turned, context.integer_list(std::move(joined))}, literal);
}

void convert_batch_to_space(OperatorContext& context) {
  const auto x = context.shape(0);
  const auto block = context.integers(1, "the block");
  const auto crops = context.integers(2, "the crops");
  const std::size_t spatial = block.size();
  std::int64_t batch = x.empty() ? 0 : x[0];
  for (const std::int64_t size : block) {
    if (size < 1 || batch % size != 0) fail(ErrorCode::model, "blocks of {} in a batch", size);
    batch /= size;
  }
  if (spatial + 1 > x.size() || spatial > 3 || crops.size() != 2 * spatial) {
    fail(ErrorCode::model, "a block of {} axes and {} crops for {} dimensions", spatial,
         crops.size(), x.size());
  }
  std::vector<std::int64_t> split = block, order{std::int64_t(spatial)}, joined{batch};
  split.push_back(batch);
  std::vector<std::int64_t> from, to, axes;
  for (std::size_t i = 0; i < spatial; ++i) {
    split.push_back(x[i + 1]);
    order.insert(order.end(), {std::int64_t(spatial + 1 + i), std::int64_t(i)});
    joined.push_back(x[i + 1] * block[i]);
    from.push_back(crops[2 * i]);
    to.push_back(joined.back() - crops[2 * i + 1]);
    axes.push_back(std::int64_t(i + 1));
    if (from[i] < 0 || to[i] < from[i] || to[i] > joined.back()) {
      fail(ErrorCode::model, "crops of {} and {} on {}", crops[2 * i], crops[2 * i + 1],
           joined.back());
    }
  }
  for (std::size_t i = spatial + 1; i < x.size(); ++i) {
    order.push_back(std::int64_t(split.size()));
    split.push_back(x[i]);
    joined.push_back(x[i]);
  }
  const ir::ValueId parts = context.reshaped(context.input(0), std::move(split));
  const ir::ValueId turned = context.node("Transpose", {parts}, {{"perm", std::move(order)}});
  const ir::ValueId whole = context.reshaped(turned, std::move(joined));
  context.emit("Slice",
               {whole, context.integer_list(std::move(from)), context.integer_list(std::move(to)),
                context.integer_list(std::move(axes))});
}

}  // namespace strata::formats::tflite
