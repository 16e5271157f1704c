// Data movement against index formulas, on random shapes (empty ones too), whatever is known beforehand.
#include <gtest/gtest.h>

#include <algorithm>

#include "graph/text.h"
#include "ops/run_op.h"
#include "ops/term.h"

namespace tauto {
namespace {

constexpr Known kAll[] = {kEverything, kShapesOnly, kValuesOnly, kNothing};

Value list(std::vector<int64_t> v) { return Tensor::ints(v); }

// What Python's range(*slice(start, end, step).indices(n)) lists.
std::vector<int64_t> python_slice(int64_t start, int64_t end, int64_t step, int64_t n) {
  std::vector<int64_t> r;
  const auto normal = [n](int64_t i) { return i < 0 ? i + n : i; };
  if (step > 0)
    for (int64_t i = 0; i < n; ++i) {
      const int64_t first = std::max<int64_t>(normal(start), 0);
      if (i >= first && i < normal(end) && (i - first) % step == 0) r.push_back(i);
    }
  else
    for (int64_t i = n - 1; i >= 0; --i) {
      const int64_t first = std::min(normal(start), n - 1);
      if (i <= first && i > normal(end) && (first - i) % -step == 0) r.push_back(i);
    }
  return r;
}

TEST(Slice, TakesWhatPythonTakes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(2, 6));
    const int64_t axis = random.between(0, 1), step = (random.coin() ? 1 : -1) * random.between(1, 4);
    const int64_t huge[] = {INT64_MAX, INT64_MIN, INT32_MAX, -INT32_MAX};
    const auto bound = [&] {
      return random.between(0, 4) ? random.between(-8, 8) : huge[random.between(0, 3)];
    };
    int64_t start = bound(), end = bound();
    if (start == INT64_MIN) start = -INT32_MAX;  // so that the formula above does not overflow
    if (end == INT64_MIN) end = -INT32_MAX;
    const auto at = python_slice(start, end, step, x.dim(axis));
    Shape want = x.shape();
    want[static_cast<size_t>(axis)] = static_cast<int64_t>(at.size());
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::slice, {x, list({start}), list({end}), list({step})},
                                  {{"axes", Ints{axis - (random.coin() ? 2 : 0)}}}, known);
      ASSERT_EQ(y.shape(), want);
      each_index(want, [&](Shape index, int64_t i) {
        auto& k = index[static_cast<size_t>(axis)];
        k = at[static_cast<size_t>(k)];
        EXPECT_EQ(y.data<int64_t>()[i], x.data<int64_t>()[linear(x.shape(), index)]);
      });
    }
  }
}

TEST(Slice, ClosedFormsOfSymbolicDims) {
  const auto type = [](Ints starts, Ints ends, Ints steps) {
    Module m;
    Builder b(m, "main");
    const Id x = b.parameter("x", parse_type("f32[N]"));
    return text_of(b.type(b.add(ops::slice, {x, b.ints(starts), b.ints(ends), b.ints(steps)})));
  };
  EXPECT_EQ(type({0}, {INT64_MAX}, {1}), "f32[N]");
  EXPECT_EQ(type({0}, {INT32_MAX}, {2}), "f32[floor((N + 1)/2)]");
  EXPECT_EQ(type({1}, {INT64_MAX}, {1}), "f32[N - min(N, 1)]");
  EXPECT_EQ(type({0}, {-1}, {1}), "f32[max(N, 1) - 1]");
  EXPECT_EQ(type({-1}, {INT64_MIN}, {-1}), "f32[N]");
}

TEST(Transpose, UndoneByTheInverse) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const int64_t rank = random.between(0, 4);
    const Tensor x = random.ints(random.shape(rank));
    Ints perm, inverse(static_cast<size_t>(rank));
    for (int64_t i = 0; i < rank; ++i) perm.insert(perm.begin() + random.between(0, i), i);
    for (size_t i = 0; i < perm.size(); ++i) inverse[static_cast<size_t>(perm[i])] = static_cast<int64_t>(i);
    const Tensor y = run_tensor(ops::transpose, {x}, {{"perm", perm}}, kNothing);
    each_index(y.shape(), [&](const Shape& index, int64_t i) {
      Shape from(index.size());
      for (size_t d = 0; d < index.size(); ++d) from[static_cast<size_t>(perm[d])] = index[d];
      EXPECT_EQ(y.data<int64_t>()[i], x.data<int64_t>()[linear(x.shape(), from)]);
    });
    EXPECT_EQ(run_tensor(ops::transpose, {y}, {{"perm", inverse}}), x);
  }
}

