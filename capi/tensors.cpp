#include "capi/tensors.hpp"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "strata/base/error.hpp"

namespace strata::capi {
namespace {

static_assert(STRATA_MAX_RANK == max_rank);

constexpr std::pair<strata_type, DType> all_types[] = {{STRATA_F64, DType::f64},
                                                       {STRATA_F32, DType::f32},
                                                       {STRATA_F16, DType::f16},
                                                       {STRATA_BF16, DType::bf16},
                                                       {STRATA_I64, DType::i64},
                                                       {STRATA_I32, DType::i32},
                                                       {STRATA_I16, DType::i16},
                                                       {STRATA_I8, DType::i8},
                                                       {STRATA_U64, DType::u64},
                                                       {STRATA_U32, DType::u32},
                                                       {STRATA_U16, DType::u16},
                                                       {STRATA_U8, DType::u8},
                                                       {STRATA_BOOL, DType::boolean},
                                                       {STRATA_F8E4M3FN, DType::f8e4m3fn},
                                                       {STRATA_F8E4M3FNUZ, DType::f8e4m3fnuz},
                                                       {STRATA_F8E5M2, DType::f8e5m2},
                                                       {STRATA_F8E5M2FNUZ, DType::f8e5m2fnuz},
                                                       {STRATA_F8E8M0, DType::f8e8m0},
                                                       {STRATA_F6E2M3, DType::f6e2m3},
                                                       {STRATA_F6E3M2, DType::f6e3m2},
                                                       {STRATA_F4E2M1, DType::f4e2m1},
                                                       {STRATA_I4, DType::i4},
                                                       {STRATA_U4, DType::u4},
                                                       {STRATA_I2, DType::i2},
                                                       {STRATA_U2, DType::u2}};
static_assert(std::size(all_types) == std::size_t(DType::u2) + 1);

}  // namespace

strata_type type_of(DType type) {
  return std::ranges::find(all_types, type, &std::pair<strata_type, DType>::second)->first;
}

int code_of(const strata_type& type) {
  static_assert(sizeof(type) == sizeof(int));
  int code;
  std::memcpy(&code, &type, sizeof code);
  return code;
}

std::optional<DType> dtype_of(int code) {
  const auto* found =
      std::ranges::find(all_types, code, [](const auto& row) { return int(row.first); });
  if (found == std::end(all_types)) return std::nullopt;
  return found->second;
}

void describe(DType type, const Shape& shape, strata_tensor& tensor) {
  tensor.type = type_of(type);
  tensor.rank = shape.rank();
  std::ranges::fill(tensor.dims, 0);
  std::ranges::copy(shape, tensor.dims);
  tensor.bytes = std::size_t(shape.elements()) * size_of(type);
}

Tensor borrow(const strata_tensor& tensor, const std::string& name) {
  const int code = code_of(tensor.type);
  const auto type = dtype_of(code);
  if (!type) fail(ErrorCode::usage, "input {}: {} is no element type", name, code);
  if (tensor.rank < 0 || tensor.rank > max_rank) {
    fail(ErrorCode::usage, "input {}: rank {} given, 0 to {} accepted", name, tensor.rank,
         max_rank);
  }
  const std::span extents(tensor.dims, std::size_t(tensor.rank));
  for (const std::int64_t extent : extents) {
    if (extent < 0) fail(ErrorCode::usage, "input {}: an extent of {} given", name, extent);
  }
  const Shape shape(extents);
  const std::int64_t elements = shape.elements();
  if (std::size_t(elements) > SIZE_MAX / size_of(*type) ||
      std::size_t(elements) * size_of(*type) != tensor.bytes) {
    fail(ErrorCode::usage, "input {}: {} bytes given, {}{} has {} elements of {}", name,
         tensor.bytes, to_string(*type), to_string(shape), elements, size_of(*type));
  }
  if (!tensor.data && elements > 0) fail(ErrorCode::usage, "input {}: its data are null", name);
  static constexpr std::max_align_t nothing{};  // an address for arrays of no elements
  const void* data = tensor.data ? tensor.data : &nothing;
  return Tensor::borrow(*type, shape, data).aligned();
}

std::vector<strata_value> describe(const std::vector<std::string>& names,
                                   const std::vector<ir::TensorType>& types,
                                   std::vector<std::string>& dim_names) {
  std::vector<strata_value> values;
  for (std::size_t i = 0; i < names.size(); ++i) {
    strata_value value{};
    value.name = names[i].c_str();
    value.type = type_of(types[i].dtype);
    value.rank = std::int32_t(types[i].shape.size());
    for (std::size_t axis = 0; axis < types[i].shape.size(); ++axis) {
      const Dim& dim = types[i].shape[axis];
      const auto number = dim.as_constant();
      value.dims[axis] = number.value_or(-1);
      if (number) continue;
      dim_names.push_back(to_string(dim));
      value.dim_names[axis] = dim_names.back().c_str();
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace strata::capi
