#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <mutex>
#include <string>
#include <vector>

#include "strata/runtime/session.hpp"

namespace strata::python {

/// Name, shape and element type of a model's input or output, as ONNX Runtime's NodeArg.
struct NodeArg {
  std::string name;
  ir::TensorType type;

  pybind11::str name_text() const;
  std::string type_name() const;
  /// Numbers; names of symbolic extents; expressions over them as text.
  pybind11::list shape() const;
};

/// A model ready to run on numpy arrays. Calls from several Python threads take turns.
class InferenceSession {
 public:
  /// `model`: a path, or the bytes of a model file.
  InferenceSession(const pybind11::object& model, runtime::SessionOptions options);

  std::vector<NodeArg> inputs() const;
  std::vector<NodeArg> outputs() const;

  /// `names`: a sequence of output names; None or an empty one for all. `feeds`: arrays by input
  /// name, borrowed if they lie in row-major order, else copied. The GIL is released meanwhile.
  pybind11::list run(const pybind11::object& names, const pybind11::object& feeds);

 private:
  /// What every call asks about an input or output, as Python objects.
  struct Port {
    pybind11::str name;
    pybind11::dtype dtype;
  };

  std::vector<std::size_t> wanted_outputs(const pybind11::object& names) const;
  pybind11::dict checked_feeds(const pybind11::object& feeds) const;
  void refuse_unknown_names(const pybind11::dict& feeds) const;
  pybind11::array input_array(std::size_t i, const pybind11::dict& feeds) const;
  runtime::Context& context(const std::vector<Shape>& shapes);
  std::vector<pybind11::array> run_planned(const std::vector<Shape>& shapes,
                                           const std::vector<const void*>& in);
  std::vector<pybind11::array> run_segments(const std::vector<Shape>& shapes,
                                            const std::vector<const void*>& in);
  std::vector<pybind11::array> output_arrays(const runtime::Context& context) const;

  runtime::Session session_;
  std::vector<Port> inputs_, outputs_;
  std::mutex mutex_;
  // Of the latest call, which the next one usually repeats.
  std::vector<Shape> shapes_;
  runtime::Context* context_ = nullptr;
};

}  // namespace strata::python
