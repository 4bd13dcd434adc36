#pragma once

#include <optional>
#include <string>
#include <vector>

#include "capi/strata.h"
#include "strata/ir/graph.hpp"

namespace strata::capi {

strata_type type_of(DType type);
/// Nothing for what is no type.
std::optional<DType> dtype_of(int code);
/// What a caller in C wrote, which may be no strata_type at all.
int code_of(const strata_type& type);

/// Type, shape and bytes of a tensor; `data` stays.
void describe(DType type, const Shape& shape, strata_tensor& tensor);

/// A caller's array, without copying unless it is not aligned for its type. Throws usage where
/// type, rank, extents and bytes do not fit together; `name` is the input's.
Tensor borrow(const strata_tensor& tensor, const std::string& name);

/// Names and types as strata_value; texts of open sizes go to `dim_names`.
std::vector<strata_value> describe(const std::vector<std::string>& names,
                                   const std::vector<ir::TensorType>& types,
                                   std::vector<std::string>& dim_names);

}  // namespace strata::capi
