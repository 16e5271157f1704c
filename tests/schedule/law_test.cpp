// The law, level by level, on kernels that cover every template: tensor expression == scheduled loops ==
// vector program at every width == machine code, bit for bit, in buffers that must not be left.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

#include "codegen/generate.h"
#include "codegen/machine.h"
#include "codegen/x64/encode.h"
#include "loops/evaluate.h"
#include "schedule/schedule.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto {
namespace {

using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::Function;
using loops::Order;

Expr var(const char* name) { return loops::variable(name); }
Expr f(Function fn, std::vector<Expr> a) { return loops::apply(fn, std::move(a)); }

struct Case {
  std::string name;
  loops::Kernel kernel;
};

loops::Kernel kernel(std::vector<Axis> axes, BufferPtr out, std::vector<Expr> index, Expr value,
                     std::vector<BufferPtr> inputs) {
  loops::Kernel k;
  k.name = "k";
  k.buffers = inputs;
  k.buffers.push_back(out);
  k.body = loops::store(out, std::move(index), std::move(value));
  for (auto a = axes.rbegin(); a != axes.rend(); ++a)
    k.body =
        loops::loop(loops::LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), k.body);
  return k;
}

BufferPtr buffer(const char* name, std::vector<Dim> dims, ElementType t = f32) {
  return loops::make_buffer(name, t, std::move(dims));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, loops::Kernel k) { all.push_back({std::move(name), std::move(k)}); };
  for (const int64_t n : {1, 7, 16, 33, 200}) {
    const auto x = buffer("x", {3, n}), b = buffer("b", {n}), y = buffer("y", {3, n});
    const Expr sum = loops::load(x, {var("i"), var("j")}) + loops::load(b, {var("j")});
    add(cat("relu of a broadcast sum, ", n), kernel({{"i", 3}, {"j", n}}, y, {var("i"), var("j")},
                                                    f(Function::Max, {loops::number(f32, 0), sum}), {x, b}));
  }
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 5, 3}, {7, 200, 33}, {14, 129, 64}, {31, 300, 50}, {3, 1, 40}}) {
    const auto a = buffer("a", {m, k}), b = buffer("b", {k, n}), c = buffer("c", {m, n}),
               bias = buffer("bias", {n});
    const Expr product =
        loops::reduce(Order::Blocks, Function::Fma, {{"k", k}},
                      {loops::load(a, {var("i"), var("k")}), loops::load(b, {var("k"), var("j")})});
    add(cat("matmul ", m, "x", k, "x", n), kernel({{"i", m}, {"j", n}}, c, {var("i"), var("j")},
                                                  product + loops::load(bias, {var("j")}), {a, b, bias}));
  }
  for (const int64_t stride : {1, 2}) {  // convolution 3x3 with padding
    const int64_t size = 9, out = (size - 1) / stride + 1, channels = 20, filters = 5;
    const auto x = buffer("x", {channels, size, size}), y = buffer("y", {filters, out, out});
    auto weights = std::make_shared<loops::Buffer>(*buffer("w", {filters, channels, 3, 3}));
    weights->finite = stride == 1;
    const BufferPtr w = weights;
    const Expr iy = var("y") * Expr(stride) + var("ky") - Expr(1),
               ix = var("x") * Expr(stride) + var("kx") - Expr(1);
    const auto inside = [&](const Expr& i) {
      return both(f(Function::LessEqual, {Expr(int64_t{0}), i}), less(i, Expr(size)));
    };
    const Expr sum = loops::reduce(
        Order::Blocks, Function::Fma, {{"c", channels}, {"ky", 3}, {"kx", 3}},
        {loops::load(x, {var("c"), iy, ix}), loops::load(w, {var("o"), var("c"), var("ky"), var("kx")})},
        both(inside(iy), inside(ix)));
    add(cat("convolution, stride ", stride),
        kernel({{"o", filters}, {"y", out}, {"x", out}}, y, {var("o"), var("y"), var("x")}, sum, {x, w}));
    const Expr pool = loops::reduce(Order::Chain, Function::Max, {{"ky", 3}},
                                    {loops::reduce(Order::Chain, Function::Max, {{"kx", 3}},
                                                   {loops::load(x, {var("o"), iy, ix})}, inside(ix))},
                                    inside(iy));
    add(cat("max pool, stride ", stride),
        kernel({{"o", filters}, {"y", out}, {"x", out}}, y, {var("o"), var("y"), var("x")}, pool, {x}));
  }
  for (const int64_t n : {3, 16, 40, 300, 1000})
    for (const Function fn : {Function::Add, Function::Max}) {
      const auto x = buffer("x", {5, n}), y = buffer("y", {5});
      add(cat("rows, ", loops::text_of(fn), " of ", n),
          kernel({{"i", 5}}, y, {var("i")},
                 loops::reduce(Order::Partials, fn, {{"k", n}}, {loops::load(x, {var("i"), var("k")})}),
                 {x}));
      const auto xt = buffer("xt", {n, 21}), z = buffer("z", {21});
      add(cat("columns, ", loops::text_of(fn), " of ", n),
          kernel({{"i", 21}}, z, {var("i")},
                 loops::reduce(Order::Partials, fn, {{"k", n}}, {loops::load(xt, {var("k"), var("i")})}),
                 {xt}));
    }
  {
    const auto x = buffer("x", {4, 50}), y = buffer("y", {4, 50});
    const auto at = [&](const char* k) { return loops::load(x, {var("i"), var(k)}); };
    const Expr most = loops::reduce(Order::Partials, Function::Max, {{"k", 50}}, {at("k")});
    const Expr most2 = loops::reduce(Order::Partials, Function::Max, {{"k2", 50}}, {at("k2")});
    const Expr sum = loops::reduce(Order::Partials, Function::Add, {{"l", 50}}, {at("l") - most2});
    add("row-wise, nested",
        kernel({{"i", 4}, {"j", 50}}, y, {var("i"), var("j")}, f(Function::Div, {at("j") - most, sum}), {x}));
  }
  // A row and its sum: over the last axis, over the one before, over two with a sum inside a sum; the element
  // is dear enough to be kept. One part of the row is padding.
  for (const int64_t n : {5, 16, 50, 300}) {
    const auto x = buffer("x", {4, n}), y = buffer("y", {4, n}), xt = buffer("xt", {n, 37}),
               yt = buffer("yt", {n, 37}), c = buffer("c", {n});
    const auto row = [&](const char* k) { return loops::load(x, {var("i"), var(k)}); };
    const auto column = [&](const char* k) { return loops::load(xt, {var(k), var("i")}); };
    const auto padded = [&](const char* k) {
      return select(less(var(k), Expr(n - 2)), loops::load(x, {var("i"), var(k) + Expr(2)}),
                    loops::load(c, {var(k)}));
    };
    const auto normal = [&](const std::function<Expr(const char*)>& at) {
      const auto most = [&](const char* k) {
        return loops::reduce(Order::Partials, Function::Max, {{k, n}}, {at(k)});
      };
      const auto dear = [&](const char* k, const char* m) {
        const Expr d = at(k) - most(m);
        return f(Function::Sqrt, {f(Function::Abs, {d * d + d})});
      };
      const Expr sum = loops::reduce(Order::Partials, Function::Add, {{"l", n}}, {dear("l", "k")});
      return dear("j", "k2") * f(Function::Div, {loops::number(f32, 1), sum});
    };
    add(cat("row by its sum, ", n), kernel({{"i", 4}, {"j", n}}, y, {var("i"), var("j")}, normal(row), {x}));
    add(cat("column by its sum, ", n),
        kernel({{"j", n}, {"i", 37}}, yt, {var("j"), var("i")}, normal(column), {xt}));
    add(cat("padded row by its sum, ", n),
        kernel({{"i", 4}, {"j", n}}, y, {var("i"), var("j")}, normal(padded), {x, c}));
    const auto g = buffer("g", {3, n, 9}), z = buffer("z", {3, n, 9});
    const auto in_group = [&](const char* i, const char* j) {
      const Expr v = loops::load(g, {var("b"), var(i), var(j)});
      return f(Function::Sqrt, {f(Function::Abs, {v * v + v})});
    };
    const Expr total =
        loops::reduce(Order::Partials, Function::Add, {{"k", n}},
                      {loops::reduce(Order::Partials, Function::Add, {{"l", 9}}, {in_group("k", "l")})});
    add(cat("group by its sum, ", n),
        kernel({{"b", 3}, {"i", n}, {"j", 9}}, z, {var("b"), var("i"), var("j")},
               f(Function::Div, {in_group("i", "j"), total}) + loops::load(c, {var("i")}), {g, c}));
  }
  // Several vectors of columns side by side, with and without all 16 partial results, pieces, tails.
  for (const int64_t n : {1, 5, 16, 23, 48, 256, 300, 530})
    for (const Function by : {Function::Add, Function::Max}) {
      const auto x = buffer("x", {n, 141}), b = buffer("b", {141}), y = buffer("y", {141});
      const Expr sum = loops::reduce(Order::Partials, by, {{"k", n}}, {loops::load(x, {var("k"), var("i")})});
      add(cat("columns by ", loops::text_of(by), ", ", n),
          kernel({{"i", 141}}, y, {var("i")}, sum * loops::load(b, {var("i")}), {x, b}));
    }
  {
    const auto x = buffer("x", {6, 30}), y = buffer("y", {30, 6});
    add("transpose",
        kernel({{"i", 30}, {"j", 6}}, y, {var("i"), var("j")}, loops::load(x, {var("j"), var("i")}), {x}));
    const auto p = buffer("p", {6, 34});
    const Expr j = var("j") - Expr(2);
    add("pad", kernel({{"i", 6}, {"j", 34}}, p, {var("i"), var("j")},
                      select(both(f(Function::LessEqual, {Expr(int64_t{0}), j}), less(j, Expr(30))),
                             loops::load(x, {var("i"), j}), loops::number(f32, 1.5)),
                      {x}));
  }
  for (const ElementType t : {i8, u8, i16, i32, i64, f64}) {
    const auto x = buffer("x", {40}, t), z = buffer("z", {40}, t), y = buffer("y", {40}, t);
    const Expr a = loops::load(x, {var("i")}), b = loops::load(z, {var("i")});
    add(cat("arithmetic of ", t),
        kernel({{"i", 40}}, y, {var("i")}, f(Function::Max, {f(Function::Fma, {a, b, a}), a - b}), {x, z}));
    add(cat("choice of ", t),
        kernel({{"i", 40}}, y, {var("i")},
               select(less(a, b), f(Function::Abs, {a}), f(Function::Negate, {b})), {x, z}));
  }
  return all;
}

