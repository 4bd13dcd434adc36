#include "tools/cli/run_inputs.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <optional>
#include <span>

#include "strata/base/error.hpp"
#include "strata/data/npy.hpp"
#include "strata/data/wav.hpp"
#include "strata/image/image.hpp"

namespace strata::cli {
namespace {

Shape with_batch_axis(const Shape& shape) {
  std::vector<std::int64_t> extents{1};
  extents.insert(extents.end(), shape.begin(), shape.end());
  return Shape(extents);
}

std::vector<std::int64_t> without_ones(std::span<const std::int64_t> extents) {
  std::vector<std::int64_t> others;
  std::ranges::copy_if(extents, std::back_inserter(others), [](std::int64_t e) { return e != 1; });
  return others;
}

/// The shape as the model has it: an item, or items along the first axis, in which axes of extent
/// 1 may be elsewhere, as `eval` takes them. Nothing where it is another shape.
std::optional<Shape> placed(const Shape& shape, const SymbolicShape& type) {
  if (type.empty()) return std::nullopt;
  const auto item = as_constant(SymbolicShape(type.begin() + 1, type.end()));
  if (!item) return std::nullopt;
  const auto wanted = without_ones(item->dims());
  std::int64_t batch = 1;
  if (without_ones(shape.dims()) != wanted) {
    if (shape.rank() == 0 || without_ones(shape.dims().subspan(1)) != wanted) return std::nullopt;
    batch = shape[0];
  }
  if (type[0].as_constant().value_or(batch) != batch) return std::nullopt;
  std::vector<std::int64_t> extents{batch};
  extents.insert(extents.end(), item->begin(), item->end());
  return Shape(extents);
}

/// Float types are converted, and all numbers to narrow types, which npy files cannot hold; a
/// missing axis for the batch is added, and axes of extent 1 go where the model has them.
Tensor fit(Tensor tensor, const ir::TensorType& type) {
  const bool floats = is_float(tensor.dtype()) && is_float(type.dtype);
  if (tensor.dtype() != type.dtype && (floats || is_narrow(type.dtype))) {
    tensor = tensor.cast(type.dtype);
  }
  const Shape& shape = tensor.shape();
  if (const auto wanted = placed(shape, type.shape)) return tensor.reshaped(*wanted);
  const bool one_axis_less = std::size_t(shape.rank()) + 1 == type.shape.size();
  return one_axis_less && shape.rank() < max_rank ? tensor.reshaped(with_batch_axis(shape))
                                                  : tensor;
}

class InputReader {
 public:
  InputReader(const ir::Graph& graph, const std::string& model_path, const InputOptions& options)
      : graph_(graph), model_path_(model_path), options_(options) {}

  void add(const std::string& text, RunInputs& run) const {
    std::string path = text;
    std::optional<std::size_t> position;
    if (const std::size_t at = text.find('='); at != std::string::npos) {
      position = find(text.substr(0, at));
      path = text.substr(at + 1);
    } else if (graph_.inputs.size() == 1) {
      position = 0;
    }
    if (path.ends_with(".npz")) {
      add_arrays(path, position, run);
      return;
    }
    if (!position) {
      fail(ErrorCode::usage, "{}: say which input it is for, as NAME={}; the model takes {}", path,
           path, list_inputs());
    }
    if (path.ends_with(".npy")) {
      set(run, *position, data::read_npy(path));
    } else if (image::has_image_suffix(path) || data::has_clip_suffix(path)) {
      set(run, *position, read_item(path, *position));
    } else {
      fail(ErrorCode::usage,
           "{}: accepted are .npy, .npz, .png, .jpg, .jpeg, .bmp and .wav; 'eval' takes data of "
           "other kinds",
           path);
    }
  }

  void check_complete(const RunInputs& run) const {
    for (std::size_t i = 0; i < run.tensors.size(); ++i) {
      if (run.tensors[i].present()) continue;
      fail(ErrorCode::usage, "input {} is not given; the model takes {}", input(i).name,
           list_inputs());
    }
  }

  std::string list_inputs() const {
    std::string text;
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      text += (i ? ", " : "") + input(i).name + " " + to_string(input(i).type);
    }
    return text;
  }

 private:
  const ir::Value& input(std::size_t i) const { return graph_.value(graph_.inputs[i]); }

  std::size_t find(std::string_view name) const {
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (input(i).name == name) return i;
    }
    fail(ErrorCode::usage, "no input '{}'; the model takes {}", name, list_inputs());
  }

  void set(RunInputs& run, std::size_t i, Tensor tensor) const {
    if (run.tensors[i].present()) {
      fail(ErrorCode::usage, "input {} is given twice", input(i).name);
    }
    run.tensors[i] = fit(std::move(tensor), input(i).type);
  }

  /// An archive of one array may call it anything.
  void add_arrays(const std::string& path, std::optional<std::size_t> position,
                  RunInputs& run) const {
    std::vector<data::NamedTensor> arrays = data::read_npz(path);
    const bool nameless = position && arrays.size() == 1;
    for (data::NamedTensor& array : arrays) {
      set(run, nameless ? *position : find(array.name), std::move(array.tensor));
    }
  }

  /// A picture or a clip, prepared as for 'eval'.
  Tensor read_item(const std::string& path, std::size_t i) const {
    const auto item =
        data::open_listed({path}, options_.dataset(graph_, model_path_, input(i).name));
    Tensor tensor = Tensor::zeros(item->dtype(), item->item_shape());
    item->read(0, tensor.mutable_raw());
    return tensor;
  }

  const ir::Graph& graph_;
  const std::string& model_path_;
  const InputOptions& options_;
};

}  // namespace

std::vector<RunInputs> read_run_inputs(const std::vector<std::string>& files,
                                       const ir::Graph& graph, const std::string& model_path,
                                       const InputOptions& options) {
  const InputReader reader(graph, model_path, options);
  if (files.empty() && !graph.inputs.empty()) {
    fail(ErrorCode::usage, "no input given; the model takes {}", reader.list_inputs());
  }
  std::vector<RunInputs> runs;
  const std::vector<Tensor> none(graph.inputs.size());
  if (graph.inputs.size() == 1) {
    for (const std::string& file : files) {
      reader.add(file, runs.emplace_back(RunInputs{file, none}));
    }
  } else {
    runs.push_back({"", none});
    for (const std::string& file : files) reader.add(file, runs[0]);
  }
  for (const RunInputs& run : runs) reader.check_complete(run);
  return runs;
}

void add_input_files(CLI::App& app, std::vector<std::string>& files) {
  app.add_option("--input", files,
                 "input files, as 'strata run' takes them: FILE or NAME=FILE; may be repeated "
                 "(default: random numbers)")
      ->type_name("FILE")
      ->expected(1)
      ->take_all()
      ->excludes(app.get_option("--dim"));
}

}  // namespace strata::cli
