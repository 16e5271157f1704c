// Sequences, optional values, strings.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/regex.h"
#include "ops/run_op.h"

namespace tauto {
namespace {

Value at(int64_t i) { return Tensor::scalar<int64_t>(i); }

Value strings(Shape shape, std::vector<std::string> v) {
  return Tensor::of<std::string>(std::move(shape), std::span<const std::string>(v));
}

TEST(Sequence, InsertedIsFoundAndErasedIsGone) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    // Elements of different shapes.
    std::vector<Value> v;
    for (int64_t i = random.between(1, 4); i > 0; --i) v.emplace_back(random.ints(random.shape(2)));
    const auto n = static_cast<int64_t>(v.size());
    const Value s = run_op(ops::sequence_construct, v)[0], x = random.ints({2, 2});
    const int64_t p = random.between(-n, n), place = p < 0 ? p + n : p;
    const Value longer = run_op(ops::sequence_insert, {s, x, at(p)})[0];
    EXPECT_EQ(run_op(ops::sequence_at, {longer, at(place)}, {}, kNothing)[0], x);
    EXPECT_EQ(run_op(ops::sequence_erase, {longer, at(place)}, {}, kNothing)[0], s);
    EXPECT_EQ(run_tensor(ops::sequence_length, {longer}), Tensor::scalar<int64_t>(n + 1));
    EXPECT_EQ(run_op(ops::sequence_erase, {run_op(ops::sequence_insert, {s, x})[0]})[0], s);
    for (int64_t i = -n; i < n; ++i)
      EXPECT_EQ(run_op(ops::sequence_at, {s, at(i)})[0], v[static_cast<size_t>(i < 0 ? i + n : i)]);
  }
}

TEST(Sequence, ElementsOfDifferentShapesAreRead) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, 3]")), y = b.parameter("y", parse_type("f32[M, 3]"));
  const Id s = b.add(ops::sequence_construct, {x, y});
  const Id first = b.add(ops::sequence_at, {s, b.scalar<int64_t>(0)});
  const Id second = b.add(ops::sequence_at, {s, b.scalar<int64_t>(1)});
  b.finish({first, second}, {"first", "second"});
  EXPECT_EQ(verify(m), "");
  const auto r = interpret(m, {Tensor(f32, {1, 3}), Tensor(f32, {2, 3})});
  EXPECT_EQ(r[0].tensor.dim(0), 1);
  EXPECT_EQ(r[1].tensor.dim(0), 2);
}

TEST(Sequence, ConcatUndoesSplit) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 5, 1));
    const int64_t axis = random.between(-3, 2), n = x.dim(axis < 0 ? axis + 3 : axis);
    const Attributes along{{"axis", axis}};
    const int64_t cut = random.between(0, n);
    const Value pieces[] = {
        run_op(ops::split_to_sequence, {x, at(random.between(1, n + 1))}, along, kNothing)[0],
        run_op(ops::split_to_sequence, {x, Tensor::ints(std::array{cut, n - cut})}, along)[0],
        run_op(ops::split_to_sequence, {x}, along, kNothing)[0]};
    for (const Value& p : pieces) EXPECT_EQ(run_tensor(ops::concat_from_sequence, {p}, along, kNothing), x);
    const Value dropped = run_op(ops::split_to_sequence, {x}, {{"axis", axis}, {"keep_dims", int64_t{0}}})[0];
    EXPECT_EQ(run_tensor(ops::concat_from_sequence, {dropped}, {{"axis", axis}, {"new_axis", int64_t{1}}}),
              x);
  }
}

TEST(Sequence, ErrorsNameThePosition) {
  const Value s = Value::sequence({Tensor(f32, {2})});
  EXPECT_EQ(error_of(ops::sequence_at, {s, at(1)}),
            "function @main, %2: sequence_at(sequence<f32[2]>, i64[]): position: required -1 <= position < "
            "1, got 1");
  EXPECT_EQ(error_of(ops::sequence_insert, {s, Tensor(i64, {2})}),
            "sequence_insert(sequence<f32[2]>, i64[2]): input 1: required an element f32[2], got i64[2]");
  EXPECT_EQ(error_of(ops::concat_from_sequence, {Value::sequence({})}, {{"axis", int64_t{0}}}),
            "function @main, %1: concat_from_sequence(sequence<f32[...]>): required at least one element");
}

TEST(Optional, HoldsAValueOrNone) {
  const Value x = Tensor::scalar<float>(3), none = Value::optional({});
  const Value some = run_op(ops::optional_of, {x})[0];
  EXPECT_EQ(run_op(ops::optional_get, {some})[0], x);
  EXPECT_EQ(run_tensor(ops::optional_has, {some}), Tensor::scalar<bool>(true));
  EXPECT_EQ(run_tensor(ops::optional_has, {none}), Tensor::scalar<bool>(false));
  EXPECT_EQ(error_of(ops::optional_get, {none}),
            "function @main, %1: optional_get(optional<f32[...]>): the optional is empty");
}

