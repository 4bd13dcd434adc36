#pragma once

#include <pybind11/pybind11.h>

#include <string_view>

#include "strata/ir/op.hpp"

namespace strata::python {

/// int, float, str, lists of them, numpy array, name of an element type, or Graph.
pybind11::object to_python(const ir::Attribute& attribute);
/// The other way, to the kind that the op defines. Throws usage saying what is accepted.
ir::Attribute to_attribute(const ir::OpDef& op, std::string_view name,
                           const pybind11::object& value);

}  // namespace strata::python
