// NumPy archives: read(write(a)) = a, stored or deflated; real archives are read; broken ones end in one
// Error.
#include "support/npz.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <random>

#include "paths.h"
#include "support/error.h"

namespace tauto {
namespace {

namespace fs = std::filesystem;

NamedArrays some_arrays() {
  std::string zeros(100000, '\0');
  return {{"x", {"<f4", {2}, own(std::string("abcdefgh")), {}}},
          {"a/b c", {"<U", {2}, {}, {"zoë", ""}}},
          {"zeros", {"|u1", {100, 1000}, own(zeros), {}}},
          {"", {"<i8", {0}, {}, {}}}};
}

std::string error_of(std::string bytes) {
  try {
    read_npz(own(std::move(bytes)), "x.npz");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Npz, ArraysSurviveWritingAndReading) {
  const NamedArrays arrays = some_arrays();
  for (const bool compress : {false, true}) {
    const std::string bytes = write_npz(arrays, compress);
    EXPECT_EQ(write_npz(arrays, compress), bytes);
    EXPECT_EQ(bytes.size() < 10000, compress);
    const NamedArrays read = read_npz(own(bytes), "x.npz");
    ASSERT_EQ(read.size(), arrays.size());
    for (size_t i = 0; i < read.size(); ++i) {
      EXPECT_EQ(read[i].first, arrays[i].first);
      EXPECT_EQ(read[i].second.shape, arrays[i].second.shape);
      EXPECT_EQ(read[i].second.strings, arrays[i].second.strings);
      EXPECT_EQ(read[i].second.data.text(), arrays[i].second.data.text());
    }
  }
  EXPECT_TRUE(read_npz(own(write_npz({})), "x.npz").empty());
}

TEST(Npz, BrokenArchivesAreRefused) {
  EXPECT_EQ(error_of(""), "x.npz: not a NumPy archive: it does not end as a zip file");
  EXPECT_EQ(error_of("\x93NUMPY"), "x.npz: not a NumPy archive: it does not end as a zip file");
  const NpyArray byte = {"|u1", {1}, own(std::string("a")), {}};
  EXPECT_EQ(error_of(write_npz({{"x", byte}, {"x", byte}})),
            "x.npz: not a NumPy archive: \"x\" is there twice");

  const std::string good = write_npz({{"x", byte}});
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string bytes = good;
    for (size_t at = 0; (at = bytes.find(from, at)) != bytes.npos; at += from.size())
      bytes.replace(at, from.size(), to);
    return error_of(bytes);
  };
  EXPECT_EQ(with("x.npy", "x.txt"), "x.npz: not a NumPy archive: entry \"x.txt\" is no .npy file");
  EXPECT_EQ(with("'|u1'", "'|i1'"), "x.npz: entry \"x.npy\": the checksum does not match");
  std::string bytes = good;
  const size_t directory = bytes.find("PK\x01\x02");
  const auto patched = [&](size_t at, std::string_view value) {
    std::string copy = bytes;
    return error_of(copy.replace(directory + at, value.size(), value));
  };
  using std::string_literals::operator""s;
  EXPECT_EQ(patched(8, "\x01"), "x.npz: entry \"x.npy\": it is encrypted");
  EXPECT_EQ(patched(10, "\x0c"), "x.npz: entry \"x.npy\": required compression method 0 or 8, given 12");
  EXPECT_EQ(patched(20, "\xff\xff\xff\x7f"), "x.npz: entry \"x.npy\": its data run past the end of the file");
  EXPECT_EQ(
      patched(24, "\xff\xff\xff\x7f"),
      "x.npz: entry \"x.npy\": required at most 1032 bytes per compressed byte, given 2147483647 of 129");
}

TEST(Npz, TruncationAndMutantsAreAnErrorOrArrays) {
  constexpr uint32_t kSeed = 5;
  std::mt19937 random(kSeed);
  const NpyArray text = {"<U", {2}, {}, {"zoë", ""}};
  for (const bool compress : {false, true}) {
    const std::string bytes = write_npz({{"a", text}, {"b", text}}, compress);
    for (size_t n = 0; n < bytes.size(); ++n) EXPECT_NE(error_of(bytes.substr(0, n)), "no error") << n;
    for (int i = 0; i < 3000; ++i) {
      std::string mutant = bytes;
      mutant[random() % mutant.size()] = static_cast<char>(random());
      mutant[random() % mutant.size()] ^= static_cast<char>(1 << random() % 8);
      error_of(mutant);
    }
  }
}

TEST(Npz, RealArchivesAreRead) {
  const std::string folder = testing::shared_path("models/cases");
  if (folder.empty()) GTEST_SKIP() << "no stored cases beside the tree";
  size_t files = 0, texts = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".npz") continue;
    const std::string path = entry.path().string();
    const NamedArrays arrays = read_npz(map_file(path), path);
    EXPECT_GT(arrays.size(), 1u) << path;
    for (const auto& [name, array] : arrays) texts += array.is_text();
    const NamedArrays again = read_npz(own(write_npz(arrays)), path);
    ASSERT_EQ(again.size(), arrays.size());
    for (size_t i = 0; i < arrays.size(); ++i) {
      EXPECT_EQ(again[i].first, arrays[i].first);
      EXPECT_EQ(again[i].second.descr, arrays[i].second.descr);
      EXPECT_EQ(again[i].second.shape, arrays[i].second.shape);
      EXPECT_TRUE(again[i].second.data.text() == arrays[i].second.data.text())
          << path << " " << arrays[i].first;
      EXPECT_EQ(again[i].second.strings, arrays[i].second.strings);
    }
    ++files;
  }
  EXPECT_GT(files, 20u);
  EXPECT_GT(texts, 20u);
}

}  // namespace
}  // namespace tauto
