#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <sstream>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/onnx/tensor.hpp"
#include "strata/runtime/session.hpp"
#include "tests/conformance/case.hpp"

namespace strata::conformance {
namespace {

namespace wire = formats::onnx;
namespace fs = std::filesystem;

struct Tolerance {
  double rtol = 1e-3, atol = 1e-7, slack = 1e-6;
};

Tolerance tolerance_of(const Case& example) {
  Tolerance tolerance;
  if (example.group.find("pytorch") != std::string::npos) tolerance.slack = 1e-5;
  const fs::path path = example.folder / "tolerance";
  if (fs::exists(path))
    std::istringstream(read_file(path, 1 << 10)) >> tolerance.rtol >> tolerance.atol;
  return tolerance;
}

/// KIND_0.pb, KIND_1.pb, ...
std::vector<Tensor> read_tensors(const fs::path& folder, std::string_view kind) {
  std::vector<Tensor> tensors;
  while (true) {
    const fs::path path = folder / fmt::format("{}_{}.pb", kind, tensors.size());
    if (!fs::exists(path)) return tensors;
    const MappedFile file = MappedFile::open(path);
    wire::TensorReader reader(file, {});
    tensors.push_back(reader.read(wire::parse_tensor(wire::Message(file.bytes()))).aligned());
  }
}

/// Old files hold bfloat16 as the 16-bit integers that its bits are.
Tensor as_type(const Tensor& tensor, DType type) {
  if (tensor.dtype() != DType::u16 || type != DType::bf16) return tensor;
  return Tensor::borrow(type, tensor.shape(), tensor.raw(), std::make_shared<Tensor>(tensor));
}

std::string compare_floats(const Tensor& given, const Tensor& expected,
                           const Tolerance& tolerance) {
  const Tensor a = given.cast(DType::f64), b = expected.cast(DType::f64);
  double largest = 0;
  for (const double x : b.data<double>()) {
    if (std::isfinite(x)) largest = std::max(largest, std::fabs(x));
  }
  const double floor = std::max(tolerance.atol, tolerance.slack * largest);
  std::size_t wrong = 0;
  double worst = 0;
  for (std::size_t i = 0; i < b.data<double>().size(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (x == y || (std::isnan(x) && std::isnan(y))) continue;
    const double error = std::fabs(x - y);
    if (std::isfinite(x) && std::isfinite(y) && error <= floor + tolerance.rtol * std::fabs(y)) {
      continue;
    }
    ++wrong;
    if (!(error <= worst)) worst = error;
  }
  if (wrong == 0) return {};
  return fmt::format("{} of {} values differ, by up to {:.3g}", wrong, b.elements(), worst);
}

std::string compare(const Tensor& given, const Tensor& expected, const Tolerance& tolerance,
                    bool by_chance) {
  if (given.dtype() != expected.dtype() || given.shape() != expected.shape()) {
    return fmt::format("{}{}, expected {}{}", to_string(given.dtype()), to_string(given.shape()),
                       to_string(expected.dtype()), to_string(expected.shape()));
  }
  if (by_chance) return {};
  if (is_float(given.dtype()) || is_narrow_float(given.dtype())) {
    return compare_floats(given, expected, tolerance);
  }
  const std::size_t size = size_of(given.dtype());
  std::size_t wrong = 0;
  for (std::size_t at = 0; at < given.size_bytes(); at += size) {
    wrong += std::memcmp(given.bytes().data() + at, expected.bytes().data() + at, size) != 0;
  }
  return wrong == 0 ? "" : fmt::format("{} of {} values differ", wrong, given.elements());
}

std::string run_set(runtime::Session& session, const fs::path& folder, const Case& example) {
  std::vector<Tensor> inputs = read_tensors(folder, "input");
  const std::vector<Tensor> expected = read_tensors(folder, "output");
  for (std::size_t i = 0; i < inputs.size() && i < session.input_types().size(); ++i) {
    inputs[i] = as_type(inputs[i], session.input_types()[i].dtype);
  }
  // An initializer that is an input too is a constant here.
  if (inputs.size() > session.input_names().size()) inputs.resize(session.input_names().size());
  const std::vector<Tensor> outputs = session.run(inputs);
  if (outputs.size() != expected.size()) {
    return fmt::format("{} outputs, expected {}", outputs.size(), expected.size());
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string wrong = compare(outputs[i], as_type(expected[i], outputs[i].dtype()),
                                      tolerance_of(example), example.by_chance);
    if (!wrong.empty()) return fmt::format("output {}: {}", i, wrong);
  }
  return {};
}

}  // namespace

std::string run_case(const Case& example) {
  try {
    runtime::Session session(formats::load(example.folder / "model.onnx"));
    for (int set = 0;; ++set) {
      const fs::path folder = example.folder / fmt::format("test_data_set_{}", set);
      if (!fs::exists(folder)) return {};
      if (std::string wrong = run_set(session, folder, example); !wrong.empty()) return wrong;
    }
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace strata::conformance
