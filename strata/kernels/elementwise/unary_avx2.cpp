#include "strata/kernels/elementwise/unary_kernel.hpp"
