#include "strata/kernels/bytes/bytes_kernel.hpp"
