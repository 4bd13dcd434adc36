#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/compress/quantize/weights.hpp"
#include "strata/data/dataset.hpp"
#include "strata/data/metrics.hpp"
#include "strata/data/split.hpp"
#include "strata/eval/measure.hpp"
#include "strata/eval/runner.hpp"
#include "strata/formats/save.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/runtime/target.hpp"
#include "strata/study/optimizer.hpp"
#include "strata/study/static_versions.hpp"
#include "strata/study/tflite_form.hpp"

namespace strata::study {

using data::spread;

struct ModelEvaluatorOptions {
  double race_s = 0.1;   ///< measuring the latency of one candidate against the default's
  int eval_threads = 0;  ///< for accuracy; 0: all this process may use
  std::optional<std::size_t> memory_budget;  ///< most bytes of the arena, see Measured::over_budget
  /// Versions are files of it. What a TensorFlow Lite file holds is what runs.
  formats::Format format = formats::Format::onnx;
  runtime::Target target = runtime::default_target();
};

/// What records that the search never saw say of a version and the default.
struct Verdict {
  data::Accuracy original;
  data::Accuracy chosen;
  data::PairedDrop drop;
  double agreement = 1;  ///< share of records on which both predict the same
  bool complete = true;  ///< false: stopped early
};

/// How versions are written as ONNX: codes of at most 4 bits in so many.
formats::SaveOptions file_options(formats::ModelInfo info = {});

/// Measures versions of a model by building, running and exporting them.
class ModelEvaluator final : public Evaluator {
 public:
  /// `model`: as imported. `records`: those of the data set that the search may see. The default
  /// configuration's file is the user's own, of `file_bytes`.
  ModelEvaluator(ir::Graph model, std::int64_t file_bytes, const data::Dataset& dataset,
                 std::vector<std::int64_t> records, ModelEvaluatorOptions options = {});
  ~ModelEvaluator() override;

  /// Seconds to judge one record, measured on a few; fewer still if stopped.
  double seconds_per_record(const Stopped& stopped) const;
  /// Searches on this many of the records, evenly spread; all if there are not more.
  void keep_records(std::size_t count);
  std::size_t records() const { return records_.size(); }

  /// Every float weight with every encoding that is searched and that the file can have; every
  /// execution choice that this machine leaves, with up to `most_threads`.
  SearchSpace space(int most_threads) const;

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override;
  std::vector<tune::NodeRows> kernels(const Configuration& configuration) override;
  std::vector<tune::NodeRows> timed_kernels(const Configuration& configuration,
                                            const Stopped& stopped) override;
  std::vector<std::string> slow_integers(const Configuration& configuration,
                                         const Stopped& stopped) override;
  /// Seconds of the integer layers of a version within its plan, and on floats within the
  /// default's. Of a layer that has become several steps the whole counts.
  struct IntegerTime {
    std::string layer;
    double seconds = 0;
    double float_seconds = 0;
    double share = 0;  ///< of the version's time that floats would save; negative where they lose
  };
  std::vector<IntegerTime> integer_times(const Configuration& configuration,
                                         const Stopped& stopped);

  /// Judged on records that measure() does not look at. Stopped early, it stands on those that both
  /// have judged by then, drawn evenly from all: on a few at least.
  Verdict judge(const Configuration& chosen, std::span<const std::int64_t> unseen,
                const Stopped& stopped);
  /// What accuracy means here; without labels the default is right on every record.
  const eval::Measure& measure_of_quality() const { return measure_; }
  /// Scores that the model gives each record, known once it has been run.
  std::int64_t classes() const { return classes_; }

  /// What is exported: batch norms folded, weights encoded, nothing fused. Throws usage where
  /// `stopped` ends a calibration that it takes.
  ir::Graph version(const Configuration& configuration, const Stopped& stopped = {}) const;
  /// The same as a TensorFlow Lite file, with what reading it gives.
  const TfliteForm& tflite_version(const Configuration& configuration,
                                   const Stopped& stopped = {}) const;
  /// What the file says of itself: how it is best run.
  formats::ModelInfo file_info(const Configuration& configuration) const;
  /// Bytes of the file that would be written; calibrates where it must.
  std::int64_t file_bytes(const Configuration& configuration, const Stopped& stopped = {}) const;
  /// What runs. Weights that are packed alike are shared between programs.
  std::shared_ptr<const runtime::Program> program(const Configuration& configuration) const {
    return program(configuration, options_.target);
  }
  /// The program ready to run on the first record.
  std::unique_ptr<eval::Runner> runner(const Configuration& configuration);
  const std::vector<compress::WeightLayer>& layers() const { return layers_; }

 private:
  struct Judged;
  bool has_form(const Encoding& encoding) const;
  bool stores(const EncodedTensor& weights) const;
  bool has_static_layer() const;
  const EncodedTensor& encoded(std::size_t layer, const std::string& encoding) const;
  std::shared_ptr<ThreadPool> pool(int threads);
  std::shared_ptr<const runtime::Program> program(const Configuration& configuration,
                                                  runtime::Target target) const;
  std::unique_ptr<eval::Runner> runner(const std::shared_ptr<const runtime::Program>& program,
                                       int threads);
  Judged run_on(const std::shared_ptr<const runtime::Program>& program,
                std::span<const std::int64_t> records, const Stopped& stopped) const;
  void judge_more(const std::shared_ptr<const runtime::Program>& program,
                  std::span<const std::int64_t> records, const Stopped& stopped,
                  Judged& judged) const;
  tune::HeatsResult race(const Configuration& candidate,
                         const std::shared_ptr<const runtime::Program>& program, double effort,
                         const Stopped& stopped);
  void add_memory(const std::shared_ptr<const runtime::Program>& program, int threads,
                  Measured& measured);
  void time(const Configuration& candidate, const std::shared_ptr<const runtime::Program>& program,
            double effort, const Stopped& stopped, Measured& measured);

  ir::Graph model_;  // as exported
  std::int64_t file_bytes_;
  const data::Dataset& dataset_;
  std::vector<std::int64_t> records_;
  ModelEvaluatorOptions options_;
  std::vector<compress::WeightLayer> layers_;
  mutable std::map<std::pair<std::size_t, std::string>, EncodedTensor> encoded_;  // filled on use
  std::unique_ptr<StaticVersions> static_;
  using Encodings = decltype(Configuration::encodings);
  mutable std::optional<std::pair<Encodings, TfliteForm>> tflite_;  // the latest
  std::map<int, std::shared_ptr<ThreadPool>> pools_;
  eval::Measure measure_;
  eval::Evaluation default_evaluation_;  // of the search records
  std::shared_ptr<const runtime::Program> default_program_;
  tune::Timing default_latency_;
  std::int64_t classes_ = 0;
  double compile_s_ = 0;
  Random random_{1};  // where buffers lie
};

}  // namespace strata::study
