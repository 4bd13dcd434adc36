#pragma once

#include <memory>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/kernels/convert/convert.hpp"
#include "strata/runtime/lowering.hpp"

namespace strata::runtime {

/// Every symbol of the graph's inputs with its value in `given`, or 1.
DimValues typical_dims(const ir::Graph& graph, const DimValues& given);

/// Shapes of all values, by id; scalars for slots that are not in use. Throws model naming the
/// node whose operands do not fit at these sizes.
std::vector<Shape> value_shapes(const ir::Graph& graph, const DimValues& dims);

/// The problem of bringing a value into another layout.
std::unique_ptr<kernels::ReorderProblem> reorder_problem(const ir::Graph& graph, ir::ValueId value,
                                                         const Shape& shape,
                                                         const kernels::OperandLayouts& layouts);

/// The constants of the graph that a row packs.
std::vector<PackSource> pack_sources(const ir::Graph& graph, const Operands& operands);

}  // namespace strata::runtime
