// Each convolution row on the layers of known networks, one thread, operands warm where they fit;
// the best of all runs.
// bench_conv --benchmark_filter='resnet50.*direct_nchwc_avx512'

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/kernels/buffers.hpp"
#include "strata/kernels/conv/conv.hpp"

namespace {

using namespace strata;
using namespace strata::kernels;

struct Layer {
  const char* name;
  int channels, height, width, out_channels, kernel_h, kernel_w, stride;
  int groups = 1;
  bool residual = false;
};

const Layer layers[] = {
    {"dscnn/stem", 1, 49, 10, 64, 10, 4, 2},
    {"dscnn/depthwise", 64, 25, 5, 64, 3, 3, 1, 64},
    {"dscnn/pointwise", 64, 25, 5, 64, 1, 1, 1},
    {"resnet50/stem_7x7_s2_112", 3, 224, 224, 64, 7, 7, 2},
    {"resnet50/3x3_64_56", 64, 56, 56, 64, 3, 3, 1},
    {"resnet50/1x1_64_64_56", 64, 56, 56, 64, 1, 1, 1},
    {"resnet50/1x1_64_256_56", 64, 56, 56, 256, 1, 1, 1},
    {"resnet50/1x1_64_256_56_residual", 64, 56, 56, 256, 1, 1, 1, 1, true},
    {"resnet50/1x1_256_64_56", 256, 56, 56, 64, 1, 1, 1},
    {"resnet50/3x3_128_s2_28", 128, 56, 56, 128, 3, 3, 2},
    {"resnet50/1x1_256_512_s2_28", 256, 56, 56, 512, 1, 1, 2},
    {"resnet50/3x3_128_28", 128, 28, 28, 128, 3, 3, 1},
    {"resnet50/1x1_128_512_28", 128, 28, 28, 512, 1, 1, 1},
    {"resnet50/1x1_512_128_28", 512, 28, 28, 128, 1, 1, 1},
    {"resnet50/3x3_256_14", 256, 14, 14, 256, 3, 3, 1},
    {"resnet50/1x1_256_1024_14", 256, 14, 14, 1024, 1, 1, 1},
    {"resnet50/1x1_1024_256_14", 1024, 14, 14, 256, 1, 1, 1},
    {"resnet50/3x3_512_7", 512, 7, 7, 512, 3, 3, 1},
    {"resnet50/1x1_512_2048_7", 512, 7, 7, 2048, 1, 1, 1},
    {"resnet50/1x1_2048_512_7", 2048, 7, 7, 512, 1, 1, 1},
    {"vgg16/stem_224", 3, 224, 224, 64, 3, 3, 1},
    {"vgg16/3x3_64_224", 64, 224, 224, 64, 3, 3, 1},
    {"vgg16/3x3_128_112", 128, 112, 112, 128, 3, 3, 1},
    {"vgg16/3x3_256_56", 256, 56, 56, 256, 3, 3, 1},
    {"vgg16/3x3_512_28", 512, 28, 28, 512, 3, 3, 1},
    {"vgg16/3x3_512_14", 512, 14, 14, 512, 3, 3, 1},
    {"resnet20/3x3_16_32", 16, 32, 32, 16, 3, 3, 1},
    {"resnet20/3x3_64_8", 64, 8, 8, 64, 3, 3, 1},
    {"mobilenet/stem_3x3_s2_112", 3, 224, 224, 32, 3, 3, 2},
    {"mobilenet/dw3_32_112", 32, 112, 112, 32, 3, 3, 1, 32},
    {"mobilenet/dw3_96_s2_56", 96, 112, 112, 96, 3, 3, 2, 96},
    {"mobilenet/dw3_144_56", 144, 56, 56, 144, 3, 3, 1, 144},
    {"mobilenet/dw3_512_14", 512, 14, 14, 512, 3, 3, 1, 512},
    {"mobilenet/dw3_960_7", 960, 7, 7, 960, 3, 3, 1, 960},
    {"mobilenet/dw5_240_14", 240, 14, 14, 240, 5, 5, 1, 240},
    {"mobilenet/1x1_32_64_112", 32, 112, 112, 64, 1, 1, 1},
    {"mobilenet/1x1_24_144_56", 24, 56, 56, 144, 1, 1, 1},
    {"mobilenet/1x1_144_24_56", 144, 56, 56, 24, 1, 1, 1},
    {"mobilenet/1x1_512_512_14", 512, 14, 14, 512, 1, 1, 1},
    {"mobilenet/1x1_1024_1024_7", 1024, 7, 7, 1024, 1, 1, 1},
    {"mobilenet/1x1_960_320_7", 960, 7, 7, 320, 1, 1, 1},
};

ConvProblem problem_of(const Layer& l) {
  ConvProblem p;
  p.channels = l.channels;
  p.height = l.height;
  p.width = l.width;
  p.out_channels = l.out_channels;
  p.groups = l.groups;
  p.kernel_h = l.kernel_h;
  p.kernel_w = l.kernel_w;
  p.stride_h = p.stride_w = l.stride;
  p.out_height = (l.height + l.stride - 1) / l.stride;
  p.out_width = (l.width + l.stride - 1) / l.stride;
  const auto pad = [](std::int64_t out, std::int64_t stride, std::int64_t kernel,
                      std::int64_t size) {
    return std::max<std::int64_t>(0, (out - 1) * stride + kernel - size);
  };
  const std::int64_t rows = pad(p.out_height, l.stride, l.kernel_h, l.height);
  const std::int64_t columns = pad(p.out_width, l.stride, l.kernel_w, l.width);
  p.pad_top = rows / 2;
  p.pad_bottom = rows - rows / 2;
  p.pad_left = columns / 2;
  p.pad_right = columns - columns / 2;
  p.epilogue = {true, l.residual, Activation::relu};
  return p;
}

void run(benchmark::State& state, const Row& row, const Layer& layer) {
  ConvProblem p = problem_of(layer);
  if (std::string(row.name).find("f32i8") != std::string::npos) p.weights = WeightType::i8_channel;
  if (std::string(row.name).find("f32f16") != std::string::npos) p.weights = WeightType::f16;
  constexpr std::int64_t last_block = 15;  // channels of a block that may not exist
  const std::int64_t pixels = p.height * p.width, out_pixels = p.out_height * p.out_width;
  const std::int64_t weights = p.out_channels * p.channels / p.groups * p.kernel_h * p.kernel_w;
  const bench::Floats x((p.channels + last_block) * pixels),
      y((p.out_channels + last_block) * out_pixels),
      residual((p.out_channels + last_block) * out_pixels), stored(weights), bias(p.out_channels);
  const auto results = double(p.out_channels * out_pixels);
  const double operands = double(p.channels * pixels) + (layer.residual ? 2 : 1) * results;
  bench::run(state, row, p, {x.data(), residual.data()}, {stored.data(), bias.data(), bias.data()},
             y.data(),
             {2 * double(weights) * double(out_pixels), 4 * (operands + double(weights))});
}

}  // namespace

int main(int argc, char** argv) {
  for (const Row& row : conv_rows()) {
    if (!has_isa(detected_isa(), row.isa)) continue;
    for (const Layer& layer : layers) {
      ConvProblem p = problem_of(layer);
      if (std::string(row.name).find("f32i8") != std::string::npos)
        p.weights = WeightType::i8_channel;
      if (std::string(row.name).find("f32f16") != std::string::npos) p.weights = WeightType::f16;
      if (row.rejects(p)) continue;
      const std::string name = std::string(layer.name) + "/" + std::string(row.name);
      benchmark::RegisterBenchmark(name.c_str(), run, row, layer)->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
