// Laws of dimensions. Random expressions are built twice, as a Dim and as a plain tree; the tree, evaluated
// naively at random points, is the truth.
#include "graph/dim.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <random>

#include "support/error.h"

namespace tauto {
namespace {

constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();
constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();

const Dim N = Dim::symbol("N"), M = Dim::symbol("M"), H = Dim::symbol("H");

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

using Value = std::optional<int64_t>;  // nothing: no value (division by 0, illegal broadcast)
using Tree = std::function<Value(const Env&)>;
struct Both {
  Dim dim;
  Tree tree;
};

int64_t floor_of(int64_t a, int64_t b) {
  int64_t q = a / b;
  while (q * b > a && b > 0) --q;
  while (q * b < a && b < 0) --q;
  return q;
}

// A random expression over N, M, H with small numbers.
class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  int64_t pick(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }

  Env point() {
    Env env;
    const int64_t top = pick(0, 3) == 0 ? 40 : 5;
    for (const char* name : {"N", "M", "H"}) env.bind(name, pick(0, top));
    return env;
  }

  Both expression(int depth) {
    if (depth == 0 || pick(0, 9) == 0) return pick(0, 2) == 0 ? literal() : symbol();
    Both a = expression(depth - 1), b = pick(0, 2) == 0 ? literal() : expression(depth - 1);
    switch (pick(0, 12)) {
      case 0:
        return join(a.dim + b.dim, a, b, [](int64_t x, int64_t y) { return Value(x + y); });
      case 1:
        return join(a.dim - b.dim, a, b, [](int64_t x, int64_t y) { return Value(x - y); });
      case 2:
        return join(a.dim * b.dim, a, b, [](int64_t x, int64_t y) { return Value(x * y); });
      case 3:
        return {-a.dim, [t = a.tree](const Env& e) { return t(e) ? Value(-*t(e)) : Value(); }};
      case 4:
      case 5:
        return divided([](const Dim& x, const Dim& y) { return floor_div(x, y); }, a, b,
                       [](int64_t x, int64_t y) { return floor_of(x, y); });
      case 6:
        return divided([](const Dim& x, const Dim& y) { return ceil_div(x, y); }, a, b,
                       [](int64_t x, int64_t y) { return -floor_of(-x, y); });
      case 7:
        return divided([](const Dim& x, const Dim& y) { return trunc_div(x, y); }, a, b,
                       [](int64_t x, int64_t y) { return x / y; });
      case 8:
      case 9:
        return divided([](const Dim& x, const Dim& y) { return mod(x, y); }, a, b,
                       [](int64_t x, int64_t y) { return x - y * floor_of(x, y); });
      case 10:
        return join(max(a.dim, b.dim), a, b, [](int64_t x, int64_t y) { return Value(std::max(x, y)); });
      case 11:
        return join(min(a.dim, b.dim), a, b, [](int64_t x, int64_t y) { return Value(std::min(x, y)); });
      default:
        break;
    }
    if (a.dim.is_literal() && b.dim.is_literal()) return a;  // may be illegal at once
    try {
      return join(broadcast(a.dim, b.dim), a, b, [](int64_t x, int64_t y) {
        return x == 1 || y == 1 || x == y ? Value(x == 1 ? y : x) : Value();
      });
    } catch (const Error&) {
      return a;  // illegal everywhere: a broadcast inside had found its literal
    }
  }

 private:
  Both literal() {
    const int64_t v = pick(-8, 12);
    return {v, [v](const Env&) { return Value(v); }};
  }

  Both symbol() {
    const char* names[] = {"N", "M", "H"};
    const std::string name = names[pick(0, 2)];
    return {Dim::symbol(name), [name](const Env& e) { return e.lookup(name); }};
  }

  template <class F>
  static Both join(const Dim& dim, const Both& a, const Both& b, F f) {
    return {dim, [ta = a.tree, tb = b.tree, f](const Env& e) {
              const Value x = ta(e), y = tb(e);
              return x && y ? f(*x, *y) : Value();
            }};
  }

  template <class D, class F>
  static Both divided(D divide, const Both& a, const Both& b, F f) {
    if (b.dim == 0) return a;
    return join(divide(a.dim, b.dim), a, b,
                [f](int64_t x, int64_t y) { return y == 0 ? Value() : Value(f(x, y)); });
  }

