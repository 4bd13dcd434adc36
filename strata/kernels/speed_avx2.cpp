#include "strata/kernels/speed_kernel.hpp"
