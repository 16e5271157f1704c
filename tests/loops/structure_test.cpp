// Kernels have the same structure exactly if they are the same but for names.
#include "loops/structure.h"

#include <gtest/gtest.h>

#include <set>

namespace tauto::loops {
namespace {

const std::string kText =
    R"(kernel first(x: f32[N, 8] finite, y: f32[N, 8]) from "node" for i in 0 .. <N> for j in 0 .. 8
  y[i, j] = add(mul(x[i, j], x[i, 7 - j]), 2.0:f32)
)";

std::string with(const std::string& from, const std::string& to) {
  std::string s = kText;
  for (size_t at = s.find(from); at != std::string::npos; at = s.find(from, at + to.size()))
    s.replace(at, from.size(), to);
  return s;
}

TEST(Structure, NamesOfKernelsBuffersAndSourcesDoNotCount) {
  const std::string same = structure_of(parse_kernel(kText));
  for (const std::string& text :
       {kText, with("first", "second"), with("x", "v12"), with("y", "out"), with("node", "other")})
    EXPECT_EQ(same, structure_of(parse_kernel(text))) << text;
}

TEST(Structure, EverythingElseDoes) {
  std::set<std::string> seen = {structure_of(parse_kernel(kText))};
  for (const std::string& text :
       {with(" finite", ""), with("8", "9"), with("N", "M"), with("2.0", "2.5"), with("f32", "f64"),
        with("mul", "sub"), with("x[i, 7 - j]", "x[i, j]"), with("y[i, j] =", "y[i, 7 - j] ="),
        with("x[i, 7 - j]", "y[i, 7 - j]"), with("for j", "unrolled for j"), with("0 .. 8", "1 .. 8"),
        with("for j in 0 .. 8", "for j in 0 .. 8 step 2"),
        with("x: f32[N, 8]", "x: f32[N, 8] layout(i0:16, i1:1; offset 0; elements 16*N)")})
    EXPECT_TRUE(seen.insert(structure_of(parse_kernel(text))).second) << text;
}

}  // namespace
}  // namespace tauto::loops
