// The cache of programs: what is found is what was stored; what is damaged, or another's, counts as not
// found.
#include "compile/program_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "compile/compiled_model.h"
#include "compile/loaded_model.h"
#include "compile/own_folders.h"
#include "interpret/interpret.h"
#include "support/sha256.h"

namespace tauto {
namespace {

namespace fs = std::filesystem;
using testing::compiled_model;
using testing::compiled_model_inputs;

class ProgramCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const ModuleText m = compiled_model();
    module_ = std::make_shared<const Module>(parse_module(m.text, m.side));
  }
  ProgramCache cache() const {
    const auto c = ProgramCache::of_environment();
    CHECK(c.has_value());
    return *c;
  }
  std::vector<std::string> files(const std::string& ending) const {
    std::vector<std::string> list;
    if (fs::exists(folders_.programs()))
      for (const auto& entry : fs::directory_iterator(folders_.programs()))
        if (entry.path().string().ends_with(ending)) list.push_back(entry.path().string());
    return list;
  }
  LoadedModel loaded() const {
    const ModuleText m = compiled_model();
    return LoadedModel::from_text(m.text, m.side);
  }

  const testing::OwnFolders folders_;
  std::shared_ptr<const Module> module_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(f), {}};
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TEST_F(ProgramCacheTest, FindsWhatWasStored) {
  EXPECT_FALSE(cache().find("a"));
  const auto compiled = compile(module_, {});
  cache().store("a", *compiled);
  EXPECT_FALSE(cache().find("b"));
  const auto found = cache().find("a");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->executable->run(compiled_model_inputs(5), {}),
            interpret(*module_, compiled_model_inputs(5)));
}

TEST_F(ProgramCacheTest, NothingUnderAnotherName) {
  const auto compiled = compile(module_, {});
  cache().store("a", *compiled);
  const std::string a = files(".tauto").at(0);
  cache().store("b", *compiled);
  for (const std::string& f : files(".tauto"))
    if (f != a) fs::copy_file(a, f, fs::copy_options::overwrite_existing);
  EXPECT_FALSE(cache().find("b"));
  EXPECT_TRUE(cache().find("a"));
}

TEST_F(ProgramCacheTest, ModelsUseIt) {
  const std::vector<Value> right = interpret(*module_, compiled_model_inputs(4));
  const LoadedModel first = loaded();
  EXPECT_EQ(first.execute(first.order(compiled_model_inputs(4))), right);
  EXPECT_EQ(files(".tauto").size(), 1u);
  const LoadedModel second = loaded();
  EXPECT_FALSE(second.program(second.order(compiled_model_inputs(4)))->has_stages());
  EXPECT_EQ(second.execute(second.order(compiled_model_inputs(4))), right);
  EXPECT_TRUE(second.executable(second.order(compiled_model_inputs(4)))->has_stages());  // who asks gets them
  EXPECT_EQ(second.execute(second.order(compiled_model_inputs(4))), right);

  ::setenv("TAUTO_CACHE", "off", 1);
  const LoadedModel third = loaded();
  EXPECT_TRUE(third.program(third.order(compiled_model_inputs(4)))->has_stages());
}

// A constant that only a reference reads is compared when it is read: the program is then made again.
TEST_F(ProgramCacheTest, DamageIsMendedWhereverItIs) {
  const std::vector<Value> right = interpret(*module_, compiled_model_inputs(3));
  const auto run = [&] {
    const LoadedModel m = loaded();
    return m.execute(m.order(compiled_model_inputs(3)));
  };
  EXPECT_EQ(run(), right);
  const std::string path = files(".tauto").at(0), whole = bytes_of(path);
  const uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (int trial = 0; trial < 40; ++trial) {
    std::string damaged = whole;
    const size_t at = random() % (trial % 2 ? damaged.size() : size_t{6000});
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    if (trial % 8 == 7) damaged.resize(at);
    write(path, damaged);
    EXPECT_EQ(run(), right) << "seed " << seed << ", trial " << trial << ", byte " << at;
  }
  // The first element of the constant of the reference.
  const Tensor& constant = *constant_value(module_->main().node(6));
  const size_t at = whole.find(std::string(static_cast<const char*>(constant.raw()), 64));
  ASSERT_NE(at, std::string::npos);
  std::string damaged = whole;
  damaged[at + 2] = static_cast<char>(damaged[at + 2] ^ 4);
  write(path, damaged);
  {
    const LoadedModel m = loaded();
    EXPECT_FALSE(m.program(m.order(compiled_model_inputs(3)))->has_stages());  // it does not show
    EXPECT_EQ(m.execute(m.order(compiled_model_inputs(3))), right);
    EXPECT_TRUE(m.program(m.order(compiled_model_inputs(3)))->has_stages());  // it did
  }
  EXPECT_TRUE(bytes_of(path) == whole);
}

