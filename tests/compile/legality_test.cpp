// Sizes that contradict each other end in the same error, interpreted and compiled; legal ones in the same
// bits.
#include <gtest/gtest.h>

#include "compile/executable.h"
#include "ops/evaluate.h"
#include "ops/lowering_cases.h"

namespace tauto::testing {
namespace {

// Every operator is compiled with a symbol for each dim of each input, and run with sizes that were not asked
// for: most are illegal.
TEST(Legality, AnySizesGiveTheResultOrTheErrorOfTheInterpreter) {
  int results = 0, errors = 0;
  for (const Op* op : all_ops()) {
    const std::vector<OpCase> cases = lowering_cases(*op, 3);
    const size_t step = cases.size() / 12 + 1;
    for (size_t k = 0; k < cases.size(); k += step) {
      const OpCase& c = cases[k];
      auto m = std::make_shared<Module>();
      Builder b(*m, "main");
      try {
        b.finish({build(b, c, Sizes::Apart)}, {"y"});
      } catch (const Error&) {
        continue;  // not defined for these types
      }
      const auto e = compile(m, {});
      ExecutionContext context;
      std::mt19937_64 random(k);
      for (int round = 0; round < 6; ++round) {
        std::vector<Value> in;
        for (size_t i = 0; i < c.in.size(); ++i) {
          if (c.fixed[i]) continue;
          Shape s = c.in[i].shape();
          for (int64_t& n : s)
            if (round > 0 && random() % 3 == 0) n = static_cast<int64_t>(random() % 6);
          const ElementType t = c.in[i].type();
          Tensor x = random_tensor(t, s, random);
          if (t.is_integer() && i > 0)  // mostly good indices
            for (int64_t j = 0; j < x.count() * x.element_bytes(); ++j)
              static_cast<char*>(x.raw())[j] =
                  j % x.element_bytes() ? 0 : static_cast<char>(random() % (round % 2 ? 3 : 7));
          in.emplace_back(x);
        }
        const auto result = [&](auto f) -> std::pair<std::string, std::vector<Value>> {
          try {
            return {"", f()};
          } catch (const Error& error) {
            return {error.what(), {}};
          }
        };
        const auto want = result([&] { return interpret(*m, in); });
        const auto got = result([&] { return e->run(in, {}, context); });
        ASSERT_EQ(got.first, want.first) << c.text() << " case " << k << " round " << round;
        ASSERT_TRUE(got.second == want.second) << c.text() << " case " << k << " round " << round;
        ++(want.first.empty() ? results : errors);
      }
    }
  }
  EXPECT_GT(results, 1000);
  EXPECT_GT(errors, 300);
}

}  // namespace
}  // namespace tauto::testing
