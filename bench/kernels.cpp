// How fast untuned machine code is, in percent of what this core can do, for each instruction set it has:
//
//   gemm         f32, packed weights: m = n = k in multiples of 32 up to 1024, 200 sizes drawn from 128…1024,
//                and 32³ in a chain; % of the fma peak
//   gemv         one row by matrices beyond the caches; % of the bandwidth of a loop that only loads
//   convolution  3×3 layers of ResNet-50, batch 1; % of the fma peak
//   sequences    dilated convolutions of SpliceAI; % of the fma peak
//   integers     the same layers and square products of bytes; % of what dot products of bytes alone can do
//   rows         softmax, layer normalisation, reductions, elementwise functions; % of the smaller of two
//   roofs:
//                the bandwidth of a loop that reads (and writes) as many bytes, and the rate of as many
//                vector instructions as the kernel's expression counts (rows.h)
//
//   bench_kernels [--isa avx2|avx512|avx2-novnni|avx512-novnni] [--only TEXT] [--seconds S] [--case TEXT]
//   [--verbose yes]
//
// Times are of this thread's processor time; what is measured and its roof take turns, and the median of
// their ratios is printed. A product is run as a whole program, its entry included, the others are one
// kernel, called as a network calls it. Answers are compared elsewhere (make law).
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>

#include "bench/contractions.h"
#include "bench/roofs.h"
#include "bench/rows.h"

namespace tauto {
namespace {

double g_budget = 0.03;  // seconds for each shape
std::string g_case;      // of the rows, those whose names hold it

struct Program {
  std::shared_ptr<const Executable> code;
  std::vector<Value> inputs;
  ExecutionContext context;
  double run() {
    return time_of([&] { code->run(inputs, {}, context); });
  }
};

// `times` contractions, each of the one before it, by constant weights.
void contraction(Program& p, const Case& c, Isa isa, int times = 1) {
  auto m = std::make_shared<Module>();
  Builder b(*m, "main");
  const Value x = draw(c.a);
  Id at = b.parameter("a", type_of(x));
  for (int i = 0; i < times; ++i)
    at = b.add(ops::contract, {at, b.constant(draw(c.b))}, {{"access", access_of(c)}});
  b.finish({at}, {"y"});
  p.code = compile(m, {.isa = isa});
  p.inputs = {x};
}

struct Summary {
  double sum = 0, least = 1e9;
  int count = 0;
  void add(double x) { sum += x, least = std::min(least, x), ++count; }
  double mean() const { return count ? sum / count : 0; }
};

class Bench {
 public:
  Bench(Isa isa, bool verbose) : isa_(isa), verbose_(verbose), roofs_(isa) {}

  double percent_of_peak(const Case& c, int times = 1) {
    Program p;
    contraction(p, c, isa_, times);
    const double share =
        percent([&] { return p.run(); }, [&] { return 2 * macs(c) * times / roofs_.flops(); }, g_budget);
    if (verbose_) std::printf("  %-34s %6.1f %%\n", c.name.c_str(), share), std::fflush(stdout);
    return share;
  }

  void gemm() {
    Summary even, drawn;
    for (int64_t n = 128; n <= 1024; n += 32) even.add(percent_of_peak(square(n)));
    std::mt19937_64 random(7);
    const auto size = [&] { return static_cast<int64_t>(128 + random() % 897); };
    for (int i = 0; i < 200; ++i) {
      const int64_t m = size(), k = size(), n = size();
      drawn.add(percent_of_peak(matmul(cat(m, " x ", k, " x ", n).c_str(), m, k, n)));
    }
    const double tiny = percent_of_peak(square(32), 64);
    std::printf(
        "gemm %s: multiples of 32 mean %.0f %% least %.0f %%, 200 drawn sizes mean %.0f %% least %.0f "
        "%%, 32x32x32 %.0f %% of the fma peak\n",
        isa_name(isa_), even.mean(), even.least, drawn.mean(), drawn.least, tiny);
  }

