// What a version of a model is called, how it is told to be run, and how versions are compared.
#include "strata/study/configuration.hpp"

#include <gtest/gtest.h>

#include "strata/base/error.hpp"
#include "strata/study/choice.hpp"
#include "strata/study/execution_choices.hpp"
#include "strata/study/recording.hpp"

namespace strata::study {
namespace {

TEST(ExecutionChoices, EachCanBeSaidAndSaved) {
  for (const ExecutionChoice& choice : execution_choices({4, Isa::avx512_bf16})) {
    ASSERT_GE(choice.values.size(), 2u) << choice.name;
    EXPECT_FALSE(saved_choices({.execution = {{choice.name, choice.values[0]}}}).any());
    for (std::size_t i = 1; i < choice.values.size(); ++i) {
      EXPECT_TRUE(saved_choices({.execution = {{choice.name, choice.values[i]}}}).any())
          << choice.name << " " << choice.values[i];
    }
  }
  for (const ExecutionChoice& choice : execution_choices({1, Isa::baseline})) {
    EXPECT_EQ(choice.values, (std::vector<std::string>{"on", "off"})) << choice.name;
  }
  EXPECT_THROW(saved_choices({.execution = {{"colour", "blue"}}}), Error);
}

TEST(Configuration, NamesSayWhatDiffers) {
  EXPECT_EQ(short_name({}, 3), "default");
  EXPECT_TRUE(changes({}).empty());
  Configuration c;
  c.encodings = {{"a", "f16"}, {"b", "i8_tensor"}, {"c", "i8_tensor"}};
  c.kernels = {{"a", "conv2d_f32_direct_avx2"}};
  c.execution = {{"fuse", "off"}, {"threads", "2"}};
  EXPECT_EQ(short_name(c, 4),
            "a f16, 2 layers i8_tensor, a by conv2d_f32_direct_avx2, fuse off, threads 2");
  EXPECT_EQ(short_name({.encodings = {{"a", "f16"}, {"b", "f16"}}}, 2), "all f16");
  EXPECT_EQ(changes(c), (std::vector<std::string>{
                            "a.encoding=f16", "b.encoding=i8_tensor", "c.encoding=i8_tensor",
                            "a.kernel=conv2d_f32_direct_avx2", "fuse=off", "threads=2"}));
}

TEST(Choice, WarnsOfNoiseThatHidesWhatMatters) {
  EXPECT_FALSE(noise_warning({1, 0.95, 1.05, 30}));
  EXPECT_FALSE(noise_warning({0.5, 0.41, 0.6, 30}));
  const auto warning = noise_warning({1.26, 0.417, 2.421, 12});
  ASSERT_TRUE(warning);
  EXPECT_NE(warning->text.find("between 0.417 and 2.421"), std::string::npos);
}

TEST(Choice, DropsAreComparedWithoutTheirRounding) {
  // In binary, 0.1 * 3 is more than 0.3, and 3/10 is not.
  EXPECT_TRUE(within_drop(0.1 * 3, 0.3));
  EXPECT_TRUE(within_drop(1.0 / 100, 0.01));
  EXPECT_FALSE(within_drop(0.01 + 1.0 / (1LL << 31), 0.01));
  EXPECT_TRUE(within_drop(-0.5, 0));
}

TEST(Recording, TellsWhatIsMissing) {
  RecordedEvaluator nothing({});
  try {
    nothing.measure({.encodings = {{"a", "f16"}}, .execution = {{"threads", "2"}}}, 1, {});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "no measurement was recorded for: a.encoding=f16 threads=2");
  }
  for (const char* text :
       {"", "{}", "[1]", R"({"measured":[{"configuration":{}}],"kernels":[]})"}) {
    EXPECT_THROW(recording_from_json(text), Error) << text;
  }
}

}  // namespace
}  // namespace strata::study
