// Artifacts: the same results as what was saved; machine code from elsewhere is not run; damage is refused or
// mended, whichever byte it is.
#include "compile/artifact.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <random>

#include "compile/compiled_model.h"
#include "compile/loaded_model.h"
#include "compile/own_folders.h"
#include "interpret/interpret.h"
#include "support/cpu.h"

namespace tauto {
namespace {

using testing::compiled_model;
using testing::compiled_model_inputs;

std::shared_ptr<const Module> module_of(const ModuleText& m) {
  return std::make_shared<const Module>(parse_module(m.text, m.side));
}

std::string joined(const ArtifactParts& a) {
  std::string s;
  for (std::string_view part : a.parts) s += part;
  return s;
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

// Texts of all groups, without the stages.
std::string outline(const Executable& e) {
  std::string s;
  for (const auto& [name, f] : e.functions()) {
    s += cat(name, " ", f.block, " ", f.blocked.size(), "\n");
    for (size_t k = 0; k < f.groups.size(); ++k) {
      const Group& g = f.groups[k].group;
      s += cat(static_cast<int>(g.kind), " ", g.result, " ", g.source, " ", g.reason, " ", g.kernel.name, " ",
               f.groups[k].kernel, " ", g.arguments.size(), " ", f.last_use[k], " ", f.planned[k] ? 1 : 0);
      for (const std::string& source : g.kernel.sources) s += " " + source;
      for (const Dim& d : g.extents) s += cat(" ", d);
      s += "\n";
    }
  }
  return s;
}

class ArtifactTest : public ::testing::Test {
 protected:
  void SetUp() override {
    module_ = module_of(compiled_model());
    compiled_ = compile(module_, {});
    bytes_ = joined(artifact_of(*compiled_, ArtifactKind::File, "a note"));
  }
  void write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::vector<Value> expected(int64_t rows) const { return interpret(*module_, compiled_model_inputs(rows)); }

  const testing::OwnFolders folders_;
  const std::string path_ = folders_.file("m.tauto");
  std::shared_ptr<const Module> module_;
  std::shared_ptr<const Executable> compiled_;
  std::string bytes_;
};

TEST_F(ArtifactTest, ComesBackWithTheSameCodeAndTheSameResults) {
  const Artifact a = read_artifact(own(bytes_), ArtifactKind::File, false);
  ASSERT_TRUE(a.executable) << a.why_not;
  EXPECT_EQ(a.note, "a note");
  EXPECT_TRUE(*a.module == compiled_->module());
  EXPECT_EQ(outline(*a.executable), outline(*compiled_));
  ASSERT_EQ(a.executable->code().size(), compiled_->code().size());
  for (size_t k = 0; k < compiled_->code().size(); ++k) {
    const auto x = a.executable->code().code(k), y = compiled_->code().code(k);
    EXPECT_TRUE(std::equal(x.begin(), x.end(), y.begin(), y.end())) << compiled_->code().name(k);
  }
  for (int64_t rows : {1, 2, 7, 33, 1}) {
    EXPECT_EQ(a.executable->run(compiled_model_inputs(rows), {}), expected(rows)) << rows << " rows";
    ExecuteOptions threads;
    threads.threads = 3;
    EXPECT_EQ(a.executable->run(compiled_model_inputs(rows), threads), expected(rows)) << rows << " rows";
  }
}

TEST_F(ArtifactTest, IsWrittenTheSameEachTimeAlsoFromAnArtifact) {
  EXPECT_TRUE(joined(artifact_of(*compiled_, ArtifactKind::File, "a note")) == bytes_);
  const Artifact a = read_artifact(own(bytes_), ArtifactKind::File, false);
  ASSERT_TRUE(a.executable) << a.why_not;
  EXPECT_TRUE(joined(artifact_of(*a.executable, ArtifactKind::File, "a note")) == bytes_);
}

TEST_F(ArtifactTest, MachineCodeRunsForItsOwnerOrWithTrust) {
  std::filesystem::remove(folders_.key());  // the next one is another user's
  Artifact a = read_artifact(own(bytes_), ArtifactKind::File, false);
  EXPECT_FALSE(a.executable);
  EXPECT_EQ(a.why_not, "its machine code is not signed by this user");
  a = read_artifact(own(bytes_), ArtifactKind::File, true);
  ASSERT_TRUE(a.executable) << a.why_not;
  EXPECT_EQ(a.executable->run(compiled_model_inputs(3), {}), expected(3));

  write(bytes_);  // compiled again, for whoever does not ask for more
  const LoadedModel m = LoadedModel::load(path_);
  EXPECT_EQ(m.execute(m.order(compiled_model_inputs(3))), expected(3));
}

TEST_F(ArtifactTest, TheKeyMustBeItsOwnersAlone) {
  ::chmod(folders_.key().c_str(), 0644);
  const Artifact a = read_artifact(own(bytes_), ArtifactKind::File, false);
  EXPECT_FALSE(a.executable);
  EXPECT_EQ(a.why_not,
            cat("no key: ", folders_.key(), ": required a file that only its owner may read (mode 600)"));
}

TEST_F(ArtifactTest, ACacheEntryIsNoFile) {
  const std::string entry = joined(artifact_of(*compiled_, ArtifactKind::Cache, "id"));
  EXPECT_FALSE(read_artifact(own(entry), ArtifactKind::File, false).executable);
  EXPECT_FALSE(read_artifact(own(bytes_), ArtifactKind::Cache, false).executable);
  EXPECT_TRUE(read_artifact(own(entry), ArtifactKind::Cache, false).executable);
}

TEST_F(ArtifactTest, AnotherInstructionSetIsCompiledAgain) {
  CompileOptions narrow;
  narrow.isa = Isa::Avx2;
  if (native_isa() == Isa::Avx2) GTEST_SKIP() << "this machine has AVX2 alone";
  write(joined(artifact_of(*compile(module_, narrow), ArtifactKind::File)));
  const Artifact a = read_artifact(map_file(path_), ArtifactKind::File, true);
  EXPECT_FALSE(a.executable);
  EXPECT_EQ(a.why_not, cat("its machine code is for ", environment_of(Isa::Avx2), ", here is ",
                           environment_of(Isa::Avx512)));
  const LoadedModel m = LoadedModel::load(path_);
  EXPECT_EQ(m.execute(m.order(compiled_model_inputs(3))), expected(3));
}

// Its definitions are gone: neither its code nor its graph can be used, whoever trusts it.
TEST_F(ArtifactTest, AGraphOfOtherSemanticsIsRefused) {
  setenv("TAUTO_OFF", "kernels", 1);
  const auto plain = compile(module_, {});
  unsetenv("TAUTO_OFF");
  for (const int version : {kSemanticsVersion - 1, kSemanticsVersion + 1}) {
    Module m = plain->module();
    m.semantics = version;
    ExecutableParts parts;
    parts.module = std::make_shared<const Module>(std::move(m));
    parts.functions = plain->functions();
    parts.isa = plain->isa();
    write(joined(artifact_of(*assemble(std::move(parts)), ArtifactKind::File)));
    for (const bool trust : {false, true}) {
      LoadOptions options;
      options.trust = trust;
      EXPECT_EQ(refusal([&] { LoadedModel::load(path_, options); }),
                cat(path_, ": artifact: required a graph of semantics ", kSemanticsVersion,
                    ", got one of semantics ", version,
                    ": its operators mean other bits; make it from its source model again"));
    }
  }
}

TEST_F(ArtifactTest, ATruncatedFileIsRefused) {
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 60; ++trial) {
    const size_t size = trial < 20 ? static_cast<size_t>(trial) * 16 : random() % bytes_.size();
    const std::string why =
        refusal([&] { read_artifact(own(bytes_.substr(0, size)), ArtifactKind::File, true); });
    EXPECT_TRUE(why.starts_with("artifact: required")) << "seed 1, " << size << " bytes: " << why;
  }
}

// Flips bits anywhere. Either the file is refused with an error, or its machine code is not used, or (padding
// between sections, the signature of a file that is trusted) nothing is different. A run gives the right
// bits.
TEST_F(ArtifactTest, ADamagedFileIsRefusedOrCompiledAgain) {
  const uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  const std::vector<Value> right = expected(3);
  int refused = 0, again = 0, same = 0;
  for (int trial = 0; trial < 400; ++trial) {
    std::string damaged = bytes_;
    // Half of them in the texts and the header, which are a small part.
    const size_t at = random() % (trial % 2 ? damaged.size() : size_t{6000});
    const int bit = static_cast<int>(random() % 8);
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
    const std::string where = cat("seed ", seed, ", trial ", trial, ": bit ", bit, " of byte ", at);
    const bool trust = random() % 2;
    try {
      const Artifact a = read_artifact(own(damaged), ArtifactKind::File, trust);
      a.executable ? ++same : ++again;
      if (a.executable && trial % 8 == 0) {
        EXPECT_EQ(a.executable->run(compiled_model_inputs(3), {}), right) << where;
      }
      EXPECT_TRUE(*a.module == compiled_->module()) << where;
    } catch (const Error&) {
      ++refused;
    }
    if (trial % 40 == 0) {
      write(damaged);
      const std::string why = refusal([&] {
        const LoadedModel m = LoadedModel::load(path_);
        EXPECT_EQ(m.execute(m.order(compiled_model_inputs(3))), right) << where;
      });
      EXPECT_TRUE(why.empty() || why.starts_with(path_)) << where << ": " << why;
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(again, 0);
  // Bytes that nothing reads are the padding to multiples of 64, and the signature where it is not asked for.
  EXPECT_LT(same, 40) << "seed " << seed;
}

// What a bit that is left alone cannot show: with trust, the code is what it was, or it is not used.
TEST_F(ArtifactTest, NoBitOfTheCodeCanChange) {
  const Artifact whole = read_artifact(own(bytes_), ArtifactKind::File, true);
  ASSERT_TRUE(whole.executable);
  const auto code = whole.executable->code().code(0);
  const size_t at = bytes_.find(std::string(reinterpret_cast<const char*>(code.data()), code.size()));
  ASSERT_NE(at, std::string::npos);
  for (size_t i = 0; i < code.size(); i += 7) {
    std::string damaged = bytes_;
    damaged[at + i] = static_cast<char>(damaged[at + i] ^ 1);
    EXPECT_EQ(read_artifact(own(damaged), ArtifactKind::File, true).why_not, "its machine code is damaged");
  }
}

}  // namespace
}  // namespace tauto
