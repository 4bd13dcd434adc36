#include "strata/kernels/conv/activate_kernel.hpp"
