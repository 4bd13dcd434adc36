#pragma once

#include "strata/kernels/bytes/bytes.hpp"
#include "strata/kernels/bytes/runs.hpp"

namespace strata::kernels {

/// The functions of rows that resize codes, for the kernels of any instruction set.
void byte_resize_layouts(const Problem& problem, std::vector<OperandLayouts>& options);
CostEstimate byte_resize_cost(const Problem& problem, const Machine& machine, Isa isa);
std::size_t byte_resize_worker_bytes(const Problem& problem);
std::int64_t byte_resize_units(const Problem& problem, int phase);
void run_byte_resize(const ByteKernels& kernels, const Args& args, std::int64_t begin,
                     std::int64_t end) noexcept;

}  // namespace strata::kernels
