#include "strata/report/table.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "strata/report/text.hpp"

namespace strata::report {
namespace {

Table layers() {
  Table table({{.header = "node", .shrink = true},
               {.header = "time", .unit = "µs"},
               {.header = "variant"}});
  table.add_row({"conv1", "12.3", "conv2d_f32_direct_avx2"});
  table.add_row({"a/long/name/of/a/node", "1,004.0", Cell("reference", Style::red)});
  table.add_rule();
  table.add_row({"total", "1,016.3"});
  return table;
}

TEST(table, aligns_numbers_to_the_right) {
  EXPECT_EQ(layers().text(),
            "node                   time [µs]  variant\n"
            "─────────────────────  ─────────  ──────────────────────\n"
            "conv1                       12.3  conv2d_f32_direct_avx2\n"
            "a/long/name/of/a/node    1,004.0  reference\n"
            "─────────────────────  ─────────  ──────────────────────\n"
            "total                    1,016.3\n");
}

TEST(table, fits_into_the_width_by_shortening) {
  const std::string text = layers().text({.width = 46, .indent = 2});
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 46u) << line;
  EXPECT_NE(text.find("a/lo…node  "), std::string::npos) << text;
}

TEST(table, wraps_what_is_to_be_read_in_full) {
  Table table({{.header = "name", .align = Align::left, .shrink = true, .least = 8, .wrap = true},
               {.header = "n"}});
  table.add_row({"all static_i8, precision bf16", "1"});
  table.add_row({"short", "2"});
  EXPECT_EQ(table.text({.width = 18}),
            "name             n\n───────────────  ─\n"
            "all static_i8,   1\nprecision bf16\nshort            2\n");
}

TEST(table, colour_changes_no_column) {
  const std::string plain = layers().text();
  std::string coloured = layers().text({.colour = true});
  EXPECT_NE(coloured.find("\x1b[31mreference\x1b[0m"), std::string::npos);
  for (std::size_t start; (start = coloured.find('\x1b')) != std::string::npos;) {
    coloured.erase(start, coloured.find('m', start) - start + 1);
  }
  // Blanks before the escape at the end of a line are not trimmed.
  std::istringstream a(plain), b(coloured);
  for (std::string x, y; std::getline(a, x) && std::getline(b, y);) {
    y.erase(y.find_last_not_of(' ') + 1);
    EXPECT_EQ(x, y);
  }
}

TEST(table, disarms_escape_sequences) {
  Table table({{.header = "node"}});
  table.add_row({"\x1b]0;title\x07"});
  EXPECT_EQ(table.text().find('\x1b'), std::string::npos);
}

TEST(table, numbers_are_recognised_with_sign_and_unit) {
  for (const char* number : {"0", "−0.15", "+3", "90.94 %", "38.2 µs", "103 KiB", "1.4×"}) {
    Table table({{.header = "a wide header"}});
    table.add_row({number});
    EXPECT_TRUE(table.text().ends_with(std::string(" ") + number + "\n")) << number;
  }
  for (const char* name : {"conv", "3x3 depthwise", "2nd"}) {
    Table table({{.header = "a wide header"}});
    table.add_row({name});
    EXPECT_TRUE(table.text().ends_with(std::string("\n") + name + "\n")) << name;
  }
}

}  // namespace
}  // namespace strata::report
