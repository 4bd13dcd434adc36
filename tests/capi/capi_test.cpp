#include <gtest/gtest.h>
#include <strata.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

// The C ABI by itself: nothing of the C++ libraries is linked.
namespace {

constexpr const char* add_bias = R"(graph "add" {
  input %x: f32[N,2]
  constant %bias = f32[2] {0.5, -1.0}
  %y: f32[N,2] = Add "add" (%x, %bias)
  output %y
})";

constexpr const char* counter = R"(graph "counter" {
  input %x: f32[1]
  state %sum "sum" = f32[1] {0.0}
  %next: f32[1] = Add "add" (%x, %sum)
  write "sum" = %next
  output %next
})";

// Which elements are not zero; how many that are follows from the data.
constexpr const char* places = R"(graph "places" {
  input %x: f32[4]
  %y: i64[1,y_dim1] = NonZero "find" (%x)
  output %y
})";

struct Free {
  void operator()(strata_session* session) const { strata_free(session); }
};
using Session = std::unique_ptr<strata_session, Free>;

strata_status load(const std::string& text, Session& session,
                   const std::vector<strata_option>& options = {}) {
  const auto path = std::filesystem::temp_directory_path() /
                    ("strata_capi_" + std::to_string(getpid()) + ".strata.txt");
  std::ofstream(path) << text;
  strata_session* handle = nullptr;
  const strata_status status = strata_load(path.c_str(), options.data(), options.size(), &handle);
  session.reset(handle);
  std::filesystem::remove(path);
  return status;
}

Session loaded(const std::string& text, const std::vector<strata_option>& options = {}) {
  Session session;
  EXPECT_EQ(load(text, session, options), STRATA_OK) << strata_error_message();
  return session;
}

strata_tensor floats(std::vector<float>& values, std::vector<std::int64_t> dims) {
  strata_tensor tensor{STRATA_F32, std::int32_t(dims.size()), {}, values.data(), 4 * values.size()};
  std::copy(dims.begin(), dims.end(), tensor.dims);
  return tensor;
}

void expect_error(strata_status expected, strata_status actual, const std::string& part) {
  EXPECT_EQ(actual, expected);
  EXPECT_NE(std::string(strata_error_message()).find(part), std::string::npos)
      << strata_error_message() << "\n  lacks: " << part;
}

TEST(CAbi, DescribesWhatAModelTakesAndGives) {
  EXPECT_EQ(std::string(strata_version()).find("0."), 0u);
  const Session session = loaded(add_bias);
  ASSERT_EQ(strata_input_count(session.get()), 1u);
  ASSERT_EQ(strata_output_count(session.get()), 1u);
  strata_value value;
  ASSERT_EQ(strata_input(session.get(), 0, &value), STRATA_OK);
  EXPECT_STREQ(value.name, "x");
  EXPECT_EQ(value.type, STRATA_F32);
  EXPECT_EQ(value.rank, 2);
  EXPECT_EQ(value.dims[0], -1);
  EXPECT_STREQ(value.dim_names[0], "N");
  EXPECT_EQ(value.dims[1], 2);
  EXPECT_EQ(value.dim_names[1], nullptr);
  ASSERT_EQ(strata_output(session.get(), 0, &value), STRATA_OK);
  EXPECT_STREQ(value.name, "y");
  expect_error(STRATA_USAGE, strata_input(session.get(), 1, &value), "no input 1; the model has 1");
}

TEST(CAbi, TypesHaveTheirSizes) {
  EXPECT_EQ(strata_type_bytes(STRATA_F64), 8u);
  EXPECT_EQ(strata_type_bytes(STRATA_BF16), 2u);
  EXPECT_EQ(strata_type_bytes(STRATA_U2), 1u);
  EXPECT_EQ(strata_type_bytes(strata_type(0)), 0u);
  EXPECT_EQ(strata_type_bytes(strata_type(26)), 0u);
}

