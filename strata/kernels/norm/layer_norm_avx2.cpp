#include "strata/kernels/norm/layer_norm_kernel.hpp"