using Memory = std::vector<std::vector<uint8_t>>;

Memory filled(const loops::Kernel& k, uint64_t seed) {
  std::mt19937_64 random(seed);
  Memory m;
  for (const BufferPtr& b : k.buffers) {
    const auto n = static_cast<size_t>(b->layout.elements.literal());
    std::vector<uint8_t> bytes(n * static_cast<size_t>(b->type.bytes()));
    for (size_t i = 0; i < n; ++i) {
      const auto put = [&](auto v) { std::memcpy(bytes.data() + i * sizeof v, &v, sizeof v); };
      const uint64_t r = random();
      if (b->type == f32) {
        float v = static_cast<float>(static_cast<int64_t>(r % 2001) - 1000) / 64;
        if (!b->finite && r % 97 == 0) v = r % 2 ? -0.0f : std::numeric_limits<float>::infinity();
        if (!b->finite && r % 193 == 0) v = std::numeric_limits<float>::quiet_NaN();
        put(v);
      } else if (b->type == f64) {
        put(static_cast<double>(static_cast<int64_t>(r % 2001) - 1000) / 64);
      } else {
        std::memcpy(bytes.data() + i * static_cast<size_t>(b->type.bytes()), &r,
                    static_cast<size_t>(b->type.bytes()));
      }
    }
    m.push_back(std::move(bytes));
  }
  return m;
}

