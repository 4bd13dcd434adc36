#include "strata/kernels/pool/pool_kernel.hpp"
