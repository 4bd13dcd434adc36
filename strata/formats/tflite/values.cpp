#include "strata/formats/tflite/values.hpp"

#include <algorithm>
#include <cstring>

#include "strata/base/checked.hpp"
#include "strata/base/log.hpp"
#include "strata/tensor/encodings/affine.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::array<int, 4> plain_axes = {0, 2, 3, 1};  // of an image, in the file's order

// What the constants of an honest file may take when they are unpacked and put in order, and the
// states of a small one.
constexpr std::int64_t few_bytes = std::int64_t(64) << 20;
constexpr std::int64_t copies = 32;

std::size_t place(Layout layout) { return layout == Layout::plain ? 0 : 1; }

std::vector<std::int64_t> as_integers(std::span<const int> axes) {
  return {axes.begin(), axes.end()};
}

Tensor unpacked(const TensorInfo& info) {
  Tensor result = Tensor::zeros(DType::i8, Shape(info.shape));
  const auto to = result.mutable_data<std::int8_t>();
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto byte = std::to_integer<unsigned>(info.bytes[i / 2]);
    const unsigned nibble = i % 2 == 0 ? byte & 15u : byte >> 4;
    to[i] = static_cast<std::int8_t>(nibble < 8 ? int(nibble) : int(nibble) - 16);
  }
  return result;
}

Tensor booleans(const TensorInfo& info) {
  Tensor result = Tensor::zeros(DType::boolean, Shape(info.shape));
  std::ranges::transform(info.bytes, result.mutable_data<bool>().begin(),
                         [](std::byte b) { return b != std::byte(0); });
  return result;
}

}  // namespace

Tensor permuted(const Tensor& tensor, std::span<const int> axes) {
  const Shape& from = tensor.shape();
  STRATA_ASSERT(int(axes.size()) == from.rank());
  Shape to = from;
  std::array<std::int64_t, max_rank> stride{};
  for (int axis = 0; axis < from.rank(); ++axis) {
    const int source = axes[std::size_t(axis)];
    to.set(axis, from[source]);
    stride[std::size_t(axis)] = from.elements(source + 1, from.rank());
  }
  Tensor result = Tensor::zeros(tensor.dtype(), to);
  const std::size_t size = size_of(tensor.dtype());
  const std::byte* source = tensor.bytes().data();
  auto* target = static_cast<std::byte*>(result.mutable_raw());
  std::array<std::int64_t, max_rank> at{};
  std::int64_t offset = 0;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    std::memcpy(target + std::size_t(i) * size, source + std::size_t(offset) * size, size);
    for (int axis = to.rank(); axis-- > 0;) {
      const auto a = std::size_t(axis);
      offset += stride[a];
      if (++at[a] < to[axis]) break;
      offset -= stride[a] * to[axis];
      at[a] = 0;
    }
  }
  return result;
}

Values::Values(const Model& model, const LoadOptions& options, ir::Graph& graph)
    : model_(model),
      graph_(graph),
      entries_(std::size_t(model.tensors())),
      most_copied_(std::min(options.byte_limit, few_bytes + copies * model.size())) {}

Values::Entry& Values::entry(std::int32_t tensor) {
  if (tensor < 0 || std::size_t(tensor) >= entries_.size()) {
    fail(ErrorCode::model, "tensor {} is named; the subgraph has {}", tensor, entries_.size());
  }
  return entries_[std::size_t(tensor)];
}

const Values::Entry& Values::entry(std::int32_t tensor) const {
  return const_cast<Values*>(this)->entry(tensor);
}

const TensorInfo& Values::info(std::int32_t tensor) {
  Entry& found = entry(tensor);
  if (!found.info) {
    with_context([&] { return fmt::format("tensor {}", tensor); },
                 [&] { found.info = model_.tensor(tensor); });
  }
  return *found.info;
}

std::string Values::name(std::int32_t tensor) {
  const std::string_view given = info(tensor).name;
  return given.empty() ? fmt::format("tensor_{}", tensor) : std::string(given);
}

void Values::charge(std::int64_t bytes) {
  const auto sum = checked_add(copied_, bytes);
  if (!sum || *sum > most_copied_) {
    fail(ErrorCode::unsupported, "constants take more than {} bytes when they are unpacked",
         most_copied_);
  }
  copied_ = *sum;
}

Tensor Values::read(const TensorInfo& tensor) {
  if (tensor.packed || tensor.dtype == DType::boolean) {
    charge(2 * std::int64_t(tensor.bytes.size()));
    return tensor.packed ? unpacked(tensor) : booleans(tensor);
  }
  return Tensor::borrow(tensor.dtype, Shape(tensor.shape),
                        static_cast<const void*>(tensor.bytes.data()), model_.owner());
}