TEST(CAbi, WritesIntoTheCallersArrays) {
  const Session session = loaded(add_bias);
  for (const std::int64_t n : {1, 3}) {
    std::vector<float> x(std::size_t(2 * n), 1.0f), y(8, -7.0f);
    const strata_tensor input = floats(x, {n, 2});
    strata_tensor output{};
    output.data = y.data();
    output.bytes = 4 * y.size();
    ASSERT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_OK);
    EXPECT_EQ(output.type, STRATA_F32);
    EXPECT_EQ(output.rank, 2);
    EXPECT_EQ(output.dims[0], n);
    EXPECT_EQ(output.bytes, std::size_t(8 * n));
    EXPECT_EQ(y[std::size_t(2 * n - 2)], 1.5f);
    EXPECT_EQ(y[std::size_t(2 * n - 1)], 0.0f);
    EXPECT_EQ(y[std::size_t(2 * n)], -7.0f) << "beyond the output";
  }
}

TEST(CAbi, SaysWhatAnOutputNeeds) {
  const Session session = loaded(add_bias);
  std::vector<float> x(6), y(5, 9.0f);
  const strata_tensor input = floats(x, {3, 2});
  strata_tensor output{};
  EXPECT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_TOO_SMALL);
  EXPECT_EQ(output.bytes, 24u);
  EXPECT_EQ(output.dims[0], 3);
  output.data = y.data();
  output.bytes = 20;
  expect_error(STRATA_TOO_SMALL, strata_run(session.get(), &input, 1, &output, 1),
               "output y: 20 bytes given, 24 needed for f32[3,2]");
  EXPECT_EQ(y[0], 9.0f);
}

TEST(CAbi, LoadsModelsFromMemory) {
  std::ifstream file(STRATA_SOURCE_DIR "/demo/kws/kws_dscnn_fp32.onnx", std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  strata_session* handle = nullptr;
  ASSERT_EQ(strata_load_bytes(bytes.data(), bytes.size(), nullptr, 0, &handle), STRATA_OK)
      << strata_error_message();
  const Session session(handle);
  std::fill(bytes.begin(), bytes.end(), '\0');  // they were copied
  std::vector<float> x(490), y(12);
  const strata_tensor input = floats(x, {1, 1, 49, 10});
  strata_tensor output = floats(y, {});
  ASSERT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_OK);
  EXPECT_EQ(output.dims[1], 12);
  EXPECT_NE(y[0], 0.0f);
}

TEST(CAbi, SizesThatDependOnDataAreTheResults) {
  const Session session = loaded(places);
  std::vector<float> x{0, 1, 0, 2};
  const strata_tensor input = floats(x, {4});
  strata_result* result = nullptr;
  ASSERT_EQ(strata_run_owned(session.get(), &input, 1, &result), STRATA_OK)
      << strata_error_message();
  strata_tensor output{};
  ASSERT_EQ(strata_result_output(result, 0, &output), STRATA_OK);
  EXPECT_EQ(output.type, STRATA_I64);
  EXPECT_EQ(output.dims[1], 2);
  EXPECT_EQ(static_cast<const std::int64_t*>(output.data)[1], 3);
  expect_error(STRATA_USAGE, strata_result_output(result, 1, &output), "no output 1");
  strata_result_free(result);

  std::int64_t buffer[4] = {};
  output = {};
  output.data = buffer;
  output.bytes = sizeof buffer;
  ASSERT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_OK);
  EXPECT_EQ(output.bytes, 16u);
  EXPECT_EQ(buffer[0], 1);
  output.bytes = 8;
  EXPECT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_TOO_SMALL);
  EXPECT_EQ(output.dims[1], 2);
}

TEST(CAbi, StatesAreNotMovedOnByAskingForSizes) {
  const Session session = loaded(R"(graph "counter" {
  input %x: f32[4]
  state %count "count" = f32[4] {0.0, 0.0, 0.0, 0.0}
  %sum: f32[4] = Add "add" (%x, %count)
  %y: i64[1,y_dim1] = NonZero "places" (%sum)
  write "count" = %sum
  output %y
}
)");
  std::vector<float> x{0, 1, 0, 2};
  const strata_tensor input = floats(x, {4});
  strata_tensor output{};
  expect_error(STRATA_USAGE, strata_run(session.get(), &input, 1, &output, 1), "strata_run_owned");
  strata_result* result = nullptr;
  ASSERT_EQ(strata_run_owned(session.get(), &input, 1, &result), STRATA_OK)
      << strata_error_message();
  strata_result_free(result);
}

