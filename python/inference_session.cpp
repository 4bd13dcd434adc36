#include "python/inference_session.hpp"

#include <algorithm>
#include <cstring>

#include "python/arrays.hpp"
#include "python/errors.hpp"
#include "python/numpy_types.hpp"
#include "strata/base/error.hpp"
#include "strata/ir/grids.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using py::detail::npy_api;

std::string listed(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::string expected(const ir::TensorType& type) {
  return fmt::format("expected a numpy array of {} {}", numpy_type_name(type.dtype),
                     to_string(type.shape));
}

}  // namespace

InferenceSession::Grids InferenceSession::grids_of(const ir::Graph& graph) {
  Grids grids;
  for (const ir::ValueId id : graph.inputs) grids.inputs.push_back(ir::grid_by_uses(graph, id));
  for (const ir::ValueId id : graph.outputs) {
    grids.outputs.push_back(ir::grid_by_producer(graph, id));
  }
  return grids;
}

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

py::object NodeArg::scale() const { return grid ? py::cast(grid->scale) : py::none(); }

py::object NodeArg::zero_point() const { return grid ? py::cast(grid->zero_point) : py::none(); }

py::str NodeArg::text_form() const {
  py::str form =
      py::str("NodeArg(name={!r}, type={!r}, shape={!r}").format(name_text(), type_name(), shape());
  if (grid) form = py::str("{}, scale={:.9g}, zero_point={}").format(form, scale(), zero_point());
  return py::str("{})").format(form);
}

InferenceSession::InferenceSession(ir::Graph graph, runtime::SessionOptions options, bool log_runs)
    : InferenceSession(
          [&] {
            py::gil_scoped_release release;
            // Passes may hide in fused nodes what integers stand for.
            Grids grids = grids_of(graph);
            return Made{runtime::Session(std::move(graph), std::move(options)), std::move(grids)};
          }(),
          log_runs) {}

InferenceSession::InferenceSession(Made made, bool log_runs)
    : session_(std::move(made.session)), grids_(std::move(made.grids)) {
  if (log_runs) {
    if (!session_.is_static()) {
      fail(ErrorCode::unsupported,
           "profiling: sizes depend on data, so the model runs in {} segments, which are not timed",
           session_.segments().size());
    }
    log_.emplace();
  }
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
    args.push_back({session_.input_names()[i], session_.input_types()[i], grids_.inputs[i]});
  }
  return args;
}

std::vector<NodeArg> InferenceSession::outputs() const {
  std::vector<NodeArg> args;
  for (std::size_t i = 0; i < session_.output_names().size(); ++i) {
    args.push_back({session_.output_names()[i], session_.output_types()[i], grids_.outputs[i]});
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

py::array InferenceSession::checked_array(py::handle item, const Port& port, std::string_view kind,
                                          const std::string& name,
                                          const ir::TensorType& type) const {
  if (!is_array(item)) {
    fail(ErrorCode::usage, "{} {}: a {} given, {}", kind, name, Py_TYPE(item.ptr())->tp_name,
         expected(type));
  }
  const auto array = py::reinterpret_borrow<py::array>(item);
  const py::dtype dtype = array.dtype();
  if (!dtype.is(port.dtype) && !npy_api::get().PyArray_EquivTypes_(dtype.ptr(), port.dtype.ptr())) {
    fail(ErrorCode::usage, "{} {}: an array of {} given, {}", kind, name, dtype_name(dtype),
         expected(type));
  }
  if (array.ndim() > max_rank) {
    fail(ErrorCode::usage, "{} {}: an array of {} axes given, {}", kind, name, array.ndim(),
         expected(type));
  }
  return array;
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
  const py::array array = checked_array(item, inputs_[i], "input", name, type);
  return is_plain(array) ? array : plain_copy(array);
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
    arrays.push_back(new_array(outputs_[i].dtype, shape.dims()));
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
  run_once(ready, in, out);
  return results;
}

void InferenceSession::run_once(runtime::Context& context, std::span<const void* const> in,
                                std::span<void* const> out) {
  log_ ? log_->run(context, in, out) : context.run(in, out);
}

std::vector<Tensor> InferenceSession::run_tensors(std::span<const Shape> shapes,
                                                  std::span<const void* const> in) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < in.size(); ++i) {
    tensors.push_back(Tensor::borrow(session_.input_types()[i].dtype, shapes[i], in[i]));
  }
  py::gil_scoped_release release;
  return session_.run(tensors);
}

