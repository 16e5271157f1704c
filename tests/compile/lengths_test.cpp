// A thousand different lengths: the right results, and no memory that grows with them.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "compile/compiled_model.h"
#include "compile/loaded_model.h"
#include "compile/own_folders.h"
#include "interpret/interpret.h"

namespace tauto {
namespace {

int64_t resident_kilobytes() {
  int64_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * (::sysconf(_SC_PAGESIZE) / 1024);
}

TEST(Lengths, AThousandOfThemTakeNoMoreMemoryThanAHundred) {
  const testing::OwnFolders folders;
  ::setenv("TAUTO_CACHE", "off", 1);
  const ModuleText text = testing::compiled_model();
  const LoadedModel m = LoadedModel::from_text(text.text, text.side);
  const Module module = parse_module(text.text, text.side);
  const auto run = [&](int64_t rows) { return m.execute(m.order(testing::compiled_model_inputs(rows))); };
  run(1000);
  for (int64_t rows = 1; rows <= 100; ++rows) run(rows);
  const int64_t before = resident_kilobytes();
  for (int64_t rows = 1; rows <= 1000; ++rows) {
    const std::vector<Value> got = run(rows);
    if (rows % 100 == 7) {
      EXPECT_EQ(got, interpret(module, testing::compiled_model_inputs(rows))) << rows << " rows";
    }
  }
  // A program for one of these sizes is some 100 KiB with what belongs to it.
  EXPECT_LT(resident_kilobytes() - before, 8 << 10);
}

}  // namespace
}  // namespace tauto
