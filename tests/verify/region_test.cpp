// Boxes of inputs: what is read of VNN-LIB files, that executions of both networks stay within the bounds of their
// difference and margins, and that a search proves, refutes and resumes as it says.
#include "verify/region.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "graph/text.h"
#include "support/error.h"
#include "support/file.h"
#include "verify/legal_execution.h"
#include "verify/region_state.h"

namespace tauto::region {
namespace {

std::string error_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// --- VNN-LIB --------------------------------------------------------------------------------------------------

constexpr char kTwoInputs[] =
    "; two inputs\n(declare-const X_0 Real)(declare-const X_1 Real)\n(declare-const Y_0 Real)\n";

std::string boxes_text(const std::string& asserts) {
  std::string s;
  for (const Box& box : parse_vnnlib(kTwoInputs + asserts, "f")) {
    s += s.empty() ? "" : " | ";
    for (const Range& r : box) s += cat("[", r.lo, ", ", r.hi, "]");
  }
  return s;
}

TEST(Vnnlib, BoxesAreIntersectedAndJoined) {
  const std::string x0 = "(assert (<= X_0 1e0)) (assert (>= X_0 (- 1)))",
                    x1 = "(assert (and (<= 0.25 X_1) (>= .5 X_1)))";
  EXPECT_EQ(boxes_text(x0 + x1), "[-1, 1][0.25, 0.5]");
  EXPECT_EQ(error_of([&] { boxes_text(x0 + x1 + "(assert (<= Y_0 X_1))"); }),
            "f: line 4: required an input compared with a number, got two variables");
}

TEST(Vnnlib, UnionsAndConditionsOnOutputs) {
  const std::string x1 = "(assert (<= X_1 1))(assert (>= X_1 0))";
  EXPECT_EQ(
      boxes_text(x1 + "(assert (or (and (<= X_0 2) (>= X_0 1)) (and (<= X_0 5) (>= X_0 4) (<= Y_0 3))))"),
      "[1, 2][0, 1] | [4, 5][0, 1]");
  // A disjunct that says nothing of inputs takes any.
  EXPECT_EQ(boxes_text(x1 + "(assert (<= X_0 2))(assert (>= X_0 1))(assert (or (<= X_0 1) (<= Y_0 0)))"),
            "[1, 2][0, 1]");
  // An empty part of a union is left out.
  EXPECT_EQ(boxes_text(x1 + "(assert (<= X_0 2))(assert (>= X_0 1))(assert (or (<= X_0 1.5) (>= X_0 9)))"),
            "[1, 1.5][0, 1]");
}

TEST(Vnnlib, BadFilesAreRefusedWithTheirLine) {
  const auto error = [](const std::string& text) { return error_of([&] { parse_vnnlib(text, "f"); }); };
  EXPECT_EQ(error(""), "f: required (declare-const X_0 Real), got no input");
  EXPECT_EQ(error("(declare-const X_1 Real)"), "f: line 1: required X_0, got \"X_1\"");
  EXPECT_EQ(error("(declare-const X_0 Int)"), "f: line 1: required Real, got \"Int\"");
  EXPECT_EQ(error("(declare-const X_0 Real)\n(assert (<= X_0 1)"),
            "f: line 2: required ), got the end of the file");
  EXPECT_EQ(error("(declare-const X_0 Real)\n\n(assert (< X_0 1))"),
            "f: line 3: required <=, >=, and, or, got \"<\"");
  EXPECT_EQ(error("(declare-const X_0 Real)(assert (<= X_1 1))"),
            "f: line 1: required a declared variable, got \"X_1\"");
  EXPECT_EQ(error("(declare-const X_0 Real)(assert (<= X_0 one))"),
            "f: line 1: required a variable or a number, got \"one\"");
  EXPECT_EQ(error("(declare-const X_0 Real)(assert (<= X_0 inf))"),
            "f: line 1: required a variable or a number, got \"inf\"");
  EXPECT_EQ(error("(declare-const X_0 Real)(assert (<= X_0 1))"),
            "f: required bounds (<= X_0 …) and (>= X_0 …), got only the upper one");
  EXPECT_EQ(error("(declare-const X_0 Real)(assert (<= X_0 1))(assert (>= X_0 2))"),
            "f: required a box with lower bounds <= upper bounds, got only empty ones");
  EXPECT_EQ(error("(check-sat)"), "f: line 1: required declare-const or assert, got \"check-sat\"");
  std::string deep = "(declare-const X_0 Real)(assert ";
  for (int i = 0; i < 100; ++i) deep += "(and ";
  EXPECT_EQ(error(deep), "f: line 1: required at most 64 nested formulas");
}

// --- networks -------------------------------------------------------------------------------------------------

std::string literal(const std::vector<float>& v, const std::string& shape) {
  std::string s = cat("f32[", shape, "] {");
  for (size_t i = 0; i < v.size(); ++i) s += cat(i ? ", " : "", v[i]);
  return s + "}";
}

// inputs -> hidden -> hidden -> outputs, with relus and biases; weights are random from the seed, each of them off
// by at most `change` of itself.
Module net(uint64_t seed, double change, int inputs = 3, int hidden = 12, int outputs = 3,
           uint64_t changes = 1) {
  std::mt19937_64 random(seed), other(seed + changes);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform(-1, 1);
  const auto weights = [&](int n, double scale) {
    std::vector<float> v(static_cast<size_t>(n));
    for (float& w : v) {
      w = normal(random) * static_cast<float>(scale);
      w += w * static_cast<float>(change) * uniform(other);
    }
    return v;
  };
  const int sizes[] = {inputs, hidden, hidden, outputs};
  std::string body;
  int next = 1, at = 0;
  for (int l = 0; l < 3; ++l) {
    const int k = sizes[l], n = sizes[l + 1];
    body += cat("  %", next, " = ", literal(weights(n * k, std::sqrt(2.0 / k)), cat(n, ", ", k)), "\n  %",
                next + 1, " = ", literal(weights(n, 0.2), cat(n)), "\n  %", next + 2, " = contract(%", at,
                ", %", next, ") {access: over {m: 1, n: ", n, " | k: ", k, "} [m, k] [n, k]} : f32[1, ", n,
                "]\n  %", next + 3, " = add(%", next + 2, ", %", next + 1, ") : f32[1, ", n, "]\n");
    at = next + 3;
    next += 4;
    if (l == 2) break;
    body += cat("  %", next, " = relu(%", at, ") : f32[1, ", n, "]\n");
    at = next++;
  }
  return parse_module(cat("module net semantics ", kSemanticsVersion, "\n\nfunc main(%0 \"x\": f32[1, ",
                          inputs, "]) -> (\"y\") {\n", body, "  return %", at, "\n}\n"));
}

std::vector<double> run(const Module& m, const std::vector<float>& x, uint64_t execution) {
  const Tensor in = Tensor::of<float>({1, static_cast<int64_t>(x.size())}, x);
  const auto out = equivalence::legal_execution(m, {Value(in)}, execution);
  const auto v = out[0].tensor.values<float>();
  return {v.begin(), v.end()};
}

Box box_around(std::mt19937_64& random, size_t inputs, double radius) {
  std::uniform_real_distribution<double> uniform(-1, 1);
  Box box;
  for (size_t i = 0; i < inputs; ++i) {
    const double c = uniform(random);
    box.push_back({c - radius, c + radius});
  }
  return box;
}

std::vector<float> point(std::mt19937_64& random, const Box& box) {
  std::vector<float> x;
  for (const Range& r : box) {
    const int how = static_cast<int>(random() % 4);
    const double at = how == 0   ? r.lo
                      : how == 1 ? r.hi
                                 : std::uniform_real_distribution<double>(r.lo, r.hi)(random);
    auto f = static_cast<float>(at);
    if (static_cast<double>(f) < r.lo) f = std::nextafter(f, INFINITY);
    if (static_cast<double>(f) > r.hi) f = std::nextafter(f, -INFINITY);
    x.push_back(f);
  }
  return x;
}

TEST(DifferenceBounds, ExecutionsOfBothStayWithin) {
  // Between the widths at which everything and nothing is decided, and between equal networks, of which only
  // rounding is left, and ones with nothing in common.
  double closest = 0, closest_equal = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    std::mt19937_64 random(seed);
    const double change = std::array{0.0, 1e-3, 0.1, 2.0}[seed % 4],
                 radius = std::pow(10.0, -static_cast<double>(seed % 5));
    const Module a = net(seed, 0), b = net(seed, change);
    const PairOfChains pair = pair_of(chain_of(a, "A"), chain_of(b, "B"));
    DifferenceBounds bounds(pair);
    const Box box = box_around(random, 3, radius);
    bounds.run(box);
    for (int n = 0; n < 60; ++n) {
      const std::vector<float> x = point(random, box);
      const std::vector<double> ya = run(a, x, static_cast<uint64_t>(n) % 5),
                                yb = run(b, x, static_cast<uint64_t>(n) / 5 % 5);
      for (size_t i = 0; i < 3; ++i) {
        const Range d = bounds.difference()[i];
        ASSERT_GE(yb[i] - ya[i], d.lo);
        ASSERT_LE(yb[i] - ya[i], d.hi);
        ASSERT_LE(std::fabs(yb[i] - ya[i]), bounds.largest());
        const double used = std::fabs(yb[i] - ya[i]) / bounds.largest();
        (change == 0 ? closest_equal : closest) = std::max(change == 0 ? closest_equal : closest, used);
        for (size_t j = 0; j < 3; ++j) {
          if (i == j) continue;
          const Range ma = bounds.margin_a(i, j), mb = bounds.margin_b(i, j);
          ASSERT_TRUE(ya[i] - ya[j] >= ma.lo && ya[i] - ya[j] <= ma.hi);
          ASSERT_TRUE(yb[i] - yb[j] >= mb.lo && yb[i] - yb[j] <= mb.hi);
        }
      }
    }
  }
  EXPECT_GT(closest, 0.5);         // the bounds are of use
  EXPECT_GT(closest_equal, 1e-3);  // and of rounding alone
}

TEST(DifferenceBounds, OfSmallNetworksAreCloseAndStillNotCrossed) {
  // Few neurons: bounds are near what is reached, so that a line that cuts off a little of a relu shows.
  double closest = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    std::mt19937_64 random(seed);
    const double change = std::array{1.0, 0.1}[seed % 2];
    const Module a = net(seed, 0, 2, 3, 2), b = net(seed, change, 2, 3, 2);
    const PairOfChains pair = pair_of(chain_of(a, "A"), chain_of(b, "B"));
    DifferenceBounds bounds(pair);
    const Box box = box_around(random, 2, 1);
    bounds.run(box);
    for (int n = 0; n < 40; ++n) {
      const std::vector<float> x = point(random, box);
      const std::vector<double> ya = run(a, x, 0), yb = run(b, x, 0);
      for (size_t i = 0; i < 2; ++i) {
        ASSERT_GE(yb[i] - ya[i], bounds.difference()[i].lo);
        ASSERT_LE(yb[i] - ya[i], bounds.difference()[i].hi);
        const Range m = bounds.margin_a(i, 1 - i);
        ASSERT_TRUE(ya[i] - ya[1 - i] >= m.lo && ya[i] - ya[1 - i] <= m.hi);
        closest = std::max(closest, std::fabs(yb[i] - ya[i]) / bounds.largest());
      }
    }
  }
  EXPECT_GT(closest, 0.9);
}