// Variables of i8 start at the real 0, all others at bytes of 0.
Tensor Values::initial_state(std::int32_t tensor, DType type, const Shape& shape) {
  Tensor zeros = Tensor::zeros(type, shape);
  const std::vector<std::int64_t> zero_point = model_.quantization(tensor).zero_point;
  if (type == DType::i8 && !zero_point.empty()) {
    std::ranges::fill(zeros.mutable_data<std::int8_t>(), static_cast<std::int8_t>(zero_point[0]));
  }
  return zeros;
}

void Values::define(std::int32_t tensor, Entry& to) {
  if (to.value[0] != ir::no_value || to.value[1] != ir::no_value) return;
  const TensorInfo& given = info(tensor);
  if (given.is_constant) {
    to.value[0] = graph_.add_constant(name(tensor), EncodedTensor(read(given)));
  } else if (given.is_variable) {
    const Shape shape(given.shape);
    charge(checked_mul(shape.elements(), std::int64_t(size_of(given.dtype))).value_or(INT64_MAX));
    to.state = graph_.states.size();
    to.value[0] = graph_.add_state(name(tensor), initial_state(tensor, given.dtype, shape));
  } else if (std::ranges::find(given.shape, 0) != given.shape.end()) {
    to.value[0] = graph_.add_constant(
        name(tensor), EncodedTensor(Tensor::zeros(given.dtype, Shape(given.shape))));
  } else {
    fail(ErrorCode::model, "tensor {} (\"{}\") is read before an operator writes it", tensor,
         name(tensor));
  }
}

bool Values::has(std::int32_t tensor, Layout layout) const {
  return entry(tensor).value[place(layout)] != ir::no_value;
}

bool Values::defined(std::int32_t tensor) const {
  return has(tensor, Layout::plain) || has(tensor, Layout::image);
}

ir::ValueId Values::get(std::int32_t tensor, Layout layout) {
  Entry& found = entry(tensor);
  define(tensor, found);
  ir::ValueId& value = found.value[place(layout)];
  if (value == ir::no_value) value = converted(tensor, found, layout);
  return value;
}

ir::ValueId Values::turned(ir::ValueId source, std::span<const int> axes, std::string_view wanted) {
  const ir::Value& value = graph_.value(source);
  if (value.type.shape.size() != axes.size()) {
    fail(ErrorCode::model, "\"{}\" has {} dimensions, expected {}", value.name,
         value.type.shape.size(), axes.size());
  }
  if (!value.constant) {
    ir::Sources sources = graph_.sources(source);
    if (sources.empty()) sources = {std::string(wanted)};
    ir::Builder builder(graph_, std::move(sources));
    return builder.op("Transpose", {source}, {{"perm", as_integers(axes)}}, wanted);
  }
  const EncodedTensor& whole = *value.constant;
  charge(whole.size_bytes());
  EncodedTensor result = whole;
  const AffineFormat* format = affine_format(*whole.encoding);
  const bool bytes = format && format->bits == 8 && format->symmetric &&
                     format->sharing != AffineFormat::Sharing::group;
  if (bytes) {
    const auto axis = int(std::ranges::find(axes, whole.axis) - axes.begin());
    result =
        make_affine(*whole.encoding, axis, permuted(affine_codes(whole), axes), whole.parts[1]);
  } else if (whole.parts.size() == 1 && whole.parts[0].shape() == whole.shape) {
    result.parts[0] = permuted(whole.parts[0], axes);
    result.shape = result.parts[0].shape();
  } else {
    result = EncodedTensor(permuted(whole.decode(), axes));
  }
  return graph_.add_constant(wanted, std::move(result), value.sources);
}

ir::ValueId Values::converted(std::int32_t tensor, Entry& from, Layout layout) {
  const bool to_image = layout == Layout::image;
  const ir::ValueId source = from.value[to_image ? 0 : 1];
  const std::span<const int> axes = to_image ? image_axes : plain_axes;
  const std::string wanted = from.is_output ? result_name(tensor, layout)
                                            : name(tensor) + (to_image ? "/image" : "/plain");
  const auto extents = as_constant(graph_.value(source).type.shape);
  if (!extents || extents->rank() != 4 || graph_.is_constant(source)) {
    return turned(source, axes, wanted);
  }
  // Where one of both has a single entry the order of the elements is the same.
  const std::int64_t channels = (*extents)[to_image ? 3 : 1];
  const std::int64_t area = extents->elements(to_image ? 1 : 2, to_image ? 3 : 4);
  if (channels != 1 && area != 1) return turned(source, axes, wanted);
  std::vector<std::int64_t> shape;
  for (const int axis : axes) shape.push_back((*extents)[axis]);
  ir::Sources sources = graph_.sources(source);
  if (sources.empty()) sources = {wanted};
  ir::Builder builder(graph_, std::move(sources));
  return builder.op("Reshape", {source, builder.integers(std::move(shape))},
                    {{"allowzero", std::int64_t(1)}}, wanted);
}

