#include "strata/eval/warnings.hpp"

#include <gtest/gtest.h>

namespace strata::eval {
namespace {

TEST(Warnings, AccuracyNearChance) {
  EXPECT_EQ(chance_warning({12, 100}, 10)->kind, "near_chance");
  EXPECT_EQ(chance_warning({1, 100}, 10)->kind, "near_chance");  // below is no better
  EXPECT_FALSE(chance_warning({30, 100}, 10));
  EXPECT_FALSE(chance_warning({0, 0}, 10));
  EXPECT_FALSE(chance_warning({5, 10}, 1));  // one score: nothing to guess among
  EXPECT_NE(chance_warning({12, 100}, 10)->text.find("12 of 100 records"), std::string::npos);
}

TEST(Warnings, TooFewRecordsForTheLimit) {
  // The interval of none in n ends at z^2 / (n + z^2), z = 1.96: below 1 % from n = 381 on.
  EXPECT_TRUE(count_warning(380, 0.01));
  EXPECT_FALSE(count_warning(381, 0.01));
  EXPECT_FALSE(count_warning(10, 1.0));
  EXPECT_FALSE(count_warning(10, 0.0));  // no number of records would do
  EXPECT_FALSE(count_warning(0, 0.01));
}

TEST(Warnings, PicturesWithoutPreprocessing) {
  const std::string folder = STRATA_SOURCE_DIR "/demo/squeezenet";
  data::DatasetOptions options;
  options.item_shape = Shape{3, 224, 224};
  const auto bare = data::open_listed({folder + "/cat.png"}, options);
  ASSERT_EQ(data_warnings(*bare).size(), 1u);
  EXPECT_EQ(data_warnings(*bare)[0].kind, "no_preprocessing");
  options.model = folder + "/squeezenet1.1.onnx";  // a preprocess.toml lies beside it
  EXPECT_TRUE(data_warnings(*data::open_listed({folder + "/cat.png"}, options)).empty());
  options.model.clear();
  options.dtype = DType::u8;  // integer inputs take pixels as they are
  EXPECT_TRUE(data_warnings(*data::open_listed({folder + "/cat.png"}, options)).empty());
}

}  // namespace
}  // namespace strata::eval
