#include "strata/base/file.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "strata/base/error.hpp"

namespace strata {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("strata-file-{}", getpid());
    fs::create_directories(folder_ / "inside/deep");
    write_file(folder_ / "secret", "outside");
    write_file(folder_ / "inside/weights", "inside");
    write_file(folder_ / "inside/deep/weights", "deep");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string text(const MappedFile& file) {
    return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
  }
  static ErrorCode code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "nothing thrown";
    return ErrorCode::internal;
  }
  std::size_t entries() const {
    return std::size_t(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(File, MappingOutlivesTheObjectAndTheName) {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
  {
    const MappedFile file = MappedFile::open(folder_ / "secret");
    owner = file.owner();
    bytes = file.bytes();
  }
  fs::remove(folder_ / "secret");
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "outside");
}

TEST_F(File, EmptyFilesAreFiles) {
  write_file(folder_ / "empty", "");
  EXPECT_EQ(MappedFile::open(folder_ / "empty").bytes().size(), 0u);
  EXPECT_EQ(read_file(folder_ / "empty", 0), "");
}

TEST_F(File, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  for (const fs::path& path :
       {folder_ / "fifo", folder_, fs::path("/dev/null"), folder_ / "missing", fs::path("")}) {
    EXPECT_EQ(code_of([&] { MappedFile::open(path); }), ErrorCode::io) << path;
    EXPECT_EQ(code_of([&] { read_file(path, 10); }), ErrorCode::io) << path;
  }
  try {
    MappedFile::open(folder_ / "missing");
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), (folder_ / "missing").native() + ": No such file or directory");
  }
}

TEST_F(File, ReadFileHoldsItsLimit) {
  EXPECT_EQ(read_file(folder_ / "secret", 7), "outside");
  EXPECT_EQ(code_of([&] { read_file(folder_ / "secret", 6); }), ErrorCode::io);
  EXPECT_FALSE(read_file("/proc/self/status", 1 << 20).empty()) << "says it has 0 bytes";
}

class Beneath : public File, public testing::WithParamInterface<bool> {
 protected:
  MappedFile open(std::string_view relative) {
    return detail::open_beneath(folder_ / "inside", relative, GetParam());
  }
};

TEST_P(Beneath, OpensWhatIsInside) {
  EXPECT_EQ(text(open("weights")), "inside");
  EXPECT_EQ(text(open("deep/weights")), "deep");
}

