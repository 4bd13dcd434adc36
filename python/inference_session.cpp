#include "python/inference_session.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "python/numpy_types.hpp"
#include "strata/base/error.hpp"
#include "strata/formats/load.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using py::detail::npy_api;

ir::Graph load(const py::object& model) {
  if (py::isinstance<py::bytes>(model)) {
    const std::string_view bytes = model.cast<std::string_view>();
    py::gil_scoped_release release;
    return formats::load(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }
  const auto path = py::module_::import("os").attr("fsencode")(model).cast<std::string>();
  py::gil_scoped_release release;
  return formats::load(std::filesystem::path(path));
}

/// Names in a file may be any bytes; Python gets them as it gets the names of files.
py::str text(std::string_view bytes) {
  PyObject* object =
      PyUnicode_DecodeUTF8(bytes.data(), py::ssize_t(bytes.size()), "surrogateescape");
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(object);
}

std::string printable(py::handle object) {
  return py::repr(object).attr("encode")("utf-8", "backslashreplace").cast<std::string>();
}

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::string expected(const ir::TensorType& type) {
  return fmt::format("expected a numpy array of {} {}", numpy_type_name(type.dtype),
                     to_string(type.shape));
}

Shape shape_of(const py::array& array, const std::string& name, const ir::TensorType& type) {
  const py::ssize_t rank = array.ndim();
  if (rank > max_rank) {
    fail(ErrorCode::usage, "input {}: an array of {} axes given, {}", name, rank, expected(type));
  }
  std::array<std::int64_t, max_rank> dims{};
  std::copy_n(array.shape(), rank, dims.begin());
  return Shape(std::span<const std::int64_t>(dims.data(), std::size_t(rank)));
}

py::array steal_array(PyObject* object) {
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(object);
}

py::array new_array(const py::dtype& dtype, const Shape& shape) {
  std::array<Py_intptr_t, max_rank> dims{};
  std::ranges::copy(shape, dims.begin());
  const npy_api& api = npy_api::get();
  return steal_array(api.PyArray_NewFromDescr_(api.PyArray_Type_, dtype.inc_ref().ptr(),
                                               shape.rank(), dims.data(), nullptr, nullptr, 0,
                                               nullptr));
}

}  // namespace

py::str NodeArg::name_text() const { return text(name); }

std::string NodeArg::type_name() const { return onnx_type_name(type.dtype); }

py::list NodeArg::shape() const {
  py::list list;
  for (const Dim& dim : type.shape) {
    if (const auto number = dim.as_constant()) {
      list.append(*number);
    } else {
      const auto symbol = dim.as_symbol();
      list.append(text(symbol ? std::string(*symbol) : to_string(dim)));
    }
  }
  return list;
}

InferenceSession::InferenceSession(const py::object& model, runtime::SessionOptions options)
    : session_([&] {
        ir::Graph graph = load(model);
        py::gil_scoped_release release;
        return runtime::Session(std::move(graph), std::move(options));
      }()) {
  for (const NodeArg& arg : inputs()) {
    inputs_.push_back({text(arg.name), numpy_type(arg.type.dtype)});
  }
  for (const NodeArg& arg : outputs()) {
    outputs_.push_back({text(arg.name), numpy_type(arg.type.dtype)});
  }
}

std::vector<NodeArg> InferenceSession::inputs() const {
  std::vector<NodeArg> args;
  for (std::size_t i = 0; i < session_.input_names().size(); ++i) {
    args.push_back({session_.input_names()[i], session_.input_types()[i]});
  }
  return args;
}

std::vector<NodeArg> InferenceSession::outputs() const {
  std::vector<NodeArg> args;
  for (std::size_t i = 0; i < session_.output_names().size(); ++i) {
    args.push_back({session_.output_names()[i], session_.output_types()[i]});
  }
  return args;
}

std::vector<std::size_t> InferenceSession::wanted_outputs(const py::object& names) const {
  std::vector<std::size_t> wanted;
  if (!names.is_none()) {
    if (py::isinstance<py::str>(names) || !py::isinstance<py::iterable>(names)) {
      fail(ErrorCode::usage, "output_names: {} given, expected a list of names or None",
           printable(names));
    }
    for (const py::handle item : names) {
      const auto found =
          std::ranges::find_if(outputs_, [&](const Port& port) { return port.name.equal(item); });
      if (found == outputs_.end()) {
        fail(ErrorCode::usage, "no output is named {}; the outputs are: {}", printable(item),
             listed(session_.output_names()));
      }
      wanted.push_back(std::size_t(found - outputs_.begin()));
    }
  }
  if (wanted.empty()) {
    for (std::size_t i = 0; i < outputs_.size(); ++i) wanted.push_back(i);
  }
  return wanted;
}

py::dict InferenceSession::checked_feeds(const py::object& feeds) const {
  if (!py::isinstance<py::dict>(feeds) && !py::hasattr(feeds, "keys")) {
    fail(ErrorCode::usage, "input_feed: a {} given, expected a dict of arrays by input name: {}",
         Py_TYPE(feeds.ptr())->tp_name, listed(session_.input_names()));
  }
  py::dict dict = feeds;
  if (dict.size() > inputs_.size()) refuse_unknown_names(dict);
  return dict;
}

