#pragma once

#include <tflite_schema.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/formats/tflite/grids.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::formats::tflite {

/// What an operator is told besides its operands.
struct OptionsRow {
  schema::BuiltinOptions type = schema::BuiltinOptions::NONE;
  flatbuffers::Offset<void> table;
};

/// What few operators have: the name of a custom one with its FlexBuffer, and tensors that only say
/// grids of what lies within.
struct OperatorExtras {
  std::string custom;
  std::vector<std::uint8_t> custom_options;
  std::vector<std::int32_t> intermediates;
};

/// Gathers tensors and operators of one subgraph and makes the file of them.
class FileWriter {
 public:
  std::int32_t add_tensor(std::string_view name, DType type, std::span<const std::int64_t> shape,
                          const Grid* grid, int channel_axis = 0);
  /// The same with elements; constants share a buffer if `owner` is the same.
  std::int32_t add_constant(std::string_view name, const Tensor& elements, const Grid* grid,
                            int channel_axis = 0);
  void rename(std::int32_t tensor, std::string_view name);
  void swap_names(std::int32_t a, std::int32_t b);
  void set_variable(std::int32_t tensor) { tensors_[std::size_t(tensor)].is_variable = true; }
  bool is_variable(std::int32_t tensor) const { return tensors_[std::size_t(tensor)].is_variable; }
  /// -1 stands for an input that is left out.
  void add_operator(schema::BuiltinOperator op, std::vector<std::int32_t> inputs,
                    std::vector<std::int32_t> outputs, OptionsRow options = {},
                    OperatorExtras extras = {});

  /// For the tables of options.
  flatbuffers::FlatBufferBuilder& builder() { return builder_; }
  /// A row of options from the table that `create` makes.
  template <class Table>
  OptionsRow options(flatbuffers::Offset<Table> table) {
    return {schema::BuiltinOptionsTraits<Table>::enum_value, table.Union()};
  }

  std::string finish(std::string_view name, std::span<const std::int32_t> inputs,
                     std::span<const std::int32_t> outputs);

 private:
  struct TensorRow {
    std::string name;
    schema::TensorType type;
    std::vector<std::int32_t> shape;
    std::uint32_t buffer = 0;
    Grid grid;
    int channel_axis = 0;
    bool is_variable = false;
  };
  struct OperatorRow {
    std::uint32_t code;
    std::vector<std::int32_t> inputs, outputs;
    OptionsRow options;
    OperatorExtras extras;
  };
  std::string unique(std::string_view name);

  flatbuffers::FlatBufferBuilder builder_;
  std::vector<TensorRow> tensors_;
  std::vector<OperatorRow> operators_;
  std::vector<Tensor> buffers_;  // of buffer i + 1
  std::map<std::pair<schema::BuiltinOperator, std::string>, std::uint32_t> codes_;
  std::map<std::string, int, std::less<>> names_;
};

/// The file's word for a type; throws unsupported for those it has none of.
schema::TensorType tensor_type(DType type);

}  // namespace strata::formats::tflite
