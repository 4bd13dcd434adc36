#include "strata/kernels/conv/winograd_kernel.hpp"
