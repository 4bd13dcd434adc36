#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "strata/tensor/tensor.hpp"

namespace strata::conformance {

/// What is compared for a case.
enum class Scope {
  full,
  small_types,  ///< floats of 8 bits, integers and floats of 4 and 2: counted apart
  out           ///< see Case::out_of
};

/// One folder test_*: a model and what comes out of it.
struct Case {
  std::string name;
  std::string group;  ///< the folder around it: node, simple, ...
  std::filesystem::path folder;
  Scope scope = Scope::full;
  std::string out_of;         ///< why it is out of scope
  std::int64_t opset = 0;     ///< of ONNX's domain
  std::set<std::string> ops;  ///< of ONNX's domain, in bodies too
  bool by_chance = false;     ///< draws random numbers: only types and shapes can be compared
};

/// Reads GROUP/test_*/model.onnx below the root, by name. A model that cannot be parsed is in scope
/// and has no ops.
std::vector<Case> find_cases(const std::filesystem::path& root);

/// Runs all data sets of a case; empty, or what is wrong. Throws nothing.
/// Floats may differ by rtol * |expected| + max(atol, slack * the largest finite value): sums that
/// are taken in another order differ near zero. rtol and atol are those of the file "tolerance", or
/// else 1e-3 and 1e-7, ONNX's own; slack is 1e-6, and 1e-5 in networks converted from PyTorch.
std::string run_case(const Case& example);

}  // namespace strata::conformance
