// Elementwise operators on integer expressions: what a model computes from its dims folds to dims while it is
// built, and says nothing it does not know.
#include <gtest/gtest.h>

#include "graph/builder.h"
#include "ops/ops.h"

namespace tauto {
namespace {

class ElementwiseOnDims : public ::testing::Test {
 protected:
  Module m;
  Builder b{m, "main"};

  Id dim(const char* text) { return b.dims({parse_dim(text)}); }
  std::string known(Id id) {
    const auto v = b.known(id);
    return v ? text_of((*v)[0]) : "unknown";
  }
  std::string of(const Op& op, std::vector<Id> in, Attributes a = {}) {
    return known(b.add(op, std::move(in), std::move(a)));
  }
};

TEST_F(ElementwiseOnDims, Arithmetic) {
  const Id n = dim("N"), two = dim("2"), three = dim("3");
  EXPECT_EQ(of(ops::sub, {n, two}), "N - 2");
  EXPECT_EQ(of(ops::mul, {n, two}), "2*N");
  EXPECT_EQ(of(ops::div, {dim("2*N + 1"), two}), "N");
  EXPECT_EQ(of(ops::mod, {dim("3*N + 2"), three}), "2");
  EXPECT_EQ(of(ops::max, {dim("N + 1"), n}), "N + 1");
  EXPECT_EQ(of(ops::min, {dim("N + 1"), n}), "N");
  EXPECT_EQ(of(ops::neg, {n}), "-N");
  EXPECT_EQ(of(ops::abs, {n}), "N");
  EXPECT_EQ(of(ops::fma, {n, two, three}), "2*N + 3");
}

TEST_F(ElementwiseOnDims, IntegersDivideTowardsZero) {
  EXPECT_EQ(of(ops::div, {dim("-7"), dim("2")}), "-3");
  EXPECT_EQ(of(ops::div, {dim("7"), dim("0")}), "0");
  EXPECT_EQ(of(ops::rem, {dim("-7"), dim("2")}), "-1");
  EXPECT_EQ(of(ops::mod, {dim("-7"), dim("2")}), "1");
  // By what may be zero or negative nothing is known.
  EXPECT_EQ(of(ops::div, {dim("7"), dim("N")}), "unknown");
}

TEST_F(ElementwiseOnDims, ComparisonsOnlyWhereDecided) {
  const Id n = dim("N"), more = dim("N + 1"), zero = dim("0");
  EXPECT_EQ(of(ops::less, {n, more}), "1");
  EXPECT_EQ(of(ops::less, {n, zero}), "0");
  EXPECT_EQ(of(ops::less_equal, {zero, n}), "1");
  EXPECT_EQ(of(ops::less, {zero, n}), "unknown");
  EXPECT_EQ(of(ops::equal, {n, more}), "0");
  EXPECT_EQ(of(ops::equal, {n, n}), "1");
  EXPECT_EQ(of(ops::equal, {n, dim("3")}), "unknown");
  const Id yes = b.add(ops::less, {n, more});
  EXPECT_EQ(of(ops::logical_not, {yes}), "0");
  EXPECT_EQ(of(ops::where, {yes, n, zero}), "N");
}

TEST_F(ElementwiseOnDims, Casts) {
  const Id n = dim("N"), more = dim("N + 1");
  EXPECT_EQ(of(ops::cast, {n}, {{"to", i32}}), "N");
  EXPECT_EQ(of(ops::cast, {b.add(ops::cast, {n}, {{"to", i32}})}, {{"to", i64}}), "N");
  EXPECT_EQ(of(ops::cast, {more}, {{"to", boolean}}), "1");
  EXPECT_EQ(of(ops::cast, {n}, {{"to", boolean}}), "unknown");
  EXPECT_EQ(of(ops::cast, {n}, {{"to", i8}}), "unknown");
  EXPECT_EQ(of(ops::cast, {dim("300")}, {{"to", u8}}), "44");
  EXPECT_EQ(of(ops::cast, {dim("N - 1")}, {{"to", u32}}), "unknown");
}

TEST_F(ElementwiseOnDims, LiteralsWrapInTheirType) {
  const Id big = b.number(200, u8);
  EXPECT_EQ(of(ops::add, {big, big}), "144");
  EXPECT_EQ(of(ops::mul, {b.number(-128, i8), b.number(-1, i8)}), "-128");
}

}  // namespace
}  // namespace tauto