  // SpliceAI's: alone, and between two others.
  void sequences() {
    Summary plain, between;
    for (const auto& [taps, dilation] :
         std::vector<std::pair<int64_t, int64_t>>{{11, 1}, {11, 4}, {21, 10}, {41, 25}}) {
      const Case c =
          conv1d(cat("conv1d ", taps, " taps, dilation ", dilation).c_str(), 32, 32, 10000, taps, dilation);
      plain.add(percent_of_peak(c));
      const Case point = conv1d("", 32, 32, 10000, 1, 1);
      between.add(percent_of_middle(point, c, point));
    }
    std::printf(
        "sequences %s: conv1d of SpliceAI mean %.0f %% alone, %.0f %% between others, of the fma peak\n",
        isa_name(isa_), plain.mean(), between.mean());
  }

  void gemv() {
    Summary all;
    for (const auto& [k, n] : std::vector<std::pair<int64_t, int64_t>>{
             {4096, 4096}, {2048, 8192}, {8192, 2048}, {3000, 5000}, {11008, 2048}}) {
      const int64_t bytes = 4 * k * n;
      Program p;
      contraction(p, matmul("", 1, k, n), isa_);
      const double share =
          percent([&] { return p.run(); },
                  [&] { return static_cast<double>(bytes) / roofs_.bandwidth(bytes); }, g_budget);
      if (verbose_) std::printf("  %5lld -> %5lld %6.1f %%\n", (long long)k, (long long)n, share);
      all.add(share);
    }
    std::printf("gemv %s: mean %.0f %% least %.0f %% of the bandwidth\n", isa_name(isa_), all.mean(),
                all.least);
  }

  // The second of three convolutions, for the values between them may lie as the compiler likes.
  double percent_of_middle(const Case& first, const Case& middle, const Case& last) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    Id at = b.parameter("a", type_of(Value(draw(first.a)))), node = at;
    for (const Case* c : {&first, &middle, &last}) {
      at = b.add(ops::contract, {at, b.constant(draw(c->b))}, {{"access", access_of(*c)}});
      if (c == &middle) node = at;
    }
    b.finish({at}, {"y"});
    const TimedKernel p(m, node, isa_, roofs_.data());
    const double share =
        percent([&] { return p.run(1); }, [&] { return 2 * macs(middle) / roofs_.flops(); }, g_budget);
    if (verbose_) std::printf("  %-34s %6.1f %%\n", middle.name.c_str(), share), std::fflush(stdout);
    return share;
  }

  void rows() {
    std::map<std::string, Summary> groups;
    for (const RowsCase& c : RowsCases().all) {
      if (c.name.find(g_case) == std::string::npos) continue;
      std::string bound;
      const double share = share_of(c, roofs_, isa_, g_budget, bound);
      if (verbose_) std::printf("  %-34s %6.1f %% of %s\n", c.name.c_str(), share, bound.c_str());
      std::fflush(stdout);
      groups[c.kind].add(share);
    }
    std::printf("rows %s:", isa_name(isa_));
    Summary all;
    for (const auto& [kind, s] : groups) {
      std::printf(" %s %.0f (least %.0f),", kind.c_str(), s.mean(), s.least);
      all.add(s.mean());
      all.least = std::min(all.least, s.least);
    }
    std::printf(" mean %.0f least %.0f %% of min(bandwidth, counted instructions)\n", all.mean(), all.least);
  }