TEST(Expand, RepeatsAlongDimsOfOne) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Shape whole = random.shape(random.between(0, 4));
    Shape from(whole.begin() + random.between(0, static_cast<int64_t>(whole.size())), whole.end()),
        to = whole;
    for (int64_t& d : from)
      if (random.coin()) d = 1;
    for (size_t i = 0; i < to.size(); ++i) {
      const size_t lead = to.size() - from.size();
      if (i >= lead && random.coin()) to[i] = from[i - lead] == whole[i] ? 1 : whole[i];
    }
    const Tensor x = random.ints(from);
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::expand, {x, list(to)}, {}, known);
      ASSERT_EQ(y.shape(), whole);
      each_index(whole, [&](const Shape& index, int64_t i) {
        Shape k(index.end() - x.rank(), index.end());
        for (size_t d = 0; d < k.size(); ++d)
          if (from[d] == 1) k[d] = 0;
        EXPECT_EQ(y.data<int64_t>()[i], x.data<int64_t>()[linear(from, k)]);
      });
    }
  }
}

TEST(Reshape, KeepsTheElementsInOrder) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4, random.between(0, 1)));
    Ints to = x.shape();
    if (random.coin()) to = {x.dim(0), x.dim(1) * x.dim(2)};
    if (random.coin() && (x.count() > 0 || to.back() == x.shape().back())) to.back() = -1;
    Attributes attributes;
    if (random.coin() && to[0] == x.dim(0)) to[0] = 0, attributes.set("copy_zero", int64_t{1});
    if (x.count() == 0 && to.back() == -1 && to.size() == 2) continue;
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::reshape, {x, list(to)}, attributes, known);
      EXPECT_EQ(y.reshaped(x.shape()), x);
      EXPECT_EQ(y.rank(), static_cast<int64_t>(to.size()));
    }
  }
}

TEST(Reshape, FindsTheMissingDimOfAnEmptyBatch) {
  EXPECT_EQ(run_tensor(ops::reshape, {Tensor(f32, {0, 6}), list({0, 2, -1})}).shape(), (Shape{0, 2, 3}));
  EXPECT_EQ(error_of(ops::reshape, {Tensor(f32, {6, 0}), list({0, -1})}),
            "reshape(f32[6, 0], i64[2]): -1 stands for any number here: another dim is 0");
  EXPECT_EQ(error_of(ops::reshape, {Tensor(f32, {2, 3}), list({4, -1})}),
            "reshape(f32[2, 3], i64[2]): 6 elements are not a multiple of 4");
  EXPECT_EQ(error_of(ops::reshape, {Tensor(f32, {2, 3}), list({7})}, {}, kNothing),
            "function @main, %2: reshape(f32[2, 3], i64[1]): required 6 elements, f32[7] has 7");
}

TEST(Concat, PutsSlicesTogetherAgain) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 6));
    const int64_t axis = random.between(-3, 2);
    const int64_t cut = random.between(0, 7), again = random.between(cut, 8);
    const auto part = [&](int64_t from, int64_t to) -> Value {
      return run_tensor(ops::slice, {x, list({from}), list({to}), list({1})}, {{"axes", Ints{axis}}},
                        kNothing);
    };
    EXPECT_EQ(
        run_tensor(ops::concat, {part(0, cut), part(cut, again), part(again, 9)}, {{"axis", axis}}, kNothing),
        x);
  }
}

// Where a walker stands who starts at 0 and takes `steps` steps, turning round at the ends of [0, n).
int64_t bounced(int64_t steps, int64_t n) {
  if (n == 1) return 0;
  int64_t at = 0, direction = steps < 0 ? 1 : 1;
  for (int64_t i = 0; i < std::abs(steps); ++i) {
    if (at + direction < 0 || at + direction >= n) direction = -direction;
    at += direction;
  }
  return at;
}