  std::mt19937_64 random_;
};

// Calls `law(expression, generator)` for many random expressions.
void for_random_expressions(int count, int depth, const std::function<void(const Both&, Generator&)>& law) {
  int done = 0;
  for (int i = 0; i < count && !testing::Test::HasFailure(); ++i) {
    const uint64_t seed = 20240 + i;
    Generator g(seed);
    SCOPED_TRACE(cat("seed ", seed, ", depth ", depth));
    Both e;
    try {
      e = g.expression(1 + i % depth);
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "dimension expression too large");
      continue;
    }
    law(e, g);
    ++done;
  }
  EXPECT_GT(done, testing::Test::HasFailure() ? 0 : count * 9 / 10);
}

TEST(Dim, CanonicalFormKeepsEveryValue) {
  int values = 0;
  for_random_expressions(4000, 5, [&](const Both& e, Generator& g) {
    for (int i = 0; i < 10; ++i) {
      const Env env = g.point();
      const Value truth = e.tree(env);
      if (!truth) continue;
      ++values;
      ASSERT_EQ(evaluate(e.dim, env), truth) << text_of(e.dim);
      ASSERT_EQ(substitute(e.dim, env), *truth) << text_of(e.dim);
    }
  });
  EXPECT_GT(values, 20000);
}

TEST(Dim, PrintThenParseIsTheSame) {
  for_random_expressions(2000, 6, [](const Both& e, Generator&) {
    const std::string text = text_of(e.dim);
    const Dim back = parse_dim(text);
    ASSERT_EQ(back, e.dim) << text << " read as " << text_of(back);
    ASSERT_EQ(back.hash(), e.dim.hash());
    ASSERT_EQ(text_of(back), text);
  });
}

TEST(Dim, PartialSubstitutionKeepsEveryValue) {
  for_random_expressions(2000, 5, [](const Both& e, Generator& g) {
    const Env env = g.point();
    const Value truth = e.tree(env);
    if (!truth) return;
    Env some, rest;
    some.bind("M", *env.lookup("M"));
    rest.bind("N", *env.lookup("N"));
    rest.bind("H", *env.lookup("H"));
    const Dim partial = substitute(e.dim, some);
    ASSERT_EQ(evaluate(partial, rest), truth) << text_of(e.dim) << " became " << text_of(partial);
    // Renaming is the same as renaming the environment.
    const Dim renamed = substitute(e.dim, std::map<std::string, Dim>{{"N", M}, {"M", N}});
    Env swapped;
    swapped.bind("N", *env.lookup("M"));
    swapped.bind("M", *env.lookup("N"));
    swapped.bind("H", *env.lookup("H"));
    ASSERT_EQ(evaluate(renamed, swapped), truth) << text_of(e.dim) << " became " << text_of(renamed);
  });
}

TEST(Dim, BoundsHold) {
  int bounded = 0;
  for_random_expressions(3000, 4, [&](const Both& e, Generator& g) {
    const Value low = lower_bound(e.dim), high = upper_bound(e.dim);
    bounded += !e.dim.is_literal() && (low || high);
    for (int i = 0; i < 10; ++i) {
      const Value truth = e.tree(g.point());
      if (!truth) continue;
      ASSERT_LE(low.value_or(kLowest), *truth) << text_of(e.dim);
      ASSERT_GE(high.value_or(kHighest), *truth) << text_of(e.dim);
    }
  });
  EXPECT_GT(bounded, 300);
}

TEST(Dim, RingLaws) {
  for_random_expressions(2000, 3, [](const Both& e, Generator& g) {
    try {
      const Dim a = e.dim, b = g.expression(2).dim, c = g.expression(2).dim;
      ASSERT_EQ(a + b, b + a);
      ASSERT_EQ(a * b, b * a);
      ASSERT_EQ((a + b) + c, a + (b + c));
      ASSERT_EQ((a * b) * c, a * (b * c));
      ASSERT_EQ(a * (b + c), a * b + a * c);
      ASSERT_EQ(a - a, 0);
      ASSERT_EQ(-(-a), a);
      ASSERT_EQ((a + b).hash(), (b + a).hash());
      if (b == 0) return;
      ASSERT_EQ(exact_div(a * b, b), a) << text_of(a) << " times " << text_of(b);
      ASSERT_EQ(max(a, b), max(b, a)) << text_of(a) << " and " << text_of(b);
      ASSERT_EQ(min(a, b), -max(-a, -b)) << text_of(a) << " and " << text_of(b);
      ASSERT_EQ(floor_div(a * 6 + 11, 6), a + 1) << text_of(a);
      ASSERT_EQ(ceil_div(a, 6), floor_div(a + 5, 6)) << text_of(a);
      ASSERT_EQ(mod(a + b * 6, 6), mod(a, 6)) << text_of(a) << " and " << text_of(b);
    } catch (const Error& error) {
      ASSERT_STREQ(error.what(), "dimension expression too large");
    }
  });
}

