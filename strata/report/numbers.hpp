#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace strata::report {

/// How figures read everywhere, in tables, progress lines and pages. Values that are not finite
/// read "–".

/// "105,658".
std::string format_count(std::int64_t value);
/// Three significant digits with an SI unit: "850 ns", "38.2 µs", "1.20 s"; from a minute "1:05".
std::string format_seconds(double seconds);
/// Three significant digits with a binary unit, exact below 1 KiB: "980 B", "103 KiB", "4.72 MiB".
std::string format_bytes(double bytes);
/// Three significant digits with an SI prefix: "980", "2.66 M", "4.09 G".
std::string format_si(double value);
/// A fraction as a percentage: 0.9094 is "90.94 %".
std::string format_percent(double fraction, int decimals = 2);
/// A difference of two fractions in percentage points with its sign: "−0.15", "+0.30".
std::string format_points(double fraction, int decimals = 2);
/// Three significant digits: "0.357", "12.4".
std::string format_ratio(double value);

/// One unit for a whole column, so that its figures can be compared at a glance.
struct TimeUnit {
  double seconds;
  const char* name;

  /// Three significant digits, without the unit; "–" for nothing.
  std::string text(std::optional<double> value) const;
};
/// Which suits a column whose largest time this is.
TimeUnit time_unit(double largest_s);

}  // namespace strata::report