TEST(Pad, FollowsItsModes) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(2, 4, 1));
    const char* modes[] = {"constant", "edge", "reflect", "wrap"};
    const std::string mode = modes[random.between(0, 3)];
    const Ints pads{random.between(0, 7), random.between(0, 7), random.between(0, 7), random.between(0, 7)};
    std::vector<Value> in{x, list(pads)};
    if (mode == "constant") in.push_back(Tensor::scalar<int64_t>(77));
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::pad, in, {{"mode", mode}}, known);
      ASSERT_EQ(y.shape(), (Shape{x.dim(0) + pads[0] + pads[2], x.dim(1) + pads[1] + pads[3]}));
      each_index(y.shape(), [&](const Shape& index, int64_t i) {
        Shape from;
        bool inside = true;
        for (size_t d = 0; d < 2; ++d) {
          const int64_t k = index[d] - pads[d], n = x.shape()[d];
          inside &= k >= 0 && k < n;
          from.push_back(mode == "edge"   ? std::clamp<int64_t>(k, 0, n - 1)
                         : mode == "wrap" ? (k + 8 * n) % n
                                          : bounced(k, n));
        }
        const int64_t want = mode == "constant" && !inside ? 77 : x.data<int64_t>()[linear(x.shape(), from)];
        EXPECT_EQ(y.data<int64_t>()[i], want) << mode << " " << text_of(std::span<const int64_t>(index));
      });
      // Cutting the same counts off again gives x.
      const Tensor back = run_tensor(
          ops::pad, {y, list({-pads[0], -pads[1], -pads[2], -pads[3]}), Tensor::scalar<int64_t>(0)},
          {{"mode", std::string("constant")}}, known);
      EXPECT_EQ(back, x);
    }
  }
}

TEST(Pad, RefusesWhatHasNoElement) {
  const auto mode = [](const char* m) { return Attributes{{"mode", std::string(m)}}; };
  EXPECT_EQ(error_of(ops::pad, {Tensor(f32, {0}), list({1, 0})}, mode("edge")),
            "pad(f32[0], i64[2]): axis 0: mode edge has no element to take");
  EXPECT_EQ(
      error_of(ops::pad, {Tensor(f32, {2}), list({-1, -2}), Tensor::scalar<float>(0)}, mode("constant")),
      "pad(f32[2], i64[2], f32[]): axis 0: 3 elements cut off from 2");
  EXPECT_EQ(error_of(ops::pad, {Tensor(f32, {2}), list({1, 1})}, mode("constant")),
            "pad(f32[2], i64[2]): mode constant: required a value");
}

// --- shape arithmetic ------------------------------------------------------------------------------------

TEST(ShapeArithmetic, ShapeGatherUnsqueezeConcatReshapeFolds) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, T, 768]"));
  const auto one = [&](Id v) { return b.add(ops::reshape, {v, b.ints({1})}); };
  const Id shape = b.add(ops::shape_of, {x});
  const Id n = one(b.add(ops::gather, {shape, b.scalar<int64_t>(0)}, {{"axis", int64_t{0}}}));
  const Id t = one(b.add(ops::gather, {shape, b.scalar<int64_t>(-2)}, {{"axis", int64_t{0}}}));
  const Id to = b.add(ops::concat, {n, t, b.ints({12}), b.ints({-1})}, {{"axis", int64_t{0}}});
  const Id y = b.add(ops::reshape, {x, to});
  EXPECT_EQ(text_of(b.type(y)), "f32[N, T, 12, 64]");
  EXPECT_EQ(b.node(to).op, &ops::dims);
  const Id z = b.add(ops::transpose, {y}, {{"perm", Ints{0, 2, 1, 3}}});
  b.finish({z}, {"z"});
  EXPECT_EQ(verify(m), "");
  EXPECT_EQ(text_of(m.main().result_types()[0]), "f32[N, 12, T, 64]");
  EXPECT_EQ(m.main().nodes.size(), 4u) << print(m).text;  // x, dims, reshape, transpose
  EXPECT_EQ(interpret(m, {Tensor(f32, {2, 5, 768})})[0].tensor.shape(), (Shape{2, 12, 5, 64}));
}

