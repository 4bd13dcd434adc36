#include "strata/kernels/reduce/reduce_kernel.hpp"
