// Affine forms as rows of matrices, one product of matrices per layer and kind of symbol. Rows of neurons that
// are off in both networks are left out; so are columns of symbols that do not exist yet.
#include "verify/difference_bounds.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "support/error.h"

namespace tauto::region {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMost = 1e30;            // of values: far from where f32 overflows
constexpr double kUnit = 0x1p-24;         // f32
constexpr double kUnderflow = 0x1p-148;   // of one operation, and of what f64 cuts off
constexpr double kOutward = 1 + 0x1p-36;  // sums of up to 2^15 magnitudes are raised by this
constexpr size_t kVector = 8;             // columns are computed in steps of this
constexpr size_t kShared = 32;            // inputs up to which symbols know what they are due to

size_t padded(size_t n) { return (n + kVector - 1) / kVector * kVector; }

// Rows of coefficients, `stride` apart.
struct Rows {
  size_t stride = 0;
  std::vector<double> v;
  void make(size_t rows, size_t columns) {
    stride = padded(columns);
    v.assign(rows * stride, 0);
  }
  double* row(size_t i) { return v.data() + i * stride; }
  const double* row(size_t i) const { return v.data() + i * stride; }
};

double magnitude(const double* row, size_t n) {
  double s[4] = {};
  size_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (size_t j = 0; j < 4; ++j) s[j] += std::fabs(row[i + j]);
  for (; i < n; ++i) s[0] += std::fabs(row[i]);
  return (s[0] + s[1]) + (s[2] + s[3]);
}

// Four numbers in a register, at any address.
typedef double Four __attribute__((vector_size(32), aligned(8), may_alias));

// out[r][column …] (+)= Σ_k w[r][k] x[k][column …], for R rows and 8 columns, which are padded on both sides.
template <size_t R, bool Add>
void tile(const double* w, size_t terms, const Rows& x, size_t column, double* const* out) {
  static_assert(kVector == 8);
  Four low[R], high[R];
#pragma GCC unroll 8
  for (size_t r = 0; r < R; ++r) {
    const Four* to = reinterpret_cast<const Four*>(out[r] + column);
    low[r] = Add ? to[0] : Four{}, high[r] = Add ? to[1] : Four{};
  }
  const double* from = x.v.data() + column;
  for (size_t k = 0; k < terms; ++k, from += x.stride) {
    const Four a = *reinterpret_cast<const Four*>(from), b = *reinterpret_cast<const Four*>(from + 4);
#pragma GCC unroll 8
    for (size_t r = 0; r < R; ++r) {
      const double f = w[r * terms + k];
      low[r] += f * a;
      high[r] += f * b;
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < R; ++r) {
    Four* to = reinterpret_cast<Four*>(out[r] + column);
    to[0] = low[r], to[1] = high[r];
  }
}

template <bool Add>
void multiply(const std::vector<double>& w, size_t rows, size_t terms, const Rows& x, size_t columns,
              Rows& out) {
  for (size_t i = 0; i < rows;) {
    const size_t n = rows - i >= 4 ? 4 : 1;
    double* to[4];
    for (size_t r = 0; r < n; ++r) to[r] = out.row(i + r);
    for (size_t c = 0; c < columns; c += kVector)
      n == 4 ? tile<4, Add>(w.data() + i * terms, terms, x, c, to)
             : tile<1, Add>(w.data() + i * terms, terms, x, c, to);
    i += n;
  }
}

}  // namespace

// The forms of a layer's neurons: A's value is centre + main · symbols + noise · symbols of A's roundings;
// the difference is centre + main · the same symbols + own · symbols that only it has.
struct Forms {
  std::vector<double> a, d;  // centres
  Rows main_a, noise_a, main_d, own_d;
  std::vector<double> most_a, most_d;    // |centre| + Σ|coefficients|, at least
  std::vector<double> noise;             // Σ|noise_a|, at least
  std::vector<double> error_a, error_d;  // of this layer's roundings, without symbols yet
};

struct DifferenceBounds::State {
  const PairOfChains& pair;
  Forms before, after;                        // inputs of a layer; what it makes of them
  std::vector<size_t> live;                   // which neurons the rows of `before` are
  size_t main = 0, noise = 0, own = 0;        // symbols so far
  std::vector<double> share_main, share_own;  // symbol × input
  std::vector<Range> difference;
  std::vector<double> wa, wb, wd;  // weights of live columns
  size_t undecided = 0;
  double largest = kInf;

