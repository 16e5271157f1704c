// Which graphs keep the rows of a batch apart, and why others do not.
#include "verify/rows.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "support/error.h"

namespace tauto::proof {
namespace {

std::string why(const std::string& function, const std::string& symbol = "N") {
  for (const Batch& b :
       batches_of(parse_module(cat("module t semantics ", kSemanticsVersion, "\n", function))))
    if (b.symbol == symbol) return b.why_not;
  return "no symbol";
}

TEST(Rows, OfAPerceptronAreIndependent) {
  const std::string text = R"(func main(%0 "x": f32[N, 8], %1 "w": f32[8, 3], %2 "b": f32[3]) -> ("y") {
  %3 = contract(%0, %1) {access: over {n: N, o: 3 | k: 8} [n, k] [k, o]} : f32[N, 3]
  %4 = add(%3, %2) : f32[N, 3]
  %5 = relu(%4) : f32[N, 3]
  return %5
})";
  EXPECT_EQ(why(text), "");
  const std::vector<Batch> all =
      batches_of(parse_module(cat("module t semantics ", kSemanticsVersion, "\n", text)));
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].symbol, "N");
  EXPECT_EQ(all[0].inputs[0], (RowAxis{0, 1}));
  EXPECT_FALSE(all[0].inputs[1].has_value());
  EXPECT_EQ(all[0].outputs[0], (RowAxis{0, 1}));
}

// Rows that lie inside, are taken together with another axis, or are as long as several.
TEST(Rows, AreFollowedThroughViewsAndTranspositions) {
  EXPECT_EQ(why(R"(func main(%0 "x": f32[5, N, 4]) -> ("y") {
  %1 = transpose(%0) {perm: [1, 0, 2]} : f32[N, 5, 4]
  %2 = dims() {shape: [2], type: i64, values: dims[N*5, 4]} : i64[2]
  %3 = reshape(%1, %2) : f32[N*5, 4]
  %4 = exp(%3) : f32[N*5, 4]
  %5 = dims() {shape: [2], type: i64, values: dims[N, 20]} : i64[2]
  %6 = reshape(%4, %5) : f32[N, 20]
  return %6
})"),
            "");
}

// A table that rows look into is no row.
TEST(Rows, LookUpTables) {
  EXPECT_EQ(why(R"(func main(%0 "i": i64[N, 3], %1 "table": f32[20, 4]) -> ("y") {
  %2 = gather(%1, %0) {axis: 0} : f32[N, 3, 4]
  return %2
})"),
            "");
  EXPECT_NE(why(R"(func main(%0 "i": i64[3], %1 "x": f32[N, 4]) -> ("y") {
  %2 = gather(%1, %0) {axis: 0} : f32[3, 4]
  return %2
})"),
            "");
}

TEST(Rows, DependOnEachOther) {
  EXPECT_NE(why(R"(func main(%0 "x": f32[N, 8]) -> ("y") {
  %1 = reduce_sum(%0) {axes: [0]} : f32[8]
  %2 = sub(%0, %1) : f32[N, 8]
  return %2
})"),
            "");
  EXPECT_NE(why(R"(func main(%0 "x": f32[N, N]) -> ("y") {
  %1 = exp(%0) : f32[N, N]
  return %1
})"),
            "");
  // A transposition that is then read as if it were none.
  EXPECT_NE(why(R"(func main(%0 "x": f32[5, N, 4]) -> ("y") {
  %1 = dims() {shape: [2], type: i64, values: dims[N, 20]} : i64[2]
  %2 = reshape(%0, %1) : f32[N, 20]
  return %2
})"),
            "");
}

}  // namespace
}  // namespace tauto::proof