TEST(Dim, OrderIsTotal) {
  for_random_expressions(2000, 3, [](const Both& e, Generator& g) {
    std::vector<Dim> d = {e.dim, g.expression(2).dim, g.expression(1).dim};
    for (const Dim& a : d) {
      for (const Dim& b : d) {
        ASSERT_EQ(Dim::compare(a, b), -Dim::compare(b, a));
        ASSERT_EQ(a == b, text_of(a) == text_of(b));
        for (const Dim& c : d) ASSERT_FALSE(a <= b && b <= c && c < a);
      }
    }
  });
}

TEST(Dim, EqualPolynomialsAreEqual) {
  EXPECT_EQ(N * 2 + 1, 1 + N + N);
  EXPECT_EQ((N + 2) * 3, 6 + 3 * N);
  EXPECT_EQ((N + M) * (N - M), N * N - M * M);
  EXPECT_NE(N, M);
  EXPECT_NE(N, 3);
  EXPECT_TRUE((N - N).is_literal());
  EXPECT_EQ(Dim(), 0);
  EXPECT_TRUE(N.is_symbol());
  EXPECT_FALSE((N * 2).is_symbol());
  EXPECT_EQ(Dim::symbol("T.1").symbol_name(), "T.1");
  EXPECT_EQ(Dim(7).literal(), 7);
  EXPECT_THROW(N.literal(), InternalError);
}

TEST(Dim, FunctionsSimplify) {
  EXPECT_EQ(floor_div(4 * N + 6, 2), 2 * N + 3);
  EXPECT_EQ(floor_div(4 * N + 5, 2), 2 * N + 2);
  EXPECT_EQ(floor_div(floor_div(N, 3), 4), floor_div(N, 12));
  EXPECT_EQ(floor_div(N, 1), N);
  EXPECT_EQ(floor_div(4 * N + 6, 8), floor_div(2 * N + 3, 4));
  EXPECT_EQ(ceil_div(H, 2), floor_div(H - 1, 2) + 1);
  EXPECT_EQ(ceil_div(ceil_div(H, 2), 2), ceil_div(H, 4));
  EXPECT_EQ(floor_div(5 * N, 2) - 2 * N, floor_div(N, 2));
  EXPECT_EQ(mod(4 * N + 6, 4), 2);
  EXPECT_EQ(mod(mod(N, 12), 4), mod(N, 4));
  EXPECT_EQ(mod(6 * N + 4, 8), 2 * mod(3 * N + 2, 4));
  EXPECT_EQ(floor_div(mod(N, 4), 4), 0);
  EXPECT_EQ(trunc_div(N, 4), floor_div(N, 4));
  EXPECT_EQ(trunc_div(-N, 4), -floor_div(N, 4));
  EXPECT_NE(floor_div(N * M, M), N);  // M may be 0
  EXPECT_EQ(floor_div(N * (M + 1), M + 1), N);

  EXPECT_EQ(max(N, 0), N);
  EXPECT_EQ(min(N, 0), 0);
  EXPECT_EQ(max(N + 3, N + 5), N + 5);
  EXPECT_EQ(max(N + M, N), N + M);
  EXPECT_EQ(max(N, floor_div(N, 2)), N);
  EXPECT_EQ(min(floor_div(N, 2), floor_div(N, 3)), floor_div(N, 3));
  EXPECT_EQ(max(max(N, M), 3), max(N, max(M, 3)));
  EXPECT_EQ(max(N - 1, 0) + 1, max(N, 1));
  EXPECT_EQ(min(N, min(N, 10)), min(N, 10));
  EXPECT_EQ(max(N, min(N, 10)), N);
  EXPECT_EQ(min(N, kHighest), N);
  EXPECT_EQ(max(N, kLowest), N);
  EXPECT_EQ(max(N, 2 - N) + min(N, 2 - N), 2);

  EXPECT_EQ(broadcast(N, N), N);
  EXPECT_EQ(broadcast(1, N), N);
  EXPECT_EQ(broadcast(N, 1), N);
  EXPECT_EQ(broadcast(N, 5), 5);
  EXPECT_EQ(broadcast(5, N), 5);
  EXPECT_EQ(broadcast(Dim(0), 1), 0);
  EXPECT_EQ(broadcast(Dim(1), 1), 1);
  EXPECT_EQ(broadcast(N, M), broadcast(M, N));
  EXPECT_EQ(broadcast(N + 2, M), N + 2);
  EXPECT_EQ(broadcast(M, 2 * N), 2 * N);
  EXPECT_EQ(broadcast(broadcast(N, M), H), broadcast(N, broadcast(M, H)));
}

