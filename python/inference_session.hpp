#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "python/run_log.hpp"
#include "strata/runtime/session.hpp"
#include "strata/tensor/grid.hpp"

namespace strata::python {

/// Name, shape and element type of a model's input or output, as ONNX Runtime's NodeArg.
struct NodeArg {
  std::string name;
  ir::TensorType type;
  std::optional<Grid> grid = {};  ///< what integers stand for, where they do

  pybind11::str name_text() const;
  std::string type_name() const;
  /// Numbers; names of symbolic extents; expressions over them as text.
  pybind11::list shape() const;
  /// None where there is no grid.
  pybind11::object scale() const;
  pybind11::object zero_point() const;
  pybind11::str text_form() const;
};

class IoBinding;

/// A model ready to run on numpy arrays. Calls from several Python threads take turns.
class InferenceSession {
 public:
  /// `log_runs`: keep when each step of each run ran. Throws unsupported where runs have no one
  /// plan.
  InferenceSession(ir::Graph graph, runtime::SessionOptions options, bool log_runs);

  std::vector<NodeArg> inputs() const;
  std::vector<NodeArg> outputs() const;

  /// `names`: a sequence of output names; None or an empty one for all. `feeds`: arrays by input
  /// name, borrowed if they lie in row-major order, else copied. `starts_over`: from the states'
  /// initial values. The GIL is released meanwhile.
  pybind11::list run(const pybind11::object& names, const pybind11::object& feeds,
                     bool starts_over);
  /// Runs on the arrays bound; allocates nothing if the last run had the same shapes.
  void run_bound(IoBinding& binding, bool starts_over);

  /// Where the time of a run goes, as strata/session.py documents it. `runs` is at least 1.
  pybind11::dict profile(const pybind11::object& feeds, int runs);
  /// The steps of the plan with their kernels, and why no others.
  pybind11::list kernels();
  /// The plans kept.
  pybind11::list plans();
  /// Another session over the same programs and weights, for another thread.
  std::shared_ptr<InferenceSession> share();
  /// States back to their initial values.
  void reset();
  /// What is optimised and run.
  ir::Graph graph() const { return session_.graph(); }
  /// The steps of all runs so far, if they are logged.
  pybind11::list take_log();
  int threads() const { return session_.threads(); }

 private:
  friend class IoBinding;

  /// What every call asks about an input or output, as Python objects.
  struct Port {
    pybind11::str name;
    pybind11::dtype dtype;
  };
  /// Arrays of one call in the order of the inputs; `in` points into them.
  struct Feeds {
    std::vector<pybind11::array> arrays;
    std::vector<Shape> shapes;
    std::vector<const void*> in;
  };

  /// What the integers of each input and output stand for.
  struct Grids {
    std::vector<std::optional<Grid>> inputs, outputs;
  };
  struct Made {
    runtime::Session session;
    Grids grids;
  };

  static Grids grids_of(const ir::Graph& graph);
  InferenceSession(Made made, bool log_runs);
  std::unique_lock<std::mutex> lock();
  std::vector<std::size_t> wanted_outputs(const pybind11::object& names) const;
  pybind11::dict checked_feeds(const pybind11::object& feeds) const;
  void refuse_unknown_names(const pybind11::dict& feeds) const;
  pybind11::array input_array(std::size_t i, const pybind11::dict& feeds) const;
  /// Throws usage unless it is an array of the port's type and of few enough axes.
  pybind11::array checked_array(pybind11::handle item, const Port& port, std::string_view kind,
                                const std::string& name, const ir::TensorType& type) const;
  Feeds gather(const pybind11::object& feeds) const;
  runtime::Context& context(const std::vector<Shape>& shapes);
  /// Without the GIL.
  void run_once(runtime::Context& context, std::span<const void* const> in,
                std::span<void* const> out);
  std::vector<Tensor> run_tensors(std::span<const Shape> shapes, std::span<const void* const> in);
  std::vector<pybind11::array> run_planned(const std::vector<Shape>& shapes,
                                           const std::vector<const void*>& in);
  std::vector<pybind11::array> run_segments(const std::vector<Shape>& shapes,
                                            const std::vector<const void*>& in);
  std::vector<pybind11::array> output_arrays(const runtime::Context& context) const;

  runtime::Session session_;
  Grids grids_;
  std::vector<Port> inputs_, outputs_;
  std::mutex mutex_;
  std::optional<RunLog> log_;
  // Of the latest call, which the next one usually repeats.
  std::vector<Shape> shapes_;
  runtime::Context* context_ = nullptr;
};

}  // namespace strata::python
