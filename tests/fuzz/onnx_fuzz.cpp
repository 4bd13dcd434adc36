// Any bytes give a verified graph or one Error; what is accepted survives being written, read and
// optimised.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/verify.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  formats::LoadOptions options;
  options.byte_limit = 64 << 20;
  ir::Graph graph;
  try {
    graph = formats::load(std::as_bytes(std::span(data, size)), options);
  } catch (const Error&) {
    return 0;
  }
  ir::infer_types(graph);
  ir::verify(graph);
  std::string bytes;
  try {
    bytes = formats::onnx_bytes(graph);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return 0;
  }
  formats::load(std::as_bytes(std::span(bytes)), options);
  try {
    ir::optimize(graph, {.fold_bytes = 1 << 24, .fold_work = 1 << 24});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
  }
  return 0;
}