std::optional<Tensor> Values::constant(std::int32_t tensor) {
  const ir::Value& value = graph_.value(get(tensor, Layout::plain));
  if (!value.constant) return std::nullopt;
  return value.constant->decode();
}

std::optional<std::vector<std::int64_t>> Values::known_integers(std::int32_t tensor) {
  const ir::Value& value = graph_.value(get(tensor, Layout::plain));
  if (value.constant) {
    const DType type = value.constant->dtype;
    if (type != DType::i32 && type != DType::i64) {
      fail(ErrorCode::model, "tensor {} (\"{}\") has element type {}; accepted: i32, i64", tensor,
           name(tensor), to_string(type));
    }
    charge(8 * value.constant->shape.elements());
    return value.constant->decode().to_int64();
  }
  if (!value.elements) return std::nullopt;
  std::vector<std::int64_t> result;
  for (const Dim& element : *value.elements) {
    if (!element.is_constant()) return std::nullopt;
    result.push_back(element.constant());
  }
  return result;
}

SymbolicShape Values::shape(std::int32_t tensor) {
  Entry& found = entry(tensor);
  define(tensor, found);
  if (found.value[0] != ir::no_value) return graph_.value(found.value[0]).type.shape;
  const SymbolicShape& image = graph_.value(found.value[1]).type.shape;
  SymbolicShape shape;
  for (const int axis : plain_axes) shape.push_back(image[std::size_t(axis)]);
  return shape;
}

DType Values::dtype(std::int32_t tensor) {
  Entry& found = entry(tensor);
  define(tensor, found);
  return graph_.value(found.value[found.value[0] != ir::no_value ? 0 : 1]).type.dtype;
}

std::string Values::result_name(std::int32_t tensor, Layout layout) {
  const bool hidden = layout == Layout::image && entry(tensor).is_output;
  return name(tensor) + (hidden ? "/image" : "");
}

void Values::set(std::int32_t tensor, Layout layout, ir::ValueId value, bool replace) {
  Entry& to = entry(tensor);
  const TensorInfo& given = info(tensor);
  if (!replace && (defined(tensor) || given.is_constant || given.is_variable)) {
    fail(ErrorCode::model, "tensor {} (\"{}\") is written twice", tensor, name(tensor));
  }
  const DType computed = graph_.value(value).type.dtype;
  if (computed != given.dtype) {
    fail(ErrorCode::model, "tensor {} (\"{}\") is declared as {}, but computed as {}", tensor,
         name(tensor), to_string(given.dtype), to_string(computed));
  }
  to.value = {ir::no_value, ir::no_value};
  to.value[place(layout)] = value;
}

void Values::set_constant(std::int32_t tensor, EncodedTensor constant, ir::Sources sources) {
  set(tensor, Layout::plain,
      graph_.add_constant(name(tensor), std::move(constant), std::move(sources)));
}

void Values::add_input(std::int32_t tensor) {
  Entry& to = entry(tensor);
  const TensorInfo& given = info(tensor);
  if (defined(tensor)) fail(ErrorCode::model, "it is listed twice");
  if (given.is_constant || given.is_variable) {
    fail(ErrorCode::model, "it is a {} as well", given.is_constant ? "constant" : "variable");
  }
  ir::TensorType type{given.dtype, {}};
  for (std::size_t axis = 0; axis < given.shape.size(); ++axis) {
    type.shape.push_back(given.shape[axis] >= 0
                             ? Dim(given.shape[axis])
                             : Dim::symbol(fmt::format("{}_dim{}", name(tensor), axis)));
  }
  if (const auto shape = as_constant(type.shape)) shape->elements();  // which fails if too many
  to.value[0] = graph_.add_input(name(tensor), std::move(type));
}

void Values::mark_output(std::int32_t tensor) { entry(tensor).is_output = true; }

void Values::note_wrong_axis(std::int32_t tensor, std::int64_t said, int read) {
  if (wrong_axes_++ == 0) {
    first_wrong_axis_ = fmt::format("\"{}\" says {}, read as of axis {}", name(tensor), said, read);
  }
}

void Values::log_wrong_axes() const {
  if (wrong_axes_ == 0) return;
  log_warning("the scales of {} tensor{} name a wrong axis (first: {})", wrong_axes_,
              wrong_axes_ == 1 ? "" : "s", first_wrong_axis_);
}

void Values::finish_states() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& from = entries_[i];
    if (from.state) graph_.states[*from.state].written = get(std::int32_t(i), Layout::plain);
  }
}

}  // namespace strata::formats::tflite
