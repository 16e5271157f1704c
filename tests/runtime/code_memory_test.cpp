// Generated code runs, is never writable while it is executable, is freed, and is found by name.
#include "runtime/code_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "paths.h"
#include "support/error.h"

namespace tauto {
namespace {

#if defined(__x86_64__)

// mov eax, imm32; ret
std::vector<uint8_t> returns(uint32_t value) {
  return {0xb8,
          static_cast<uint8_t>(value),
          static_cast<uint8_t>(value >> 8),
          static_cast<uint8_t>(value >> 16),
          static_cast<uint8_t>(value >> 24),
          0xc3};
}

// "r-xp" of the mapping that holds an address; "" if none does.
std::string permissions(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long first = 0, last = 0;
    char how[8] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %7s", &first, &last, how) != 3) continue;
    const auto at = reinterpret_cast<uintptr_t>(address);
    if (first <= at && at < last) return how;
  }
  return "";
}

CodeMemory numbers(uint32_t count, const char* prefix = "k") {
  CodeWriter writer;
  for (uint32_t i = 0; i < count; ++i) EXPECT_EQ(writer.add(cat(prefix, i), returns(1000 + i)), i);
  return std::move(writer).seal();
}

TEST(CodeMemory, RunsWhatWasWritten) {
  const CodeMemory memory = numbers(300);
  ASSERT_EQ(memory.size(), 300u);
  for (uint32_t i = 0; i < 300; ++i) {
    EXPECT_EQ(memory.function<uint32_t()>(i)(), 1000 + i);
    EXPECT_EQ(memory.name(i), cat("k", i));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory.code(i).data()) % 64, 0u);
  }
  EXPECT_EQ(memory.mapped_bytes(), 5u * 4096);  // 300 kernels of a cache line each
}

TEST(CodeMemory, IsExecutableAndNotWritable) {
  const CodeMemory memory = numbers(3);
  EXPECT_EQ(permissions(memory.code(0).data()), "r-xp");
}

TEST(CodeMemory, IsFreedWithItsOwner) {
  const void* address = nullptr;
  {
    CodeMemory first = numbers(1);
    address = first.code(0).data();
    CodeMemory second = std::move(first);
    EXPECT_EQ(first.size(), 0u);
    EXPECT_EQ(second.function<uint32_t()>(0)(), 1000u);
    first = numbers(2);
    EXPECT_EQ(first.function<uint32_t()>(1)(), 1001u);
    EXPECT_EQ(permissions(address), "r-xp");
  }
  EXPECT_NE(permissions(address), "r-xp");
}

TEST(CodeMemory, SpaceBetweenKernelsTraps) {
  const CodeMemory memory = numbers(2);
  const uint8_t* end = memory.code(0).data() + memory.code(0).size();
  for (const uint8_t* p = end; p < memory.code(1).data(); ++p) EXPECT_EQ(*p, 0xcc);
}

TEST(CodeMemory, EmptyAndOutOfRange) {
  const CodeMemory memory = CodeWriter().seal();
  EXPECT_EQ(memory.size(), 0u);
  EXPECT_EQ(memory.mapped_bytes(), 0u);
  EXPECT_THROW(memory.code(0), InternalError);
}

// The process's own map, written only when asked.
TEST(CodeNames, PerfFindsKernelsOnlyWhenAsked) {
  const std::string path = cat("/tmp/perf-", static_cast<int>(getpid()), ".map");
  std::remove(path.c_str());
  numbers(2);
  EXPECT_FALSE(std::ifstream(path).good());
  setenv("TAUTO_PERF", "1", 1);
  const CodeMemory memory = numbers(2, "conv\n3x3 ");
  unsetenv("TAUTO_PERF");
  std::ifstream map(path);
  std::stringstream text;
  text << map.rdbuf();
  char expected[128];
  std::snprintf(expected, sizeof expected, "%lx 6 conv?3x3 0\n%lx 6 conv?3x3 1\n",
                reinterpret_cast<unsigned long>(memory.code(0).data()),
                reinterpret_cast<unsigned long>(memory.code(1).data()));
  EXPECT_EQ(text.str(), expected);
  std::remove(path.c_str());
}

// What gdb looks at: a kernel that stops.
void stop_in_a_kernel() {
  std::vector<uint8_t> stops = returns(7);
  stops.insert(stops.begin(), 0xcc);
  CodeWriter writer;
  writer.add("before", returns(1));
  writer.add("tauto_k7_conv3x3_relu", stops);
  const CodeMemory memory = std::move(writer).seal();
  EXPECT_EQ(memory.function<uint32_t()>(1)(), 7u);
}

std::string output_of(const std::string& command) {
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return text;
  char part[4096];
  while (const size_t n = std::fread(part, 1, sizeof part, pipe)) text.append(part, n);
  pclose(pipe);
  return text;
}

// Starts itself under gdb.
TEST(CodeNames, GdbShowsKernels) {
  if (std::getenv("TAUTO_TEST_UNDER_GDB")) return stop_in_a_kernel();
  if (output_of("gdb --version 2>/dev/null").empty()) GTEST_SKIP() << "gdb is not installed";
  const std::string text = output_of(
      "env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX "  // a shard of one test may be empty
      "gdb -nx -q --batch -ex 'set environment TAUTO_TEST_UNDER_GDB 1' -ex run -ex 'info symbol $pc' -ex bt "
      "-ex continue --args '" +
      testing::build_path("tauto_tests") + "' --gtest_filter=CodeNames.GdbShowsKernels 2>&1");
  if (text.find("ptrace") != std::string::npos) GTEST_SKIP() << "tracing processes is not permitted here";
  EXPECT_NE(text.find("SIGTRAP"), std::string::npos) << text;
  EXPECT_NE(text.find("tauto_k7_conv3x3_relu + 1 in section .text"), std::string::npos) << text;
  EXPECT_NE(text.find("in tauto_k7_conv3x3_relu ()"), std::string::npos) << text;
  EXPECT_NE(text.find("GdbShowsKernels_Test::TestBody"), std::string::npos) << text;  // who called it
  EXPECT_NE(text.find("[  PASSED  ] 1 test."), std::string::npos) << text;
}

#endif

}  // namespace
}  // namespace tauto
