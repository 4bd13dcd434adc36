#pragma once

#include "strata/kernels/conv/depthwise.hpp"
#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/conv/im2col.hpp"
#include "strata/kernels/conv/im2win.hpp"
#include "strata/kernels/conv/winograd.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {

/// Estimates that follow the loops of each algorithm; the constants are fitted to measurements of
/// the layers in bench/kernels/conv_bench.cpp.
CostEstimate direct_cost(const DirectPlan& plan, const ConvProblem& p, DirectForm form,
                         std::size_t element);
CostEstimate winograd_cost(const WinogradPlan& plan, const ConvProblem& p);
CostEstimate strassen_cost(const StrassenPlan& plan, const ConvProblem& p);
CostEstimate depthwise_cost(const DepthwisePlan& plan, const ConvProblem& p);
CostEstimate im2col_cost(const Im2colPlan& plan, const ConvProblem& p);
CostEstimate im2win_cost(const Im2winPlan& plan, const ConvProblem& p);

}  // namespace strata::kernels
