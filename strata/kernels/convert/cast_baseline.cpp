#include "strata/kernels/convert/cast_kernel.hpp"