  explicit State(const PairOfChains& p) : pair(p) {
    size_t neurons = 0, rows = p.inputs();
    for (const LayerPair& l : p.layers) neurons += l.out, rows = std::max(rows, l.out);
    for (Forms* f : {&before, &after}) {
      f->main_a.make(rows, p.inputs() + neurons), f->main_d.make(rows, p.inputs() + neurons);
      f->noise_a.make(rows, neurons), f->own_d.make(rows, neurons);
      for (auto* v : {&f->a, &f->d, &f->most_a, &f->most_d, &f->noise, &f->error_a, &f->error_d})
        v->assign(rows, 0);
    }
    live.resize(rows);
    if (shares()) share_main.assign((p.inputs() + neurons) * p.inputs(), 0), share_own = share_main;
  }
  bool shares() const { return pair.inputs() <= kShared; }

  // --- affine -------------------------------------------------------------------------------------------------
  // Inputs are their own symbols, so the first product is a scaling of columns.
  void first(std::span<const Range> box) {
    const LayerPair& l = pair.layers[0];
    std::vector<double> radius(l.in);
    for (size_t k = 0; k < l.in; ++k) {
      const double c = box[k].lo / 2 + box[k].hi / 2;
      before.a[k] = c;
      radius[k] = std::max(box[k].hi - c, c - box[k].lo) * kOutward + kUnderflow;
      before.d[k] = before.most_d[k] = before.noise[k] = 0;
      before.most_a[k] = std::fabs(c) + radius[k];
      live[k] = k;
    }
    main = l.in, noise = own = 0;
    for (size_t i = 0; i < l.out; ++i) {
      double *a = after.main_a.row(i), *d = after.main_d.row(i);
      for (size_t k = 0; k < l.in; ++k) {
        a[k] = l.a[i * l.in + k] * radius[k];
        d[k] = l.difference[i * l.in + k] * radius[k];
      }
    }
    if (shares())
      for (size_t k = 0; k < l.in; ++k)
        for (size_t j = 0; j < l.in; ++j) share_main[k * l.in + j] = k == j;
    centres(l, l.in);
  }

  void affine(const LayerPair& l, size_t terms) {
    for (auto* w : {&wa, &wb, &wd}) w->resize(l.out * terms);
    for (size_t i = 0; i < l.out; ++i)
      for (size_t k = 0; k < terms; ++k) {
        const size_t from = i * l.in + live[k], to = i * terms + k;
        wa[to] = l.a[from], wb[to] = l.b[from], wd[to] = l.difference[from];
      }
    multiply<false>(wa, l.out, terms, before.main_a, main, after.main_a);
    multiply<false>(wa, l.out, terms, before.noise_a, noise, after.noise_a);
    multiply<false>(wb, l.out, terms, before.main_d, main, after.main_d);
    multiply<true>(wd, l.out, terms, before.main_a, main, after.main_d);
    multiply<false>(wb, l.out, terms, before.own_d, own, after.own_d);
    centres(l, terms);
  }

  void centres(const LayerPair& l, size_t terms) {
    const auto gamma = [](double n) { return n * kUnit / (1 - n * kUnit) * (1 + 0x1p-9); };
    const double f64_error = static_cast<double>(l.in + 16) * 0x1p-52;
    const double underflow = static_cast<double>(l.in + 3) * kUnderflow;
    for (size_t i = 0; i < l.out; ++i) {
      double a = 0, d = 0, size_a = 0, size_b = 0, size_d = 0, noise_d = 0;
      for (size_t k = 0; k < terms; ++k) {
        const size_t at = i * l.in + live[k];
        const double wa = l.a[at], wb = l.b[at], wd = l.difference[at];
        a += wa * before.a[k];
        d += wb * before.d[k] + wd * before.a[k];
        size_a += std::fabs(wa) * before.most_a[k];
        size_b += std::fabs(wb) * (before.most_a[k] + before.most_d[k]);
        size_d += std::fabs(wb) * before.most_d[k];
        noise_d += std::fabs(wd) * before.noise[k];  // A's roundings through W_B - W_A: without their signs
      }
      after.a[i] = a + l.bias_a[i];
      after.d[i] = d + l.bias_difference[i];
      size_a += std::fabs(l.bias_a[i]);
      size_b += std::fabs(l.bias_b[i]);
      // The factor of γ covers f64's errors of A, and those of W_B - W_A, by far.
      after.error_a[i] = (gamma(l.roundings_a) + f64_error) * size_a + underflow;
      after.error_d[i] = (after.error_a[i] + (gamma(l.roundings_b) + f64_error) * size_b +
                          f64_error * size_d + noise_d + underflow) *
                         kOutward;
    }
  }

