#include "strata/kernels/conv/weights.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {

std::size_t strassen_packed_bytes(const StrassenPlan& plan) {
  return std::size_t(7 * plan.k * plan.n + 2 * plan.n) * sizeof(float);
}

void pack_strassen(const StrassenPlan& plan, const Constants& constants, std::ptrdiff_t by_k,
                   std::ptrdiff_t by_n, std::byte* packed) {
  auto* to = reinterpret_cast<float*>(packed);
  for (std::int64_t panel = 0; panel < plan.panels; ++panel) {
    const int vectors = panel + 1 < plan.panels ? 2 : plan.last_vectors;
    const std::int64_t lanes = vectors * plan.vector.lanes;
    const std::ptrdiff_t product = plan.k * lanes;
    for (std::int64_t k = 0; k < plan.k; ++k) {
      for (std::int64_t lane = 0; lane < lanes; ++lane, ++to) {
        const std::int64_t n = panel * 2 * plan.vector.lanes + lane;
        const auto weight = [&](std::int64_t row, std::int64_t column) {
          return WeightReader::at<float>(constants.data[0], row * by_k + column * by_n);
        };
        const float w11 = weight(k, n), w12 = weight(k, n + plan.n);
        const float w21 = weight(k + plan.k, n), w22 = weight(k + plan.k, n + plan.n);
        const float t1 = w12 - w11;
        const float t2 = w22 - t1;
        const float of_products[] = {w11, t2, w22 - w12, w21 - t2, t1, w22, w21};
        for (int i = 0; i < 7; ++i) to[i * product] = of_products[i];
      }
    }
    to += 6 * product;
  }
  for (std::int64_t n = 0; n < 2 * plan.n; ++n) {
    to[n] = constants.data[2] ? WeightReader::at<float>(constants.data[2], n) : 0.0f;
  }
}

}  // namespace strata::kernels