TEST(Dim, ExactDivisionCancels) {
  EXPECT_EQ(exact_div(N * 12 * 64, 64 * N), 12);
  EXPECT_EQ(exact_div(N * M * 6, 3 * M), 2 * N);
  EXPECT_EQ(exact_div((N + 1) * (M + 2) * 4, 2 * M + 4), 2 * N + 2);
  EXPECT_EQ(exact_div(N * floor_div(H, 2), floor_div(H, 2)), N);
  EXPECT_EQ(exact_div(0, N), 0);
  EXPECT_EQ(exact_div(6 * N * M, 4 * N), floor_div(3 * M, 2));
  EXPECT_EQ(exact_div(N * M * 8, N * H * 2), floor_div(4 * M, H));
  EXPECT_EQ(exact_div(Dim(12), 4), 3);
  EXPECT_EQ(exact_div(64, N), floor_div(64, N));
  EXPECT_EQ(error_of([] { exact_div(Dim(7), 2); }), "dimension 7 is not divisible by 2");
}

TEST(Dim, Prints) {
  EXPECT_EQ(text_of(N), "N");
  EXPECT_EQ(text_of(1 + N * 2), "2*N + 1");
  EXPECT_EQ(text_of(M - N), "M - N");
  EXPECT_EQ(text_of(-N - 1), "-N - 1");
  EXPECT_EQ(text_of(floor_div(H + 1, 2)), "floor((H + 1)/2)");
  EXPECT_EQ(text_of(floor_div(3 * N, 4)), "floor(3*N/4)");
  EXPECT_EQ(text_of(floor_div(N, 2 * M)), "floor(N/(2*M))");
  EXPECT_EQ(text_of(floor_div(-7, M)), "floor((-7)/M)");
  EXPECT_EQ(text_of(max(N, 3)), "max(N, 3)");
  EXPECT_EQ(text_of(max(max(N, 3), M)), "max(M, N, 3)");
  EXPECT_EQ(text_of(broadcast(N, M)), "bcast(M, N)");
  EXPECT_EQ(text_of(broadcast(min(N, 512), N)), "N");
  EXPECT_EQ(text_of(mod(N, 4)), "mod(N, 4)");
  EXPECT_EQ(text_of(N * kLowest + kLowest), "-9223372036854775808*N - 9223372036854775808");
  EXPECT_EQ(cat(N * N, " x ", Dim(3)), "N*N x 3");
}

TEST(Dim, AnyNameReadsBack) {
  EXPECT_EQ(text_of(Dim::symbol("unk__313")), "unk__313");
  EXPECT_EQ(text_of(Dim::symbol("T.1")), "T.1");
  EXPECT_EQ(text_of(Dim::symbol("?7")), "?7");
  EXPECT_EQ(text_of(Dim::symbol("batch size")), "\"batch size\"");
  EXPECT_EQ(text_of(Dim::symbol("max")), "\"max\"");
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string name;
    for (uint64_t n = random() % 6; n > 0; --n) name += static_cast<char>(random() % 256);
    const Dim d = floor_div(Dim::symbol(name) - 1, 2) + 3 * Dim::symbol(name);
    ASSERT_EQ(parse_dim(text_of(d)), d) << "seed 7, name " << i << ": " << text_of(d);
  }
}