TEST(ShapeArithmetic, MovementOfKnownIntegersIsDoneByTheBuilder) {
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N, 3, H, W]"));
  const Id shape = b.add(ops::shape_of, {x});
  const auto known = [&](Id id) { return text_of(Attribute(b.known(id).value_or(Dims{}))); };
  const auto slice = [&](int64_t from, int64_t to, int64_t step) {
    return b.add(ops::slice, {shape, b.ints({from}), b.ints({to}), b.ints({step})});
  };
  EXPECT_EQ(known(slice(2, INT64_MAX, 1)), "dims[H, W]");
  EXPECT_EQ(known(slice(-1, INT64_MIN, -1)), "dims[W, H, 3, N]");
  EXPECT_EQ(known(b.add(ops::size_of, {x})), "dims[3*H*N*W]");
  EXPECT_EQ(known(b.add(ops::cum_sum, {slice(0, 2, 1)}, {{"axis", int64_t{0}}})), "dims[N, N + 3]");
  EXPECT_EQ(known(b.add(ops::expand, {slice(0, 1, 1), b.ints({2})})), "dims[N, N]");
  EXPECT_EQ(known(b.add(ops::pad, {slice(0, 1, 1), b.ints({1, 0}), b.scalar<int64_t>(7)},
                        {{"mode", std::string("constant")}})),
            "dims[7, N]");
  EXPECT_EQ(known(b.add(ops::scatter_elements, {shape, b.ints({1}), b.add(ops::shape_of, {shape})},
                        {{"axis", int64_t{0}}, {"reduction", std::string("add")}})),
            "dims[N, 7, H, W]");
  const Id r = b.add(ops::range, {b.scalar<int64_t>(0), b.scalar<int64_t>(9), b.scalar<int64_t>(4)});
  EXPECT_EQ(known(r), "dims[0, 4, 8]");
}

TEST(ShapeArithmetic, ASizeThatANodeDecidesKeepsTheNode) {
  // The number of elements that are not 0: nothing reads the nonzero but the symbol in its shape.
  Module m;
  Builder b(m, "main");
  const Id x = b.parameter("x", parse_type("f32[N]"));
  const Id where = b.add(ops::nonzero, {x});
  const Id n =
      b.add(ops::gather, {b.add(ops::shape_of, {where}), b.scalar<int64_t>(1)}, {{"axis", int64_t{0}}});
  EXPECT_EQ(b.node(n).op, &ops::dims);
  b.finish({n}, {"n"});
  EXPECT_EQ(verify(m), "");
  EXPECT_EQ(interpret(m, {Tensor::of<float>({4}, std::vector<float>{0, 1, 2, 0})})[0].tensor,
            Tensor::scalar<int64_t>(2));
}

// --- gather and scatter ----------------------------------------------------------------------------------

TEST(Gather, TakesSlicesByIndex) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4, 1));
    const int64_t axis = random.between(0, 2), n = x.dim(axis);
    const Tensor indices = random.ints(random.shape(random.between(0, 2), 3), -n, n - 1);
    for (const Known& known : kAll) {
      const Tensor y = run_tensor(ops::gather, {x, indices}, {{"axis", axis}}, known);
      each_index(y.shape(), [&](const Shape& index, int64_t i) {
        const Shape k(index.begin() + axis, index.begin() + axis + indices.rank());
        const int64_t at = indices.data<int64_t>()[linear(indices.shape(), k)];
        Shape from(index.begin(), index.begin() + axis);
        from.push_back(at < 0 ? at + n : at);
        from.insert(from.end(), index.begin() + axis + indices.rank(), index.end());
        EXPECT_EQ(y.data<int64_t>()[i], x.data<int64_t>()[linear(x.shape(), from)]);
      });
    }
  }
}

TEST(Gather, NamesTheIndexAndItsBound) {
  EXPECT_EQ(error_of(ops::gather, {Tensor(f32, {4}), list({1, -5})}, {{"axis", int64_t{0}}}),
            "function @main, %2: gather(f32[4], i64[2]): index -5 at position 1: required -4 <= index < 4");
}

TEST(GatherElements, UndoesScatterElements) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4, 1));
    const int64_t axis = random.between(-3, 2);
    const auto a = static_cast<size_t>(axis < 0 ? axis + 3 : axis);
    // Distinct indices along the axis: a rotation.
    const int64_t n = x.shape()[a], turn = random.between(0, n - 1);
    Tensor indices(i64, x.shape());
    each_index(x.shape(), [&](const Shape& index, int64_t i) {
      indices.data<int64_t>()[i] = (index[a] + turn) % n - (random.coin() ? n : 0);
    });
    const Tensor updates = random.ints(x.shape());
    const Attributes along{{"axis", axis}};
    const Tensor y = run_tensor(ops::scatter_elements, {x, indices, updates}, along, kNothing);
    EXPECT_EQ(run_tensor(ops::gather_elements, {y, indices}, along, kNothing), updates);
  }
}

