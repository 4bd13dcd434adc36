#include "strata/kernels/strassen/strassen_kernel.hpp"
