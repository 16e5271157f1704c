// Is the default schedule good enough untuned? For shapes drawn by kind: the default's plan beside 200 plans
// drawn at random from those that can be carried out. Each is timed shortly, then the five best and the
// default again in turns; their medians are compared. Times are of this thread's processor time.
//
//   bench_schedules [--only TEXT] [--plans N] [--seed N]      the machine's instruction set (TAUTO_ISA)
//
// Ends with `bench-schedules: default within 10 % of the best of N plans on K / M shapes, worst R (shape)`.
#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench/contractions.h"
#include "bench/rows.h"

namespace tauto {
namespace {

constexpr int kBest = 5, kRounds = 21;

constexpr double kLong = 20e-6;  // seconds

struct Program {  // a program of which one kernel is looked at
  std::string name;
  std::shared_ptr<const Module> module;
  Id node;  // that its group ends with
};

class Shapes {
 public:
  explicit Shapes(uint64_t seed) : random_(seed) {}

  std::vector<Program> draw() {
    std::vector<Program> all;
    for (int i = 0; i < 20; ++i) {
      const int64_t m = size(1, 300), k = size(16, 600), n = size(16, 600);
      all.push_back(chain({matmul(cat("matmul ", m, " x ", k, " x ", n).c_str(), m, k, n)}, 0));
    }
    for (int i = 0; i < 24; ++i) {
      const int64_t pixels = size(7, 56), c = 16 * size(1, 12), o = 16 * size(1, 12);
      const int64_t kernel = i % 3 == 0 ? 1 : i % 3 == 1 ? 3 : 5, stride = i % 4 == 3 ? 2 : 1;
      const int64_t out = (pixels - 1) / stride + 1;
      const Case middle =
          conv(cat("conv ", kernel, "x", kernel, " ", c, " -> ", o, ", ", pixels, " stride ", stride).c_str(),
               {c, o, pixels, kernel, stride});
      all.push_back(chain({conv("", {c, c, pixels, 1}), middle, conv("", {o, o, out, 1})}, 1));
    }
    for (int i = 0; i < 8; ++i) {
      const int64_t c = 16 * size(1, 4), length = size(200, 3000), taps = 2 * size(1, 12) + 1, d = size(1, 8);
      all.push_back(chain({conv1d(cat("conv1d ", c, ", ", length, ", ", taps, " taps, dilation ", d).c_str(),
                                  c, c, length, taps, d)},
                          0));
    }
    for (int i = 0; i < 12; ++i) {
      const int64_t rows = size(1, 400), columns = size(8, 1200);
      all.push_back(i % 2 ? reduction(rows, columns) : elementwise(rows, columns));
    }
    return all;
  }

 private:
  int64_t size(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random_);
  }
  Tensor numbers(const Shape& shape) {
    Tensor t(f32, shape);
    for (int64_t i = 0; i < t.count(); ++i)
      t.data<float>()[i] = static_cast<float>(static_cast<int>(random_() % 255) - 127) / 64;
    return t;
  }
  Program chain(const std::vector<Case>& cases, size_t which) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    const Tensor x = numbers(cases[0].a);
    Id at = b.parameter("x", type_of(Value(x))), node = at;
    for (size_t i = 0; i < cases.size(); ++i) {
      at = b.add(ops::contract, {at, b.constant(numbers(cases[i].b))}, {{"access", access_of(cases[i])}});
      if (i == which) node = at;
    }
    b.finish({at}, {"y"});
    return {cases[which].name, m, node};
  }
  Program elementwise(int64_t rows, int64_t columns) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    const Tensor x = numbers({rows, columns}), y = numbers({columns});
    const Id p = b.parameter("x", type_of(Value(x))), q = b.parameter("y", type_of(Value(y)));
    const Id r = b.add(ops::exp, {b.add(ops::mul, {p, q})});
    b.finish({r}, {"z"});
    return {cat("exp(x y), ", rows, " x ", columns), m, r};
  }
  Program reduction(int64_t rows, int64_t columns) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    const Tensor x = numbers({rows, columns});
    const Id p = b.parameter("x", type_of(Value(x)));
    const Id r = b.add(ops::reduce_sum, {p}, {{"axes", Ints{size(0, 1)}}, {"keepdims", false}});
    b.finish({r}, {"z"});
    return {cat("sum of ", rows, " x ", columns), m, r};
  }

  std::mt19937_64 random_;
};

