#include "strata/kernels/rnn/codes_kernel.hpp"