  // --- relu ---------------------------------------------------------------------------------------------------
  struct Choice {
    size_t row = 0;
    double scale_a = 0, shift_a = 0, main = 0, noise = 0;  // main, noise: coefficients of new symbols
    double scale_d = 0, shift_d = 0, own = 0;
    double radius_a = 0, radius_main = 0, noise_before = 0, radius_d = 0;
  };
  std::vector<Choice> choices;

  // false: a range is beyond all bounds.
  bool decide(const LayerPair& l) {
    choices.clear();
    for (size_t i = 0; i < l.out; ++i) {
      Choice c;
      c.row = i;
      c.radius_main = magnitude(after.main_a.row(i), main);
      c.noise_before = magnitude(after.noise_a.row(i), noise) * kOutward;
      c.radius_a = (c.radius_main + c.noise_before) * kOutward;
      c.radius_d = (magnitude(after.main_d.row(i), main) + magnitude(after.own_d.row(i), own)) * kOutward;
      const double a = after.a[i], d = after.d[i], ea = after.error_a[i], ed = after.error_d[i];
      const double tiny = std::fabs(a) * 0x1p-48, tiny_d = std::fabs(d) * 0x1p-48;
      const double reach_a = (c.radius_a + ea) * kOutward + tiny,
                   reach_d = (c.radius_d + ed) * kOutward + tiny_d;
      if (!(std::fabs(a) + reach_a < kMost && std::fabs(d) + reach_d < kMost)) return false;
      const double la = a - reach_a, ua = a + reach_a, ld = d - reach_d, ud = d + reach_d;
      const double lb = (la + ld) - (std::fabs(la) + std::fabs(ld)) * 0x1p-50,
                   ub = (ua + ud) + (std::fabs(ua) + std::fabs(ud)) * 0x1p-50;
      if (l.relu && ua <= 0 && ub <= 0) continue;
      if (!l.relu || la >= 0) {
        c.scale_a = 1, c.noise = ea;
      } else if (ua > 0) {
        const double slope = ua / (ua - la), half = -slope * la / 2;
        c.scale_a = slope, c.shift_a = half;
        c.main = (half + slope * ea + (std::fabs(a) + c.radius_a + half) * 0x1p-44) * kOutward;
        ++undecided;
      }
      if (!l.relu || (la >= 0 && lb >= 0)) {
        c.scale_d = 1, c.own = ed;
      } else {
        const double up = std::max(ud, 0.0), down = std::max(-ld, 0.0);
        // f = d + [low, high], f = [low, high], f = d/2 + [low, high]
        const double low1 = -std::min(std::max(-la, 0.0), up), high1 = std::min(std::max(-lb, 0.0), down);
        const double low0 = -std::min(std::max(ua, 0.0), down), high0 = std::min(std::max(ub, 0.0), up);
        const double half = std::max(up, down) / 2;
        double low = -half, high = half;
        c.scale_d = 0.5;
        if (high1 - low1 < high - low) low = low1, high = high1, c.scale_d = 1;
        if (high0 - low0 <= high - low) low = low0, high = high0, c.scale_d = 0;
        c.shift_d = (low + high) / 2;
        c.own = ((high - low) / 2 + c.scale_d * ed +
                 (c.scale_d * (std::fabs(d) + c.radius_d) + high - low) * 0x1p-44) *
                kOutward;
      }
      choices.push_back(c);
    }
    return true;
  }