struct Timed {
  Plan plan;
  std::unique_ptr<TimedKernel> kernel;
  double best = 1e30;
  std::vector<double> all;

  // Of this thread's processor time, beside which the clock costs nothing.
  double run() {
    if (times == 0) times = 1 + static_cast<int>(kLong / (kernel->run(1), kernel->run(1)));
    return kernel->run(times);
  }
  double median() {
    std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
    return all[all.size() / 2];
  }
  int times = 0;
};

Plan draw(const Nest& n, std::mt19937_64& random) {
  const auto axis = [&]() -> std::string {
    return n.axes.empty() ? "" : n.axes[random() % n.axes.size()].variable;
  };
  const auto upto = [&](int most) { return 1 + static_cast<int>(random() % static_cast<unsigned>(most)); };
  Plan p;
  p.lanes = axis();
  p.vectors = upto(4);
  if (random() % 4) p.rows = axis(), p.row_count = upto(28);
  if (random() % 4 == 0) p.columns = axis(), p.column_count = upto(4);
  if (random() % 4 == 0) p.block = upto(6);
  p.parallel = axis();
  return p;
}

// The best drawn plan's time over the default's.
double ratio(const Program& s, int plans, Tensor& memory, std::mt19937_64& random, Plan& better) {
  Timed usual;
  usual.kernel = std::make_unique<TimedKernel>(s.module, s.node, native_isa(), memory);
  std::vector<Timed> best;
  for (int tried = 0, drawn = 0; drawn < plans && tried < 40 * plans; ++tried) {
    Timed t;
    t.plan = draw(usual.kernel->nest(), random);
    const Schedules schedules{{{"main", usual.kernel->name()}, t.plan}};
    try {
      t.kernel = std::make_unique<TimedKernel>(s.module, s.node, native_isa(), memory, &schedules);
    } catch (const Error&) {
      continue;  // cannot be carried out
    }
    ++drawn;
    for (int i = 0; i < 4; ++i) t.best = std::min(t.best, t.run());
    best.push_back(std::move(t));
    std::sort(best.begin(), best.end(), [](const Timed& a, const Timed& b) { return a.best < b.best; });
    if (best.size() > kBest) best.pop_back();
  }
  for (int i = 0; i < kRounds; ++i) {
    usual.all.push_back(usual.run());
    for (Timed& t : best) t.all.push_back(t.run());
  }
  double least = 1e30;
  for (Timed& t : best)
    if (const double m = t.median(); m < least) least = m, better = t.plan;
  return least / usual.median();
}

int run(int count, char** arguments) {
  std::string only;
  int plans = 200;
  uint64_t seed = 1;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--only") only = arguments[i + 1];
    if (name == "--plans") plans = std::atoi(arguments[i + 1]);
    if (name == "--seed") seed = std::strtoull(arguments[i + 1], nullptr, 10);
  }
  std::mt19937_64 random(seed);
  Tensor memory(f32, {int64_t{16} << 20});
  int good = 0, all = 0;
  double worst = 1e30;
  std::string name;
  for (const Program& s : Shapes(seed).draw()) {
    if (s.name.find(only) == std::string::npos) continue;
    Plan better;
    const double r = ratio(s, plans, memory, random, better);
    std::string text = text_of(better);
    std::replace(text.begin(), text.end(), '\n', ';');
    std::printf("%-44s best / default %.2f%s%s\n", s.name.c_str(), r, r < 0.9 ? "  better: " : "",
                r < 0.9 ? text.c_str() : "");
    std::fflush(stdout);
    good += r >= 0.9, ++all;
    if (r < worst) worst = r, name = s.name;
  }
  std::printf(
      "bench-schedules: default within 10 %% of the best of %d plans on %d / %d shapes, worst %.2f (%s)\n",
      plans, good, all, all ? worst : 0.0, name.c_str());
  return all > 0 && good == all ? 0 : 1;
}

}  // namespace
}  // namespace tauto

int main(int count, char** arguments) { return tauto::run(count, arguments); }
