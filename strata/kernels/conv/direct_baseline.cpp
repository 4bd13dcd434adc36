#include "strata/kernels/conv/direct_kernel.hpp"
#include "strata/kernels/conv/runs.hpp"

namespace strata::kernels::baseline {

const char* run_direct_blocked(const Args& args, int phase, std::int64_t begin,
                               std::int64_t end) noexcept {
  return run_direct<float>(args, DirectForm::blocked, phase, begin, end);
}

const char* run_direct_channels_last(const Args& args, int phase, std::int64_t begin,
                                     std::int64_t end) noexcept {
  return run_direct<float>(args, DirectForm::channels_last, phase, begin, end);
}

const char* run_direct_stem(const Args& args, int phase, std::int64_t begin,
                            std::int64_t end) noexcept {
  return run_direct<float>(args, DirectForm::stem, phase, begin, end);
}

}  // namespace strata::kernels::baseline