TEST(NonMaxSuppression, KeepsTheBestOfOverlappingBoxes) {
  // Boxes 0 and 1 nearly coincide, 2 is apart; scores of 1 and 2 are equal.
  const Tensor boxes =
      Tensor::of<float>({1, 3, 4}, std::array<float, 12>{0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, 10, 1, 11});
  const Tensor scores = Tensor::of<float>({1, 1, 3}, std::array<float, 3>{0.5f, 0.9f, 0.9f});
  const auto kept = [&](int64_t most, float iou, float score) {
    const Tensor y = run_tensor(ops::non_max_suppression,
                                {boxes, scores, at(most), Tensor::scalar(iou), Tensor::scalar(score)});
    std::vector<int64_t> r;
    for (int64_t i = 0; i < y.dim(0); ++i) r.push_back(y.data<int64_t>()[3 * i + 2]);
    return r;
  };
  using V = std::vector<int64_t>;
  EXPECT_EQ(kept(9, 0.5f, 0), (V{1, 2}));
  EXPECT_EQ(kept(9, 0.95f, 0), (V{1, 2, 0}));
  EXPECT_EQ(kept(1, 0.5f, 0), (V{1}));
  EXPECT_EQ(kept(9, 0.95f, 0.9f), (V{}));
}

TEST(Regex, MatchesTheWholeText) {
  struct Case {
    const char *pattern, *yes, *no;
  };
  const Case cases[] = {
      {"a*b", "aaab", "aaaba"},
      {"(ab|c)+?d{2,3}", "abcdd", "abcd"},
      {"[^a-c\\d]+", "xyz", "xbz"},
      {"\\w+@\\w+\\.com", "me@home.com", "me@home-com"},
      {".*\\bcat\\b.*", "a cat sat", "concatenate"},
      {"(?i)straSSe", "STRAsse", "strase"},
      {"a.c", "a\u00e9c", "a\nc"},
      {"(?s)a.c", "a\nc", "ac"},
      {"x{3}", "xxx", "xx"},
      {"x{,3}", "x{,3}", "xxx"},
      {"(a|ab)(c|bcd)(d*)", "abcd", "abcde"},
      {"[[:alpha:]_-]+", "a_b-C", "a1"},
      {"\\x41\\x{42}", "AB", "ab"},
      {"()|x", "", "xx"},
      {"(^|,)a$", "a", "ba"},
      {"\\Qa.b\\E", "a.b", "axb"},
      {"[]a]+", "]a]", "b"},
  };
  for (const Case& c : cases) {
    const Regex r(c.pattern);
    EXPECT_TRUE(r.full_match(c.yes)) << c.pattern << " " << c.yes;
    EXPECT_FALSE(r.full_match(c.no)) << c.pattern << " " << c.no;
  }
}

TEST(Regex, WorkIsBounded) {
  EXPECT_FALSE(Regex("(a*)*b").full_match(std::string(20000, 'a')));
  std::string nested = "a";
  for (int i = 0; i < 100; ++i) nested = "(" + nested + ")*";
  EXPECT_TRUE(Regex(nested).full_match("aaa"));
  const auto error = [](const std::string& pattern) -> std::string {
    try {
      Regex r(pattern);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_EQ(error("((a{1000}){1000}){1000}"), "regular expression \"((a{1000}){1000}){1000}\": too large");
  EXPECT_EQ(error("(((){1000}){1000}){1000}"), "regular expression \"(((){1000}){1000}){1000}\": too large");
  EXPECT_EQ(error("a)"), "regular expression \"a)\", character 1: unmatched )");
  EXPECT_EQ(error("*"), "regular expression \"*\", character 0: nothing to repeat");
  EXPECT_EQ(error("(?=a)"), "regular expression \"(?=a)\", character 2: this group is not supported");
  EXPECT_EQ(error("\\1"), "regular expression \"\\1\", character 1: \\1 is not supported");
  EXPECT_EQ(error(std::string(300, '(')).substr(0, 18), "regular expression");
}

TEST(Strings, SplitLikePython) {
  const auto r = run_op(ops::string_split, {strings({3}, {" a b  c ", "", "x"})});
  EXPECT_EQ(r[0], strings({3, 3}, {"a", "b", "c", "", "", "", "x", "", ""}));
  EXPECT_EQ(r[1].tensor.as_ints(), (std::vector<int64_t>{3, 0, 1}));
  const auto s = run_op(ops::string_split, {strings({1}, {"a,,b,c"})},
                        {{"delimiter", std::string(",")}, {"max_split", int64_t{2}}});
  EXPECT_EQ(s[0], strings({1, 3}, {"a", "", "b,c"}));
}

TEST(Strings, ConcatBroadcasts) {
  EXPECT_EQ(run_tensor(ops::string_concat, {strings({2}, {"a", "b"}), strings({}, {"!"})}),
            strings({2}, {"a!", "b!"}).tensor);
}

TEST(Strings, NormalizerDropsStopWordsAndMapsCase) {
  const std::vector<std::string> stop{"the", "\u00c9t\u00e9"};
  const auto run = [&](const char* action, int64_t sensitive) {
    return run_tensor(ops::string_normalizer, {strings({3}, {"The", "\u00e9t\u00e9", "Stra\u00dfe \u0416"})},
                      {{"case", std::string(action)}, {"stop_words", stop}, {"case_sensitive", sensitive}});
  };
  EXPECT_EQ(run("UPPER", 0), strings({1}, {"STRA\u00dfE \u0416"}).tensor);
  EXPECT_EQ(run("LOWER", 1), strings({3}, {"the", "\u00e9t\u00e9", "stra\u00dfe \u0436"}).tensor);
}

}  // namespace
}  // namespace tauto