TEST(Dim, ParserTakesAnySpelling) {
  EXPECT_EQ(parse_dim(" 1+N*( 2 )"), 2 * N + 1);
  EXPECT_EQ(parse_dim("floor((H - 1)/2) + 1"), floor_div(H - 1, 2) + 1);
  EXPECT_EQ(parse_dim("floor(-N/2)"), floor_div(-N, 2));
  EXPECT_EQ(parse_dim("-9223372036854775808"), kLowest);
  EXPECT_EQ(parse_dim("max(3, N, M)"), max(N, max(M, 3)));
  std::string_view text = "2*N + 1, 7]";
  EXPECT_EQ(parse_dim_prefix(text), 2 * N + 1);
  EXPECT_EQ(text, ", 7]");
}

TEST(Dim, ParserRefuses) {
  const auto refusal = [](std::string text) { return error_of([&] { parse_dim(text); }); };
  EXPECT_EQ(refusal("N + "),
            "dimension \"N + \": at 4: required a number, a symbol or a function, got the end");
  EXPECT_EQ(refusal("N M"), "dimension \"N M\": at 2: required the end, got \"M\"");
  EXPECT_EQ(refusal("max(N)"), "dimension \"max(N)\": at 5: required \",\", got \")\"");
  EXPECT_EQ(refusal("floor(N + 1/2)"), "dimension \"floor(N + 1/2)\": at 8: required \"/\", got \"+ 1/2)\"");
  EXPECT_EQ(refusal("\"a\\q\""),
            "dimension \"\"a\\q\"\": at 3: required one of \\\" \\\\ \\xHH in a quoted name, got \"q\"\"");
  EXPECT_EQ(refusal("\"a"), "dimension \"\"a\": at 2: required the closing quote of a name, got the end");
  EXPECT_EQ(refusal("floor(N/0)"), "dimension N is divided by 0");
  EXPECT_EQ(refusal("mod(N, M - M)"), "dimension N is divided by 0");
  EXPECT_EQ(refusal("bcast(2, 3)"), "dimensions 2 and 3 do not broadcast");
  EXPECT_EQ(refusal("9223372036854775808"), "dimension arithmetic overflows");
  EXPECT_EQ(refusal("4611686018427387904*N*2"), "dimension arithmetic overflows");
  EXPECT_EQ(refusal(std::string(1000000, '(')), "dimension expression too large");
  for (std::string_view open : {"max(1,", "floor(", "mod(", "floor((", "-(", "2*("}) {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += open;
    EXPECT_EQ(refusal(text), "dimension expression too large") << open;
  }
  std::string power = "N", sum = "N", list = "max(N";
  for (int i = 0; i < 2000; ++i) power += "*N", sum += cat(" + s", i), list += cat(", s", i);
  EXPECT_EQ(refusal(power), "dimension expression too large");
  EXPECT_EQ(refusal(sum), "dimension expression too large");
  EXPECT_EQ(refusal(list + ")"), "dimension expression too large");
}

TEST(Dim, ParserSurvivesMutatedText) {
  int accepted = 0;
  for_random_expressions(2000, 4, [&](const Both& e, Generator& g) {
    std::string text = text_of(e.dim);
    const std::string alphabet = "NM(),/*+- 0123456789\"\\xmaxfloor?\n";
    for (int64_t n = g.pick(1, 3); n > 0; --n) {
      const size_t at = g.pick(0, text.size());
      const char c = alphabet[g.pick(0, alphabet.size() - 1)];
      if (g.pick(0, 1)) {
        text.insert(at, 1, c);
      } else if (at < text.size()) {
        g.pick(0, 1) ? (void)text.erase(at, 1) : (void)(text[at] = c);
      }
    }
    try {
      const Dim d = parse_dim(text);
      ++accepted;
      ASSERT_EQ(parse_dim(text_of(d)), d) << text;
    } catch (const Error&) {
    }
  });
  EXPECT_GT(accepted, 200);
}