std::vector<void*> pointers(Memory& m) {
  std::vector<void*> p;
  for (auto& b : m) p.push_back(b.data());
  return p;
}

// Equal but for the payload of NaNs, which no program can observe.
std::string difference(const loops::Buffer& b, const std::vector<uint8_t>& x, const std::vector<uint8_t>& y) {
  for (size_t i = 0; i < x.size(); i += static_cast<size_t>(b.type.bytes())) {
    if (std::memcmp(x.data() + i, y.data() + i, static_cast<size_t>(b.type.bytes())) == 0) continue;
    if (b.type == f32) {
      float p, q;
      std::memcpy(&p, x.data() + i, 4);
      std::memcpy(&q, y.data() + i, 4);
      if (p != p && q != q) continue;
      return cat("element ", i / 4, ": ", p, " and ", q);
    }
    return cat("element ", i / static_cast<size_t>(b.type.bytes()));
  }
  return "";
}

class Law : public ::testing::TestWithParam<size_t> {};

// At one width; `choose` makes the plan.
void expect_agreement(const loops::Kernel& k, const Target& target,
                      const std::function<Plan(const Nest&, const Target&)>& choose) {
  Memory expected = filled(k, 1);
  loops::evaluate(k, pointers(expected), {});
  const Nest nest = flatten(k);
  const size_t out = k.buffers.size() - 1;
  const Plan plan = choose(nest, target);
  EXPECT_EQ(parse_plan(text_of(plan)), plan);
  loops::Kernel scheduled;
  Generated g;
  try {
    scheduled = schedule(nest, plan, target).kernel;
    g = generate(scheduled, target.lanes);
  } catch (const NotScheduled& e) {
    ADD_FAILURE() << "not scheduled: " << e.reason;
    return;
  } catch (const NotGenerated& e) {
    ADD_FAILURE() << "not generated: " << e.reason << "\n" << loops::text_of(scheduled);
    return;
  }
  Memory got = filled(k, 1);
  loops::evaluate(scheduled, pointers(got), {});
  EXPECT_EQ(difference(*k.buffers[out], expected[out], got[out]), "")
      << target.lanes << " lanes\n"
      << text_of(plan) << loops::text_of(scheduled);
  ASSERT_EQ(vec::check(g.program), "") << vec::text_of(g.program);
  got = filled(k, 1);
  std::vector<uint64_t> arguments;
  for (void* p : pointers(got)) arguments.push_back(reinterpret_cast<uint64_t>(p));
  ASSERT_TRUE(g.sizes.empty());
  arguments.push_back(static_cast<uint64_t>(g.parallel_from.literal()));
  arguments.push_back(static_cast<uint64_t>(g.parallel_to.literal()));
  std::vector<uint8_t> workspace(static_cast<size_t>(g.workspace.literal()) + 64);
  arguments.push_back((reinterpret_cast<uint64_t>(workspace.data()) + 63) / 64 * 64);
  vec::evaluate(g.program, arguments.data());
  EXPECT_EQ(difference(*k.buffers[out], expected[out], got[out]), "")
      << target.lanes << " lanes\n"
      << text_of(plan) << loops::text_of(scheduled) << vec::text_of(g.program);
  // The machine code of it, where this machine runs it, with forbidden pages right after every buffer, then
  // right before: an access of one lane too many would fault.
  const bool wide = lanes_for(k, 64) == target.lanes && this_cpu().features.avx512;
  if (!wide && lanes_for(k, 32) != target.lanes) return;
  const testing::Machine machine(vec::encode(g.program, {wide}));
  const Memory given = filled(k, 1);
  for (const bool at_end : {true, false}) {
    std::vector<testing::Guarded> guarded;
    std::vector<uint64_t> values;
    for (const auto& bytes : given) {
      guarded.emplace_back(bytes.size(), at_end);
      std::memcpy(guarded.back().data(), bytes.data(), bytes.size());
      values.push_back(guarded.back().address());
    }
    values.insert(values.end(), arguments.begin() + static_cast<ptrdiff_t>(given.size()), arguments.end());
    std::vector<uint8_t> scratch(static_cast<size_t>(vec::caller_scratch(g.program)) + 64);
    machine.call(values.data(),
                 reinterpret_cast<void*>((reinterpret_cast<uint64_t>(scratch.data()) + 63) / 64 * 64));
    const std::vector<uint8_t> result(guarded[out].data(), guarded[out].data() + guarded[out].size());
    EXPECT_EQ(difference(*k.buffers[out], expected[out], result), "")
        << target.lanes << " lanes, machine code\n"
        << text_of(plan) << loops::text_of(scheduled) << vec::text_of(g.program);
  }
}

