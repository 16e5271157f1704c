// Channel-blocked values: what asks for them, what lets them through, and that no bit depends on it.
#include "compile/layouts.h"

#include <gtest/gtest.h>

#include "compile/executable.h"
#include "graph/text.h"
#include "support/error.h"

namespace tauto {
namespace {

std::shared_ptr<const Module> parse(const std::string& functions) {
  return std::make_shared<const Module>(
      parse_module(cat("module t semantics ", kSemanticsVersion, "\n", functions)));
}

Value numbers(Shape shape) {
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>((i * 7919) % 1013) / 512 - 1;
  return Value(std::move(t));
}

// The blocked values of main; and results are the interpreter's, with them and without.
std::set<Id> blocked_of(const std::shared_ptr<const Module>& m, const std::vector<Value>& inputs) {
  CompileOptions plain;
  plain.blocked = false;
  const auto e = compile(m, {}), without = compile(m, plain);
  const std::vector<Value> want = interpret(*m, inputs), got = e->run(inputs, {}),
                           other = without->run(inputs, {});
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_TRUE(want[i].tensor == got[i].tensor) << i;
    EXPECT_TRUE(want[i].tensor == other[i].tensor) << i;
  }
  return e->functions().at("main").blocked;
}

// Channels that lie innermost in memory are contracted over pixels; the pixels are then seen as `shape`.
std::shared_ptr<const Module> seen_as(const std::string& shape) {
  return parse(cat(R"(func main(%0 "x": f32[1, 49, 32], %1 "w": f32[36, 49]) -> ("y") {
  %2 = contract(%0, %1) {access: over {n: 1, c: 32, q: 36 | p: 49} [n, p, c] [q, p]} : f32[1, 32, 36]
  %3 = dims() {shape: [4], type: i64, values: dims)",
                   shape, R"(} : i64[4]
  %4 = reshape(%2, %3) : f32)",
                   shape, R"(
  %5 = relu(%4) : f32)",
                   shape, R"(
  return %5
})"));
}

const std::vector<Value> kInputs{numbers({1, 49, 32}), numbers({36, 49})};

TEST(Layouts, AViewOfThePixelsKeepsBlocks) {
  EXPECT_EQ(blocked_of(seen_as("[1, 32, 6, 6]"), kInputs), (std::set<Id>{2, 4}));
}

TEST(Layouts, AViewOfOtherChannelsIsRowMajor) {
  EXPECT_EQ(blocked_of(seen_as("[1, 64, 6, 3]"), kInputs), std::set<Id>{});
}

}  // namespace
}  // namespace tauto