TEST(DifferenceBounds, AreMuchNarrowerThanThoseOfTheNetworksApart) {
  const Module a = net(7, 0), b = net(7, 1e-3);
  const PairOfChains pair = pair_of(chain_of(a, "A"), chain_of(b, "B"));
  DifferenceBounds bounds(pair);
  std::mt19937_64 random(7);
  bounds.run(box_around(random, 3, 0.1));
  const Range a01 = bounds.margin_a(0, 1);
  EXPECT_LT(bounds.largest(), (a01.hi - a01.lo) / 50);
}

TEST(ReluChain, OtherGraphsAreRefusedByNode) {
  const auto refusal = [](const std::string& body) {
    return error_of(
        [&] { chain_of(parse_module(cat("module net semantics ", kSemanticsVersion, "\n\n", body)), "A"); });
  };
  const std::string required =
      ": required a chain of products with constant matrices, sums with constants and relus, got ";
  EXPECT_EQ(
      refusal("func main(%0 \"x\": f32[1, 2]) -> (\"y\") {\n  %1 = exp(%0) : f32[1, 2]\n  return %1\n}\n"),
      cat("A: %1", required, "exp"));
  EXPECT_EQ(refusal("func main(%0 \"x\": f32[1, 2]) -> (\"y\") {\n  %1 = relu(%0) : f32[1, 2]\n"
                    "  %2 = add(%0, %1) : f32[1, 2]\n  return %2\n}\n"),
            cat("A: %2", required, "add of two values that depend on the input"));
  EXPECT_EQ(
      refusal("func main(%0 \"x\": f64[1, 2]) -> (\"y\") {\n  %1 = relu(%0) : f64[1, 2]\n  return %1\n}\n"),
      cat("A: %0", required, "f64[1, 2]"));
  EXPECT_EQ(error_of([] { pair_of(chain_of(net(1, 0), "A"), chain_of(net(1, 0, 3, 11), "B")); }),
            "layer 1: required 3 -> 12 with relu in B as in A, got 3 -> 11 with relu");
}

