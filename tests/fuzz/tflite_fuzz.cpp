// Any bytes give a verified graph or one Error; what is accepted can be optimised.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include "strata/base/log.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/model_info.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/verify.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  // The last byte chooses the arithmetic; the signature is not for the fuzzer to find.
  if (size < 9) return 0;
  constexpr Arithmetic modes[] = {Arithmetic::tflite_xnnpack, Arithmetic::tflite_optimized,
                                  Arithmetic::tflite_reference};
  std::vector<std::uint8_t> bytes(data, data + size);
  const char signature[] = {'T', 'F', 'L', '3'};
  std::copy(std::begin(signature), std::end(signature), bytes.begin() + 4);
  formats::LoadOptions options;
  options.byte_limit = 64 << 20;
  options.arithmetic = modes[bytes.back() % std::size(modes)];
  set_log_level(LogLevel::error);
  ir::Graph graph;
  try {
    formats::model_info(std::as_bytes(std::span(bytes)));
    graph = formats::load(std::as_bytes(std::span(bytes)), options);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return 0;
  }
  ir::infer_types(graph);
  ir::verify(graph);
  try {
    ir::optimize(graph, {.fold_bytes = 1 << 24, .fold_work = 1 << 24});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
  }
  return 0;
}
