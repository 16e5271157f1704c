// Affine forms as rows of matrices, one product of matrices per layer and kind of symbol. Rows of neurons that
// are off in both networks are left out; so are columns of symbols that do not exist yet.
#include "verify/difference_bounds.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "support/error.h"
#include "support/lanes.h"

namespace tauto::region {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMost = 1e30;            // of values: far from where f32 overflows
constexpr double kUnit = 0x1p-24;         // f32
constexpr double kUnderflow = 0x1p-120;   // of the coefficients of one form, and of one f32 operation
constexpr double kOutward = 1 + 0x1p-36;  // a few f64 operations on nonnegative numbers are raised by this
constexpr size_t kVector = 16;            // columns are computed in steps of this
constexpr size_t kShared = 32;            // inputs up to which symbols know what they are due to

size_t padded(size_t n) { return (n + kVector - 1) / kVector * kVector; }

// γ_n of f32, raised.
double gamma(double n) { return n * kUnit / (1 - n * kUnit) * (1 + 0x1p-9); }

// Rows of coefficients, `stride` apart.
struct Rows {
  size_t stride = 0;
  std::vector<float> v;
  void make(size_t rows, size_t columns) {
    stride = padded(columns);
    v.assign(rows * stride, 0);
  }
  float* row(size_t i) { return v.data() + i * stride; }
  const float* row(size_t i) const { return v.data() + i * stride; }
};

using Eight = Lanes<float>;
using Four = Lanes<double>;

Eight absolute(Eight x) {
  constexpr int32_t kAllButSign = 0x7fffffff;
  return reinterpret_cast<Eight>(reinterpret_cast<Lanes<int32_t>>(x) & kAllButSign);
}
Four widened(const float* at) {
  typedef float FourFloats __attribute__((vector_size(16)));
  FourFloats v;
  std::memcpy(&v, at, sizeof v);
  return __builtin_convertvector(v, Four);
}

// Σ|row|, at least.
double magnitude(const float* row, size_t n) {
  Eight low{}, high{};
  size_t i = 0;
  for (; i + kVector <= n; i += kVector)
    low += absolute(load_lanes(row + i)), high += absolute(load_lanes(row + i + 8));
  double sum = 0;
  for (; i < n; ++i) sum += std::fabs(static_cast<double>(row[i]));
  for (size_t j = 0; j < 8; ++j) sum += static_cast<double>(low[j]) + static_cast<double>(high[j]);
  return sum * (1 + static_cast<double>(n / kVector + 2) * 2 * kUnit);
}

// A coefficient that is at least x.
float raised(double x) { return static_cast<float>(x * (1 + 2 * kUnit) + kUnderflow); }

// out[r][column …] (+)= Σ_k w[r][k] x[k][column …], for R rows and 16 columns, which are padded on both sides.
template <size_t R, bool Add>
void tile(const float* w, size_t terms, const Rows& x, size_t column, float* const* out) {
  static_assert(kVector == 16);
  Eight low[R], high[R];
#pragma GCC unroll 8
  for (size_t r = 0; r < R; ++r) {
    const float* to = out[r] + column;
    low[r] = Add ? load_lanes(to) : Eight{}, high[r] = Add ? load_lanes(to + 8) : Eight{};
  }
  const float* from = x.v.data() + column;
  for (size_t k = 0; k < terms; ++k, from += x.stride) {
    const Eight a = load_lanes(from), b = load_lanes(from + 8);
#pragma GCC unroll 8
    for (size_t r = 0; r < R; ++r) {
      const float f = w[r * terms + k];
      low[r] += f * a;
      high[r] += f * b;
    }
  }
#pragma GCC unroll 8
  for (size_t r = 0; r < R; ++r)
    store_lanes<float>(low[r], out[r] + column), store_lanes<float>(high[r], out[r] + column + 8);
}

template <bool Add>
void multiply(const std::vector<float>& w, size_t rows, size_t terms, const Rows& x, size_t columns,
              Rows& out) {
  for (size_t i = 0; i < rows;) {
    const size_t n = rows - i >= 4 ? 4 : 1;
    float* to[4];
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
  Forms before, after;                  // inputs of a layer; what it makes of them
  std::vector<size_t> live;             // which neurons the rows of `before` are
  size_t main = 0, noise = 0, own = 0;  // symbols so far
  Rows share_main, share_own;           // symbol × input
  std::vector<Range> difference;
  std::vector<float> wa, wb, wd;  // weights of rows and live columns
  // Neurons that are off in both networks throughout the box, 1 each, layer after layer: they have no rows.
  std::vector<uint8_t> off;
  std::vector<size_t> rows;  // which neurons the rows of `after` are
  size_t undecided = 0;
  double largest = kInf;

  explicit State(const PairOfChains& p) : pair(p) {
    size_t neurons = 0, rows = p.inputs();
    for (const LayerPair& l : p.layers) neurons += l.out, rows = std::max(rows, l.out);
    off.assign(neurons, 0);
    for (Forms* f : {&before, &after}) {
      f->main_a.make(rows, p.inputs() + neurons), f->main_d.make(rows, p.inputs() + neurons);
      f->noise_a.make(rows, neurons), f->own_d.make(rows, neurons);
      for (auto* v : {&f->a, &f->d, &f->most_a, &f->most_d, &f->noise, &f->error_a, &f->error_d})
        v->assign(padded(rows), 0);
    }
    live.resize(rows);
    if (shares()) share_main.make(p.inputs() + neurons, p.inputs()), share_own.make(neurons, p.inputs());
  }
  bool shares() const { return pair.inputs() <= kShared; }

  // --- affine -------------------------------------------------------------------------------------------------
  // Inputs are their own symbols, so the first product is a scaling of columns.
  void first(std::span<const Range> box) {
    const LayerPair& l = pair.layers[0];
    std::vector<double>& radius = box_radius;
    box_centre.resize(l.in), box_radius.resize(l.in);
    for (size_t k = 0; k < l.in; ++k) {
      const double c = box[k].lo / 2 + box[k].hi / 2;
      before.a[k] = box_centre[k] = c;
      radius[k] = std::max(box[k].hi - c, c - box[k].lo) * kOutward + kUnderflow;
      before.d[k] = before.most_d[k] = before.noise[k] = 0;
      before.most_a[k] = std::fabs(c) + radius[k];
      live[k] = k;
    }
    main = l.in, noise = own = 0;
    for (size_t r = 0; r < rows.size(); ++r) {
      float *a = after.main_a.row(r), *d = after.main_d.row(r);
      for (size_t k = 0; k < l.in; ++k) {
        a[k] = static_cast<float>(l.a[rows[r] * l.in + k] * radius[k]);
        d[k] = static_cast<float>(l.difference[rows[r] * l.in + k] * radius[k]);
      }
    }
    if (shares())
      for (size_t k = 0; k < l.in; ++k)
        for (size_t j = 0; j < l.in; ++j) share_main.row(k)[j] = k == j;
    gather(l, l.in);
    centres(l, l.in);
  }

  // The weights from live neurons to rows.
  void gather(const LayerPair& l, size_t terms) {
    for (auto* w : {&wa, &wb, &wd}) w->resize(rows.size() * terms + 4);
    for (size_t r = 0; r < rows.size(); ++r)
      for (size_t k = 0; k < terms; ++k) {
        const size_t from = rows[r] * l.in + live[k], to = r * terms + k;
        wa[to] = static_cast<float>(l.a[from]), wb[to] = static_cast<float>(l.b[from]);
        wd[to] = static_cast<float>(l.difference[from]);
      }
  }

  void affine(const LayerPair& l, size_t terms) {
    gather(l, terms);
    const size_t n = rows.size();
    multiply<false>(wa, n, terms, before.main_a, main, after.main_a);
    multiply<false>(wa, n, terms, before.noise_a, noise, after.noise_a);
    multiply<false>(wb, n, terms, before.main_d, main, after.main_d);
    multiply<true>(wd, n, terms, before.main_a, main, after.main_d);
    multiply<false>(wb, n, terms, before.own_d, own, after.own_d);
    centres(l, terms);
  }

  void centres(const LayerPair& l, size_t terms) {
    // Of forms, whose coefficients are computed in f32: sums of `terms` products (d: of twice as many).
    const double form_a = gamma(static_cast<double>(terms + 4)),
                 form_d = gamma(static_cast<double>(2 * terms + 4));
    const double f64_error = static_cast<double>(l.in + 16) * 0x1p-52;
    const double underflow = static_cast<double>(l.in + 3) * kUnderflow;
    const auto sum = [](const Four& v) { return (v[0] + v[1]) + (v[2] + v[3]); };
    for (size_t r = 0; r < rows.size(); ++r) {
      const size_t i = rows[r];
      // A's roundings go through W_B - W_A without their signs.
      Four a4{}, d4{}, size_a4{}, size_b4{}, size_d4{}, noise4{}, through4{};
      const float *pa = &wa[r * terms], *pb = &wb[r * terms], *pd = &wd[r * terms];
      const auto add = [&](const Four& va, const Four& vb, const Four& vd, size_t k) {
        const Four xa = load_lanes(&before.a[k]), xd = load_lanes(&before.d[k]),
                   ma = load_lanes(&before.most_a[k]), md = load_lanes(&before.most_d[k]);
        const Four sa = va < 0 ? -va : va, sb = vb < 0 ? -vb : vb, sd = vd < 0 ? -vd : vd;
        a4 += va * xa;
        d4 += vb * xd + (vb - va) * xa;
        size_a4 += sa * ma;
        size_b4 += sb * (ma + md);
        size_d4 += sb * md;
        through4 += sd * ma;
        noise4 += sd * load_lanes(&before.noise[k]);
      };
      size_t k = 0;
      for (; k + 4 <= terms; k += 4) add(widened(pa + k), widened(pb + k), widened(pd + k), k);
      if (k < terms) {
        Four last[3] = {widened(pa + k), widened(pb + k), widened(pd + k)};
        for (Four& v : last)
          for (size_t j = terms - k; j < 4; ++j) v[j] = 0;
        add(last[0], last[1], last[2], k);
      }
      const double a = sum(a4), d = sum(d4), size_d = sum(size_d4), noise_d = sum(noise4),
                   through = sum(through4);
      double size_a = sum(size_a4), size_b = sum(size_b4);
      after.a[r] = a + l.bias_a[i];
      after.d[r] = d + l.bias_difference[i];
      size_a += std::fabs(l.bias_a[i]);
      size_b += std::fabs(l.bias_b[i]);
      const double rounds_a = (gamma(l.roundings_a) + f64_error) * size_a + underflow;
      const double rounds_b = (gamma(l.roundings_b) + f64_error) * size_b + underflow;
      back_error[r] = rounds_a + 0x1p-40 * size_a;
      after.error_a[r] = (rounds_a + form_a * size_a) * kOutward;
      after.error_d[r] = (rounds_a + rounds_b + form_d * (size_d + through) + noise_d + underflow) * kOutward;
    }
  }

  // --- relu ---------------------------------------------------------------------------------------------------
  struct Choice {
    size_t row = 0;
    double scale_a = 0, shift_a = 0, main = 0, noise = 0;  // main, noise: coefficients of new symbols
    double scale_d = 0, shift_d = 0, own = 0;
    double radius_a = 0, radius_main = 0, noise_before = 0, radius_d = 0;
    double la = 0, ua = 0, ld = 0, ud = 0;  // ranges of A's value and of the difference
  };
  std::vector<Choice> choices;

  // --- backwards --------------------------------------------------------------------------------------------
  // A layer that was passed: its live neurons, each between two lines of its value before the relu.
  struct Passed {
    size_t neurons = 0, terms = 0, stride = 0;
    std::vector<double> weights, bias, slope_low, slope_up, shift_up, error;
  };
  std::vector<Passed> passed_store;
  std::span<Passed> passed;                // of this box
  std::vector<double> coefficients, next;  // row × live neuron

  // Ranges of undecided neurons by substituting, layer after layer, the line that bounds each relu on the side that
  // its coefficient asks for (DeepPoly: Singh, Gehr, Püschel, Vechev, POPL 2019; CROWN: arXiv 1811.00866). Forms have
  // one line for both sides.
  void tighten(const LayerPair& l) {
    std::vector<Choice*> open;
    for (Choice& c : choices)
      if (c.la < 0 && c.ua > 0) open.push_back(&c);
    if (open.empty()) return;
    const Passed& last = passed.back();
    const size_t n = 2 * open.size();  // lower bounds of the value, then of its negative
    size_t stride = padded(last.neurons);
    coefficients.assign(n * stride, 0);
    std::vector<double> bound(n);
    for (size_t r = 0; r < n; ++r) {
      const size_t row = open[r / 2]->row;
      const double sign = r % 2 ? -1 : 1;
      for (size_t k = 0; k < last.neurons; ++k)
        coefficients[r * stride + k] = sign * static_cast<double>(wa[row * last.neurons + k]);
      bound[r] = sign * l.bias_a[rows[row]] - back_error[row];
    }
    for (size_t p = passed.size(); p-- > 0;) {
      const Passed& at = passed[p];
      const size_t columns = at.stride;
      next.assign(n * columns, 0);
      for (size_t r = 0; r < n; ++r) {
        double* from = &coefficients[r * stride];
        double sum = 0;
        for (size_t k = 0; k < at.neurons; ++k) {
          const double c = from[k], up = std::min(c, 0.0), low = std::max(c, 0.0);
          sum += up * at.shift_up[k];
          const double through = low * at.slope_low[k] + up * at.slope_up[k];
          from[k] = through;
          sum += through * at.bias[k] - std::fabs(c) * at.error[k];
        }
        bound[r] += sum;
      }
      for (size_t r = 0; r < n; r += 2) back_tile(&coefficients[r * stride], stride, at, &next[r * columns]);
      coefficients.swap(next);
      stride = columns;
    }
    for (size_t r = 0; r < n; ++r) {
      const double* c = &coefficients[r * stride];
      double sum = bound[r];
      for (size_t k = 0; k < pair.inputs(); ++k)
        sum += c[k] * box_centre[k] - std::fabs(c[k]) * box_radius[k];
      if (r % 2)
        open[r / 2]->ua = std::min(open[r / 2]->ua, -sum);
      else
        open[r / 2]->la = std::max(open[r / 2]->la, sum);
    }
  }
  // Of each row: what its execution rounds, and f64 with it, in all sums of `tighten`.
  std::vector<double> back_error;
  std::vector<double> box_centre, box_radius;

  // Two rows of coefficients through a layer's weights.
  static void back_tile(const double* c, size_t stride, const Passed& at, double* out) {
    for (size_t j = 0; j < at.stride; j += 16) {
      Four s[2][4] = {};
      for (size_t k = 0; k < at.neurons; ++k) {
        const double* w = &at.weights[k * at.stride + j];
        const double x = c[k], y = c[stride + k];
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; ++v) {
          const Four four = load_lanes(w + 4 * v);
          s[0][v] += x * four, s[1][v] += y * four;
        }
      }
      for (size_t v = 0; v < 4; ++v) {
        store_lanes<double>(s[0][v], out + j + 4 * v);
        store_lanes<double>(s[1][v], out + at.stride + j + 4 * v);
      }
    }
  }

  // Keeps what `choices` and the weights of this layer are, for layers to come.
  void pass(const LayerPair& l, size_t terms, size_t layer) {
    Passed& p = passed_store[layer];
    p.neurons = choices.size(), p.terms = terms, p.stride = padded(terms);
    p.weights.assign(p.neurons * p.stride, 0);
    for (auto* v : {&p.bias, &p.slope_low, &p.slope_up, &p.shift_up, &p.error}) v->resize(p.neurons);
    for (size_t k = 0; k < choices.size(); ++k) {
      const Choice& c = choices[k];
      for (size_t j = 0; j < terms; ++j)
        p.weights[k * p.stride + j] = static_cast<double>(wa[c.row * terms + j]);
      p.bias[k] = l.bias_a[rows[c.row]];
      if (!l.relu || c.la >= 0) {
        p.slope_low[k] = p.slope_up[k] = 1, p.shift_up[k] = 0;
      } else if (c.ua <= 0) {
        p.slope_low[k] = p.slope_up[k] = p.shift_up[k] = 0;
      } else {
        p.slope_low[k] = c.ua > -c.la ? 1 : 0;
        p.slope_up[k] = c.ua / (c.ua - c.la);
        p.shift_up[k] = -p.slope_up[k] * c.la * (1 + 0x1p-40) + c.ua * 0x1p-48;
      }
      p.error[k] = back_error[c.row];
    }
    passed = {passed_store.data(), layer + 1};
  }

  // false: a range is beyond all bounds.
  bool decide(const LayerPair& l) {
    choices.clear();
    for (size_t i = 0; i < rows.size(); ++i) {
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
      c.la = a - reach_a, c.ua = a + reach_a, c.ld = d - reach_d, c.ud = d + reach_d;
      if (l.relu && c.ua <= 0 && c.ua + c.ud <= 0) {
        off[first_neuron + rows[i]] = 1;
        continue;
      }
      choices.push_back(c);
    }
    if (l.relu && !passed.empty()) tighten(l);
    size_t kept = 0;
    for (Choice& c : choices) {
      const size_t i = c.row;
      const double a = after.a[i], d = after.d[i], ea = after.error_a[i], ed = after.error_d[i];
      const double la = c.la, ua = c.ua, ld = c.ld, ud = c.ud;
      const double lb = (la + ld) - (std::fabs(la) + std::fabs(ld)) * 0x1p-50,
                   ub = (ua + ud) + (std::fabs(ua) + std::fabs(ud)) * 0x1p-50;
      if (l.relu && ua <= 0 && ub <= 0) {
        off[first_neuron + rows[i]] = 1;
        continue;
      }
      if (!l.relu || la >= 0) {
        c.scale_a = 1, c.noise = ea;
      } else if (ua > 0) {
        // Any slope s of [0, 1] will do: s z <= relu(z) <= s z + max(-s l, (1 - s) u).
        const auto slope = static_cast<double>(static_cast<float>(ua / (ua - la)));
        const double half = std::max(-slope * la, (1 - slope) * ua) / 2 * kOutward;
        c.scale_a = slope, c.shift_a = half;
        c.main = (half + slope * ea + slope * c.radius_a * 2 * kUnit +  // of scaling the row
                  (std::fabs(a) + half) * 0x1p-44 + kUnderflow) *
                 kOutward;
        ++undecided;
      }
      if (!l.relu || (la >= 0 && lb >= 0)) {
        c.scale_d = 1, c.own = ed;
      } else {
        // f = scale d + [low, high], least and most of f for each d, which are linear between the corners.
        const double na = std::max(-la, 0.0), nb = std::max(-lb, 0.0), pa = std::max(ua, 0.0),
                     pb = std::max(ub, 0.0);
        const double corners[] = {ld, ud, 0, pb, -nb, -pa, na, pb - nb, na - pa};
        double low = -kInf, high = kInf, least_cost = kInf;
        for (const double scale : {0.0, 0.25, 0.5, 0.75, 1.0}) {
          double lo = kInf, hi = -kInf;
          for (const double corner : corners) {
            const double x = std::clamp(corner, ld, ud);
            lo = std::min(lo, std::max({std::min(0.0, x), -pa, x - na}) - scale * x);
            hi = std::max(hi, std::min({std::max(0.0, x), pb, x + nb}) - scale * x);
          }
          // What is left of d goes on with its signs, so it is cheaper than what is new.
          const double cost = (hi - lo) / 2 + 0.1 * scale * c.radius_d;
          if (cost < least_cost) least_cost = cost, low = lo, high = hi, c.scale_d = scale;
        }
        c.shift_d = (low + high) / 2;
        c.own = ((high - low) / 2 + c.scale_d * ed + (c.scale_d * std::fabs(d) + high - low) * 0x1p-44 +
                 kUnderflow) *
                kOutward;
      }
      choices[kept++] = c;
    }
    choices.resize(kept);
    return true;
  }

  void take(const LayerPair& l) {
    const size_t old_main = main, old_noise = noise, old_own = own;
    size_t new_main = main, new_noise = noise, new_own = own;
    for (const Choice& c : choices) new_main += c.main > 0, new_noise += c.noise > 0, new_own += c.own > 0;
    for (size_t k = 0; k < choices.size(); ++k) {
      const Choice& c = choices[k];
      live[k] = rows[c.row];
      // Of A by any slope, whose rounding is charged to its new symbol (see decide); of d by a multiple of 1/4: exact.
      const auto scaled = [](const float* from, double by, float* to, size_t n, size_t end) {
        const auto factor = static_cast<float>(by);
        for (size_t j = 0; j < n; ++j) to[j] = factor * from[j];
        for (size_t j = n; j < end; ++j) to[j] = 0;
      };
      scaled(after.main_a.row(c.row), c.scale_a, before.main_a.row(k), old_main, padded(new_main));
      scaled(after.noise_a.row(c.row), c.scale_a, before.noise_a.row(k), old_noise, padded(new_noise));
      scaled(after.main_d.row(c.row), c.scale_d, before.main_d.row(k), old_main, padded(new_main));
      scaled(after.own_d.row(c.row), c.scale_d, before.own_d.row(k), old_own, padded(new_own));
      before.a[k] = c.scale_a * after.a[c.row] + c.shift_a;
      before.d[k] = c.scale_d * after.d[c.row] + c.shift_d;
      const double up = 1 + 4 * kUnit;  // new coefficients are raised, scaled ones rounded
      before.noise[k] = (c.scale_a * c.noise_before + c.noise) * up + kUnderflow;
      before.most_a[k] =
          (std::fabs(before.a[k]) + c.scale_a * c.radius_a + c.main + c.noise) * up + kUnderflow;
      before.most_d[k] = (std::fabs(before.d[k]) + c.scale_d * c.radius_d + c.own) * up + kUnderflow;
      if (shares()) {
        // A symbol of an undecided relu is due to what makes its range wide; one of a rounding to nothing.
        float *of_main = share_main.row(main), *of_own = share_own.row(own);
        const bool undecided = l.relu && (c.main > 0 || c.scale_d != 1 || c.shift_d != 0);
        if (c.main > 0) share(c, of_main);
        if (c.main > 0 && c.own > 0)
          std::copy_n(of_main, pair.inputs(), of_own);
        else if (undecided && c.own > 0)
          share(c, of_own);
        else if (c.own > 0)
          std::fill_n(of_own, pair.inputs(), 0.0f);
      }
      if (c.main > 0) before.main_a.row(k)[main++] = raised(c.main);
      if (c.noise > 0) before.noise_a.row(k)[noise++] = raised(c.noise);
      if (c.own > 0) before.own_d.row(k)[own++] = raised(c.own);
    }
  }

  void share(const Choice& c, float* to) const {
    const float* row = after.main_a.row(c.row);
    const auto part = static_cast<float>(1 / std::max(c.radius_main, 1e-30));
    for (size_t j = 0; j < pair.inputs(); j += 8) {
      Eight sum{};
      for (size_t g = 0; g < computed; ++g) sum += std::fabs(row[g]) * load_lanes(share_main.row(g) + j);
      store_lanes<float>(sum * part, to + j);
    }
  }
  size_t computed = 0;  // columns of main in `after`: the new symbols of this layer have none yet

  void run(std::span<const Range> box, std::span<const uint8_t> known_off) {
    CHECK(box.size() == pair.inputs());
    undecided = 0;
    largest = kInf;
    if (known_off.empty())
      std::fill(off.begin(), off.end(), 0);
    else
      std::copy(known_off.begin(), known_off.end(), off.begin());
    first_neuron = 0;
    passed = {};
    passed_store.resize(pair.layers.size());
    back_error.resize(before.a.size());
    for (size_t k = 0; k < pair.layers.size(); ++k) {
      const LayerPair& l = pair.layers[k];
      rows.clear();
      for (size_t i = 0; i < l.out; ++i)
        if (!off[first_neuron + i]) rows.push_back(i);
      k == 0 ? first(box) : affine(l, choices.size());
      computed = main;
      if (k + 1 == pair.layers.size()) break;
      const size_t terms = k == 0 ? l.in : choices.size();
      if (!decide(l)) return nothing();
      pass(l, terms, k);
      take(l);
      first_neuron += l.out;
    }
    finish();
  }
  size_t first_neuron = 0;  // of the layer at hand

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

  double main_of_margin(size_t i, size_t j, size_t g) const {
    const Rows &a = after.main_a, &d = after.main_d;
    return static_cast<double>(a.row(i)[g] - a.row(j)[g] + d.row(i)[g] - d.row(j)[g]);
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
      for (size_t j = 0; j < n; ++j) by_input[j] += of_main(g) * static_cast<double>(share_main.row(g)[j]);
    for (size_t g = 0; g < own; ++g)
      for (size_t j = 0; j < n; ++j) by_input[j] += of_own(g) * static_cast<double>(share_own.row(g)[j]);
  }

  Range margin(size_t i, size_t j, bool of_b) const {
    if (largest == kInf) return {-kInf, kInf};
    const auto apart = [](float x, float y) {
      return std::fabs(static_cast<double>(x) - static_cast<double>(y));
    };
    double r = after.error_a[i] + after.error_a[j], c = after.a[i] - after.a[j];
    const float *ai = after.main_a.row(i), *aj = after.main_a.row(j), *ni = after.noise_a.row(i),
                *nj = after.noise_a.row(j), *di = after.main_d.row(i), *dj = after.main_d.row(j),
                *oi = after.own_d.row(i), *oj = after.own_d.row(j);
    double size = std::fabs(after.a[i]) + std::fabs(after.a[j]);
    for (size_t g = 0; g < noise; ++g) r += apart(ni[g], nj[g]);
    if (of_b) {
      c += after.d[i] - after.d[j];
      size += std::fabs(after.d[i]) + std::fabs(after.d[j]);
      r += after.error_d[i] + after.error_d[j];
      for (size_t g = 0; g < main; ++g)
        r += std::fabs((static_cast<double>(ai[g]) - static_cast<double>(aj[g])) +
                       (static_cast<double>(di[g]) - static_cast<double>(dj[g])));
      for (size_t g = 0; g < own; ++g) r += apart(oi[g], oj[g]);
    } else {
      for (size_t g = 0; g < main; ++g) r += apart(ai[g], aj[g]);
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

void DifferenceBounds::run(std::span<const Range> box, std::span<const uint8_t> off) { s_->run(box, off); }
std::span<const uint8_t> DifferenceBounds::off() const { return s_->off; }
std::span<const Range> DifferenceBounds::difference() const { return s_->difference; }
double DifferenceBounds::largest() const { return s_->largest; }
Range DifferenceBounds::margin_a(size_t i, size_t j) const { return s_->margin(i, j, false); }
Range DifferenceBounds::margin_b(size_t i, size_t j) const { return s_->margin(i, j, true); }
std::span<const double> DifferenceBounds::centre_a() const {
  return {s_->after.a.data(), s_->pair.outputs()};
}
size_t DifferenceBounds::undecided() const { return s_->undecided; }

void DifferenceBounds::slopes(size_t output, std::span<double> by_input) const {
  const float* row = s_->after.main_d.row(output);
  for (size_t j = 0; j < by_input.size(); ++j) by_input[j] = static_cast<double>(row[j]);
}

void DifferenceBounds::influence(size_t output, std::span<double> by_input) const {
  const float *row = s_->after.main_d.row(output), *own = s_->after.own_d.row(output);
  s_->influence([&](size_t g) { return static_cast<double>(std::fabs(row[g])); },
                [&](size_t g) { return static_cast<double>(std::fabs(own[g])); }, by_input);
}

void DifferenceBounds::margin_influence(size_t i, size_t j, std::span<double> by_input) const {
  s_->influence([&](size_t g) { return std::fabs(s_->main_of_margin(i, j, g)); },
                [&](size_t g) {
                  const Rows& own = s_->after.own_d;
                  return static_cast<double>(std::fabs(own.row(i)[g] - own.row(j)[g]));
                },
                by_input);
}

void DifferenceBounds::margin_slopes(size_t i, size_t j, std::span<double> by_input) const {
  for (size_t g = 0; g < by_input.size(); ++g) by_input[g] = s_->main_of_margin(i, j, g);
}

}  // namespace tauto::region
