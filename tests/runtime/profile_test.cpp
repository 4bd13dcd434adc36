#include "strata/runtime/profile.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "strata/base/file.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

const DimValues batch_of_two = [] {
  DimValues dims;
  dims.set("N", 2);
  return dims;
}();

/// A context on the small network with operands of its own.
struct Running {
  std::shared_ptr<const Binding> binding = Binding::bind(
      Program::compile(testing::small_residual_network(), default_target()), batch_of_two);
  Context context{binding, std::make_shared<ThreadPool>(1)};
  Tensor input = testing::random_tensor({2, 3, 21, 19}, 3);
  Tensor output = Tensor::zeros(DType::f32, {2, 10});
  const void* in[1] = {input.raw()};
  void* out[1] = {output.mutable_raw()};
};

TEST(Profile, StepsFollowEachOtherWithinTheRun) {
  Running r;
  RunTrace trace;
  r.context.run_traced(r.in, r.out, trace);
  ASSERT_EQ(trace.steps.size(), r.binding->steps().size());
  double before = 0;
  for (std::size_t i = 0; i < trace.steps.size(); ++i) {
    if (r.binding->steps()[i].skipped) continue;
    EXPECT_GE(trace.steps[i].start, before);
    EXPECT_GE(trace.steps[i].end, trace.steps[i].start);
    before = trace.steps[i].end;
  }
  EXPECT_GE(trace.finish.start, before);
}

TEST(Profile, AddsUp) {
  Running r;
  ProfileOptions options;
  options.seconds = 0;
  options.warm_up_s = 0;
  options.min_runs = 9;
  const Profile p = profile(r.context, r.in, r.out, options);
  EXPECT_EQ(p.runs, 9);
  EXPECT_EQ(p.kept, 5);
  EXPECT_GT(p.plain_seconds, 0);
  EXPECT_GE(p.clock_seconds, 0);
  double nodes = p.finish, gaps = p.finish_gap;
  int ran = 0;
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    EXPECT_GE(p.steps[i].seconds, 0);
    EXPECT_GE(p.steps[i].gap, 0);
    nodes += p.steps[i].seconds;
    gaps += p.steps[i].gap;
    ran += !r.binding->steps()[i].skipped;
  }
  EXPECT_EQ(p.readings, 2 * ran + 3);
  EXPECT_DOUBLE_EQ(p.node_seconds(), nodes);
  EXPECT_DOUBLE_EQ(p.gap_seconds(), gaps);
  EXPECT_DOUBLE_EQ(p.run_seconds, nodes + gaps);
  ASSERT_EQ(p.example.steps.size(), p.steps.size());
}

TEST(Profile, SaysOnWhichNumbersAStepWorks) {
  const auto arithmetic = [](DType type) {
    testing::Net net(1);
    ir::Graph& graph = net.graph;
    const ir::ValueId x = graph.add_input("x", {type, {4, 4}});
    graph.outputs = {net.add(x, x)};
    const auto binding = Binding::bind(Program::compile(std::move(graph), default_target()), {});
    return work_of(*binding, 0).arithmetic;
  };
  EXPECT_EQ(arithmetic(DType::f32), Work::Arithmetic::f32);
  EXPECT_EQ(arithmetic(DType::i32), Work::Arithmetic::other);
  EXPECT_EQ(arithmetic(DType::f16), Work::Arithmetic::other);
}

TEST(Profile, StopsAfterOneRun) {
  Running r;
  ProfileOptions options;
  options.stopped = [] { return true; };
  EXPECT_EQ(profile(r.context, r.in, r.out, options).runs, 1);
}

TEST(Profile, CountsWorkOfAConvolution) {
  testing::Net net(1);
  const auto x = net.input({1, 8, 6, 6});
  net.graph.outputs = {net.conv(x, 16, 3)};
  const auto binding = Binding::bind(Program::compile(std::move(net.graph), default_target()), {});
  double flops = 0, bytes = 0;
  for (std::size_t i = 0; i < binding->steps().size(); ++i) {
    if (binding->program().steps()[i].node == ir::no_node) continue;
    flops += work_of(*binding, i).flops;
    bytes += work_of(*binding, i).bytes;
  }
  EXPECT_GE(flops, 2.0 * 16 * 8 * 9 * 36);            // products
  EXPECT_LE(flops, 2.0 * 16 * 8 * 9 * 36 + 16 * 36);  // and the bias
  EXPECT_GE(bytes, 4.0 * (8 * 36 + 16 * 36 + 16 * 8 * 9));
}

TEST(ArenaMap, BlocksThatLiveTogetherDoNotOverlap) {
  Running r;
  const std::vector<ArenaBlock> blocks = arena_blocks(*r.binding);
  ASSERT_FALSE(blocks.empty());
  std::size_t end = 0;
  for (const ArenaBlock& a : blocks) {
    end = std::max(end, a.offset + a.bytes);
    EXPECT_LE(a.first, a.last);
    for (const ArenaBlock& b : blocks) {
      if (&a == &b || a.last < b.first || b.last < a.first) continue;
      EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
    }
  }
  EXPECT_LE(end, r.binding->peak_bytes());
}