TEST(Law, TensorScheduledAndVectorProgramsAgree) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (const int lanes : {4, 8, 16, 32, 64})
      for (const int registers : {16, 32}) expect_agreement(c.kernel, {lanes, registers}, default_plan);
  }
}

// Without a contraction the rows of a plan are computed side by side, by whatever axis, tails included.
TEST(Law, RowsMayBeComputedAbreast) {
  int walked = 0;
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Nest n = flatten(c.kernel);
    if (any_node(n.store.value, [](const Expr& e) {
          const auto* r = e.as<loops::Reduce>();
          return r && r->order == Order::Blocks;
        }))
      continue;
    for (const loops::Axis& axis : n.axes)
      for (const int rows : {2, 3}) {
        Plan p = default_plan(n, {16, 32});
        if (p.lanes == axis.variable ||
            std::find(p.whole.begin(), p.whole.end(), axis.variable) != p.whole.end())
          continue;
        p.rows = axis.variable;
        p.row_count = rows;
        ++walked;
        expect_agreement(c.kernel, {16, 32}, [&](const Nest&, const Target&) { return p; });
      }
  }
  EXPECT_GT(walked, 50);
}

// Results of neighbouring lanes need not be neighbours in memory.
TEST(Law, LanesMayLieApart) {
  for (const int64_t channels : {3, 16, 33, 130})
    for (const int64_t points : {2, 5})
      for (const ElementType t : {f32, u8}) {
        const auto w = buffer("w", {channels, 9}, t), x = buffer("x", {9, points}, t),
                   y = buffer("y", {channels, points}, t);
        const Expr product =
            loops::reduce(Order::Blocks, Function::Fma, {{"k", 9}},
                          {loops::load(w, {var("c"), var("k")}), loops::load(x, {var("k"), var("p")})}, {});
        const auto k = kernel({{"c", channels}, {"p", points}}, y, {var("c"), var("p")},
                              f(Function::Max, {loops::number(t, 0), product}), {w, x});
        SCOPED_TRACE(cat(channels, " channels, ", points, " points of ", t));
        for (const int lanes : {4, 8, 16, 32, 64})
          for (const int vectors : {1, 2})
            expect_agreement(k, {lanes, 32}, [&](const Nest& n, const Target&) {
              Plan p;
              p.lanes = n.axes[0].variable;
              p.vectors = vectors;
              p.rows = n.axes[1].variable;
              p.row_count = 2;
              return p;
            });
      }
}

}  // namespace
}  // namespace tauto
