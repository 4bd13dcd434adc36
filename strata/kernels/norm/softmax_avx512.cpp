#include "strata/kernels/norm/softmax_kernel.hpp"
