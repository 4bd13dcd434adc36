#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Run, NamesClassesOfPictures) {
  const std::string net = source + "/demo/squeezenet/squeezenet1.1.onnx";
  const Outcome outcome = strata("run " + net + " " + source + "/demo/squeezenet/burger.jpg " +
                                 source + "/demo/squeezenet/cat.png --top 1");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find("cheeseburger"), std::string::npos) << outcome.text;
  EXPECT_NE(outcome.text.find("Egyptian cat"), std::string::npos) << outcome.text;
}

TEST(Run, ShowsValuesAndCodes) {
  const Folder folder;
  const std::string integers = source + "/tests/corpus/tflite/head_i8.tflite";
  const std::string head = R"({'descr': '|i1', 'fortran_order': False, 'shape': (1, 2, 2, 2), })";
  std::string npy = "\x93NUMPY\x01";
  npy += std::string("\0\x76\0", 3) + head + std::string(0x76 - head.size() - 1, ' ') + "\n";
  npy += std::string("\x01\x02\x03\x04\x05\x06\x07\x08");
  std::ofstream(folder.file("x.npy"), std::ios::binary) << npy;
  const std::string run = "run " + integers + " " + folder.file("x.npy");
  const Outcome outcome = strata(run);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find("scale 0.00390625, zero point -128"), std::string::npos)
      << outcome.text;
  EXPECT_NE(outcome.text.find("\n  codes "), std::string::npos) << outcome.text;

  std::ofstream(folder.file("three.txt")) << "oak\nbeech\nash\n";
  std::ofstream(folder.file("two.txt")) << "oak\nbeech\n";
  const Outcome named = strata(run + " --top 3 --classes " + folder.file("three.txt"));
  EXPECT_EQ(named.code, 0) << named.text;
  for (const char* part : {"code", "oak", "beech", "ash"}) {
    EXPECT_NE(named.text.find(part), std::string::npos) << named.text;
  }
  expect_failure(2, "2 names, the first output has 3 scores",
                 run + " --classes " + folder.file("two.txt"));
}

/// An npy file of f32 zeros.
void write_zeros(const std::string& file, const std::string& shape, std::size_t elements) {
  const std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + shape + "), }";
  std::string npy = "\x93NUMPY\x01";
  npy += std::string("\0\x76\0", 3) + head + std::string(0x76 - head.size() - 1, ' ') + "\n";
  std::ofstream(file, std::ios::binary) << npy + std::string(4 * elements, '\0');
}

// As eval does.
TEST(Run, TakesAxesOfExtentOneWhereverTheyAre) {
  const Folder folder;
  for (const char* shape : {"49, 10", "49, 10, 1", "1, 49, 10, 1", "1, 1, 49, 10"}) {
    write_zeros(folder.file("x.npy"), shape, 490);
    EXPECT_EQ(strata("run " + model + " " + folder.file("x.npy")).code, 0) << shape;
  }
  write_zeros(folder.file("x.npy"), "2, 49, 10", 980);
  const Outcome two = strata("run " + model + " " + folder.file("x.npy"));
  EXPECT_NE(two.text.find("f32[2,12]"), std::string::npos) << two.text;
  write_zeros(folder.file("x.npy"), "1, 2, 49, 10", 980);
  EXPECT_NE(strata("run " + model + " " + folder.file("x.npy")).code, 0);
  write_zeros(folder.file("x.npy"), "10, 49", 490);
  EXPECT_NE(strata("run " + model + " " + folder.file("x.npy")).code, 0);
}

TEST(Run, TakesOneItemOfManyNumbersForNoBatch) {
  const Folder folder;
  const std::string net = folder.file("net.strata.txt");
  std::ofstream(net) << "graph \"net\" {\n  input %x: f32[N,1]\n"
                        "  %y: f32[N,1] = Relu \"relu\" (%x)\n  output %y\n}\n";
  const std::string run = "run " + net + " " + folder.file("x.npy");
  write_zeros(folder.file("x.npy"), "1, 7", 7);
  const Outcome one = strata(run);
  EXPECT_NE(one.code, 0) << one.text;
  EXPECT_NE(one.text.find("[1,7]"), std::string::npos) << one.text;
  for (const char* shape : {"7,", "7, 1", "7, 1, 1"}) {
    write_zeros(folder.file("x.npy"), shape, 7);
    const Outcome seven = strata(run);
    EXPECT_NE(seven.text.find("f32[7,1]"), std::string::npos) << shape << seven.text;
  }
}

TEST(Run, SaysBeforeRunningWhatItCannotDo) {
  const Folder folder;
  write_zeros(folder.file("x.npy"), "49, 10", 490);
  const std::string run = "run " + model + " " + folder.file("x.npy");
  expect_failure(2, "--output: there is no folder no/such", run + " --output no/such/y.npy");
  expect_failure(2, "'eval' takes data of other kinds", "run " + model + " data.bin");
}

TEST(Run, SaysHowPicturesGetTheSizeOfTheModel) {
  const Folder folder;  // without a sidecar
  std::filesystem::copy_file(source + "/demo/squeezenet/squeezenet1.1.onnx",
                             folder.file("net.onnx"));
  expect_failure(2, "give --size 224,224 (or --resize and --crop)",
                 "run " + folder.file("net.onnx") + " " + source + "/demo/squeezenet/cat.png");
}

}  // namespace
}  // namespace strata::cli::testing