TEST(StepResult, ReadsWhatWasWrittenInAnyLayout) {
  Running r;
  std::size_t blocked = 0;
  r.context.run_hooked(r.in, r.out, [&](StepResult& result) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      const Step& step = r.binding->program().steps()[result.step()];
      blocked += !step.layouts.out[i].is_plain();
      const Tensor before = result.read(i);
      Tensor marked = Tensor::zeros(DType::f32, before.shape());
      float next = 0;
      for (float& x : marked.mutable_data<float>()) x = next++;
      result.write(i, marked);
      EXPECT_TRUE(identical(result.read(i), marked)) << step.name;
      result.write(i, before);
    }
  });
  EXPECT_GT(blocked, 0u);
  const Tensor hooked = r.output.clone();
  r.context.run(r.in, r.out);
  EXPECT_TRUE(identical(hooked, r.output));
}

/// A folder that is gone afterwards.
struct Folder {
  std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "strata_XXXXXX").string();
    return std::filesystem::path(mkdtemp(name.data()));
  }();
  ~Folder() { std::filesystem::remove_all(path); }
};

TEST(RooflineTest, TheSlowerResourceBounds) {
  Roofline roofline;
  roofline.flops_per_s = 100;
  roofline.levels = {{10, 50}, {1000, 20}};
  EXPECT_EQ(roofline.bound_seconds(200, 10), 2);    // computing
  EXPECT_EQ(roofline.bound_seconds(1, 10), 0.2);    // the nearer level
  EXPECT_EQ(roofline.bound_seconds(1, 100), 5);     // the farther one
  EXPECT_EQ(roofline.bound_seconds(1, 2000), 100);  // beyond all levels
}

TEST(RooflineTest, ReadsBackWhatItWrites) {
  Roofline roofline;
  roofline.flops_per_s = 1.25e11;
  roofline.levels = {{32768, 4e11}, {1e6, 2e11}, {8e6, 9e10},
                     {3e7, 5e10},   {1e8, 3e10}, {1e9, 1.5e10}};
  const std::string text = to_text(roofline, "key");
  const auto back = parse_roofline(text, "key");
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back, "key"), text);
  EXPECT_FALSE(parse_roofline(text, "another key"));
  for (std::size_t size = 0; size + 1 < text.size(); ++size) {
    EXPECT_FALSE(parse_roofline(text.substr(0, size), "key")) << size;
  }
  for (const char* number : {"-1.25e+11", "nan", "inf", "0", "fast"}) {
    std::string wrong = text;
    const std::string good = wrong.substr(wrong.find("key\n") + 4);
    wrong.replace(wrong.find(good), good.find('\n'), number);
    EXPECT_FALSE(parse_roofline(wrong, "key")) << number;
  }
}

TEST(RooflineTest, IsMeasuredOnceAndAgainWhenTheFileIsDamaged) {
  const Folder folder;
  ThreadPool pool(1);
  const Roofline first = cached_roofline(Isa::baseline, pool, folder.path / "new");
  EXPECT_GT(first.flops_per_s, 0);
  ASSERT_EQ(first.levels.size(), 6u);
  const auto file = *std::filesystem::directory_iterator(folder.path / "new");
  const std::string key = roofline_key(Isa::baseline, 1);
  const Roofline again = cached_roofline(Isa::baseline, pool, folder.path / "new");
  EXPECT_EQ(to_text(again, key), to_text(first, key));

  // As asked for after a time when the machine was busy: what the file says does not count.
  Roofline slow = first;
  slow.flops_per_s = 1;
  write_file(file.path(), to_text(slow, key));
  EXPECT_EQ(cached_roofline(Isa::baseline, pool, folder.path / "new").flops_per_s, 1);
  EXPECT_GT(cached_roofline(Isa::baseline, pool, folder.path / "new", true).flops_per_s, 1);
  EXPECT_NE(read_file(file.path(), 4096), to_text(slow, key));

  write_file(file.path(), "strata roofline 1\ngarbage");
  cached_roofline(Isa::baseline, pool, folder.path / "new");
  EXPECT_TRUE(parse_roofline(read_file(file.path(), 4096), key));
}

TEST(CacheFolder, FollowsTheEnvironment) {
  setenv("XDG_CACHE_HOME", "/somewhere", 1);
  EXPECT_EQ(cache_folder(), "/somewhere/strata");
  setenv("XDG_CACHE_HOME", "relative", 1);
  setenv("HOME", "/elsewhere", 1);
  EXPECT_EQ(cache_folder(), "/elsewhere/.cache/strata");
  unsetenv("XDG_CACHE_HOME");
  EXPECT_EQ(cache_folder(), "/elsewhere/.cache/strata");
}

}  // namespace
}  // namespace strata::runtime