TEST_F(ProgramCacheTest, AFileIsKnownByItsStampAndByNothingElse) {
  const std::string path = folders_.file("m.bin");
  write(path, "content");
  FileStamp stamp;
  Bytes file = map_file(path, &stamp);
  const auto known = [&](const FileStamp& at) {
    const auto k = cache().known(at, file);
    return k ? cat(k->content, k->signature) : "";
  };
  EXPECT_EQ(known(stamp), "");
  const std::string content(64, 'a'), right = sha256_hex("content", 7);
  FileStamp old = stamp;
  old.modified -= 5'000'000'000, old.changed -= 5'000'000'000;
  cache().remember(old, {content, "input \"x\" f32[N]\n"});
  EXPECT_EQ(known(old), content + "input \"x\" f32[N]\n");
  for (auto change : {&FileStamp::device, &FileStamp::inode, &FileStamp::size}) {
    FileStamp other = old;
    other.*change += 1;
    EXPECT_EQ(known(other), "");
  }
  for (auto change : {&FileStamp::modified, &FileStamp::changed}) {
    FileStamp other = old;
    other.*change += 1;
    EXPECT_EQ(known(other), "");
  }
  // A file that changed a moment ago may change again without another stamp: its content is compared.
  cache().remember(stamp, {content, ""});
  EXPECT_EQ(known(stamp), "");
  cache().remember(stamp, {right, ""});
  EXPECT_EQ(known(stamp), right);
  // Not a bit of an entry may differ.
  for (const std::string& entry : files(".stat")) {
    const std::string whole = bytes_of(entry);
    for (size_t at : {size_t{0}, size_t{65}, size_t{90}, whole.size() - 1}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ 1);
      write(entry, damaged);
      EXPECT_TRUE(known(old).empty() || known(stamp).empty()) << at;
    }
  }
  EXPECT_EQ(known(old) + known(stamp), "");
}

TEST_F(ProgramCacheTest, WithoutAKeyThereIsNoCache) {
  EXPECT_TRUE(ProgramCache::of_environment());
  write(folders_.key(), "short");
  EXPECT_FALSE(ProgramCache::of_environment());
}

TEST(CacheFolderTest, KeepsItsSizeAndWhatWasUsedLast) {
  const testing::OwnFolders folders;
  const CacheFolder folder(folders.file("c"), 10'000);
  const std::string bytes(3000, 'x');
  const std::string_view part = bytes;
  const auto age = [&](const std::string& name, int seconds) {
    fs::last_write_time(folder.path() + "/" + name,
                        fs::file_time_type::clock::now() - std::chrono::seconds(seconds));
  };
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(folder.store(name, {&part, 1}), "");
  age("a", 30), age("b", 20), age("c", 10);
  EXPECT_TRUE(folder.find("a"));  // used now
  EXPECT_EQ(folder.store("d", {&part, 1}), "");
  EXPECT_TRUE(folder.find("a"));
  EXPECT_FALSE(folder.find("b"));
  EXPECT_TRUE(folder.find("c"));
  EXPECT_TRUE(folder.find("d"));
  // Half a file of a process that died goes, that of one that writes stays.
  write(folder.path() + "/old.part", "x");
  write(folder.path() + "/new.part", "x");
  age("old.part", 7200);
  EXPECT_EQ(folder.store("d", {&part, 1}), "");
  EXPECT_FALSE(fs::exists(folder.path() + "/old.part"));
  EXPECT_TRUE(fs::exists(folder.path() + "/new.part"));
}

TEST(CacheFolderTest, OthersSeeAWholeFileOrNone) {
  const testing::OwnFolders folders;
  const CacheFolder folder(folders.file("c"), 1 << 20);
  std::atomic<bool> stop{false};
  std::thread writers[2];
  for (int w = 0; w < 2; ++w)
    writers[w] = std::thread([&, w] {
      const std::string bytes(20'000, static_cast<char>('a' + w));
      const std::string_view part = bytes;
      while (!stop) EXPECT_EQ(folder.store("f", {&part, 1}), "");
    });
  for (int i = 0; i < 500; ++i) {
    const std::optional<Bytes> f = folder.find("f");
    if (!f) continue;
    EXPECT_EQ(f->size(), 20'000u);
    EXPECT_EQ(f->text().find_first_not_of(f->text()[0]), std::string_view::npos);
  }
  stop = true;
  for (std::thread& w : writers) w.join();
}

}  // namespace
}  // namespace tauto