  // A product of bytes alone; a quantized layer, whose values lie as the compiler likes, without what
  // quantizes them.
  double percent_of_dots(const Case& c) {
    auto m = std::make_shared<Module>();
    Builder b(*m, "main");
    Tensor w(i8, c.b);
    std::mt19937 random(2);
    for (int64_t i = 0; i < w.count(); ++i) w.data<int8_t>()[i] = static_cast<int8_t>(random());
    const Id x = b.parameter("a", type_of(Value(draw(c.a))));
    const auto wide = [&](Id i) { return b.add(ops::cast, {i}, {{"to", i32}}); };
    const Id q = b.add(ops::cast, {b.add(ops::round, {x})}, {{"to", u8}});
    const Id sum = b.add(ops::contract, {wide(q), wide(b.constant(w))}, {{"access", access_of(c)}});
    const Id y =
        b.add(ops::relu, {b.add(ops::mul, {b.add(ops::cast, {sum}, {{"to", f32}}), b.number(0.0625, f32)})});
    b.finish({b.add(ops::cast, {b.add(ops::round, {y})}, {{"to", u8}})}, {"y"});
    const TimedKernel p(m, -1, isa_, roofs_.data());
    const double share =
        percent([&] { return p.run(1); }, [&] { return 2 * macs(c) / roofs_.dots(); }, g_budget);
    if (verbose_) std::printf("  %-34s %6.1f %%\n", c.name.c_str(), share), std::fflush(stdout);
    return share;
  }

  void integers() {
    Summary products, layers;
    for (int64_t n = 128; n <= 1024; n *= 2) products.add(percent_of_dots(square(n)));
    for (const Conv& v : kLayers)
      layers.add(percent_of_dots(
          conv(cat("3x3 ", v.c, " -> ", v.o, ", ", v.size, " stride ", v.stride, " of bytes").c_str(), v)));
    std::printf(
        "integers %s: products of bytes mean %.0f %% least %.0f %%, 3x3 of ResNet-50 mean %.0f %% "
        "least %.0f %% of the peak of dot products, %.0f GMAC/s\n",
        isa_name(isa_), products.mean(), products.least, layers.mean(), layers.least, roofs_.dots() / 2e9);
  }

  void convolution() {
    Summary all;
    for (const Conv& v : kLayers)
      all.add(percent_of_middle(
          conv("", {v.c, v.c, v.size, 1}),
          conv(cat("3x3 ", v.c, " -> ", v.o, ", ", v.size, " stride ", v.stride).c_str(), v),
          conv("", {v.o, v.o, v.size / v.stride, 1})));
    std::printf("convolution %s: 3x3 of ResNet-50 mean %.0f %% least %.0f %% of the fma peak\n",
                isa_name(isa_), all.mean(), all.least);
  }

 private:
  static constexpr Conv kLayers[] = {
      Conv{64, 64, 56, 3},   Conv{128, 128, 56, 3, 2}, Conv{128, 128, 28, 3}, Conv{256, 256, 28, 3, 2},
      Conv{256, 256, 14, 3}, Conv{512, 512, 14, 3, 2}, Conv{512, 512, 7, 3}};
  static Case square(int64_t n) { return matmul(cat(n, " x ", n, " x ", n).c_str(), n, n, n); }

  Isa isa_;
  bool verbose_;
  Roofs roofs_;
};

int run(int count, char** arguments) {
  std::string only, isa;
  bool verbose = false;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string_view name = arguments[i];
    if (name == "--only") only = arguments[i + 1];
    if (name == "--isa") isa = arguments[i + 1];
    if (name == "--seconds") g_budget = std::atof(arguments[i + 1]);
    if (name == "--verbose") verbose = true;
    if (name == "--case") g_case = arguments[i + 1];
  }
  const auto wanted = [&](const char* name) { return std::string(name).find(only) != std::string::npos; };
  for (const Isa i : {Isa::Avx512, Isa::Avx2, Isa::Avx512NoVnni, Isa::Avx2NoVnni}) {
    if (is_avx512(i) && !vec::x64_features_of_cpu().avx512) continue;
    const bool asked = isa == isa_name(i);
    if (isa.empty() ? i != Isa::Avx512 && i != Isa::Avx2 : !asked) continue;
    Bench b(i, verbose);
    if (wanted("gemm")) b.gemm();
    if (wanted("gemv")) b.gemv();
    if (wanted("convolution")) b.convolution();
    if (wanted("sequences")) b.sequences();
    if (wanted("rows")) b.rows();
    if (wanted("integers")) b.integers();
  }
  return 0;
}

}  // namespace
}  // namespace tauto

int main(int count, char** arguments) { return tauto::run(count, arguments); }
