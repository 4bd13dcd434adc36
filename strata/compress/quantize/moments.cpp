#include "strata/compress/quantize/moments.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/ops/window.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::is_op;
using ir::Node;

// Positions that are looked at, for each input of a channel: as many unknowns as equations several
// times over, within bounds for layers of few or very many inputs.
constexpr std::int64_t positions_per_input = 48;
constexpr std::int64_t least_positions = 8192;
constexpr std::int64_t most_positions = 32768;
constexpr std::uint64_t seed = 1;

// Numbers of the samples of a layer that are held, at most.
constexpr std::int64_t most_samples = std::int64_t(1) << 26;

/// Where K numbers for one position of the output come from.
class Patches {
 public:
  Patches(const ir::Graph& graph, const Unit& unit, const LayerData& data)
      : node_(graph.node(unit.main)), data_(data) {
    STRATA_ASSERT(data.items.size() == data.made.size());
    const Shape& weight = graph.value(node_.inputs[1]).constant->shape;
    is_conv_ = is_op(node_, "Conv");
    groups_ = is_conv_ ? node_.attributes.integer("group", 1) : 1;
    size_ = is_conv_ ? weight.elements(1, weight.rank())
                     : weight.elements() / weight[unit.channel_axis];
    if (is_conv_) {
      channels_ = weight[1];
      kernel_.assign(weight.begin() + 2, weight.end());
    }
    std::int64_t items = 0;
    for (std::size_t batch = 0; batch < data.made.size(); ++batch) {
      const Tensor& output = data.made[batch];
      starts_.push_back(positions_);
      items_before_.push_back(items);
      items += data.items[batch];
      positions_ += is_conv_ ? output.elements() / output.shape()[1]
                             : output.elements() / output.shape()[output.shape().rank() - 1];
    }
  }

  std::int64_t size() const { return size_; }  ///< K
  std::int64_t groups() const { return groups_; }
  std::int64_t positions() const { return positions_; }
  std::int64_t outputs() const {  ///< of each group
    const Shape& shape = data_.made[0].shape();
    return (is_conv_ ? shape[1] : shape[shape.rank() - 1]) / groups_;
  }

  /// Items share the positions of their batch evenly, one after the other.
  std::int64_t item(std::int64_t position) const {
    const std::size_t batch = batch_of(position);
    const std::int64_t end = batch + 1 < starts_.size() ? starts_[batch + 1] : positions_;
    return items_before_[batch] +
           (position - starts_[batch]) * data_.items[batch] / (end - starts_[batch]);
  }

  /// What a channel made at a position.
  float made(std::int64_t channel, std::int64_t position) const {
    const std::size_t batch = batch_of(position);
    const std::int64_t at = position - starts_[batch];
    const std::int64_t all = groups_ * outputs();
    const auto numbers = data_.made[batch].data<float>();
    if (!is_conv_) return numbers[std::size_t(at * all + channel)];
    const Shape& shape = data_.made[batch].shape();
    const std::int64_t plane = shape.elements(2, shape.rank());
    return numbers[std::size_t((at / plane * all + channel) * plane + at % plane)];
  }

  /// Writes what a group reads for a position, (K), of each operand; zeros for padding.
  void read(std::int64_t group, std::int64_t position, float* to_before,
            float* to_quantized) const {
    const std::size_t batch = batch_of(position);
    const float* from[] = {data_.before[batch].data<float>().data(),
                           data_.quantized[batch].data<float>().data()};
    float* to[] = {to_before, to_quantized};
    const std::int64_t at = position - starts_[batch];
    for (int i = 0; i < 2; ++i) {
      if (is_conv_) {
        read_window(group, at, data_.before[batch].shape(), data_.made[batch].shape(), from[i],
                    to[i]);
      } else {
        std::copy_n(from[i] + at * size_, size_, to[i]);
      }
    }
  }

 private:
  std::size_t batch_of(std::int64_t position) const {
    return std::size_t(std::ranges::upper_bound(starts_, position) - starts_.begin()) - 1;
  }

