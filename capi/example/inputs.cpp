// inputs MODEL: what a model takes, by the C++ interface.
#include <cstdio>

#include "strata/formats/load.hpp"
#include "strata/runtime/session.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  try {
    const strata::runtime::Session session(strata::formats::load(std::filesystem::path(argv[1])));
    for (std::size_t i = 0; i < session.input_names().size(); ++i) {
      std::printf("%s %s\n", session.input_names()[i].c_str(),
                  to_string(session.input_types()[i]).c_str());
    }
  } catch (const strata::Error& error) {
    std::fprintf(stderr, "inputs: %s\n", error.what());
    return 1;
  }
  return 0;
}
