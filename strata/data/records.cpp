#include <algorithm>
#include <cstring>
#include <iterator>

#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"
#include "strata/data/idx.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/sources.hpp"
#include "strata/tensor/convert.hpp"

namespace strata::data {
namespace {

/// From the numbers of a record to those of the model.
class RecordTransform {
 public:
  RecordTransform(DType from, const Shape& shape, const SourceContext& context,
                  std::optional<double> scale, std::optional<std::int64_t> zero_point)
      : from_(from), to_(context.dtype), shape_(shape) {
    if (scale || zero_point) from_grid_ = Grid{float(scale.value_or(1.0)), zero_point.value_or(0)};
    if (context.image) normalization_.emplace(*context.image);
    if (normalization_ && normalization_->is_identity()) normalization_.reset();
    if (normalization_) set_channels(layout_for(*context.image, shape));
    // Codes go in as they are where the model means the same by them.
    if (from_ == to_ && !normalization_ && from_grid_ == context.grid) from_grid_.reset();
    as_it_is_ = from_ == to_ && !from_grid_ && !normalization_;
    if (as_it_is_ || is_float(to_)) return;
    to_grid_ = context.grid;
    if (!to_grid_ && (from_grid_ || normalization_ || from_ != to_)) {
      fail(ErrorCode::usage,
           "the model takes {} and does not say what its integers stand for: records must have "
           "that type, without scale, zero_point, divide, mean and std; they are {}",
           to_string(to_), to_string(from_));
    }
  }

  /// `record` may be unaligned.
  void apply(const std::byte* record, void* out) const {
    const std::int64_t count = shape_.elements();
    if (as_it_is_) {
      std::memcpy(out, record, std::size_t(count) * size_of(from_));
      return;
    }
    // Aligned copies, so that wider types can be read.
    std::vector<double> aligned((std::size_t(count) * size_of(from_) + 7) / 8);
    std::memcpy(aligned.data(), record, std::size_t(count) * size_of(from_));
    if (!from_grid_ && !normalization_ && !to_grid_) {
      convert_elements(from_, aligned.data(), to_, out, count);
      return;
    }
    std::vector<float> values(static_cast<std::size_t>(count));
    load_values(from_, aligned.data(), from_grid_, values);
    if (normalization_) normalize(values);
    store_values(values, to_, to_grid_, out);
  }

 private:
  void set_channels(ImageLayout layout) {
    const bool first = layout == ImageLayout::nchw;
    channels_ = shape_.rank() == 0 ? 1 : shape_[first ? 0 : -1];
    inner_ = first ? shape_.elements() / std::max<std::int64_t>(1, channels_) : 1;
    normalization_->expect_channels(channels_);
  }
  void normalize(std::vector<float>& values) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::int64_t channel = std::int64_t(i) / inner_ % channels_;
      values[i] = (*normalization_)(values[i], int(channel));
    }
  }

  DType from_, to_;
  Shape shape_;
  std::optional<Grid> from_grid_, to_grid_;
  bool as_it_is_ = false;
  std::optional<Normalization> normalization_;
  std::int64_t channels_ = 1, inner_ = 1;
};

/// Extents without those of 1.
std::vector<std::int64_t> spread_axes(const Shape& shape) {
  std::vector<std::int64_t> extents;
  std::ranges::copy_if(shape, std::back_inserter(extents), [](std::int64_t e) { return e != 1; });
  return extents;
}

/// The shape of items as the model has it, which may place axes of extent 1 elsewhere.
Shape fitting_shape(const Shape& shape, const SourceContext& context) {
  if (!context.item_shape) return shape;
  if (spread_axes(*context.item_shape) != spread_axes(shape)) {
    fail(ErrorCode::usage, "items are {}, the model takes {}", to_string(shape),
         to_string(*context.item_shape));
  }
  return *context.item_shape;
}

class Records : public Dataset {
 public:
  Records(About about, RecordTransform transform, std::vector<MappedFile> files, std::size_t stride,
          std::size_t label_bytes)
      : Dataset(std::move(about)),
        transform_(std::move(transform)),
        files_(std::move(files)),
        stride_(stride),
        label_bytes_(label_bytes) {
    for (const MappedFile& file : files_) {
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) +
                      std::int64_t(file.bytes().size() / stride));
    }
  }

  void read(std::int64_t index, void* out) const override {
    STRATA_ASSERT(index >= 0 && index < size());
    const auto file = std::size_t(std::ranges::upper_bound(ends_, index) - ends_.begin());
    const std::int64_t within = index - (file ? ends_[file - 1] : 0);
    transform_.apply(files_[file].bytes().data() + std::size_t(within) * stride_ + label_bytes_,
                     out);
  }

 private:
  RecordTransform transform_;
  std::vector<MappedFile> files_;
  std::size_t stride_, label_bytes_;
  std::vector<std::int64_t> ends_;  // of each file, in records
};

