#include "strata/report/numbers.hpp"

#include <fmt/format.h>

#include <cmath>
#include <span>

namespace strata::report {
namespace {

constexpr const char* no_number = "–";

struct Unit {
  double size;
  const char* name;
};

/// Three significant digits, never an exponent.
std::string three_digits(double value) {
  // Rounding first: 9.996 needs one decimal fewer than its digits before rounding suggest.
  const double magnitude = std::abs(value);
  if (magnitude >= 99.95) return fmt::format("{:.0f}", value);
  if (magnitude >= 9.995) return fmt::format("{:.1f}", value);
  if (magnitude >= 0.9995 || magnitude == 0) return fmt::format("{:.2f}", value);
  constexpr int most_decimals = 9;
  int decimals = 3;  // and one for each zero behind the point
  for (double below = 0.09995; magnitude < below && decimals < most_decimals; below /= 10) {
    ++decimals;
  }
  return fmt::format("{:.{}f}", value, decimals);
}

/// The largest unit that leaves at least one whole; the units come largest first.
std::string scaled(double value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (std::abs(value) >= 0.9995 * unit.size) {
      return fmt::format("{} {}", three_digits(value / unit.size), unit.name);
    }
  }
  return fmt::format("{} {}", three_digits(value / units.back().size), units.back().name);
}

}  // namespace

std::string format_count(std::int64_t value) {
  std::string digits = fmt::format("{}", value);
  const std::ptrdiff_t first = value < 0 ? 1 : 0;
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds)) return no_number;
  if (seconds >= 59.95) {
    const auto whole = std::llround(seconds);
    if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  }
  static constexpr Unit units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}};
  return seconds == 0 ? "0 s" : scaled(seconds, units);
}

std::string format_bytes(double bytes) {
  if (!std::isfinite(bytes)) return no_number;
  if (std::abs(bytes) < 1024) return format_count(std::llround(bytes)) + " B";
  static constexpr Unit units[] = {
      {0x1p40, "TiB"}, {0x1p30, "GiB"}, {0x1p20, "MiB"}, {0x1p10, "KiB"}};
  return scaled(bytes, units);
}

std::string format_si(double value) {
  if (!std::isfinite(value)) return no_number;
  if (std::abs(value) < 999.5) {
    return value == std::round(value) ? fmt::format("{:.0f}", value) : three_digits(value);
  }
  static constexpr Unit units[] = {{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
  return scaled(value, units);
}

std::string format_percent(double fraction, int decimals) {
  if (!std::isfinite(fraction)) return no_number;
  return fmt::format("{:.{}f} %", 100 * fraction, decimals);
}

std::string format_points(double fraction, int decimals) {
  if (!std::isfinite(fraction)) return no_number;
  const std::string digits = fmt::format("{:.{}f}", std::abs(100 * fraction), decimals);
  // What rounds to nothing has no sign.
  if (digits.find_first_not_of("0.") == std::string::npos) return digits;
  return (fraction < 0 ? "−" : "+") + digits;
}

std::string format_ratio(double value) {
  return std::isfinite(value) ? three_digits(value) : no_number;
}

std::string TimeUnit::text(std::optional<double> value) const {
  if (!value || !std::isfinite(*value)) return no_number;
  return *value == 0 ? "0" : three_digits(*value / seconds);
}

TimeUnit time_unit(double largest_s) {
  if (largest_s < 1e-3) return {1e-6, "µs"};
  return largest_s < 10 ? TimeUnit{1e-3, "ms"} : TimeUnit{1, "s"};
}

}  // namespace strata::report
