#include "python/io_binding.hpp"

#include <algorithm>
#include <cstring>

#include "python/arrays.hpp"
#include "python/errors.hpp"
#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;

py::array as_array(const py::object& object) { return py::reinterpret_borrow<py::array>(object); }

bool overlap(const py::array& a, const py::array& b) {
  const auto* first = static_cast<const std::byte*>(a.data());
  const auto* second = static_cast<const std::byte*>(b.data());
  // Where pybind11 looks for the size of an element, NumPy 2 no longer has it.
  const auto bytes = [](const py::array& array) {
    return array.attr("nbytes").cast<std::ptrdiff_t>();
  };
  return first < second + bytes(b) && second < first + bytes(a);
}

}  // namespace

IoBinding::IoBinding(std::shared_ptr<InferenceSession> session)
    : session_(std::move(session)),
      inputs_(session_->inputs_.size(), py::none()),
      outputs_(session_->outputs_.size()),
      shapes_(inputs_.size()),
      in_(inputs_.size()),
      out_(outputs_.size()) {}

std::size_t IoBinding::find(const std::vector<Port>& ports, const py::str& name,
                            std::string_view kind) const {
  std::string names;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].name.equal(name)) return i;
    names += (i ? ", " : "") + bytes_of(ports[i].name);
  }
  fail(ErrorCode::usage, "no {} is named {}; the {}s are: {}", kind, printable(name), kind, names);
}

void IoBinding::bind_input(const py::str& name, const py::object& array) {
  const std::size_t i = find(session_->inputs_, name, "input");
  const runtime::Session& session = session_->session_;
  const py::array checked = session_->checked_array(
      array, session_->inputs_[i], "input", session.input_names()[i], session.input_types()[i]);
  if (!is_plain(checked)) {
    fail(ErrorCode::usage,
         "input {}: the array does not lie in row-major order, so it cannot be used where it lies; "
         "np.ascontiguousarray makes one that does",
         bytes_of(name));
  }
  const auto held = session_->lock();
  inputs_[i] = checked;
  checked_ = false;
}

void IoBinding::bind_output(const py::str& name, const py::object& array) {
  const std::size_t i = find(session_->outputs_, name, "output");
  Output output{py::none(), true, !array.is_none()};
  if (output.given) {
    const runtime::Session& session = session_->session_;
    const py::array checked =
        session_->checked_array(array, session_->outputs_[i], "output", session.output_names()[i],
                                session.output_types()[i]);
    if (!is_plain(checked)) {
      fail(ErrorCode::usage,
           "output {}: the array does not lie in row-major order, so results cannot be written "
           "where it lies",
           bytes_of(name));
    }
    if (!checked.writeable()) {
      fail(ErrorCode::usage, "output {}: the array is read-only", bytes_of(name));
    }
    output.array = checked;
  }
  const auto held = session_->lock();
  outputs_[i] = output;
  checked_ = false;
}

void IoBinding::clear_inputs() {
  const auto held = session_->lock();
  std::ranges::fill(inputs_, py::none());
}

void IoBinding::clear_outputs() {
  const auto held = session_->lock();
  std::ranges::fill(outputs_, Output{});
}

py::list IoBinding::outputs() {
  const auto held = session_->lock();
  py::list list;
  for (const Output& output : outputs_) {
    if (output.wanted) list.append(output.array);
  }
  return list;
}

void IoBinding::read_inputs() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].is_none()) {
      fail(ErrorCode::usage, "input {} is not bound", bytes_of(session_->inputs_[i].name));
    }
    const py::array array = as_array(inputs_[i]);
    shapes_[i] = *shape_of(array);
    in_[i] = array.data();
  }
}

void IoBinding::make_output(std::size_t i, const Shape& shape) {
  Output& output = outputs_[i];
  const auto fits = [&] { return *shape_of(as_array(output.array)) == shape; };
  if (output.given) {
    if (!fits()) {
      fail(ErrorCode::usage, "output {}: an array of shape {} is bound, expected {}",
           bytes_of(session_->outputs_[i].name), to_string(*shape_of(as_array(output.array))),
           to_string(shape));
    }
  } else if (output.array.is_none() || !fits()) {
    output.array = new_array(session_->outputs_[i].dtype, shape.dims());
  }
  out_[i] = as_array(output.array).mutable_data();
}

void IoBinding::refuse_overlap() const {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i].given) continue;
    const auto refuse = [&](const py::object& other, std::string_view kind, const Port& port) {
      if (other.is_none() || !overlap(as_array(outputs_[i].array), as_array(other))) return;
      fail(ErrorCode::usage, "output {}: its array shares memory with that of {} {}",
           bytes_of(session_->outputs_[i].name), kind, bytes_of(port.name));
    };
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      refuse(inputs_[k], "input", session_->inputs_[k]);
    }
    for (std::size_t k = 0; k < i; ++k) {
      if (outputs_[k].given) refuse(outputs_[k].array, "output", session_->outputs_[k]);
    }
  }
}

void InferenceSession::run_bound(IoBinding& binding, bool starts_over) {
  if (binding.session_.get() != this) {
    fail(ErrorCode::usage, "the binding belongs to another session; io_binding() makes one here");
  }
  const auto held = lock();
  if (starts_over) session_.reset();
  binding.read_inputs();
  if (!binding.checked_) binding.refuse_overlap();
  binding.checked_ = true;
  if (session_.is_static()) {
    runtime::Context& ready = context(binding.shapes_);
    const auto& values = ready.binding().program().graph().outputs;
    for (std::size_t i = 0; i < values.size(); ++i) {
      binding.make_output(i, ready.binding().shapes()[ir::index(values[i])]);
    }
    py::gil_scoped_release release;
    run_once(ready, binding.in_, binding.out_);
    return;
  }
  const std::vector<Tensor> results = run_tensors(binding.shapes_, binding.in_);
  for (std::size_t i = 0; i < results.size(); ++i) {
    binding.make_output(i, results[i].shape());
    std::memcpy(binding.out_[i], results[i].raw(), results[i].size_bytes());
  }
}

}  // namespace strata::python
