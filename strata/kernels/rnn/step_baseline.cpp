#include "strata/kernels/rnn/step_kernel.hpp"
