#include "strata/kernels/integer/integer_kernel.hpp"