  void take(const LayerPair& l) {
    const size_t old_main = main, old_noise = noise, old_own = own;
    size_t new_main = main, new_noise = noise, new_own = own;
    for (const Choice& c : choices) new_main += c.main > 0, new_noise += c.noise > 0, new_own += c.own > 0;
    for (size_t k = 0; k < choices.size(); ++k) {
      const Choice& c = choices[k];
      live[k] = c.row;
      const auto scaled = [](const double* from, double by, double* to, size_t n, size_t end) {
        for (size_t j = 0; j < n; ++j) to[j] = by * from[j];
        for (size_t j = n; j < end; ++j) to[j] = 0;
      };
      scaled(after.main_a.row(c.row), c.scale_a, before.main_a.row(k), old_main, padded(new_main));
      scaled(after.noise_a.row(c.row), c.scale_a, before.noise_a.row(k), old_noise, padded(new_noise));
      scaled(after.main_d.row(c.row), c.scale_d, before.main_d.row(k), old_main, padded(new_main));
      scaled(after.own_d.row(c.row), c.scale_d, before.own_d.row(k), old_own, padded(new_own));
      before.a[k] = c.scale_a * after.a[c.row] + c.shift_a;
      before.d[k] = c.scale_d * after.d[c.row] + c.shift_d;
      before.noise[k] = (c.scale_a * c.noise_before + c.noise) * kOutward;
      before.most_a[k] = (std::fabs(before.a[k]) + c.scale_a * c.radius_a + c.main + c.noise) * kOutward;
      before.most_d[k] = (std::fabs(before.d[k]) + c.scale_d * c.radius_d + c.own) * kOutward;
      if (shares()) {
        // A symbol of an undecided relu is due to what makes its range wide; one of a rounding to nothing.
        double *of_main = &share_main[main * pair.inputs()], *of_own = &share_own[own * pair.inputs()];
        const bool undecided = l.relu && (c.main > 0 || c.scale_d != 1 || c.shift_d != 0);
        if (c.main > 0) share(c, of_main);
        if (c.main > 0 && c.own > 0)
          std::copy_n(of_main, pair.inputs(), of_own);
        else if (undecided && c.own > 0)
          share(c, of_own);
        else if (c.own > 0)
          std::fill_n(of_own, pair.inputs(), 0.0);
      }
      if (c.main > 0) before.main_a.row(k)[main++] = c.main;
      if (c.noise > 0) before.noise_a.row(k)[noise++] = c.noise;
      if (c.own > 0) before.own_d.row(k)[own++] = c.own;
    }
  }

  void share(const Choice& c, double* to) const {
    const size_t n = pair.inputs();
    const double* row = after.main_a.row(c.row);
    const double total = std::max(c.radius_main, 1e-300);
    double sum[kShared] = {};
    for (size_t g = 0; g < computed; ++g) {
      const double weight = std::fabs(row[g]);
      for (size_t j = 0; j < n; ++j) sum[j] += weight * share_main[g * n + j];
    }
    for (size_t j = 0; j < n; ++j) to[j] = sum[j] / total;
  }
  size_t computed = 0;  // columns of main in `after`: the new symbols of this layer have none yet

  void run(std::span<const Range> box) {
    CHECK(box.size() == pair.inputs());
    undecided = 0;
    largest = kInf;
    first(box);
    for (size_t k = 0; k < pair.layers.size(); ++k) {
      if (k > 0) affine(pair.layers[k], choices.size());
      computed = main;
      if (k + 1 == pair.layers.size()) break;
      if (!decide(pair.layers[k])) return nothing();
      take(pair.layers[k]);
    }
    finish();
  }

  void nothing() { difference.assign(pair.outputs(), {-kInf, kInf}); }

  void finish() {
    nothing();
    double most = 0;
    for (size_t i = 0; i < pair.outputs(); ++i) {
      const double r =
          magnitude(after.main_d.row(i), main) + magnitude(after.own_d.row(i), own) + after.error_d[i];
      const double reach = r * kOutward + std::fabs(after.d[i]) * 0x1p-48;
      if (!(std::fabs(after.a[i]) + magnitude(after.main_a.row(i), main) < kMost && reach < kMost))
        return nothing();
      difference[i] = {after.d[i] - reach, after.d[i] + reach};
      most = std::max({most, -difference[i].lo, difference[i].hi});
    }
    largest = most;
  }