TEST_P(Beneath, RefusesPathsThatLeadOut) {
  const std::string absolute = (folder_ / "secret").native();
  for (std::string_view path :
       {std::string_view("../secret"), std::string_view("deep/../../secret"),
        std::string_view(absolute), std::string_view(""), std::string_view("/"),
        std::string_view("."), std::string_view(".."), std::string_view("./weights"),
        std::string_view("deep//weights"), std::string_view("weights/"),
        std::string_view("weights\0x", 9)}) {
    EXPECT_EQ(code_of([&] { open(path); }), ErrorCode::model) << path;
  }
  EXPECT_EQ(code_of([&] { open("~"); }), ErrorCode::io);
  EXPECT_EQ(code_of([&] { open("C:\\secret"); }), ErrorCode::io);
  EXPECT_EQ(code_of([&] { open(std::string(100'000, 'a')); }), ErrorCode::io);
}

TEST_P(Beneath, RefusesLinksThatLeadOut) {
  fs::create_symlink("../secret", folder_ / "inside/file_link");
  fs::create_symlink(folder_ / "secret", folder_ / "inside/absolute_link");
  fs::create_directory_symlink("..", folder_ / "inside/folder_link");
  fs::create_symlink("loop", folder_ / "inside/loop");
  for (const char* path : {"file_link", "absolute_link", "folder_link/secret", "loop"}) {
    EXPECT_THROW(open(path), Error) << path;
  }
}

TEST_P(Beneath, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo((folder_ / "inside/fifo").c_str(), 0600), 0);
  for (const char* path : {"fifo", "deep", "missing", "weights/below"}) {
    EXPECT_EQ(code_of([&] { open(path); }), ErrorCode::io) << path;
  }
}

INSTANTIATE_TEST_SUITE_P(, Beneath, testing::Bool(), [](const auto& by_kernel) {
  return by_kernel.param ? "ByKernel" : "ByComponent";
});

TEST_F(File, LinksInsideTheFolderWork) {
  fs::create_symlink("deep/weights", folder_ / "inside/link");
  try {
    EXPECT_EQ(text(open_beneath(folder_ / "inside", "link")), "deep");
  } catch (const Error& error) {
    GTEST_SKIP() << "this kernel has no openat2: " << error.what();
  }
}

TEST_F(File, AnEmptyFolderIsTheCurrentOne) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "inside");
  EXPECT_EQ(text(open_beneath("", "weights")), "inside");
  write_file("made", "here");
  fs::current_path(before);
  EXPECT_EQ(read_file(folder_ / "inside/made", 10), "here");
}

TEST_F(File, WritingIsAllOrNothing) {
  const std::size_t before = entries();
  EXPECT_EQ(code_of([&] {
              write_file(folder_ / "secret", [](const ByteSink& sink) {
                sink(std::as_bytes(std::span("half", 4)));
                fail(ErrorCode::internal, "stop");
              });
            }),
            ErrorCode::internal);
  EXPECT_EQ(read_file(folder_ / "secret", 100), "outside");
  EXPECT_EQ(entries(), before) << "the temporary file is gone";

  std::string expected;
  write_file(folder_ / "secret", [&](const ByteSink& sink) {
    for (std::size_t size : {1, 70'000, 0, 65'536, 3, 65'535}) {
      const std::string piece(size, char('a' + size % 26));
      expected += piece;
      sink(std::as_bytes(std::span(piece)));
    }
  });
  EXPECT_EQ(read_file(folder_ / "secret", 1 << 20), expected);
  EXPECT_EQ(entries(), before);
}

TEST_F(File, FilesThatBelongTogetherChangeTogether) {
  const std::size_t before = entries();
  const auto text = [](std::string_view content) {
    return [content](const ByteSink& sink) { sink(std::as_bytes(std::span(content))); };
  };
  const FileContent broken[] = {
      {folder_ / "secret", text("new")},
      {folder_ / "other", [](const ByteSink&) { fail(ErrorCode::internal, "stop"); }}};
  EXPECT_EQ(code_of([&] { write_files(broken); }), ErrorCode::internal);
  EXPECT_EQ(read_file(folder_ / "secret", 100), "outside");
  EXPECT_EQ(entries(), before);

  const FileContent whole[] = {{folder_ / "secret", text("new")}, {folder_ / "other", text("one")}};
  write_files(whole);
  EXPECT_EQ(read_file(folder_ / "secret", 100), "new");
  EXPECT_EQ(read_file(folder_ / "other", 100), "one");
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * std::size_t(sysconf(_SC_PAGESIZE));
}

TEST_F(File, DroppedPagesLeaveMemoryAndComeBack) {
  constexpr std::size_t size = 32 << 20;
  write_file(folder_ / "large", std::string(size, 'x'));
  const MappedFile file = MappedFile::open(folder_ / "large");
  const auto count = [&] { return std::ranges::count(file.bytes(), std::byte('x')); };
  EXPECT_EQ(count(), std::ptrdiff_t(size));
  const std::size_t before = resident_bytes();
  drop_pages(file.bytes());
  EXPECT_LT(resident_bytes() + size / 2, before);
  EXPECT_EQ(count(), std::ptrdiff_t(size));
}

TEST_F(File, MemoryThatIsNoFileIsNotDropped) {
  const std::vector<std::byte> memory(1 << 20, std::byte(7));
  drop_pages(memory);
  EXPECT_EQ(std::ranges::count(memory, std::byte(7)), std::ptrdiff_t(memory.size()));
  drop_pages({});
}

TEST_F(File, AFullDiskLeavesTheOldFile) {
  rlimit old_limit;
  getrlimit(RLIMIT_FSIZE, &old_limit);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, old_limit.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const ErrorCode code = code_of([&] { write_file(folder_ / "secret", std::string(5000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &old_limit);
  signal(SIGXFSZ, old_handler);
  EXPECT_EQ(code, ErrorCode::io);
  EXPECT_EQ(read_file(folder_ / "secret", 100), "outside");
}

TEST_F(File, WritingKeepsLinksModesAndDevices) {
  fs::create_symlink("secret", folder_ / "link");
  fs::permissions(folder_ / "secret", fs::perms::owner_read | fs::perms::owner_write);
  write_file(folder_ / "link", "new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(read_file(folder_ / "secret", 100), "new");
  EXPECT_EQ(fs::status(folder_ / "secret").permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  for (const fs::path& path : {fs::path("/dev/null"), folder_ / "inside", folder_ / "no/such"}) {
    EXPECT_EQ(code_of([&] { write_file(path, "x"); }), ErrorCode::io) << path;
  }
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace strata
