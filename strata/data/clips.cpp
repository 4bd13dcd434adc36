#include "strata/base/error.hpp"
#include "strata/data/audio.hpp"
#include "strata/data/sources.hpp"

namespace strata::data {
namespace {

class ClipFiles : public Dataset {
 public:
  ClipFiles(About about, ClipPreprocess preprocess, FileSet files)
      : Dataset(std::move(about)), preprocess_(std::move(preprocess)), files_(std::move(files)) {}

  void read(std::int64_t index, void* out) const override {
    STRATA_ASSERT(index >= 0 && index < size());
    with_context([&] { return item_name(index); },
                 [&] {
                   const MappedFile file = files_.open(std::size_t(index));
                   preprocess_.apply(parse_wav(file.bytes()), out);
                 });
  }
  std::string item_name(std::int64_t index) const override {
    return files_.names()[std::size_t(index)];
  }

 private:
  ClipPreprocess preprocess_;
  FileSet files_;
};

}  // namespace

std::unique_ptr<Dataset> open_clip_files(FileSet files, const SourceContext& context) {
  ClipPreprocess preprocess(context.audio.value_or(AudioSpec{}), context.dtype, context.grid,
                            context.item_shape);
  Dataset::About about = describe(context, preprocess.item_shape());
  if (files.names().empty()) {
    fail(ErrorCode::model, "no clips: files with names in .wav expected");
  }
  label_files(about, files.names(), context);
  about.description = std::string(files.place()) + "clips";
  return std::make_unique<ClipFiles>(std::move(about), std::move(preprocess), std::move(files));
}

}  // namespace strata::data
