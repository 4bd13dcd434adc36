#include "strata/kernels/conv/depthwise_kernel.hpp"
