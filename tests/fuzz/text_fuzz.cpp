// Any text gives a graph that verifies and prints back identical, or one Error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace strata;
  ir::Graph graph;
  try {
    graph = ir::parse_text({reinterpret_cast<const char*>(data), size});
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return 0;
  }
  ir::verify(graph);
  STRATA_ASSERT(ir::identical(ir::parse_text(ir::to_text(graph)), graph));
  return 0;
}