TEST(CAbi, RefusesWhatDoesNotFitTheModel) {
  const Session session = loaded(add_bias);
  std::vector<float> x(4), y(8);
  strata_tensor output = floats(y, {});
  const auto refused = [&](strata_tensor input, const char* part) {
    expect_error(STRATA_USAGE, strata_run(session.get(), &input, 1, &output, 1), part);
  };
  strata_tensor input = floats(x, {2, 3});
  refused(input, "input x: 16 bytes given, f32[2,3] has 6 elements of 4");
  refused(floats(x, {1, 4}), "input x");
  refused(floats(x, {4}), "input x has shape [4]");
  input = floats(x, {2, 2});
  input.type = STRATA_I32;
  refused(input, "input x: i32 given, f32 accepted");
  input.type = strata_type(99);
  refused(input, "99 is no element type");
  input = floats(x, {2, 2});
  input.rank = 9;
  refused(input, "rank 9 given, 0 to 8 accepted");
  input.rank = -1;
  refused(input, "rank -1");
  input = floats(x, {-2, -2});
  refused(input, "an extent of -2");
  input = floats(x, {INT64_MAX, INT64_MAX});
  EXPECT_NE(strata_run(session.get(), &input, 1, &output, 1), STRATA_OK);
  input = floats(x, {2, 2});
  input.data = nullptr;
  refused(input, "its data are null");
  input = floats(x, {2, 2});
  expect_error(STRATA_USAGE, strata_run(session.get(), &input, 2, &output, 1), "2 inputs given");
  expect_error(STRATA_USAGE, strata_run(session.get(), &input, 1, &output, 0), "0 outputs given");
  output.data = reinterpret_cast<char*>(y.data()) + 1;
  refused(input, "output y: the array is not aligned for f32");
}

TEST(CAbi, TakesInputsThatAreNotAligned) {
  const Session session = loaded(add_bias);
  alignas(4) char bytes[12];
  const float x[] = {1, 2};
  std::copy_n(reinterpret_cast<const char*>(x), 8, bytes + 1);
  strata_tensor input{STRATA_F32, 2, {1, 2}, bytes + 1, 8};
  std::vector<float> y(2);
  strata_tensor output = floats(y, {});
  ASSERT_EQ(strata_run(session.get(), &input, 1, &output, 1), STRATA_OK);
  EXPECT_EQ(y[1], 1.0f);
}

TEST(CAbi, NullPointersAreErrors) {
  strata_session* handle = reinterpret_cast<strata_session*>(1);
  expect_error(STRATA_USAGE, strata_load(nullptr, nullptr, 0, &handle), "path is null");
  EXPECT_EQ(handle, nullptr);
  expect_error(STRATA_USAGE, strata_load("x", nullptr, 0, nullptr), "session is null");
  expect_error(STRATA_USAGE, strata_load_bytes(nullptr, 3, nullptr, 0, &handle), "bytes is null");
  expect_error(STRATA_USAGE, strata_load_bytes("", 0, nullptr, 1, &handle), "options is null");
  expect_error(STRATA_USAGE, strata_share(nullptr, &handle), "session is null");
  expect_error(STRATA_USAGE, strata_run(nullptr, nullptr, 0, nullptr, 0), "session is null");
  expect_error(STRATA_USAGE, strata_reset(nullptr), "session is null");
  expect_error(STRATA_USAGE, strata_result_output(nullptr, 0, nullptr), "result is null");
  const Session session = loaded(add_bias);
  expect_error(STRATA_USAGE, strata_run(session.get(), nullptr, 1, nullptr, 1), "inputs is null");
  expect_error(STRATA_USAGE, strata_input(session.get(), 0, nullptr), "value is null");
  EXPECT_EQ(strata_input_count(nullptr), 0u);
  strata_free(nullptr);
  strata_result_free(nullptr);
}

TEST(CAbi, FilesAndOptionsThatAreWrongAreErrors) {
  strata_session* handle = nullptr;
  expect_error(STRATA_IO, strata_load("no/such.onnx", nullptr, 0, &handle), "no/such.onnx");
  Session session;
  EXPECT_EQ(load("graph \"broken\" {", session), STRATA_MODEL);
  const std::string noise(64, '\xff');
  EXPECT_EQ(strata_load_bytes(noise.data(), noise.size(), nullptr, 0, &handle), STRATA_MODEL);
  const auto refused = [&](strata_option option, const char* part) {
    expect_error(STRATA_USAGE, load(add_bias, session, {option}), part);
  };
  refused({"thread", "1"}, "no option 'thread'; accepted are threads, memory_budget");
  refused({"threads", "many"}, "option threads: 'many' given, a number from 0 to 256");
  refused({"threads", "257"}, "'257' given");
  refused({"optimize", "2"}, "'2' given");
  refused({"kernel", "add"}, "NODE=ROW accepted");
  refused({"kernel", "add=none"}, "none");
  refused({"off", "no_such_pass"}, "no_such_pass");
  refused({"isa", "mmx"}, "mmx");
  refused({"precision", "f8"}, "unknown precision 'f8', accepted are 'f32', 'bf16'");
  refused({"threads", nullptr}, "an option's value is null");
  refused({nullptr, "1"}, "an option's name is null");
}

