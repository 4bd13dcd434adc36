#include "strata/formats/tflite/node_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/formats/tflite/variables.hpp"
#include "strata/ir/op.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {
namespace {

constexpr std::array<int, 4> plain_from_image = {0, 3, 1, 2};  // NCHW out of NHWC
constexpr std::array<int, 4> image_from_plain = {0, 2, 3, 1};

/// From codes of u8 to those of i8.
constexpr int code_shift = 128;

Layout other(Layout layout) { return layout == Layout::plain ? Layout::image : Layout::plain; }

constexpr std::array<int, max_rank> iota() {
  std::array<int, max_rank> places{};
  for (int i = 0; i < max_rank; ++i) places[std::size_t(i)] = i;
  return places;
}

std::vector<std::int64_t> channels_last(const std::vector<std::int64_t>& shape) {
  return {shape[0], shape[2], shape[3], shape[1]};
}

}  // namespace

std::vector<std::int64_t> TensorForms::shape(ir::ValueId value) const {
  const ir::Value& v = graph_.value(value);
  const auto known = as_constant(v.type.shape);
  if (!known) {
    fail(ErrorCode::unsupported,
         "{} is {}; TensorFlow Lite files have known sizes, give them "
         "(--dim NAME=VALUE)",
         v.name, ir::to_string(v.type));
  }
  return {known->begin(), known->end()};
}

std::string TensorForms::name_of(ir::ValueId value, Layout layout) const {
  const ir::Value& v = graph_.value(value);
  const auto known = forms_.find(ir::index(value));
  // The first form bears the name.
  if (known == forms_.end()) return v.name;
  return v.name + (layout == Layout::image ? "/nhwc" : "/nchw");
}

bool TensorForms::has(ir::ValueId value, Layout layout) const {
  if (graph_.is_constant(value)) return true;
  const auto known = forms_.find(ir::index(value));
  return known != forms_.end() && known->second[std::size_t(layout)] >= 0;
}

void TensorForms::alias(ir::ValueId value, Layout layout, std::int32_t tensor) {
  auto& forms = forms_.try_emplace(ir::index(value), std::array{-1, -1}).first->second;
  forms[std::size_t(layout)] = tensor;
}

DType TensorForms::stored_type(DType type, const Grid* grid) const {
  return signed_codes_ && grid && type == DType::u8 ? DType::i8 : type;
}

const Grid* TensorForms::stored_grid(DType type, const Grid* grid, Grid& scratch) const {
  if (stored_type(type, grid) == type) return grid;
  scratch = *grid;
  for (std::int64_t& zero_point : scratch.zero_point) zero_point -= code_shift;
  return &scratch;
}

Tensor TensorForms::stored(const Tensor& elements, const Grid* grid) const {
  if (stored_type(elements.dtype(), grid) == elements.dtype()) return elements;
  Tensor result = Tensor::zeros(DType::i8, elements.shape());
  const auto from = elements.data<std::uint8_t>();
  const auto to = result.mutable_data<std::int8_t>();
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = std::int8_t(int(from[i]) - code_shift);
  return result;
}

std::int32_t TensorForms::make(ir::ValueId value, Layout layout) {
  std::vector<std::int64_t> extents = shape(value);
  if (layout == Layout::image) extents = channels_last(extents);
  const DType type = graph_.value(value).type.dtype;
  Grid scratch;
  const std::int32_t tensor =
      file_.add_tensor(name_of(value, layout), stored_type(type, grids_.find(value)), extents,
                       stored_grid(type, grids_.find(value), scratch));
  alias(value, layout, tensor);
  return tensor;
}

std::int32_t TensorForms::add_input(ir::ValueId value) {
  const ir::Value& v = graph_.value(value);
  const Grid* grid = grids_.find(value);
  if (stored_type(v.type.dtype, grid) == v.type.dtype) return make(value, Layout::plain);
  const std::int32_t given = file_.add_tensor(v.name, v.type.dtype, shape(value), grid);
  file_.add_operator(schema::BuiltinOperator::QUANTIZE, {given}, {make(value, Layout::plain)});
  return given;
}

std::int32_t TensorForms::add_output(ir::ValueId value) {
  const ir::Value& v = graph_.value(value);
  const Grid* grid = grids_.find(value);
  const std::int32_t tensor = get(value, Layout::plain);
  if (stored_type(v.type.dtype, grid) == v.type.dtype) return tensor;
  const std::int32_t result = file_.add_tensor(v.name + "/u8", v.type.dtype, shape(value), grid);
  file_.add_operator(schema::BuiltinOperator::QUANTIZE, {tensor}, {result});
  file_.swap_names(tensor, result);
  return result;
}

std::int32_t TensorForms::make_between(ir::ValueId like, std::string_view suffix,
                                       std::span<const std::int64_t> extents) {
  const ir::Value& v = graph_.value(like);
  const Grid* grid = grids_.find(like);
  Grid scratch;
  return file_.add_tensor(v.name + std::string(suffix), stored_type(v.type.dtype, grid), extents,
                          stored_grid(v.type.dtype, grid, scratch));
}