TEST(ScatterElements, CombinesInOrder) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.floats(random.shape(2, 4, 1));
    const int64_t axis = random.between(0, 1);
    Shape few = x.shape();
    for (int64_t& d : few) d = random.between(0, d);
    const Tensor indices = random.ints(few, 0, x.dim(axis) - 1), updates = random.floats(few);
    const std::string reductions[] = {"none", "add", "mul", "max", "min"};
    const std::string reduction = reductions[random.between(0, 4)];
    std::vector<float> want(x.data<float>(), x.data<float>() + x.count());
    each_index(few, [&](Shape index, int64_t i) {
      index[static_cast<size_t>(axis)] = indices.data<int64_t>()[i];
      float& w = want[static_cast<size_t>(linear(x.shape(), index))];
      const float u = updates.data<float>()[i];
      w = reduction == "add"   ? w + u
          : reduction == "mul" ? w * u
          : reduction == "max" ? std::max(w, u)
          : reduction == "min" ? std::min(w, u)
                               : u;
    });
    const Tensor y = run_tensor(ops::scatter_elements, {x, indices, updates},
                                {{"axis", axis}, {"reduction", reduction}}, kNothing);
    EXPECT_EQ(y, (Tensor::of<float>(x.shape(), want))) << reduction;
  }
}

TEST(GatherNd, IsGatherForTuplesOfOne) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4, 1));
    const int64_t n = random.between(0, 4);
    const Tensor indices = random.ints({n, 1}, -x.dim(0), x.dim(0) - 1);
    const Tensor y = run_tensor(ops::gather_nd, {x, indices}, {}, kNothing);
    EXPECT_EQ(y, run_tensor(ops::gather, {x, indices.reshaped({n})}, {{"axis", int64_t{0}}}));
    // With one batch dim: element b of the batch takes from row b.
    const int64_t m = random.between(0, 3), batch = x.dim(0);
    const Tensor inner = random.ints({batch, m, 1}, -x.dim(1), x.dim(1) - 1);
    const Tensor z = run_tensor(ops::gather_nd, {x, inner}, {{"batch_dims", int64_t{1}}}, kNothing);
    ASSERT_EQ(z.shape(), (Shape{batch, m, x.dim(2)}));
    each_index(z.shape(), [&](const Shape& index, int64_t i) {
      const int64_t k = inner.data<int64_t>()[index[0] * m + index[1]];
      EXPECT_EQ(z.data<int64_t>()[i],
                x.data<int64_t>()[linear(x.shape(), {index[0], k < 0 ? k + x.dim(1) : k, index[2]})]);
    });
  }
}

TEST(ScatterNd, UndoneByGatherNd) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4, 1));
    // Distinct tuples: the diagonal of the first two dims.
    const int64_t n = random.between(0, std::min(x.dim(0), x.dim(1)));
    Tensor indices(i64, {n, 2});
    for (int64_t i = 0; i < 2 * n; ++i) indices.data<int64_t>()[i] = i / 2;
    const Tensor updates = random.ints({n, x.dim(2)});
    const Tensor y = run_tensor(ops::scatter_nd, {x, indices, updates}, {}, kNothing);
    EXPECT_EQ(run_tensor(ops::gather_nd, {y, indices}, {}, kNothing), updates);
    // What the reduction adds, the difference shows.
    const Tensor sum =
        run_tensor(ops::scatter_nd, {x, indices, updates}, {{"reduction", std::string("add")}});
    int64_t total = 0;
    for (int64_t i = 0; i < x.count(); ++i) total += sum.data<int64_t>()[i] - x.data<int64_t>()[i];
    for (int64_t i = 0; i < updates.count(); ++i) total -= updates.data<int64_t>()[i];
    EXPECT_EQ(total, 0);
  }
}

TEST(ReverseSequence, IsItsOwnInverse) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(cat("seed ", seed));
    Random random(seed);
    const Tensor x = random.ints(random.shape(3, 4));
    const Attributes axes{{"batch_axis", int64_t{1}}, {"time_axis", int64_t{0}}};
    const Tensor lengths = random.ints({x.dim(1)}, 0, x.dim(0));
    const Tensor y = run_tensor(ops::reverse_sequence, {x, lengths}, axes, kNothing);
    EXPECT_EQ(run_tensor(ops::reverse_sequence, {y, lengths}, axes, kNothing), x);
    each_index(x.shape(), [&](Shape index, int64_t i) {
      const int64_t n = lengths.data<int64_t>()[index[1]];
      if (index[0] < n) index[0] = n - 1 - index[0];
      EXPECT_EQ(y.data<int64_t>()[i], x.data<int64_t>()[linear(x.shape(), index)]);
    });
  }
}

