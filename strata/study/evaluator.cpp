#include "strata/study/evaluator.hpp"

namespace strata::study {

std::vector<tune::NodeRows> Evaluator::timed_kernels(const Configuration& configuration,
                                                     const Stopped&) {
  return kernels(configuration);
}

std::vector<std::string> Evaluator::slow_integers(const Configuration&, const Stopped&) {
  return {};
}

}  // namespace strata::study