  void read_window(std::int64_t group, std::int64_t at, const Shape& x, const Shape& y,
                   const float* from, float* to) const {
    const ir::Window window = ir::resolve_window(node_.attributes, x, y, kernel_);
    const auto& [d, h, w] = window;
    const std::int64_t ow = at % w.output, oh = at / w.output % h.output;
    const std::int64_t od = at / (w.output * h.output) % d.output;
    const std::int64_t n = at / (w.output * h.output * d.output);
    const std::int64_t image = d.input * h.input * w.input;
    const float* channel = from + (n * x[1] + group * channels_) * image;
    for (std::int64_t c = 0; c < channels_; ++c, channel += image) {
      for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
        const std::int64_t id = d.position(od, kd);
        for (std::int64_t kh = 0; kh < h.kernel; ++kh) {
          const std::int64_t ih = h.position(oh, kh);
          for (std::int64_t kw = 0; kw < w.kernel; ++kw) {
            const std::int64_t iw = w.position(ow, kw);
            const bool inside = d.inside(id) && h.inside(ih) && w.inside(iw);
            *to++ = inside ? channel[(id * h.input + ih) * w.input + iw] : 0;
          }
        }
      }
    }
  }

  const Node& node_;
  const LayerData& data_;
  bool is_conv_ = false;
  std::int64_t groups_ = 1, size_ = 0, channels_ = 0;
  std::vector<std::int64_t> kernel_;
  std::vector<std::int64_t> starts_;        // first position of each batch
  std::vector<std::int64_t> items_before_;  // each batch
  std::int64_t positions_ = 0;
};

/// One position in each of equal stretches, at a random place in it.
std::vector<std::int64_t> sample(std::int64_t positions, std::int64_t inputs) {
  const std::int64_t wanted =
      std::clamp(positions_per_input * inputs, least_positions, most_positions);
  const std::int64_t stretch = (positions + wanted - 1) / wanted;
  Random random(seed);
  std::vector<std::int64_t> chosen;
  for (std::int64_t begin = 0; begin < positions; begin += stretch) {
    const std::int64_t length = std::min(stretch, positions - begin);
    chosen.push_back(begin + std::int64_t(random.below(std::uint64_t(length))));
  }
  return chosen;
}

/// Moves positions of every other item to the front and returns how many there are: data are often
/// sorted by what they show, and both halves should show all of it.
std::size_t divide(const Patches& patches, std::vector<std::int64_t>& chosen) {
  const auto others =
      std::stable_partition(chosen.begin(), chosen.end(),
                            [&](std::int64_t position) { return patches.item(position) % 2 == 0; });
  const std::size_t first = std::size_t(others - chosen.begin());
  return first == 0 || first == chosen.size() ? chosen.size() / 2 : first;
}

Tensor transposed(const Tensor& tensor) {
  const std::int64_t n = tensor.shape()[0], m = tensor.shape()[1];
  Tensor result = Tensor::zeros(DType::f32, Shape{m, n});
  const float* from = tensor.data<float>().data();
  float* to = result.mutable_data<float>().data();
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < m; ++j) to[j * n + i] = from[i * m + j];
  }
  return result;
}

void add_sums(const Tensor& rows, std::vector<double>& sums) {
  const auto elements = rows.data<float>();
  for (std::size_t i = 0; i < elements.size(); ++i) sums[i % sums.size()] += double(elements[i]);
}

/// Sums of products become moments about the means.
void centre(std::vector<double>& products, const std::vector<double>& a,
            const std::vector<double>& b, double count) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < b.size(); ++j) {
      double& product = products[i * b.size() + j];
      product = product / count - a[i] * b[j];
    }
  }
}

/// Sums over some positions, not yet divided by how many there are.
struct Sums {
  InputMoments of;
  double count = 0;

  Sums(std::size_t k, bool second) {
    of.mean.resize(k);
    of.quantized_mean.resize(k);
    if (!second) return;
    of.second.resize(k * k);
    of.cross.resize(k * k);
  }

  void add(const Sums& other) {
    const auto join = [](std::vector<double>& to, const std::vector<double>& from) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    join(of.mean, other.of.mean);
    join(of.quantized_mean, other.of.quantized_mean);
    join(of.second, other.of.second);
    join(of.cross, other.of.cross);
    count += other.count;
  }

  InputMoments moments() && {
    for (double& mean : of.mean) mean /= std::max(count, 1.0);
    for (double& mean : of.quantized_mean) mean /= std::max(count, 1.0);
    if (!of.second.empty()) {
      centre(of.second, of.quantized_mean, of.quantized_mean, std::max(count, 1.0));
      centre(of.cross, of.mean, of.quantized_mean, std::max(count, 1.0));
    }
    return std::move(of);
  }
};

/// Reads the sampled positions of one group after the other.
class Collector {
 public:
  Collector(const Patches& patches, bool second, MomentProducts& products,
            const std::function<bool()>& stopped)
      : patches_(patches),
        second_(second),
        products_(products),
        stopped_(stopped),
        chosen_(sample(patches.positions(), patches.size())),
        first_(divide(patches, chosen_)),
        rows_before_(Tensor::zeros(DType::f32, Shape{MomentProducts::rows, patches.size()})),
        rows_quantized_(rows_before_.clone()) {}