TEST(ReluChain, ConstantsMayBeComputedInTheGraph) {
  const Chain c = chain_of(parse_module(cat("module net semantics ", kSemanticsVersion, R"(

func main(%0 "x": f32[N, 2]) -> ("y") {
  %1 = i8[2, 2] {1, 2, 3, -4}
  %2 = cast(%1) {to: f32} : f32[2, 2]
  %3 = f32[1] {0.5}
  %4 = mul(%2, %3) : f32[2, 2]
  %5 = contract(%0, %4) {access: over {m: N, n: 2 | k: 2} [m, k] [n, k]} : f32[N, 2]
  %6 = sub(%3, %5) : f32[N, 2]
  return %6
}
)")),
                           "A");
  ASSERT_EQ(c.layers.size(), 2u);
  EXPECT_EQ(c.layers[0].weights, (std::vector<double>{0.5, 1, 1.5, -2}));
  EXPECT_EQ(c.layers[0].roundings, 4);
  EXPECT_EQ(c.layers[1].weights, (std::vector<double>{-1, 0, 0, -1}));
  EXPECT_EQ(c.layers[1].bias, (std::vector<double>{0.5, 0.5}));
}

// --- the search -----------------------------------------------------------------------------------------------

struct Searched {
  Module a, b;
  PairOfChains pair;
  explicit Searched(uint64_t seed, double change)
      : a(net(seed, 0)), b(net(seed, change)), pair(pair_of(chain_of(a, "A"), chain_of(b, "B"))) {}
  Outputs evaluate(std::span<const float> x) const {
    const std::vector<float> in(x.begin(), x.end());
    const std::vector<double> ya = run(a, in, 0), yb = run(b, in, 0);
    return {{ya.begin(), ya.end()}, {yb.begin(), yb.end()}};
  }
  Found search(const std::vector<Box>& boxes, const Goal& goal, const SearchOptions& options = {}) const {
    return region::search(
        pair, boxes, goal, [this](std::span<const float> x) { return evaluate(x); }, options);
  }
  double worst(const std::vector<Box>& boxes, int samples) const {
    std::mt19937_64 random(99);
    double most = 0;
    for (int n = 0; n < samples; ++n) {
      const std::vector<float> x = point(random, boxes[static_cast<size_t>(n) % boxes.size()]);
      const std::vector<double> ya = run(a, x, 0), yb = run(b, x, 0);
      for (size_t i = 0; i < ya.size(); ++i) most = std::max(most, std::fabs(yb[i] - ya[i]));
    }
    return most;
  }
};

SearchOptions options(int threads, int64_t most_boxes = 0) {
  SearchOptions o;
  o.threads = threads;
  o.most_boxes = most_boxes;
  return o;
}

const std::vector<Box> kWide{{{-1, 1}, {-1, 0}, {-1, 1}}, {{-1, 1}, {0.25, 1}, {-1, 1}}};

TEST(Region, ProvesWhatHoldsAndRefutesWhatDoesNot) {
  const Searched s(3, 1e-2);
  const double worst = s.worst(kWide, 4000);
  const Found wide = s.search(kWide, {Goal::Kind::Epsilon, worst * 1.5});
  EXPECT_EQ(wide.kind, Found::Kind::Proved);
  EXPECT_GT(wide.boxes, 2);  // not without splits
  EXPECT_LE(wide.bound, worst * 1.5);
  EXPECT_GE(wide.bound, worst);
  EXPECT_EQ(wide.left, 0);
  const Found narrow = s.search(kWide, {Goal::Kind::Epsilon, worst * 0.99});
  ASSERT_EQ(narrow.kind, Found::Kind::Refuted);
  const Outputs y = s.evaluate(narrow.witness);
  EXPECT_EQ(y.a, narrow.outputs.a);
  EXPECT_EQ(y.b, narrow.outputs.b);
  EXPECT_GT(std::fabs(y.b[narrow.output] - y.a[narrow.output]), worst * 0.99);
  for (size_t i = 0; i < 3; ++i) {
    const double x = static_cast<double>(narrow.witness[i]);
    EXPECT_TRUE((x >= kWide[0][i].lo && x <= kWide[0][i].hi) || (x >= kWide[1][i].lo && x <= kWide[1][i].hi));
  }
}

TEST(Region, EqualNetworksDifferByRounding) {
  // No two executions are promised to be equal, so epsilon 0 cannot be proved; the least of roundings can.
  const Searched s(5, 0);
  EXPECT_EQ(s.search(kWide, {Goal::Kind::Epsilon, 0}, options(0, 200)).kind, Found::Kind::Open);
  EXPECT_EQ(s.search(kWide, {Goal::Kind::Epsilon, 1e-4}).kind, Found::Kind::Proved);
}

TEST(Region, TheTreeIsTheSameForAnyNumberOfThreads) {
  const Searched s(3, 1e-2);
  const double epsilon = s.worst(kWide, 500) * 1.5;
  const Found one = s.search(kWide, {Goal::Kind::Epsilon, epsilon}, options(1));
  ASSERT_EQ(one.kind, Found::Kind::Proved);
  for (const int threads : {2, 3, 5}) {
    const Found more = s.search(kWide, {Goal::Kind::Epsilon, epsilon}, options(threads));
    EXPECT_EQ(more.kind, Found::Kind::Proved);
    EXPECT_EQ(more.boxes, one.boxes);
    EXPECT_EQ(more.leaves, one.leaves);
    EXPECT_EQ(more.bound, one.bound);
  }
}

TEST(Region, AnInterruptedSearchGoesOn) {
  const Searched s(3, 1e-2);
  const Goal goal{Goal::Kind::Epsilon, s.worst(kWide, 500) * 1.5};
  const Found whole = s.search(kWide, goal, options(2));
  const std::string state = testing::TempDir() + "region_test.state";
  std::filesystem::remove(state);
  SearchOptions o = options(2, whole.boxes / 4);
  o.state = state;
  o.identity = "a pair";
  Found part = s.search(kWide, goal, o);
  ASSERT_EQ(part.kind, Found::Kind::Open);
  EXPECT_GT(part.left, 0);
  EXPECT_LT(part.closed, 1);
  o.identity = "another pair";
  EXPECT_EQ(error_of([&] { s.search(kWide, goal, o); }),
            cat(state, ": required the state of a search for this pair, goal and box, got another file"));
  o.identity = "a pair";
  o.most_boxes = 0;
  part = s.search(kWide, goal, o);
  EXPECT_EQ(part.kind, Found::Kind::Proved);
  EXPECT_EQ(part.boxes, whole.boxes);
  EXPECT_EQ(part.leaves, whole.leaves);
  EXPECT_EQ(part.bound, whole.bound);
  EXPECT_FALSE(std::filesystem::exists(state));
  write_file(state, "tauto region state 2\na pair goal 0");
  EXPECT_NE(error_of([&] { read_state(state, "a pair goal 0"); }), "no error");
  std::filesystem::remove(state);
}

TEST(Region, DecisionsOfBothAreOne) {
  const Searched s(11, 1e-4);
  std::mt19937_64 random(1);
  int proved = 0, refuted = 0;
  for (int n = 0; n < 30; ++n) {
    const std::vector<Box> boxes{box_around(random, 3, 0.05)};
    for (const Goal::Kind kind : {Goal::Kind::Top1, Goal::Kind::ArgMin}) {
      const Found f = s.search(boxes, {kind, 0}, options(1, 400));
      proved += f.kind == Found::Kind::Proved;
      refuted += f.kind == Found::Kind::Refuted;
      const auto decided = [&](const auto& y) {
        return kind == Goal::Kind::Top1 ? std::max_element(y.begin(), y.end()) - y.begin()
                                        : std::min_element(y.begin(), y.end()) - y.begin();
      };
      if (f.kind == Found::Kind::Refuted) {
        EXPECT_NE(decided(f.outputs.a), decided(f.outputs.b));
      }
      if (f.kind != Found::Kind::Proved) continue;
      for (int k = 0; k < 40; ++k) {
        const std::vector<float> x = point(random, boxes[0]);
        ASSERT_EQ(decided(run(s.a, x, static_cast<uint64_t>(k) % 3)),
                  decided(run(s.b, x, static_cast<uint64_t>(k) % 3)));
      }
    }
  }
  EXPECT_GT(proved, 20);
  EXPECT_GT(refuted, 0);
}

TEST(Region, AFaultInOneCornerIsFound) {
  // B is A but for a spike that only a corner of the box switches on.
  const std::string head = cat("module net semantics ", kSemanticsVersion, "\n\n");
  const auto corner = [&](double gain) {
    return parse_module(cat(head, R"(func main(%0 "x": f32[1, 2]) -> ("y") {
  %1 = f32[2, 2] {1.0, 1.0, 1.0, -1.0}
  %2 = f32[2] {-1.99, 0.5}
  %3 = contract(%0, %1) {access: over {m: 1, n: 2 | k: 2} [m, k] [n, k]} : f32[1, 2]
  %4 = add(%3, %2) : f32[1, 2]
  %5 = relu(%4) : f32[1, 2]
  %6 = f32[1, 2] {)",
                            gain, R"(, 1.0}
  %7 = contract(%5, %6) {access: over {m: 1, n: 1 | k: 2} [m, k] [n, k]} : f32[1, 1]
  return %7
})"));
  };
  const Module a = corner(0), b = corner(10);
  const PairOfChains pair = pair_of(chain_of(a, "A"), chain_of(b, "B"));
  const Evaluate evaluate = [&](std::span<const float> x) {
    const std::vector<float> in(x.begin(), x.end());
    const std::vector<double> ya = run(a, in, 0), yb = run(b, in, 0);
    return Outputs{{ya.begin(), ya.end()}, {yb.begin(), yb.end()}};
  };
  const std::vector<Box> box{{{-1, 1}, {-1, 1}}};
  EXPECT_EQ(search(pair, box, {Goal::Kind::Epsilon, 0.099}, evaluate, {}).kind, Found::Kind::Refuted);
  EXPECT_EQ(search(pair, box, {Goal::Kind::Epsilon, 0.101}, evaluate, {}).kind, Found::Kind::Proved);
}

TEST(Region, WhatDoesNotFitIsRefused) {
  const Searched s(1, 0.1);
  EXPECT_EQ(error_of([&] {
              s.search({{{0, 1}}}, {Goal::Kind::Epsilon, 1});
            }),
            "required a box of 3 inputs as the networks have, got 1");
  EXPECT_EQ(error_of([&] {
              s.search(kWide, {Goal::Kind::Epsilon, -1});
            }),
            "--epsilon: required a finite number of 0 or more, got -1");
}

}  // namespace
}  // namespace tauto::region
