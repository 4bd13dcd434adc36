#include "strata/kernels/bf16/bf16_kernel.hpp"
