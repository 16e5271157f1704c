// Precisions and plans as text: print ∘ parse = id, and what is refused. What they do is compared with a
// numpy statement in tests/python/test_quantize.py.
#include "passes/precision.h"

#include <gtest/gtest.h>

#include "support/error.h"

namespace tauto {
namespace {

TEST(Precision, ReadsBackWhatItPrints) {
  for (const char* text :
       {"int8", "int8,tensor,symmetric", "int8,percentile:99.99,a4", "int8,dynamic", "int4,weights=absmax",
        "int4,mse,a2", "int2", "int1,a1,tensor", "f16", "bf16", "bf16.dp", "f32"}) {
    const Precision p = parse_precision(text, "test");
    EXPECT_EQ(parse_precision(text_of(p), "test"), p) << text;
  }
  EXPECT_EQ(text_of(parse_precision("int8", "test")), "int8,channel,affine,minmax,weights=absmax");
  EXPECT_EQ(text_of(parse_precision("int2", "test")), "int2,channel,affine,minmax,weights=twn");
}

TEST(PrecisionPlan, ReadsBackWhatItPrints) {
  PrecisionPlan plan;
  plan.nodes.push_back({"a \"quoted\" name", parse_precision("int8", "test"), "", 0.1f, 255});
  plan.nodes.push_back({"b", parse_precision("f32", "test"), "its weights are all 0", 0, 0});
  plan.nodes.push_back({"c", parse_precision("f32", "test"), "", 0, 0});
  plan.nodes.push_back({"d", parse_precision("int8,dynamic,tensor", "test"), "", 0, 0});
  plan.nodes.push_back({"e", parse_precision("int4,symmetric", "test"), "", 1.17549435e-38f, 0});
  plan.nodes.push_back({"f", parse_precision("bf16", "test"), "", 0, 0});
  EXPECT_EQ(parse_precision_plan(text_of(plan), "test"), plan);
}

std::string error_of(const std::string& line) {
  try {
    parse_precision_plan("precision plan 1\n" + line, "test");
  } catch (const Error& e) {
    return e.what();
  }
  return "none";
}

TEST(PrecisionPlan, RefusesWhatIsNone) {
  EXPECT_EQ(error_of("\"a\" int8 x -1 0"), "test: node \"a\": required a scale > 0, got -1");
  EXPECT_EQ(error_of("\"a\" int8 x inf 0"), "test: node \"a\": required a scale > 0, got inf");
  EXPECT_EQ(error_of("\"a\" int8,symmetric x 1 -129"),
            "test: node \"a\": required a zero point from -128 to 127, got -129");
  EXPECT_EQ(error_of("\"a\" int8,a2 x 1 4"), "test: node \"a\": required a zero point from 0 to 3, got 4");
  EXPECT_NE(error_of("\"a\" int8"), "none");
  EXPECT_NE(error_of("a int8 x 1 1"), "none");
  EXPECT_NE(error_of("\"a\" int8 x 1 1 1"), "none");
}

TEST(WeightRules, ChannelsOfZerosHaveAScaleThatWorks) {
  Tensor w(f32, {2, 3});
  w.data<float>()[4] = -0.25f;
  const IntegerWeights r = integer_weights(w, 0, 8, WeightRule::AbsMax);
  EXPECT_EQ(r.refused, "");
  EXPECT_EQ(r.scale[0], 1.0f);
  EXPECT_EQ(r.q.data<int8_t>()[4], -127);
  EXPECT_EQ(integer_weights(w, 0, 1, WeightRule::Xnor).refused, "channel 0 of its weights is 0");
}

TEST(WeightRules, ABiasThatDoesNotFitStaysAFloat) {
  Tensor b(f32, {2});
  b.data<float>()[0] = 1, b.data<float>()[1] = -2;
  EXPECT_EQ(integer_bias(b, 0x1p-10f, {0x1p-10f, 0x1p-9f})->data<int32_t>()[1], -(1 << 20));
  EXPECT_FALSE(integer_bias(b, 0x1p-20f, {0x1p-12f, 0x1p-12f}).has_value());
}

}  // namespace
}  // namespace tauto