/// Sizes depend on data: the session makes the outputs.
std::vector<py::array> InferenceSession::run_segments(const std::vector<Shape>& shapes,
                                                      const std::vector<const void*>& in) {
  std::vector<py::array> results;
  for (const Tensor& output : run_tensors(shapes, in)) results.push_back(to_array(output));
  return results;
}

InferenceSession::Feeds InferenceSession::gather(const py::object& feeds) const {
  const py::dict fed = checked_feeds(feeds);
  Feeds gathered;
  gathered.arrays.reserve(inputs_.size());
  gathered.shapes.reserve(inputs_.size());
  gathered.in.reserve(inputs_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const py::array& array = gathered.arrays.emplace_back(input_array(i, fed));
    gathered.shapes.push_back(*shape_of(array));
    gathered.in.push_back(array.data());
  }
  return gathered;
}

/// Whoever holds the lock may wait for the GIL: never wait for the lock with it.
std::unique_lock<std::mutex> InferenceSession::lock() {
  std::unique_lock held(mutex_, std::try_to_lock);
  if (!held) {
    py::gil_scoped_release release;
    held.lock();
  }
  return held;
}

py::list InferenceSession::run(const py::object& names, const py::object& feeds, bool starts_over) {
  const std::vector<std::size_t> wanted = wanted_outputs(names);
  const Feeds given = gather(feeds);
  const auto held = lock();
  if (starts_over) session_.reset();
  const std::vector<py::array> results = session_.is_static()
                                             ? run_planned(given.shapes, given.in)
                                             : run_segments(given.shapes, given.in);
  py::list list(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) list[i] = results[wanted[i]];
  return list;
}

py::dict InferenceSession::profile(const py::object& feeds, int runs) {
  const Feeds given = gather(feeds);
  const auto held = lock();
  runtime::Context& ready = context(given.shapes);
  std::vector<py::array> results = output_arrays(ready);
  std::vector<void*> out;
  for (py::array& result : results) out.push_back(result.mutable_data());
  bool interrupted = false;
  runtime::ProfileOptions options;
  options.warm_up_s = 0;
  options.seconds = 0;
  options.min_runs = options.max_runs = runs;
  options.stopped = [&] {
    py::gil_scoped_acquire acquire;
    return interrupted = interrupted || PyErr_CheckSignals() != 0;
  };
  const runtime::Profile measured = [&] {
    py::gil_scoped_release release;
    return runtime::profile(ready, given.in, out, options);
  }();
  if (interrupted) throw py::error_already_set();
  return profile_dict(measured, ready.binding());
}

py::list InferenceSession::kernels() {
  const auto held = lock();
  return kernel_list(session_.program());
}

py::list InferenceSession::plans() {
  const auto held = lock();
  py::list list;
  for (const runtime::Binding* binding : session_.bindings()) list.append(plan_dict(*binding));
  return list;
}

std::shared_ptr<InferenceSession> InferenceSession::share() {
  const auto held = lock();
  return std::shared_ptr<InferenceSession>(
      new InferenceSession(Made{session_.share(), grids_}, log_.has_value()));
}

void InferenceSession::reset() {
  const auto held = lock();
  session_.reset();
}

py::list InferenceSession::take_log() {
  const auto held = lock();
  return log_ ? log_->take() : py::list();
}

}  // namespace strata::python