TEST(Movement, CarriesEveryElementType) {
  const std::vector<std::string> words{"a", "b", "c", "d"};
  const Tensor s = Tensor::of<std::string>({2, 2}, words);
  const Tensor t = run_tensor(ops::transpose, {s}, {{"perm", Ints{1, 0}}});
  EXPECT_EQ(t.data<std::string>()[1], "c");
  EXPECT_EQ(run_tensor(ops::concat, {s, s}, {{"axis", int64_t{0}}}).dim(0), 4);
  for (ElementType e : {f16, bf16, f64, i4, u8, boolean, i16, u64, ElementType{Kind::Complex, 128}}) {
    Tensor x(e, {2, 3});
    for (int64_t i = 0; i < x.bytes(); ++i) static_cast<char*>(x.raw())[i] = static_cast<char>(i % 2);
    const Tensor y = run_tensor(ops::transpose, {x}, {{"perm", Ints{1, 0}}});
    EXPECT_EQ(run_tensor(ops::transpose, {y}, {{"perm", Ints{1, 0}}}), x) << text_of(e);
  }
}

// A tensor without elements may have dims of any size: no work may follow from them.
TEST(Movement, EmptyTensorsWithHugeDimsCostNothing) {
  const int64_t huge = int64_t{1} << 60;
  const Tensor x(f32, {huge, 0}), y(f32, {0, huge});
  const Attributes first{{"axis", int64_t{0}}}, second{{"axis", int64_t{1}}};
  EXPECT_EQ(run_tensor(ops::gather, {y, list({})}, first).count(), 0);
  EXPECT_EQ(run_tensor(ops::gather, {x, list({})}, second).count(), 0);
  EXPECT_EQ(run_tensor(ops::concat, {x, x}, second).count(), 0);
  EXPECT_EQ(run_tensor(ops::cum_sum, {x}, first).count(), 0);
  EXPECT_EQ(run_tensor(ops::arg_max, {x}, first).count(), 0);
  EXPECT_EQ(run_tensor(ops::top_k, {x, list({5})}, first).count(), 0);
  EXPECT_EQ(run_tensor(ops::nonzero, {x}).count(), 0);
  EXPECT_EQ(run_tensor(ops::transpose, {x}, {{"perm", Ints{1, 0}}}).count(), 0);
  EXPECT_EQ(run_tensor(ops::slice, {x, list({0}), list({huge}), list({3})}).count(), 0);
  EXPECT_EQ(run_tensor(ops::pad, {x, list({9, 0, 0, 0}), Tensor::scalar<float>(0)},
                       {{"mode", std::string("constant")}})
                .count(),
            0);
  EXPECT_EQ(error_of(ops::unique, {x}, first),
            "function @main, %1: unique(f32[1152921504606846976, 0]): more than 2^40 slices");
  EXPECT_EQ(error_of(ops::split_to_sequence, {x}, first),
            "function @main, %1: split_to_sequence(f32[1152921504606846976, 0]): more than 16777216 pieces");
}

TEST(Movement, SymbolicTermsMoveAsTheyAre) {
  const TermScope scope;
  Tensor x(f32, {2, 3}, Rep::Term);
  for (int64_t i = 0; i < 6; ++i) x.data<Term>()[i] = term_input("x", i, f32);
  Known terms = kValuesOnly;
  terms.rep = Rep::Term;
  const Tensor y = run_tensor(ops::slice, {x, list({0, 2}), list({2, -4}), list({1, -2})}, {}, terms);
  std::string text;
  for (int64_t i = 0; i < y.count(); ++i) text += text_of(y.data<Term>()[i]) + " ";
  EXPECT_EQ(text, "x[2] x[0] x[5] x[3] ");
  const Tensor z = run_tensor(ops::gather, {x, list({-1})}, {{"axis", int64_t{1}}}, terms);
  EXPECT_EQ(text_of(z.data<Term>()[1]), "x[5]");
}

}  // namespace
}  // namespace tauto
