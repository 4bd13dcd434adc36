#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/formats/load.hpp"
#include "strata/formats/tflite/model.hpp"
#include "strata/ir/builder.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::formats::tflite {

/// In which axis order a value of the graph holds a tensor of the file.
enum class Layout {
  plain,  ///< the file's own: channels last
  image,  ///< four axes, channels second: what the graph's spatial ops take
};

/// Where an axis of the file (0 to 3) lies in an image, and the axes in the image's order.
constexpr std::array<int, 4> axis_in_image = {0, 2, 3, 1};
constexpr std::array<int, 4> image_axes = {0, 3, 1, 2};

/// The elements of a constant with their axes in another order, copied.
Tensor permuted(const Tensor& tensor, std::span<const int> axes);

/// What stands for each tensor of the file in the graph: a value in the file's axis order, one as
/// an image, or both. The one that is missing is made by a Transpose when it is asked for.
class Values {
 public:
  Values(const Model& model, const LoadOptions& options, ir::Graph& graph);

  const TensorInfo& info(std::int32_t tensor);
  /// Unique in the graph, never empty.
  std::string name(std::int32_t tensor);
  /// Throws model if nothing has written the tensor yet.
  ir::ValueId get(std::int32_t tensor, Layout layout);
  bool has(std::int32_t tensor, Layout layout) const;
  bool defined(std::int32_t tensor) const;
  /// The value with its axes in another order: constants at once, others by a Transpose.
  ir::ValueId turned(ir::ValueId source, std::span<const int> axes, std::string_view wanted);
  /// The elements of a constant, in the file's axis order; nothing for what a run computes.
  std::optional<Tensor> constant(std::int32_t tensor);
  /// Integers that are known without a run: of constants, or computed from shapes.
  std::optional<std::vector<std::int64_t>> known_integers(std::int32_t tensor);
  /// Extents in the file's axis order; symbols only where data decide.
  SymbolicShape shape(std::int32_t tensor);
  DType dtype(std::int32_t tensor);

  /// An operator's result. `replace`: of a variable, whose old value gives way.
  void set(std::int32_t tensor, Layout layout, ir::ValueId value, bool replace = false);
  /// A constant that an operator made of constants.
  void set_constant(std::int32_t tensor, EncodedTensor constant, ir::Sources sources);
  void add_input(std::int32_t tensor);
  void mark_output(std::int32_t tensor);
  /// What the value of an operator's result is to be called.
  std::string result_name(std::int32_t tensor, Layout layout);
  /// Ties each state to what the last operator left in its variable.
  void finish_states();

  /// Remembers scales that are said to be those of another axis than they are; `log_wrong_axes`
  /// warns of all of them at once.
  void note_wrong_axis(std::int32_t tensor, std::int64_t said, int read);
  void log_wrong_axes() const;

  /// Counts bytes that are copied from the file; throws unsupported beyond what its size explains.
  void charge(std::int64_t bytes);

 private:
  struct Entry {
    std::optional<TensorInfo> info;
    std::array<ir::ValueId, 2> value = {ir::no_value, ir::no_value};  // by layout
    std::optional<std::size_t> state;
    bool is_output = false;
  };
  Entry& entry(std::int32_t tensor);
  const Entry& entry(std::int32_t tensor) const;
  void define(std::int32_t tensor, Entry& to);
  Tensor read(const TensorInfo& info);
  Tensor initial_state(std::int32_t tensor, DType type, const Shape& shape);
  ir::ValueId converted(std::int32_t tensor, Entry& from, Layout layout);

  const Model& model_;
  ir::Graph& graph_;
  std::vector<Entry> entries_;
  std::size_t wrong_axes_ = 0;
  std::string first_wrong_axis_;
  std::int64_t copied_ = 0;
  std::int64_t most_copied_;
};

}  // namespace strata::formats::tflite
