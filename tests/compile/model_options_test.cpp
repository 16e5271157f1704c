// A model with its options in one string, and the names of rewrites.
#include "compile/model_options.h"

#include <gtest/gtest.h>

namespace tauto {
namespace {

std::string refusal(std::string_view text) {
  try {
    parse_model_options(text, "same");
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(ModelOptions, WordsAndQuotes) {
  const ModelOptions plain = parse_model_options("a/b.onnx", "same");
  EXPECT_EQ(plain.path, "a/b.onnx");
  EXPECT_TRUE(plain.load.allowed.empty());
  const ModelOptions full =
      parse_model_options("  \"my model.onnx\"  --allow=winograd,online-softmax --trust", "same");
  EXPECT_EQ(full.path, "my model.onnx");
  EXPECT_EQ(full.load.allowed.text(), "online-softmax,winograd");
  EXPECT_TRUE(full.load.trust);
  EXPECT_TRUE(parse_model_options("--allow reassociate m", "same").load.allowed.has("reassociate"));
  const ModelOptions how =
      parse_model_options("m --isa avx2 --threads 3 --off fuse,layouts --interpret", "same");
  EXPECT_EQ(how.isa, Isa::Avx2);
  EXPECT_EQ(how.threads, 3);
  EXPECT_EQ(how.off, (std::vector<std::string>{"fuse", "layouts"}));
  EXPECT_TRUE(how.interpret);
}

TEST(ModelOptions, Mistakes) {
  EXPECT_EQ(
      refusal("m.onnx --allow fast"),
      "same: --allow: required names of rewrites (online-softmax, reassociate, winograd, flush-to-zero), "
      "got \"fast\"");
  EXPECT_EQ(refusal("m.onnx --allow"), "same: --allow: required names of rewrites");
  EXPECT_EQ(refusal("m.onnx n.onnx"), "same: required one model, got \"m.onnx\" and \"n.onnx\"");
  EXPECT_EQ(
      refusal("m.onnx --speed"),
      "same: required --allow, --precision, --calibrate, --trust, --isa, --threads, --off, --interpret or "
      "--fault, got \"--speed\"");
  EXPECT_EQ(refusal("m.onnx --threads 0"), "same: --threads: required 1 to 1024, got \"0\"");
  EXPECT_EQ(refusal("m.onnx --threads"), "same: --threads: required a value");
  EXPECT_EQ(refusal("m.onnx --off fuse,fusion").substr(0, 25), "off: required a list of f");
  EXPECT_EQ(refusal(" "), "same: required a model, got \" \"");
  EXPECT_EQ(refusal("\"m.onnx"), "same: required an ending \", got \"m.onnx");
}

}  // namespace
}  // namespace tauto