std::int32_t TensorForms::get(ir::ValueId value, Layout layout) {
  const auto known = forms_.find(ir::index(value));
  if (known != forms_.end() && known->second[std::size_t(layout)] >= 0) {
    return known->second[std::size_t(layout)];
  }
  if (graph_.is_constant(value)) {
    if (auto form = tflite::stored(*graph_.value(value).constant)) {
      constexpr std::array<int, max_rank> as_they_are = iota();
      const std::span<const int> axes =
          layout == Layout::image
              ? std::span<const int>(image_from_plain)
              : std::span(as_they_are).first(std::size_t(form->codes.shape().rank()));
      const std::int32_t tensor = add_decoded(name_of(value, layout), std::move(*form), axes);
      alias(value, layout, tensor);
      return tensor;
    }
    Tensor elements = graph_.value(value).constant->decode();
    if (layout == Layout::image) elements = permuted(elements, image_from_plain);
    const Grid* grid = grids_.find(value);
    const int axis = grid && layout == Layout::image ? axis_in_image[std::size_t(grid->axis)]
                                                     : (grid ? grid->axis : 0);
    Grid scratch;
    const std::int32_t tensor =
        file_.add_constant(name_of(value, layout), stored(elements, grid),
                           stored_grid(elements.dtype(), grid, scratch), axis);
    alias(value, layout, tensor);
    return tensor;
  }
  STRATA_ASSERT(known != forms_.end());
  return turned(known->second[std::size_t(other(layout))], value, layout);
}

std::int32_t TensorForms::add_decoded(std::string_view name, Stored form,
                                      std::span<const int> axes) {
  const Tensor codes = permuted(form.codes, axes);
  Grid grid{form.scales, std::vector<std::int64_t>(form.scales.size()), 0};
  const auto axis = int(std::ranges::find(axes, form.axis) - axes.begin());
  const std::int32_t from = file_.add_constant(fmt::format("{}/codes", name), codes, &grid, axis);
  const Shape& shape = codes.shape();
  const std::vector<std::int64_t> extents(shape.begin(), shape.end());
  const std::int32_t result = file_.add_tensor(name, DType::f32, extents, nullptr);
  file_.add_operator(schema::BuiltinOperator::DEQUANTIZE, {from}, {result});
  return result;
}

std::int32_t TensorForms::turned(std::int32_t source, ir::ValueId value, Layout to) {
  const std::int32_t result = make(value, to);
  const auto& axes = to == Layout::image ? image_from_plain : plain_from_image;
  const std::vector<std::int64_t> extents = shape(value);
  const bool only_renames = extents[1] == 1 || (extents[2] == 1 && extents[3] == 1);
  std::vector<std::int64_t> operand(axes.begin(), axes.end());
  if (only_renames) operand = to == Layout::image ? channels_last(extents) : extents;
  Tensor numbers = Tensor::from<std::int64_t>(Shape{4}, operand).cast(DType::i32);
  const std::int32_t second = file_.add_constant(
      graph_.value(value).name + (only_renames ? "/shape" : "/axes"), numbers, nullptr);
  file_.add_operator(
      only_renames ? schema::BuiltinOperator::RESHAPE : schema::BuiltinOperator::TRANSPOSE,
      {source, second}, {result});
  return result;
}

void NodeWriter::seek(ir::NodeId id) {
  node_ = &graph_.node(id);
  result_ = node_->outputs.at(0);
}

bool NodeWriter::has_input(std::size_t i) const {
  return i < node_->inputs.size() && node_->inputs[i] != ir::no_value;
}

Tensor NodeWriter::constant(std::size_t i, std::string_view what) const {
  if (!has_input(i) || !graph_.is_constant(input(i))) {
    fail(ErrorCode::unsupported, "{} is not a constant", what);
  }
  return graph_.value(input(i)).constant->decode();
}

std::vector<std::int64_t> NodeWriter::integers(std::size_t i, std::string_view what) const {
  return constant(i, what).to_int64();
}

Layout NodeWriter::at_hand(std::size_t i) const {
  return forms_.has(input(i), Layout::image) && !forms_.has(input(i), Layout::plain)
             ? Layout::image
             : Layout::plain;
}

std::int32_t NodeWriter::own(std::string_view suffix, const Tensor& elements, const Grid* grid,
                             int channel_axis) {
  Grid scratch;
  return file_.add_constant(node_->name + std::string(suffix), forms_.stored(elements, grid),
                            forms_.stored_grid(elements.dtype(), grid, scratch), channel_axis);
}

std::int32_t NodeWriter::own_weights(std::size_t i, std::span<const int> axes, int channel_axis) {
  const Tensor elements = constant(i, "the weights");
  if (auto form = tflite::stored(*graph_.value(input(i)).constant)) {
    return forms_.add_decoded(node_->name + "/weights", std::move(*form), axes);
  }
  return own("/weights", permuted(elements, axes), grid(i), channel_axis);
}

