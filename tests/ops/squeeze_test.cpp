// Laws of what changes or checks a rank: squeeze, unsqueeze, refine.
#include <gtest/gtest.h>

#include <algorithm>

#include "ops/run_op.h"

namespace tauto {
namespace {

constexpr Known kAll[] = {kEverything, kShapesOnly, kValuesOnly, kNothing};

TEST(Squeeze, UndoesUnsqueeze) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(random.between(0, 3)));
    const int64_t n = random.between(0, 2), rank = x.rank() + n;
    Ints axes;
    while (static_cast<int64_t>(axes.size()) < n) {
      const int64_t a = random.between(-rank, rank - 1);
      if (std::none_of(axes.begin(), axes.end(), [&](int64_t b) { return (a - b) % rank == 0; }))
        axes.push_back(a);
    }
    const Attributes at{{"axes", axes}};
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::unsqueeze, {x}, at, known);
      EXPECT_EQ(y.rank(), rank);
      for (int64_t a : axes) EXPECT_EQ(y.shape()[static_cast<size_t>(a < 0 ? a + rank : a)], 1);
      EXPECT_EQ(run_tensor(ops::squeeze, {y}, at, known), x);
    }
  }
  EXPECT_EQ(error_of(ops::squeeze, {Tensor(f32, {2, 1})}, {{"axes", Ints{0}}}),
            "squeeze(f32[2, 1]): dim 0 is not 1");
  EXPECT_EQ(error_of(ops::unsqueeze, {Tensor(f32, {2})}, {{"axes", Ints{3}}}),
            "unsqueeze(f32[2]): axis: required -2 <= axis < 2, got 3");
  EXPECT_EQ(error_of(ops::unsqueeze, {Tensor(f32, {2})}, {{"axes", Ints{0, -3}}}),
            "unsqueeze(f32[2]): axis 0 is named twice");
}

TEST(Refine, IsTheIdentityOnValuesOfItsType) {
  const Tensor x(f32, {2, 3});
  const auto to = [](const char* type) { return Attributes{{"type", parse_type(type)}}; };
  for (const Known& known : kAll) EXPECT_EQ(run_tensor(ops::refine, {x}, to("f32[A, 3]"), known), x);
  EXPECT_EQ(error_of(ops::refine, {x}, to("f32[A]")), "refine(f32[2, 3]): required f32[A]");
  EXPECT_EQ(error_of(ops::refine, {x}, to("f32[A, 4]")), "refine(f32[2, 3]): required f32[A, 4]");
  EXPECT_EQ(error_of(ops::refine, {x}, to("i64[A, 3]")), "refine(f32[2, 3]): required i64[A, 3]");
}

}  // namespace
}  // namespace tauto
