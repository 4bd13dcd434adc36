#include "strata/kernels/conv/block.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "tests/kernels/harness.hpp"

// Blocks give the bits of their stages run one after the other.
namespace strata::kernels {
namespace {

struct Layer {
  std::int64_t out_channels, kernel, stride;
  bool depthwise;
  std::int64_t dilation = 1;
  bool below = false;  ///< windows of one column, padded below alone: only the last band is
};

struct Chain {
  std::int64_t batch, channels, height, width;
  std::vector<Layer> layers;
  bool residual = false;
};

ConvProblem problem_of(const Chain& chain, const ConvProblem* before, const Layer& layer) {
  ConvProblem p;
  p.batch = chain.batch;
  p.channels = before ? before->out_channels : chain.channels;
  p.height = before ? before->out_height : chain.height;
  p.width = before ? before->out_width : chain.width;
  p.out_channels = layer.out_channels;
  p.groups = layer.depthwise ? p.channels : 1;
  p.kernel_h = p.kernel_w = layer.kernel;
  p.stride_h = p.stride_w = layer.stride;
  p.dilation_h = p.dilation_w = layer.dilation;
  const std::int64_t reach = (layer.kernel - 1) * layer.dilation;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = reach / 2;
  if (layer.below) {
    p.kernel_w = 1;
    p.pad_top = p.pad_left = p.pad_right = 0;
    p.pad_bottom = reach;
  }
  p.out_height = (p.height + p.pad_top + p.pad_bottom - reach - 1) / p.stride_h + 1;
  const std::int64_t across = (p.kernel_w - 1) * layer.dilation;
  p.out_width = (p.width + 2 * p.pad_left - across - 1) / p.stride_w + 1;
  p.epilogue.bias = true;
  p.epilogue.activation = Activation::clip;
  p.epilogue.beta = 1;
  return p;
}

Dims in_dims(const ConvProblem& p) { return {p.batch, p.channels, p.height, p.width}; }
Dims out_dims(const ConvProblem& p) { return {p.batch, p.out_channels, p.out_height, p.out_width}; }

/// The direct and depthwise rows of an instruction set, with blocks of channels.
const Row* row_for(const ConvProblem& p, bool first, const std::string& isa) {
  const std::string name = p.groups > 1               ? "conv_f32_depthwise_nchwc_"
                           : first && p.channels < 16 ? "conv_f32_stem_"
                                                      : "conv_f32_direct_nchwc_";
  for (const Row& row : conv_rows()) {
    if (row.name == name + isa && has_isa(detected_isa(), row.isa)) return &row;
  }
  return nullptr;
}

/// A chain with what its stages need.
class Made {
 public:
  Made(const Chain& chain, const std::string& isa) {
    constants_.reserve(2 * chain.layers.size());
    for (const Layer& layer : chain.layers) {
      add(problem_of(chain, stages.empty() ? nullptr : &stages.back().problem, layer), isa);
    }
    if (chain.residual) {
      ConvProblem& last = stages.back().problem;
      last.epilogue.residual = true;
      last.layouts.in.push_back(last.layouts.out[0]);
    }
  }

  /// Stage after stage, as whole planes.
  Plain run(const Plain& x, const Plain& residual) const {
    Plain result = x;
    for (std::size_t k = 0; k < stages.size(); ++k) {
      std::vector<Plain> inputs{result};
      if (stages[k].problem.epilogue.residual) inputs.push_back(residual);
      result =
          run_row(*stages[k].row, stages[k].problem, inputs, out_dims(stages[k].problem),
                  {constants_[2 * k].bytes.data(), nullptr, constants_[2 * k + 1].bytes.data()});
    }
    return result;
  }

  bool complete = true;
  std::vector<BlockStage> stages;

