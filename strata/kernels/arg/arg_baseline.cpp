#include "strata/kernels/arg/arg_kernel.hpp"