  // Σ weight of a symbol × the share of each input in it.
  template <class Main, class Own>
  void influence(Main of_main, Own of_own, std::span<double> by_input) const {
    const size_t n = pair.inputs();
    CHECK(by_input.size() == n);
    std::fill(by_input.begin(), by_input.end(), 0.0);
    if (!shares()) {
      for (size_t j = 0; j < n; ++j) by_input[j] = of_main(j);
      return;
    }
    for (size_t g = 0; g < main; ++g)
      for (size_t j = 0; j < n; ++j) by_input[j] += of_main(g) * share_main[g * n + j];
    for (size_t g = 0; g < own; ++g)
      for (size_t j = 0; j < n; ++j) by_input[j] += of_own(g) * share_own[g * n + j];
  }

  Range margin(size_t i, size_t j, bool of_b) const {
    if (largest == kInf) return {-kInf, kInf};
    double r = after.error_a[i] + after.error_a[j], c = after.a[i] - after.a[j];
    const double *ai = after.main_a.row(i), *aj = after.main_a.row(j), *ni = after.noise_a.row(i),
                 *nj = after.noise_a.row(j), *di = after.main_d.row(i), *dj = after.main_d.row(j),
                 *oi = after.own_d.row(i), *oj = after.own_d.row(j);
    double size = std::fabs(after.a[i]) + std::fabs(after.a[j]);
    for (size_t g = 0; g < noise; ++g) r += std::fabs(ni[g] - nj[g]);
    if (of_b) {
      c += after.d[i] - after.d[j];
      size += std::fabs(after.d[i]) + std::fabs(after.d[j]);
      r += after.error_d[i] + after.error_d[j];
      for (size_t g = 0; g < main; ++g) r += std::fabs((ai[g] - aj[g]) + (di[g] - dj[g]));
      for (size_t g = 0; g < own; ++g) r += std::fabs(oi[g] - oj[g]);
    } else {
      for (size_t g = 0; g < main; ++g) r += std::fabs(ai[g] - aj[g]);
    }
    // Of the subtractions: no more than a unit of each coefficient.
    for (size_t k : {i, j})
      size += magnitude(after.main_a.row(k), main) + magnitude(after.main_d.row(k), main) +
              magnitude(after.own_d.row(k), own);
    r = r * kOutward + size * 0x1p-48;
    return {c - r, c + r};
  }
};

DifferenceBounds::DifferenceBounds(const PairOfChains& pair) : s_(std::make_unique<State>(pair)) {}
DifferenceBounds::~DifferenceBounds() = default;
DifferenceBounds::DifferenceBounds(DifferenceBounds&&) noexcept = default;

void DifferenceBounds::run(std::span<const Range> box) { s_->run(box); }
std::span<const Range> DifferenceBounds::difference() const { return s_->difference; }
double DifferenceBounds::largest() const { return s_->largest; }
Range DifferenceBounds::margin_a(size_t i, size_t j) const { return s_->margin(i, j, false); }
Range DifferenceBounds::margin_b(size_t i, size_t j) const { return s_->margin(i, j, true); }
std::span<const double> DifferenceBounds::centre_a() const {
  return {s_->after.a.data(), s_->pair.outputs()};
}
size_t DifferenceBounds::undecided() const { return s_->undecided; }

std::span<const double> DifferenceBounds::slopes(size_t output) const {
  return {s_->after.main_d.row(output), s_->pair.inputs()};
}

void DifferenceBounds::influence(size_t output, std::span<double> by_input) const {
  const double *row = s_->after.main_d.row(output), *own = s_->after.own_d.row(output);
  s_->influence([&](size_t g) { return std::fabs(row[g]); }, [&](size_t g) { return std::fabs(own[g]); },
                by_input);
}

void DifferenceBounds::margin_influence(size_t i, size_t j, std::span<double> by_input) const {
  const Forms& f = s_->after;
  s_->influence(
      [&](size_t g) {
        return std::fabs(f.main_a.row(i)[g] - f.main_a.row(j)[g] + f.main_d.row(i)[g] - f.main_d.row(j)[g]);
      },
      [&](size_t g) { return std::fabs(f.own_d.row(i)[g] - f.own_d.row(j)[g]); }, by_input);
}

void DifferenceBounds::margin_slopes(size_t i, size_t j, std::span<double> by_input) const {
  const Forms& f = s_->after;
  for (size_t g = 0; g < by_input.size(); ++g)
    by_input[g] = f.main_a.row(i)[g] - f.main_a.row(j)[g] + f.main_d.row(i)[g] - f.main_d.row(j)[g];
}

}  // namespace tauto::region
