#include <algorithm>
#include <cstring>

#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"
#include "strata/data/labels.hpp"
#include "strata/data/npy.hpp"
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
    scaled_ = scale.has_value() || zero_point.has_value();
    scale_ = float(scale.value_or(1.0));
    zero_point_ = float(zero_point.value_or(0));
    if (context.image) normalization_.emplace(*context.image);
    if (normalization_ && normalization_->is_identity()) normalization_.reset();
    if (normalization_) set_channels(context.image->layout);
    if (!is_float(to_) && (scaled_ || normalization_ || from_ != to_)) {
      fail(ErrorCode::usage,
           "the model takes {}: records must have that type, without scale, zero_point, divide, "
           "mean and std; they are {}",
           to_string(to_), to_string(from_));
    }
  }

  /// `record` may be unaligned.
  void apply(const std::byte* record, void* out) const {
    const std::int64_t count = shape_.elements();
    if (from_ == to_ && !scaled_ && !normalization_) {
      std::memcpy(out, record, std::size_t(count) * size_of(from_));
      return;
    }
    // Aligned copies, so that wider types can be read.
    std::vector<double> aligned((std::size_t(count) * size_of(from_) + 7) / 8);
    std::memcpy(aligned.data(), record, std::size_t(count) * size_of(from_));
    if (!scaled_ && !normalization_) {
      convert_elements(from_, aligned.data(), to_, out, count);
      return;
    }
    std::vector<float> values(static_cast<std::size_t>(count));
    convert_elements(from_, aligned.data(), DType::f32, values.data(), count);
    if (scaled_) {
      for (float& value : values) value = scale_ * (value - zero_point_);
    }
    if (normalization_) normalize(values);
    convert_elements(DType::f32, values.data(), to_, out, count);
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
  bool scaled_ = false;
  float scale_ = 1, zero_point_ = 0;
  std::optional<Normalization> normalization_;
  std::int64_t channels_ = 1, inner_ = 1;
};

void check_item_shape(const Shape& shape, const SourceContext& context) {
  if (context.item_shape && *context.item_shape != shape) {
    fail(ErrorCode::usage, "items are {}, the model takes {}", to_string(shape),
         to_string(*context.item_shape));
  }
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

std::vector<std::int32_t> read_labels(const SourceContext& context) {
  if (!context.labels.file) return {};
  return with_context([&] { return "labels " + *context.labels.file; },
                      [&] {
                        const auto file = open_beneath(context.folder, *context.labels.file);
                        return parse_labels(file.bytes(), context.labels.dtype);
                      });
}

void check_label_count(const Dataset::About& about) {
  if (!about.labels.empty() && std::int64_t(about.labels.size()) != about.size) {
    fail(ErrorCode::model, "{} labels for {} records", about.labels.size(), about.size);
  }
}

Dataset::About describe(const SourceContext& context, const Shape& item_shape) {
  Dataset::About about;
  about.item_shape = item_shape;
  about.dtype = context.dtype;
  about.class_names = context.class_names;
  about.input_name = context.input_name;
  return about;
}

}  // namespace

std::unique_ptr<Dataset> open_records(const RecordsSpec& spec, const SourceContext& context) {
  check_item_shape(spec.shape, context);
  const auto bytes = checked_mul(spec.shape.elements(), std::int64_t(size_of(spec.dtype)));
  if (!bytes || *bytes > std::int64_t(1) << 40) {
    fail(ErrorCode::model, "[records] shape: a record of {} is too large", to_string(spec.shape));
  }
  const std::size_t label_bytes = spec.label_byte ? 1 : 0;
  const std::size_t stride = std::size_t(*bytes) + label_bytes;
  Dataset::About about = describe(context, spec.shape);
  std::vector<MappedFile> files;
  for (const std::string& name : spec.files) {
    with_context([&] { return "records " + name; },
                 [&] {
                   files.push_back(open_beneath(context.folder, name));
                   about.size += count_records(files.back(), stride);
                 });
    if (!spec.label_byte) continue;
    const auto content = files.back().bytes();
    for (std::size_t at = 0; at < content.size(); at += stride) {
      about.labels.push_back(std::int32_t(content[at]));
    }
  }
  if (!spec.label_byte) about.labels = read_labels(context);
  check_label_count(about);
  about.description = fmt::format("records {}{}", to_string(spec.dtype), to_string(spec.shape));
  return std::make_unique<Records>(
      std::move(about),
      RecordTransform(spec.dtype, spec.shape, context, spec.scale, spec.zero_point),
      std::move(files), stride, label_bytes);
}

std::unique_ptr<Dataset> open_array(const std::filesystem::path& path,
                                    const SourceContext& context) {
  Tensor tensor = read_npy(path);
  if (tensor.shape().rank() == 0) fail(ErrorCode::model, "a scalar, an array of items expected");
  const Shape item_shape(tensor.shape().dims().subspan(1));
  check_item_shape(item_shape, context);
  Dataset::About about = describe(context, item_shape);
  about.size = tensor.shape()[0];
  about.description =
      fmt::format("array {}{}", to_string(tensor.dtype()), to_string(tensor.shape()));
  if (!context.label_file.empty()) {
    about.labels = with_context([&] { return "labels " + context.label_file.string(); },
                                [&] { return labels_from(read_npy(context.label_file)); });
  }
  check_label_count(about);
  RecordTransform transform(tensor.dtype(), item_shape, context, {}, {});
  return std::make_unique<Array>(std::move(about), std::move(transform), std::move(tensor));
}

}  // namespace strata::data