 private:
  void add(ConvProblem p, const std::string& isa) {
    const Row* row = complete ? row_for(p, stages.empty(), isa) : nullptr;
    if (!row) {
      complete = false;
      return;
    }
    EXPECT_EQ(row->rejects(p), nullptr);
    std::vector<OperandLayouts> options;
    row->layouts(p, options);
    p.layouts = options[0];
    const std::uint64_t seed = stages.size() * 2 + 100;
    constants_.push_back(
        random_floats({p.out_channels, p.channels / p.groups, p.kernel_h, p.kernel_w}, seed));
    constants_.push_back(random_floats({p.out_channels}, seed + 1));
    packed_.emplace_back(row->packed_bytes(p) + 64);
    std::byte* packed = packed_.back().data();
    packed += 64 - reinterpret_cast<std::uintptr_t>(packed) % 64;
    const void* data[] = {constants_[constants_.size() - 2].bytes.data(), nullptr,
                          constants_.back().bytes.data()};
    row->pack(p, {data}, packed);
    EXPECT_EQ(rejects_as_stage(*row, p), nullptr);
    stages.push_back({row, p, packed});
  }

  std::vector<Plain> constants_;
  std::vector<std::vector<std::byte>> packed_;
};

const Chain chains[] = {
    {1, 24, 20, 18, {{64, 1, 1, false}, {64, 2, 1, false, 1, true}}},
    // Expand, depthwise, project, with the residual of an inverted bottleneck.
    {1, 24, 13, 9, {{40, 1, 1, false}, {40, 3, 1, true}, {24, 1, 1, false}}, true},
    // The same with a stride; two images.
    {2, 16, 12, 15, {{33, 1, 1, false}, {33, 3, 2, true}, {20, 1, 1, false}}},
    // The start of a network, from planar input.
    {2, 3, 27, 22, {{32, 3, 2, false}, {32, 3, 1, true}, {16, 1, 1, false}, {48, 1, 1, false}}},
    // Strides and a large window one after the other; rows that no output needs.
    {1, 16, 31, 8, {{16, 5, 2, true}, {16, 3, 2, true}, {40, 1, 1, false}}},
    {1, 16, 20, 7, {{32, 1, 1, false}, {32, 3, 3, true, 2}, {16, 1, 3, false}}},
    // Whole windows of all channels between pointwise ones.
    {1, 16, 10, 14, {{32, 1, 1, false}, {16, 3, 1, false}, {18, 1, 1, false}}},
    // Fewer rows than a window.
    {1, 16, 2, 5, {{16, 5, 1, true}, {16, 3, 1, true}}},
};

TEST(ConvBlock, GivesTheBitsOfItsStages) {
  for (const std::string isa : {"avx512", "avx2", "baseline"}) {
    for (const Chain& chain : chains) {
      const Made made(chain, isa);
      if (!made.complete) continue;
      const ConvProblem& first = made.stages.front().problem;
      const ConvProblem& last = made.stages.back().problem;
      const Plain x = random_floats(in_dims(first), 1);
      const Plain residual = random_floats(out_dims(last), 2);
      const Plain expected = made.run(x, residual);
      std::vector<Plain> inputs{x};
      if (chain.residual) inputs.push_back(residual);
      for (std::int64_t rows = 1; rows <= last.out_height + 1; ++rows) {
        ConvBlockProblem block(made.stages);
        block.set_band_rows(rows);
        EXPECT_EQ(block.bands, (last.out_height + block.band_rows - 1) / block.band_rows);
        // This also splits the bands among workers in other ways.
        const Plain got = run_row(conv_block_row(detected_isa()), block, inputs, out_dims(last));
        EXPECT_EQ(got.bytes, expected.bytes)
            << isa << ", chain " << &chain - chains << ", " << rows << " rows";
      }
    }
  }
}

TEST(ConvBlock, SaysWhatIsNoStage) {
  Chain chain{1, 16, 8, 8, {{16, 3, 1, false}}};
  ConvProblem p = problem_of(chain, nullptr, chain.layers[0]);
  for (const Row& row : conv_rows()) {
    if (row.name != "conv_f32_im2col_baseline" && row.name != "conv_f32_direct_nhwc_baseline") {
      continue;
    }
    std::vector<OperandLayouts> options;
    row.layouts(p, options);
    p.layouts = options[0];
    EXPECT_STREQ(rejects_as_stage(row, p), "its result is not in blocks of channels");
  }
  const Row* direct = row_for(p, false, "baseline");
  ASSERT_TRUE(direct);
  std::vector<OperandLayouts> options;
  direct->layouts(p, options);
  p.layouts = options[0];
  p.pad_top = 3;
  EXPECT_STREQ(rejects_as_stage(*direct, p), "rows of its result depend on no row of its input");
}

}  // namespace
}  // namespace strata::kernels
