#include "strata/kernels/elementwise/binary_kernel.hpp"
