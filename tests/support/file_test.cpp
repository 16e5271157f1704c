// Files: what is mapped is what was written; whatever is no regular file, or leaves its folder, is refused.
#include "support/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/error.h"

namespace tauto {
namespace {

namespace fs = std::filesystem;

class File : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "tauto_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    fs::create_directories(root_ + "/model/sub");
    write_file(root_ + "/secret", "secret");
    write_file(root_ + "/model/w.bin", "weights");
    write_file(root_ + "/model/sub/v.bin", "values");
  }
  void TearDown() override { fs::remove_all(root_); }

  std::string error_inside(std::string_view relative) {
    try {
      map_file_inside(root_ + "/model", relative);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  std::string root_;
};

TEST_F(File, MapsWhatWasWritten) {
  std::string bytes(10000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31);
  write_file(root_ + "/f", "overwritten");
  write_file(root_ + "/f", bytes);
  Bytes part;
  {
    const Bytes file = map_file(root_ + "/f");
    EXPECT_EQ(file.text(), bytes);
    part = file.slice(4097, 3);
  }
  EXPECT_EQ(part.text(), bytes.substr(4097, 3));  // a slice keeps the mapping alive
  EXPECT_THROW(part.slice(2, 2), InternalError);
  EXPECT_THROW(part.slice(4, SIZE_MAX), InternalError);

  write_file(root_ + "/empty", "");
  EXPECT_TRUE(map_file(root_ + "/empty").empty());
  size_t entries = 0;
  for ([[maybe_unused]] const fs::directory_entry& e : fs::directory_iterator(root_)) ++entries;
  EXPECT_EQ(entries, 4u);  // no temporary left
}

TEST_F(File, AlignedBytesAreTheSameBytes) {
  const Bytes bytes = own(std::string("0123456789abcdef0123456789"));
  for (size_t offset = 0; offset < 8; ++offset) {
    const Bytes slice = bytes.slice(offset, 16);
    const Bytes moved = aligned(slice, 8);
    EXPECT_EQ(moved.text(), slice.text());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(moved.data()) % 8, 0u);
    EXPECT_EQ(moved.data() == slice.data(), reinterpret_cast<uintptr_t>(slice.data()) % 8 == 0);
  }
}

TEST_F(File, ErrorsSayWhy) {
  const auto error = [](const auto& action) -> std::string {
    try {
      action();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const std::string pipe = root_ + "/pipe", absent = root_ + "/absent";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error([&] { map_file(absent); }), absent + ": cannot open: No such file or directory");
  EXPECT_EQ(error([&] { map_file(root_); }), root_ + ": required a regular file, given a directory");
  EXPECT_EQ(error([&] { map_file(pipe); }), pipe + ": required a regular file, given a pipe");
  EXPECT_EQ(error([&] { map_file("/dev/zero"); }), "/dev/zero: required a regular file, given a device");
  EXPECT_EQ(error([&] { write_file(absent + "/f", "x"); }),
            absent + "/f: cannot write: No such file or directory");
}

TEST_F(File, PathsStayInsideTheFolder) {
  fs::create_symlink("sub/v.bin", root_ + "/model/inner");
  fs::create_symlink("../secret", root_ + "/model/outer");
  fs::create_directory_symlink("..", root_ + "/model/up");
  fs::create_directory_symlink(root_ + "/model", root_ + "/link");

  EXPECT_EQ(map_file_inside(root_ + "/model", "w.bin").text(), "weights");
  EXPECT_EQ(map_file_inside(root_ + "/model", "./sub/v.bin").text(), "values");
  EXPECT_EQ(map_file_inside(root_ + "/model", "inner").text(), "values");
  EXPECT_EQ(map_file_inside(root_ + "/link", "w.bin").text(), "weights");

  const std::string outside = "; required a path inside the model's folder";
  EXPECT_EQ(error_inside(""), "path \"\" is empty");
  EXPECT_EQ(error_inside("/etc/passwd"), "path \"/etc/passwd\" is absolute" + outside);
  EXPECT_EQ(error_inside("../secret"), "path \"../secret\" contains \"..\"" + outside);
  EXPECT_EQ(error_inside("sub/../w.bin"), "path \"sub/../w.bin\" contains \"..\"" + outside);
  EXPECT_EQ(error_inside("outer"), "path \"outer\" leaves the model's folder through a symbolic link");
  EXPECT_EQ(error_inside("up/secret"),
            "path \"up/secret\" leaves the model's folder through a symbolic link");
  EXPECT_NE(error_inside("absent").find("model/absent: cannot open: No such file"), std::string::npos);
  EXPECT_NE(error_inside("sub").find("required a regular file, given a directory"), std::string::npos);
  EXPECT_EQ(error_inside(std::string_view("w.bin\0x", 7)), "path \"w.bin\" contains a zero byte");
}

}  // namespace
}  // namespace tauto
