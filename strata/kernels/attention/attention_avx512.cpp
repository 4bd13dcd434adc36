#include "strata/kernels/attention/attention_kernel.hpp"