TEST(Dim, RefusesWhatDoesNotFit) {
  EXPECT_EQ(error_of([] { Dim(kHighest) + 1; }), "dimension arithmetic overflows");
  EXPECT_EQ(error_of([] { Dim(kLowest) - 1; }), "dimension arithmetic overflows");
  EXPECT_EQ(error_of([] { N* kHighest * 2; }), "dimension arithmetic overflows");
  EXPECT_EQ(error_of([] { floor_div(Dim(kLowest), -1); }), "dimension arithmetic overflows");
  EXPECT_EQ(error_of([] { -Dim(kLowest); }), "dimension arithmetic overflows");
  EXPECT_EQ(Dim(kHighest) * N - Dim(kHighest) * N, 0);
  EXPECT_EQ(mod(Dim(kLowest), -1), 0);
  EXPECT_EQ(floor_div(Dim(kLowest), 2), kLowest / 2);
  EXPECT_EQ(Dim(-1) - Dim(kLowest), kHighest);
  EXPECT_EQ(error_of([] { trunc_div(N, 0); }), "dimension N is divided by 0");
  EXPECT_EQ(error_of([] {
              evaluate(floor_div(N, M), [] {
                Env e;
                e.bind("N", 4), e.bind("M", 0);
                return e;
              }());
            }),
            "dimension N is divided by M, which is 0");
  Env big;
  big.bind("N", kHighest);
  EXPECT_EQ(error_of([&] { evaluate(N + 1, big); }), "dimension arithmetic overflows");
  EXPECT_EQ(error_of([&] { big.bind("M", -1); }), "dimension M: required a size >= 0, got -1");
  // Each step doubles the size of the tree.
  EXPECT_EQ(error_of([] {
              Dim d = N;
              for (int i = 0; i < 40; ++i) d = floor_div(M * d + 1, d + 2);
            }),
            "dimension expression too large");
}

TEST(Dim, UnboundSymbolsHaveNoValue) {
  Env env;
  EXPECT_TRUE(env.bind("N", 3));
  EXPECT_TRUE(env.bind("N", 3));
  EXPECT_FALSE(env.bind("N", 4));
  EXPECT_EQ(evaluate(N * 2 + 1, env), 7);
  EXPECT_EQ(evaluate(N + M, env), std::nullopt);
  EXPECT_EQ(evaluate(floor_div(M, N), env), std::nullopt);
  EXPECT_EQ(substitute(floor_div(M, N), env), floor_div(M, 3));
  std::vector<std::string> names = {"H"};
  symbols_of(max(N, M) + N * H + 3, names);
  EXPECT_EQ(names, (std::vector<std::string>{"H", "N", "M"}));
}

TEST(Dim, UnifySolvesLinearPatterns) {
  Env env;
  EXPECT_TRUE(unify(2 * N + 1, 7, env));
  EXPECT_EQ(env.lookup("N"), 3);
  EXPECT_FALSE(unify(N, 4, env));
  EXPECT_TRUE(unify(N * M, 12, env));
  EXPECT_EQ(env.lookup("M"), 4);
  EXPECT_FALSE(unify(2 * H, 3, env));
  EXPECT_FALSE(unify(H + 5, 4, env));
  EXPECT_FALSE(unify(H, -1, env));
  EXPECT_TRUE(unify(floor_div(H, 2), 4, env));
  EXPECT_FALSE(unify(floor_div(H, 2) + 1, 0, env));
  EXPECT_EQ(env.lookup("H"), std::nullopt);
  EXPECT_TRUE(unify(broadcast(H, N), 3, env));
  EXPECT_FALSE(unify(broadcast(M, N), 3, env));  // 4 and 3
  EXPECT_TRUE(unify(-H + 10, 4, env));
  EXPECT_EQ(env.lookup("H"), 6);
  EXPECT_TRUE(unify(5, 5, env));
  EXPECT_FALSE(unify(5, 6, env));
}

TEST(Dim, UnifyFindsTheSolution) {
  for_random_expressions(2000, 3, [](const Both& e, Generator& g) {
    const Env truth = g.point();
    const Value value = e.tree(truth);
    if (!value) return;
    // A pattern never refutes the point that its value came from, and binds only what agrees with it.
    for (const char* hidden : {"N", "M", "H", ""}) {
      Env env;
      for (const auto& [name, size] : truth.values()) {
        if (name != hidden) env.bind(name, size);
      }
      ASSERT_TRUE(unify(e.dim, *value, env)) << text_of(e.dim) << " = " << *value;
      if (env.lookup(hidden)) {
        ASSERT_EQ(env.lookup(hidden), truth.lookup(hidden)) << text_of(e.dim);
      }
    }
    if (value != int64_t{0}) {
      Env all = truth;
      ASSERT_FALSE(unify(e.dim, *value + 1, all)) << text_of(e.dim);
    }
  });
}

}  // namespace
}  // namespace tauto