TEST(CAbi, OptionsTakeEffect) {
  std::vector<float> x(2000), y(2000);
  const strata_tensor input = floats(x, {1000, 2});
  strata_tensor output = floats(y, {});
  const Session all = loaded(add_bias, {{"threads", "2"},
                                        {"optimize", "0"},
                                        {"off", "fuse"},
                                        {"isa", "baseline"},
                                        {"dim", "N=1000"},
                                        {"memory_budget", "1000000"}});
  EXPECT_EQ(strata_run(all.get(), &input, 1, &output, 1), STRATA_OK) << strata_error_message();
  const std::string two = R"(graph "two" {
    input %x: f32[N,2]
    %a: f32[N,2] = Exp "a" (%x)
    %y: f32[N,2] = Softmax "b" (%a) {axis = 0}
    output %y
  })";
  const Session tight = loaded(two, {{"memory_budget", "1024"}});
  output = floats(y, {});
  expect_error(STRATA_USAGE, strata_run(tight.get(), &input, 1, &output, 1), "memory budget");
}

TEST(CAbi, StatesLastUntilReset) {
  const Session session = loaded(counter);
  std::vector<float> x{2}, y(1);
  const strata_tensor input = floats(x, {1});
  strata_tensor output = floats(y, {});
  strata_run(session.get(), &input, 1, &output, 1);
  strata_run(session.get(), &input, 1, &output, 1);
  EXPECT_EQ(y[0], 4.0f);
  EXPECT_EQ(strata_reset(session.get()), STRATA_OK);
  strata_run(session.get(), &input, 1, &output, 1);
  EXPECT_EQ(y[0], 2.0f);
}

TEST(CAbi, SharedSessionsRunAtTheSameTime) {
  const Session session = loaded(counter);
  std::vector<Session> sessions;
  for (int i = 0; i < 4; ++i) {
    strata_session* handle = nullptr;
    ASSERT_EQ(strata_share(session.get(), &handle), STRATA_OK);
    sessions.emplace_back(handle);
  }
  std::vector<float> sums(sessions.size());
  std::vector<std::string> errors(sessions.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    threads.emplace_back([&, i] {
      std::vector<float> x{float(i)}, y(1);
      const strata_tensor input = floats(x, {1});
      strata_tensor output = floats(y, {});
      for (int run = 0; run < 100; ++run) strata_run(sessions[i].get(), &input, 1, &output, 1);
      sums[i] = y[0];
      // Each thread has a message of its own.
      strata_load(std::to_string(i).c_str(), nullptr, 0, nullptr);
      strata_session* handle = nullptr;
      strata_load(("missing" + std::to_string(i)).c_str(), nullptr, 0, &handle);
      errors[i] = strata_error_message();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_EQ(sums[i], 100 * float(i));
    EXPECT_NE(errors[i].find("missing" + std::to_string(i)), std::string::npos) << errors[i];
  }
}

TEST(CAbi, ExportsWhatItsHeaderDeclaresAndNothingElse) {
  const auto words_of = [](const std::string& command) {
    std::set<std::string> words;
    FILE* pipe = popen(command.c_str(), "r");
    char word[256];
    while (fscanf(pipe, "%255s", word) == 1) words.insert(word);
    pclose(pipe);
    return words;
  };
  const auto exported =
      words_of("nm -D --defined-only " STRATA_LIBRARY " | awk '$2 != \"A\" {print $3}'");
  const auto declared = words_of("tr '\\n' ' ' < " STRATA_SOURCE_DIR
                                 "/capi/strata.h | grep -o 'STRATA_API [^(;]*(' | "
                                 "grep -o 'strata_[a-z_]*($' | tr -d '('");
  EXPECT_EQ(exported, declared);
  EXPECT_LE(exported.size(), 20u);
}

}  // namespace