std::int32_t NodeWriter::own_integers(std::string_view suffix,
                                      std::span<const std::int64_t> values) {
  return own(
      suffix,
      Tensor::from<std::int64_t>(Shape{std::int64_t(values.size())}, values).cast(DType::i32));
}

void NodeWriter::emit(schema::BuiltinOperator op, std::vector<std::int32_t> inputs, Layout layout,
                      OptionsRow options) {
  file_.add_operator(op, std::move(inputs), {forms_.make(result_, layout)}, options);
}

void NodeWriter::emit_on(const Grid* grid, schema::BuiltinOperator op,
                         std::vector<std::int32_t> inputs, Layout layout, OptionsRow options) {
  const Grid* wanted = grids_.find(result_);
  if (!grid || !wanted || *wanted == *grid) return emit(op, std::move(inputs), layout, options);
  const ir::Value& value = graph_.value(result_);
  std::vector<std::int64_t> extents = forms_.shape(result_);
  if (layout == Layout::image) extents = channels_last(extents);
  Grid scratch;
  const std::int32_t between =
      file_.add_tensor(value.name + "/between", forms_.stored_type(value.type.dtype, grid), extents,
                       forms_.stored_grid(value.type.dtype, grid, scratch));
  file_.add_operator(op, std::move(inputs), {between}, options);
  emit(schema::BuiltinOperator::QUANTIZE, {between}, layout);
}

bool NodeWriter::take_reshape(std::span<const std::int64_t> shape) {
  if (uses_.count(result_) != 1 || uses_.of(result_).size() != 1) return false;
  const ir::NodeId reader = uses_.of(result_)[0];
  const ir::Node& next = graph_.node(reader);
  if (!only_reshapes(next) || !std::ranges::equal(forms_.shape(next.outputs[0]), shape)) {
    return false;
  }
  result_ = next.outputs[0];
  written_[ir::index(reader)] = true;
  return true;
}

namespace {

/// Low and high bound of a Relu or a Clip by constants, in the numbers of the value.
std::optional<std::pair<double, double>> bounds_of(const ir::Graph& graph, const ir::Node& node) {
  constexpr double none = std::numeric_limits<double>::infinity();
  if (!node.op->domain.empty()) return std::nullopt;
  if (node.op->name == "Relu") return std::pair(0.0, none);
  if (node.op->name != "Clip") return std::nullopt;
  std::pair bounds(-none, none);
  for (std::size_t i = 1; i < node.inputs.size(); ++i) {
    if (node.inputs[i] == ir::no_value) continue;
    if (!graph.is_constant(node.inputs[i])) return std::nullopt;
    (i == 1 ? bounds.first : bounds.second) =
        double(graph.value(node.inputs[i]).constant->decode().to_float()[0]);
  }
  return bounds;
}

struct Word {
  schema::Activation activation;
  double low, high;
};
constexpr Word words[] = {
    {schema::Activation::RELU, 0, std::numeric_limits<double>::infinity()},
    {schema::Activation::RELU6, 0, 6},
    {schema::Activation::RELU_N1_TO_1, -1, 1},
};

/// The bounds on codes that runtimes make of an activation's word.
std::pair<double, double> in_codes(const Word& word, const Grid& grid, QuantizedRange range) {
  const auto code = [&](double bound, double otherwise) {
    if (std::isinf(bound)) return otherwise;
    const double steps = std::round(static_cast<float>(bound) / grid.scale[0]);
    return std::clamp(double(grid.zero_point[0]) + steps, double(range.low), double(range.high));
  };
  return {code(word.low, range.low), code(word.high, range.high)};
}

}  // namespace

schema::Activation NodeWriter::take_activation() {
  using schema::Activation;
  const ir::ValueId value = node_->outputs.at(0);
  if (uses_.count(value) != 1 || uses_.of(value).size() != 1) return Activation::NONE;
  const ir::NodeId reader = uses_.of(value)[0];
  const ir::Node& next = graph_.node(reader);
  if (next.inputs[0] != value) return Activation::NONE;
  auto bounds = bounds_of(graph_, next);
  if (!bounds) return Activation::NONE;
  const DType type = output_type();
  const auto range = quantized_range(type);
  const Grid* grid = output_grid();
  if (!is_float(type) && (!range || !grid)) return Activation::NONE;
  if (range) {
    bounds->first = std::max(bounds->first, double(range->low));
    bounds->second = std::min(bounds->second, double(range->high));
  }
  for (const Word& word : words) {
    const std::pair said = range ? in_codes(word, *grid, *range) : std::pair(word.low, word.high);
    if (said != *bounds) continue;
    result_ = next.outputs[0];
    written_[ir::index(reader)] = true;
    return word.activation;
  }
  return Activation::NONE;
}

}  // namespace strata::formats::tflite
