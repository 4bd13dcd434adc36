#include "strata/compress/quantize/calibration.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/compress/quantize/expose.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {
namespace {

constexpr std::string_view magic = "strata calibration 1\n";
constexpr std::size_t largest_state = std::size_t(1) << 30;
// A process that is killed loses at most the work of so many batches.
constexpr std::size_t batches_between_saves = 64;

/// FNV-1a, 64 bits.
class Fingerprint {
 public:
  void add(std::span<const std::byte> bytes) {
    for (const std::byte byte : bytes) hash_ = (hash_ ^ std::uint64_t(byte)) * 0x100000001b3;
  }
  void add(std::string_view text) {
    add(std::as_bytes(std::span(text)));
    add(std::as_bytes(std::span("", 1)));
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325;
};

std::uint64_t fingerprint(const ir::Graph& graph, std::span<const ir::ValueId> values,
                          const Batches& batches) {
  Fingerprint print;
  for (const ir::NodeId id : graph.order()) print.add(graph.node(id).name);
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    const auto& constant = graph.value(ir::ValueId(i)).constant;
    if (!constant) continue;
    for (const Tensor& part : constant->parts) print.add(part.bytes());
  }
  for (const ir::ValueId id : values) print.add(graph.value(id).name);
  print.add(batches.dataset().description());
  const std::vector<std::int64_t>& items = batches.indices();
  print.add(std::as_bytes(std::span(items)));
  // Items as the model gets them: other files of the same shape, and other preprocessing, differ.
  std::vector<std::byte> item(batches.dataset().item_bytes());
  for (const std::int64_t index : {items.front(), items[items.size() / 2], items.back()}) {
    batches.dataset().read(index, item.data());
    print.add(item);
  }
  return print.value();
}

template <class T>
void append(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

/// The state file: magic, fingerprint, batches done, number of histograms, then each.
class StateFile {
 public:
  StateFile(const std::filesystem::path& path, std::uint64_t print) : path_(path), print_(print) {}

  /// Batches done before; the histograms hold what those gave.
  std::size_t load(std::vector<Histogram>& histograms, std::size_t batches) const {
    if (path_.empty() || !std::filesystem::exists(path_)) return 0;
    return with_context(
        [&] { return fmt::format("reading the calibration state {}", path_.string()); },
        [&] {
          const std::string content = read_file(path_, largest_state);
          ByteReader reader(std::as_bytes(std::span(content)));
          const auto start = reader.take(std::min(magic.size(), reader.remaining()));
          if (!std::ranges::equal(start, std::as_bytes(std::span(magic)))) {
            fail(ErrorCode::model, "this is no calibration state");
          }
          if (reader.read<std::uint64_t>() != print_) {
            fail(ErrorCode::usage,
                 "it is of another model, other data or items, or another preprocessing; name "
                 "another "
                 "file or remove it");
          }
          const auto done = reader.read<std::uint64_t>();
          const auto count = reader.read<std::uint64_t>();
          if (done > batches || count != histograms.size()) {
            fail(ErrorCode::model, "{} batches of {} values, expected at most {} of {}", done,
                 count, batches, histograms.size());
          }
          for (Histogram& histogram : histograms) histogram = Histogram::read(reader);
          return std::size_t(done);
        });
  }

  void save(const std::vector<Histogram>& histograms, std::size_t done) const {
    if (path_.empty()) return;
    std::string bytes(magic);
    append(bytes, print_);
    append(bytes, std::uint64_t(done));
    append(bytes, std::uint64_t(histograms.size()));
    for (const Histogram& histogram : histograms) histogram.write(bytes);
    write_file(path_, bytes);
  }

 private:
  const std::filesystem::path path_;
  const std::uint64_t print_;
};

}  // namespace

Calibration calibrate(const ir::Graph& graph, std::span<const ir::ValueId> values,
                      const Batches& batches, const CalibrationOptions& options) {
  std::vector<Histogram> histograms(values.size());
  const StateFile state(options.state,
                        options.state.empty() ? 0 : fingerprint(graph, values, batches));
  std::size_t done = state.load(histograms, batches.size());
  if (done > 0 && options.progress) {
    options.progress(std::int64_t(done) * batches.items() / std::int64_t(batches.size()));
  }
  runtime::SessionOptions session_options;
  session_options.threads = options.threads;
  const Exposed exposed = expose(graph, values, true);
  runtime::Session session(exposed.graph, session_options);
  const auto stopped = [&] { return options.cancel && *options.cancel; };
  for (; done < batches.size() && !stopped(); ++done) {
    const Tensor input = batches.read(done);
    const std::vector<Tensor> outputs = session.run(std::span(&input, 1));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool given = exposed.places[i] == Exposed::given;
      const Tensor& held = given ? input : outputs[exposed.places[i]];
      with_context(
          [&] { return fmt::format("batch {}: value {}", done, graph.value(values[i]).name); },
          [&] { histograms[i].add(held.data<float>()); });
    }
    if (options.progress) {
      options.progress(std::int64_t(done + 1) * batches.items() / std::int64_t(batches.size()) -
                       std::int64_t(done) * batches.items() / std::int64_t(batches.size()));
    }
    if ((done + 1) % batches_between_saves == 0) state.save(histograms, done + 1);
  }
  state.save(histograms, done);
  Calibration calibration{.complete = done == batches.size()};
  for (std::size_t i = 0; i < values.size(); ++i) {
    calibration.values.emplace(graph.value(values[i]).name, std::move(histograms[i]));
  }
  return calibration;
}

}  // namespace strata::compress