  /// From now on, samples of what is collected are kept.
  void keep_samples(Interval bound) {
    samples_.bound = bound;
    const auto count = std::int64_t(chosen_.size());
    const std::int64_t groups = patches_.groups(), channels = groups * patches_.outputs();
    if (count * std::max(groups * patches_.size(), channels) > most_samples) return;
    samples_.groups = groups;
    samples_.inputs = patches_.size();
    samples_.channels = channels;
    samples_.positions = count;
    samples_.first = std::int64_t(first_);
    samples_.read.resize(std::size_t(groups * samples_.inputs * count));
    for (std::int64_t c = 0; c < channels; ++c) {
      for (const std::int64_t at : chosen_) samples_.targets.push_back(patches_.made(c, at));
    }
  }
  SampledLayer samples() { return std::move(samples_); }

  GroupInputs collect(std::int64_t group) {
    GroupInputs inputs;
    Sums first = sums(group, 0, first_);
    Sums all = sums(group, first_, chosen_.size());
    if (second_) inputs.halves[1] = Sums(all).moments();
    all.add(first);
    if (second_) inputs.halves[0] = std::move(first).moments();
    inputs.all = std::move(all).moments();
    return inputs;
  }

 private:
  /// What a group reads at a position becomes sample `at`.
  void keep_sample(std::int64_t group, std::size_t at, const float* row) {
    for (std::int64_t k = 0; k < samples_.inputs; ++k) {
      const std::int64_t input = group * samples_.inputs + k;
      samples_.read[std::size_t(input * samples_.positions) + at] = row[k];
    }
  }

  Sums sums(std::int64_t group, std::size_t begin, std::size_t end) {
    const auto k = std::size_t(patches_.size());
    Sums sums(k, second_);
    sums.count = double(end - begin);
    for (; begin < end && !stopped_(); begin += std::size_t(MomentProducts::rows)) {
      const std::size_t count = std::min(end - begin, std::size_t(MomentProducts::rows));
      float* to_before = rows_before_.mutable_data<float>().data();
      float* to_quantized = rows_quantized_.mutable_data<float>().data();
      for (std::size_t i = 0; i < count; ++i) {
        patches_.read(group, chosen_[begin + i], to_before + i * k, to_quantized + i * k);
        if (samples_.positions > 0) keep_sample(group, begin + i, to_quantized + i * k);
      }
      const std::size_t rest = (std::size_t(MomentProducts::rows) - count) * k;
      std::fill_n(to_before + count * k, rest, 0.0f);
      std::fill_n(to_quantized + count * k, rest, 0.0f);
      add_sums(rows_before_, sums.of.mean);
      add_sums(rows_quantized_, sums.of.quantized_mean);
      if (!second_) continue;
      products_.add(transposed(rows_quantized_), rows_quantized_, sums.of.second);
      products_.add(transposed(rows_before_), rows_quantized_, sums.of.cross);
    }
    return sums;
  }

  const Patches& patches_;
  const bool second_;
  MomentProducts& products_;
  const std::function<bool()>& stopped_;
  std::vector<std::int64_t> chosen_;
  const std::size_t first_;  // positions of the first half
  Tensor rows_before_, rows_quantized_;
  SampledLayer samples_;
};

}  // namespace

void MomentProducts::add(const Tensor& a, const Tensor& b, std::vector<double>& sums) {
  const std::int64_t k = b.shape()[1];
  auto& session = sessions_[k];
  if (!session) {
    ir::Graph graph;
    ir::Builder builder(graph);
    const ir::ValueId left = graph.add_input("a", {DType::f32, {Dim(k), Dim(rows)}});
    const ir::ValueId right = graph.add_input("b", {DType::f32, {Dim(rows), Dim(k)}});
    graph.outputs = {builder.op("MatMul", {left, right})};
    runtime::SessionOptions options;
    options.threads = threads_;
    session = std::make_unique<runtime::Session>(std::move(graph), options);
  }
  const Tensor operands[] = {a, b};
  const std::vector<Tensor> product = session->run(operands);
  const auto elements = product[0].data<float>();
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += double(elements[i]);
}

LayerInputs layer_inputs(const ir::Graph& graph, const Unit& unit, const LayerData& data,
                         bool second, MomentProducts& products,
                         const std::function<bool()>& stopped) {
  if (is_op(graph.node(unit.main), "ConvTranspose")) return {};
  const Patches patches(graph, unit, data);
  Collector collector(patches, second, products, stopped);
  if (second && unit.activation != ir::no_node)
    collector.keep_samples(activation_bound(graph, unit));
  LayerInputs layer;
  for (std::int64_t group = 0; group < patches.groups() && !stopped(); ++group) {
    layer.groups.push_back(collector.collect(group));
  }
  layer.samples = collector.samples();
  return layer;
}

}  // namespace strata::compress