/// Records that are the rows of one array.
class Array : public Dataset {
 public:
  Array(About about, RecordTransform transform, Tensor tensor)
      : Dataset(std::move(about)),
        transform_(std::move(transform)),
        tensor_(std::move(tensor)),
        stride_(size() ? tensor_.size_bytes() / std::size_t(size()) : 0) {}

  void read(std::int64_t index, void* out) const override {
    STRATA_ASSERT(index >= 0 && index < size());
    transform_.apply(tensor_.bytes().data() + std::size_t(index) * stride_, out);
  }

 private:
  RecordTransform transform_;
  Tensor tensor_;
  std::size_t stride_;
};

std::int64_t count_records(const MappedFile& file, std::size_t stride) {
  const std::size_t size = file.bytes().size();
  if (size % stride != 0) {
    fail(ErrorCode::model, "{} bytes are no whole number of records of {} bytes", size, stride);
  }
  return std::int64_t(size / stride);
}

}  // namespace

std::unique_ptr<Dataset> open_records(const RecordsSpec& spec, const SourceContext& context) {
  const Shape item_shape = fitting_shape(spec.shape, context);
  const auto bytes = checked_mul(spec.shape.elements(), std::int64_t(size_of(spec.dtype)));
  if (!bytes || *bytes > std::int64_t(1) << 40) {
    fail(ErrorCode::model, "[records] shape: a record of {} is too large", to_string(spec.shape));
  }
  const std::size_t label_bytes = spec.label_byte ? 1 : 0;
  const std::size_t stride = std::size_t(*bytes) + label_bytes;
  Dataset::About about = describe(context, item_shape);
  std::vector<MappedFile> files;
  for (const std::string& name : spec.files) {
    with_context([&] { return "records " + name; },
                 [&] {
                   files.push_back(unpacked(open_beneath(context.folder, name), name));
                   about.size += count_records(files.back(), stride);
                 });
    if (!spec.label_byte) continue;
    const auto content = files.back().bytes();
    for (std::size_t at = 0; at < content.size(); at += stride) {
      about.labels.push_back(checked_label(std::int64_t(content[at]) + context.labels.offset));
    }
  }
  if (!spec.label_byte) about.labels = read_label_list(context);
  check_label_count(about);
  about.description = fmt::format("records {}{}", to_string(spec.dtype), to_string(spec.shape));
  return std::make_unique<Records>(
      std::move(about),
      RecordTransform(spec.dtype, spec.shape, context, spec.scale, spec.zero_point),
      std::move(files), stride, label_bytes);
}

std::unique_ptr<Dataset> open_array(Tensor tensor, const SourceContext& context) {
  if (tensor.shape().rank() == 0) fail(ErrorCode::model, "a scalar, an array of items expected");
  const Shape row(tensor.shape().dims().subspan(1));
  Dataset::About about = describe(context, fitting_shape(row, context));
  about.size = tensor.shape()[0];
  about.description =
      fmt::format("array {}{}", to_string(tensor.dtype()), to_string(tensor.shape()));
  about.labels = read_label_list(context);
  check_label_count(about);
  RecordTransform transform(tensor.dtype(), row, context, {}, {});
  return std::make_unique<Array>(std::move(about), std::move(transform), std::move(tensor));
}

std::unique_ptr<Dataset> open_idx(const std::filesystem::path& path, const SourceContext& given) {
  const std::string name = path.filename().string();
  SourceContext context = given;
  // "train-images-idx3-ubyte" has its labels beside it, in "train-labels-idx1-ubyte".
  constexpr std::string_view images = "images-idx3", labels = "labels-idx1";
  const std::size_t at = name.find(images);
  if (at != std::string::npos && context.label_file.empty()) {
    auto beside = path;
    std::string other = name;
    beside.replace_filename(other.replace(at, images.size(), labels));
    std::error_code error;
    if (std::filesystem::is_regular_file(beside, error)) context.label_file = beside;
  }
  const Tensor tensor = parse_idx(unpacked(MappedFile::open(path), name).bytes());
  const Shape& shape = tensor.shape();
  const bool pictures =
      tensor.dtype() == DType::u8 && (shape.rank() == 3 || (shape.rank() == 4 && shape[3] == 3));
  if (!pictures || shape.elements() == 0) return open_array(tensor, context);
  if (shape.rank() == 4) return open_pixels(tensor, context);
  return open_pixels(tensor.reshaped({shape[0], shape[1], shape[2], 1}), context);
}

}  // namespace strata::data
