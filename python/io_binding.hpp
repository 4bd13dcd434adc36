#pragma once

#include <memory>

#include "python/inference_session.hpp"

namespace strata::python {

/// Arrays of the caller that runs read and write where they lie.
class IoBinding {
 public:
  explicit IoBinding(std::shared_ptr<InferenceSession> session);

  /// `array`: row-major, of the input's type. Kept alive.
  void bind_input(const pybind11::str& name, const pybind11::object& array);
  /// None: an array is made for the first run, and again when its shape changes.
  void bind_output(const pybind11::str& name, const pybind11::object& array);
  void clear_inputs();
  void clear_outputs();
  /// The arrays of the outputs that were bound, in the order of the model; None where there was no
  /// run yet to make one.
  pybind11::list outputs();

 private:
  friend class InferenceSession;
  using Port = InferenceSession::Port;

  std::size_t find(const std::vector<Port>& ports, const pybind11::str& name,
                   std::string_view kind) const;
  void refuse_overlap() const;

  struct Output {
    pybind11::object array = pybind11::none();
    bool wanted = false;  ///< bound by the caller
    bool given = false;   ///< the array is the caller's
  };

  // What a run uses, all of the session's sizes.
  void read_inputs();
  void make_output(std::size_t i, const Shape& shape);

  std::shared_ptr<InferenceSession> session_;
  std::vector<pybind11::object> inputs_;
  std::vector<Output> outputs_;
  std::vector<Shape> shapes_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  bool checked_ = false;  ///< for overlaps, since arrays were bound
};

}  // namespace strata::python
