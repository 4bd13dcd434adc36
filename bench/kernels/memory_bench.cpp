// Kernels that move more than they compute, one thread: GB/s of operands read and written once.
// bench_memory --benchmark_filter='reorder'

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "bench/kernels/buffers.hpp"
#include "strata/kernels/convert/convert.hpp"
#include "strata/kernels/elementwise/elementwise.hpp"
#include "strata/kernels/kernels.hpp"
#include "strata/kernels/movement/movement.hpp"
#include "strata/kernels/norm/norm.hpp"
#include "strata/kernels/pool/pool.hpp"
#include "strata/kernels/reduce/reduce.hpp"

namespace {

using namespace strata;
using namespace strata::kernels;

constexpr Layout image_layouts[] = {plain_layout, channels_last_layout, channel_blocked_layout(16),
                                    channel_blocked_layout(8)};

constexpr std::int64_t padding = 16 * 224 * 224;  // lanes of a block that the tensor leaves empty

/// Registers `problem` for every row that takes it, in one layout of all operands.
template <class P>
void add(const std::string& what, const P& problem, const Layout& layout, std::size_t inputs,
         std::int64_t floats_in, std::int64_t floats_out, bool constant = false) {
  for (const Row* row : builtin_rows()) {
    if (row->kind != problem.kind || !has_isa(detected_isa(), row->isa)) continue;
    const auto body = [=](benchmark::State& state) {
      P p = problem;
      if (p.layouts.out.empty()) {
        p.layouts = {std::vector<Layout>(inputs, layout), {layout}};
      }
      const bench::Floats x(floats_in + padding), y(floats_out + padding);
      const std::vector<const void*> in(inputs, x.data());
      const double operands = double(floats_in * std::int64_t(inputs) + floats_out);
      bench::run(state, *row, p, in, {constant ? static_cast<const void*>(x.data()) : nullptr},
                 y.data(), {0, 4 * operands});
    };
    benchmark::RegisterBenchmark(
        (what + "/" + to_string(layout) + "/" + std::string(row->name)).c_str(), body);
  }
}

void add_pools() {
  struct Shape {
    const char* name;
    std::int64_t channels, side, kernel, stride, pad;
  };
  for (const Shape& s : {Shape{"3x3s2_64_112", 64, 112, 3, 2, 1},
                         {"3x3s1_192_28", 192, 28, 3, 1, 1},
                         {"2x2s2_64_224", 64, 224, 2, 2, 0},
                         {"global_2048_7", 2048, 7, 7, 1, 0},
                         {"global_64_25", 64, 25, 25, 1, 0}}) {
    for (const Layout& layout : image_layouts) {
      PoolProblem p;
      p.function = PoolProblem::Function::average;
      p.channels = s.channels;
      p.height = p.width = s.side;
      p.kernel_h = p.kernel_w = s.kernel;
      p.stride_h = p.stride_w = s.stride;
      p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = s.pad;
      p.out_height = p.out_width = (s.side + 2 * s.pad - s.kernel) / s.stride + 1;
      add(std::string("pool/") + s.name, p, layout, 1, s.channels * s.side * s.side,
          s.channels * p.out_height * p.out_width);
    }
  }
}

void add_elementwise() {
  constexpr std::int64_t count = 64 * 56 * 56;
  for (const auto& [name, function] :
       {std::pair("exp", Unary::exp), std::pair("erf", Unary::erf), std::pair("log", Unary::log),
        std::pair("sqrt", Unary::sqrt)}) {
    UnaryProblem p;
    p.function = function;
    p.rank = 1;
    p.dims[0] = count;
    add(std::string("unary/") + name, p, plain_layout, 1, count, count);
  }
  for (const auto& [name, activation] :
       {std::pair("relu", Activation::relu), std::pair("silu", Activation::silu)}) {
    UnaryProblem p;
    p.epilogue.activation = activation;
    p.rank = 1;
    p.dims[0] = count;
    add(std::string("unary/") + name, p, plain_layout, 1, count, count);
  }
  for (const Layout& layout : image_layouts) {
    BinaryProblem p;
    p.rank = 4;
    p.a_dims = p.b_dims = p.out_dims = {1, 64, 56, 56};
    p.epilogue.activation = Activation::relu;
    add("binary/add", p, layout, 2, count, count);
    p.b_dims = {1, 64, 1, 1};
    p.b_constant = true;
    add("binary/add_channel", p, layout, 1, count, count, true);
  }
}

void add_rows() {
  SoftmaxProblem softmax;
  softmax.outer = 1;
  softmax.size = 12;
  add("softmax/12", softmax, plain_layout, 1, 12, 12);
  softmax.outer = 512;
  softmax.size = 512;
  add("softmax/512x512", softmax, plain_layout, 1, 512 * 512, 512 * 512);
  ReduceProblem reduce;
  reduce.outer = 512;
  reduce.size = 512;
  add("reduce/512x512", reduce, plain_layout, 1, 512 * 512, 512);
  reduce.outer = 1;
  reduce.inner = 512;
  add("reduce/512 down", reduce, plain_layout, 1, 512 * 512, 512);
}

void add_movement() {
  for (const auto& [channels, side] : {std::pair(3, 224), std::pair(64, 56), std::pair(512, 7)}) {
    const std::int64_t count = std::int64_t(channels) * side * side;
    for (const Layout& from : image_layouts) {
      for (const Layout& into : image_layouts) {
        if (from == into) continue;
        ReorderProblem p;
        p.dims = {1, channels, side, side};
        p.layouts = {{from}, {into}};
        add("reorder/" + std::to_string(channels) + "_" + std::to_string(side) + "/" +
                to_string(from),
            p, into, 1, count, count);
      }
    }
  }
  StridedCopyProblem transpose;
  transpose.rank = 2;
  transpose.out_dims = {512, 512};
  transpose.in_strides = {1, 512};
  add("transpose/512x512", transpose, plain_layout, 1, 512 * 512, 512 * 512);
  ConcatProblem concat;
  concat.rank = 4;
  concat.axis = 1;
  concat.in_dims = {{1, 64, 28, 28}, {1, 64, 28, 28}};
  concat.out_dims = {1, 128, 28, 28};
  for (const Layout& layout : image_layouts) {
    add("concat/2x64_28", concat, layout, 2, 64 * 28 * 28, 128 * 28 * 28);
  }
}

}  // namespace

int main(int argc, char** argv) {
  add_pools();
  add_elementwise();
  add_rows();
  add_movement();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