void InferenceSession::refuse_unknown_names(const py::dict& feeds) const {
  for (const auto& item : feeds) {
    const auto same = [&](const Port& port) { return port.name.equal(item.first); };
    if (std::ranges::none_of(inputs_, same)) {
      fail(ErrorCode::usage, "no input is named {}; the inputs are: {}", printable(item.first),
           listed(session_.input_names()));
    }
  }
}

/// The array for input i in row-major order: the caller's own where it lies so already.
py::array InferenceSession::input_array(std::size_t i, const py::dict& feeds) const {
  const std::string& name = session_.input_names()[i];
  const ir::TensorType& type = session_.input_types()[i];
  PyObject* item = PyDict_GetItemWithError(feeds.ptr(), inputs_[i].name.ptr());
  if (!item) {
    if (PyErr_Occurred()) throw py::error_already_set();
    refuse_unknown_names(feeds);
    fail(ErrorCode::usage, "input {} is missing; {}", name, expected(type));
  }
  const npy_api& api = npy_api::get();
  if (!api.PyArray_Check_(item)) {
    fail(ErrorCode::usage, "input {}: a {} given, {}", name, Py_TYPE(item)->tp_name,
         expected(type));
  }
  const auto array = py::reinterpret_borrow<py::array>(item);
  const py::dtype dtype = array.dtype();
  if (!dtype.is(inputs_[i].dtype) &&
      !api.PyArray_EquivTypes_(dtype.ptr(), inputs_[i].dtype.ptr())) {
    fail(ErrorCode::usage, "input {}: an array of {} given, {}", name,
         py::str(py::handle(dtype)).cast<std::string>(), expected(type));
  }
  constexpr int plain = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;
  if ((array.flags() & plain) == plain) return array;
  return steal_array(api.PyArray_FromAny_(item, nullptr, 0, 0, plain, nullptr));
}

runtime::Context& InferenceSession::context(const std::vector<Shape>& shapes) {
  if (!context_ || shapes != shapes_) {
    py::gil_scoped_release release;
    context_ = nullptr;
    context_ = &session_.context(shapes);
    shapes_ = shapes;
  }
  return *context_;
}

std::vector<py::array> InferenceSession::output_arrays(const runtime::Context& context) const {
  const std::vector<ir::ValueId>& values = context.binding().program().graph().outputs;
  std::vector<py::array> arrays;
  arrays.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Shape& shape = context.binding().shapes()[ir::index(values[i])];
    arrays.push_back(new_array(outputs_[i].dtype, shape));
  }
  return arrays;
}

/// One plan whose outputs are written where the caller will read them.
std::vector<py::array> InferenceSession::run_planned(const std::vector<Shape>& shapes,
                                                     const std::vector<const void*>& in) {
  runtime::Context& ready = context(shapes);
  std::vector<py::array> results = output_arrays(ready);
  std::vector<void*> out;
  out.reserve(results.size());
  for (py::array& result : results) out.push_back(result.mutable_data());
  py::gil_scoped_release release;
  ready.run(in, out);
  return results;
}

/// Sizes depend on data: the session makes the outputs.
std::vector<py::array> InferenceSession::run_segments(const std::vector<Shape>& shapes,
                                                      const std::vector<const void*>& in) {
  std::vector<Tensor> tensors, outputs;
  for (std::size_t i = 0; i < in.size(); ++i) {
    tensors.push_back(Tensor::borrow(session_.input_types()[i].dtype, shapes[i], in[i]));
  }
  {
    py::gil_scoped_release release;
    outputs = session_.run(tensors);
  }
  std::vector<py::array> results;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    results.push_back(new_array(outputs_[i].dtype, outputs[i].shape()));
    std::ranges::copy(outputs[i].bytes(), static_cast<std::byte*>(results[i].mutable_data()));
  }
  return results;
}

py::list InferenceSession::run(const py::object& names, const py::object& feeds) {
  const std::vector<std::size_t> wanted = wanted_outputs(names);
  const py::dict fed = checked_feeds(feeds);
  std::vector<py::array> arrays;
  std::vector<Shape> shapes;
  std::vector<const void*> in;
  arrays.reserve(inputs_.size());
  shapes.reserve(inputs_.size());
  in.reserve(inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    arrays.push_back(input_array(i, fed));
    shapes.push_back(shape_of(arrays[i], session_.input_names()[i], session_.input_types()[i]));
    in.push_back(arrays[i].data());
  }
  // Whoever holds the lock may wait for the GIL: never wait for the lock with it.
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    py::gil_scoped_release release;
    lock.lock();
  }
  const std::vector<py::array> results =
      session_.is_static() ? run_planned(shapes, in) : run_segments(shapes, in);
  py::list list(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) list[i] = results[wanted[i]];
  return list;
}

}  // namespace strata::python
