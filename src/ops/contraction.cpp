// One loop nest for every contraction. Outputs are innermost: the lanes of a row run along one output axis v
// (the "vector axis"), on which at best only one operand depends; that operand is repacked with v's dim last,
// so that a row is contiguous and the C++ compiler vectorises over outputs, which touches no bit. Points
// outside an operand are left out: per row for most axes, per range of lanes along v.
#include "ops/contraction.h"

#include <algorithm>
#include <numeric>

namespace tauto {

BoundAccess::BoundAccess(const Access& a, std::span<const Tensor* const> tensors) : outputs(a.outputs) {
  for (const Dim& d : a.extents) extents.push_back(d.literal());
  for (size_t i = 0; i < a.operands.size(); ++i) {
    operands.emplace_back();
    CHECK(tensors[i]->shape().size() == a.operands[i].size());
    for (size_t d = 0; d < a.operands[i].size(); ++d) {
      const AxisIndex& from = a.operands[i][d];
      Index index;
      index.coefficients.assign(extents.size(), 0);
      for (const AxisTerm& t : from.terms)
        index.coefficients[static_cast<size_t>(t.axis)] = t.coefficient.literal();
      index.offset = from.offset.literal();
      index.divisor = from.divisor;
      index.dim = tensors[i]->shape()[d];
      operands.back().push_back(std::move(index));
    }
  }
}

int64_t BoundAccess::reduction_terms() const {
  int64_t n = 1;
  for (size_t i = static_cast<size_t>(outputs); i < extents.size(); ++i) n *= extents[i];
  return n;
}

int64_t block_steps(std::span<const int64_t> reduction_extents) {
  size_t outermost = 0;
  while (outermost < reduction_extents.size() && reduction_extents[outermost] == 1) ++outermost;
  int64_t inner = 1;
  for (size_t i = outermost + 1; i < reduction_extents.size(); ++i) inner *= reduction_extents[i];
  int64_t steps = 1;
  while (steps * 2 * inner <= kBlockTerms) steps *= 2;
  return steps;
}

namespace {

// One operand's dim whose index may fall outside, or not be divisible.
struct Checked {
  int operand;
  const BoundAccess::Index* index;
  int64_t stride;  // of the operand's (packed) memory along this dim
  Ints deltas;     // per term of a block: what the reduction axes add
  int64_t base = 0;
};

template <class C>
class Contraction {
 public:
  Contraction(const BoundAccess& access, const C* a, const C* b, C* out, C zero, const EvalContext& context)
      : access_(access), out_(out), zero_(zero), context_(context), data_{a, b} {}

  void run() {
    const Shape shape = access_.output_shape();
    if (element_count(shape) == 0) return;
    choose_vector_axis();
    for (int i = 0; i < 2; ++i) lay_out(i);
    build_taps();
    // All output axes but v, outermost first.
    std::vector<size_t> outer;
    for (size_t i = 0; i < shape.size(); ++i)
      if (static_cast<int>(i) != v_) outer.push_back(i);
    const Shape strides = strides_of_output(shape);
    const int64_t n = v_ < 0 ? 1 : shape[static_cast<size_t>(v_)];
    const int64_t step = v_ < 0 ? 1 : strides[static_cast<size_t>(v_)];
    point_.assign(access_.extents.size(), 0);
    sums_.resize(static_cast<size_t>(n + kLanes));
    for (int64_t done = 0;; ++done) {
      int64_t at = 0;
      for (size_t i : outer) at += point_[i] * strides[i];
      row(at, n, step);
      if (done % 256 == 0) context_.poll();
      size_t d = outer.size();
      for (; d-- > 0;) {
        if (++point_[outer[d]] < shape[outer[d]]) break;
        point_[outer[d]] = 0;
      }
      if (d == static_cast<size_t>(-1)) return;
    }
  }

 private:
  static constexpr int64_t kLanes = 64;
  static constexpr int64_t kPackReuse = 8;

  // (before, inner, rest) → (before, rest, inner), in squares that stay in cache.
  static void transpose(const C* from, C* to, int64_t before, int64_t inner, int64_t rest) {
    constexpr int64_t kSquare = 16;
    for (int64_t p = 0; p < before; ++p, from += inner * rest, to += inner * rest)
      for (int64_t x0 = 0; x0 < inner; x0 += kSquare)
        for (int64_t r0 = 0; r0 < rest; r0 += kSquare)
          for (int64_t r = r0; r < std::min(rest, r0 + kSquare); ++r)
            for (int64_t x = x0; x < std::min(inner, x0 + kSquare); ++x)
              to[r * inner + x] = from[x * rest + r];
  }

  static Shape strides_of_output(const Shape& shape) {
    Shape s(shape.size(), 1);
    for (size_t i = shape.size(); i-- > 1;) s[i - 1] = s[i] * shape[i];
    return s;
  }

  int64_t coefficient(int operand, size_t d, int axis) const {
    return axis < 0
               ? 0
               : access_.operands[static_cast<size_t>(operand)][d].coefficients[static_cast<size_t>(axis)];
  }

  // How operand i depends on output axis v: not at all (-1), through exactly one dim (its number), or else
  // (-2).
  int dim_of_axis(int operand, int v) const {
    int found = -1;
    for (size_t d = 0; d < access_.operands[static_cast<size_t>(operand)].size(); ++d)
      if (coefficient(operand, d, v) != 0) {
        if (found >= 0 || access_.operands[static_cast<size_t>(operand)][d].divisor != 1) return -2;
        found = static_cast<int>(d);
      }
    return found;
  }

  bool always_inside(const BoundAccess::Index& x) const {
    if (x.divisor != 1) return false;
    int64_t lo = x.offset, hi = x.offset;
    for (size_t i = 0; i < access_.extents.size(); ++i) {
      const int64_t c = x.coefficients[i] * (access_.extents[i] - 1);
      (c < 0 ? lo : hi) += c;
    }
    return lo >= 0 && hi < x.dim;
  }

  // Prefers a long axis along which one operand is constant and the other steps by one, always inside.
  void choose_vector_axis() {
    double best = 0;
    for (int v = 0; v < access_.outputs; ++v) {
      const int64_t n = access_.extents[static_cast<size_t>(v)];
      const int da = dim_of_axis(0, v), db = dim_of_axis(1, v);
      if (n < 2 || da == -2 || db == -2) continue;
      double score = static_cast<double>(std::min<int64_t>(n, kLanes));
      for (auto [i, d] : {std::pair(0, da), std::pair(1, db)}) {
        if (d < 0) continue;
        const BoundAccess::Index& x = access_.operands[static_cast<size_t>(i)][static_cast<size_t>(d)];
        if (!always_inside(x)) score *= 0.5;
        if (x.coefficients[static_cast<size_t>(v)] != 1) score *= 0.5;
      }
      if (da >= 0 && db >= 0) score *= 0.2;
      if (score >= best) best = score, v_ = v;
    }
  }

  // Rows that read one element of operand i at the same point of its own axes: how often a repacked copy is
  // used.
  int64_t reuse(int i) const {
    int64_t n = 1;
    for (int axis = 0; axis < access_.outputs; ++axis)
      if (axis != v_ && dim_of_axis(i, axis) == -1) n *= access_.extents[static_cast<size_t>(axis)];
    return n;
  }

  // Memory layout of operand i: v's dim last (repacked if that pays), lane stride = v's coefficient · v's
  // stride.
  void lay_out(int i) {
    const auto& dims = access_.operands[static_cast<size_t>(i)];
    const int last = v_ < 0 ? -1 : dim_of_axis(i, v_);
    const bool pack = last >= 0 && last + 1 != static_cast<int>(dims.size()) && reuse(i) >= kPackReuse;
    std::vector<size_t> order;
    for (size_t d = 0; d < dims.size(); ++d)
      if (!pack || static_cast<int>(d) != last) order.push_back(d);
    if (pack) order.push_back(static_cast<size_t>(last));
    strides_[i].assign(dims.size(), 1);
    int64_t stride = 1;
    for (size_t k = order.size(); k-- > 0;) {
      strides_[i][order[k]] = stride;
      stride *= dims[order[k]].dim;
    }
    step_[i] = last < 0 ? 0 : dims[static_cast<size_t>(last)].coefficients[static_cast<size_t>(v_)];
    lane_[i] = last < 0 ? 0 : step_[i] * strides_[i][static_cast<size_t>(last)];
    if (pack) {
      packed_[i].resize(static_cast<size_t>(stride));
      const int64_t inner = dims[static_cast<size_t>(last)].dim;
      int64_t rest = 1, before = 1;
      for (size_t d = static_cast<size_t>(last) + 1; d < dims.size(); ++d) rest *= dims[d].dim;
      for (int d = 0; d < last; ++d) before *= dims[static_cast<size_t>(d)].dim;
      transpose(data_[i], packed_[i].data(), before, inner, rest);
      data_[i] = packed_[i].data();
    }
    linear_[i].assign(access_.extents.size(), 0);
    for (size_t d = 0; d < dims.size(); ++d) {
      if (dims[d].divisor != 1) continue;
      constant_[i] += dims[d].offset * strides_[i][d];
      for (size_t axis = 0; axis < linear_[i].size(); ++axis)
        linear_[i][axis] += dims[d].coefficients[axis] * strides_[i][d];
    }
    for (size_t d = 0; d < dims.size(); ++d) {
      if (always_inside(dims[d])) continue;
      if (static_cast<int>(d) == last)
        ranged_[i] = &dims[d];
      else
        checked_.push_back({i, &dims[d], strides_[i][d], {}});
    }
  }

  // The terms of one block, relative to its start: offsets of both operands, and of each checked or ranged
  // index.
  void build_taps() {
    const auto first = static_cast<size_t>(access_.outputs);
    outermost_ = first;
    while (outermost_ < access_.extents.size() && access_.extents[outermost_] == 1) ++outermost_;
    steps_ = block_steps(std::span(access_.extents).subspan(first));
    Ints extents(access_.extents.begin() + static_cast<int64_t>(first), access_.extents.end());
    const size_t outermost = outermost_ - first;
    outer_extent_ = outermost < extents.size() ? extents[outermost] : 1;
    if (outermost < extents.size()) extents[outermost] = std::min(steps_, outer_extent_);
    inner_terms_ = 1;
    for (size_t k = outermost + 1; k < extents.size(); ++k) inner_terms_ *= extents[k];
    const int64_t n = std::accumulate(extents.begin(), extents.end(), int64_t{1}, std::multiplies<>());
    Ints at(extents.size(), 0);
    const auto delta = [&](const BoundAccess::Index& x) {
      int64_t s = 0;
      for (size_t k = 0; k < at.size(); ++k) s += at[k] * x.coefficients[first + k];
      return s;
    };
    for (int64_t t = 0; t < n; ++t) {
      for (int i = 0; i < 2; ++i) {
        int64_t offset = 0;
        const auto& dims = access_.operands[static_cast<size_t>(i)];
        for (size_t d = 0; d < dims.size(); ++d)
          if (dims[d].divisor == 1) offset += delta(dims[d]) * strides_[i][d];
        taps_[i].push_back(offset);
        if (ranged_[i]) deltas_[i].push_back(delta(*ranged_[i]));
      }
      for (Checked& c : checked_) c.deltas.push_back(delta(*c.index));
      for (size_t k = extents.size(); k-- > 0;) {
        if (++at[k] < extents[k]) break;
        at[k] = 0;
      }
    }
  }

  int64_t base(const BoundAccess::Index& x) const {
    int64_t s = x.offset;
    for (size_t i = 0; i < point_.size(); ++i) s += point_[i] * x.coefficients[i];
    return s;
  }

  // The row of n lanes at the current point of the outer axes. Blocks go outermost where sorting out the
  // terms that are inside serves all lanes; else lanes do, so that each walks its memory once.
  void row(int64_t out_at, int64_t n, int64_t out_step) {
    C* sum = sums_.data();
    std::fill_n(sum, n, zero_);
    const int64_t chunk = checked_.empty() ? kLanes : n;
    for (int64_t lane = 0; lane < n; lane += chunk)
      for (int64_t block = 0; block < outer_extent_; block += steps_)
        add_block(block, lane, std::min(lane + chunk, n), sum);
    if (outermost_ < point_.size()) point_[outermost_] = 0;
    for (int64_t j = 0; j < n; ++j) out_[out_at + j * out_step] = sum[j];
  }

  void add_block(int64_t block, int64_t lane, int64_t end, C* sum) {
    if (outermost_ < point_.size()) point_[outermost_] = block;
    int64_t start[2];
    for (int i = 0; i < 2; ++i) {
      start[i] = constant_[i] + lane * lane_[i];
      for (size_t axis = 0; axis < point_.size(); ++axis) start[i] += point_[axis] * linear_[i][axis];
    }
    int64_t terms = std::min(steps_, outer_extent_ - block) * inner_terms_;
    const int64_t *ta = taps_[0].data(), *tb = taps_[1].data();
    if (!checked_.empty()) {
      terms = inside_terms(terms);
      ta = inside_[0].data(), tb = inside_[1].data();
    }
    const C *a = data_[0] + start[0], *b = data_[1] + start[1];
    for (; lane < end; lane += kLanes, a += kLanes * lane_[0], b += kLanes * lane_[1]) {
      const int64_t live = std::min(kLanes, end - lane);
      C chain[kLanes];
      std::fill_n(chain, live, zero_);
      if (ranged_[0] || ranged_[1])
        ranged_block(a, ta, b, tb, terms, lane, live, chain);
      else
        plain_block(a, ta, b, tb, terms, live, chain);
      for (int64_t j = 0; j < live; ++j) sum[lane + j] = sum[lane + j] + chain[j];
    }
  }

  void plain_block(const C* a, const int64_t* ta, const C* b, const int64_t* tb, int64_t terms, int64_t n,
                   C* chain) const {
    if (lane_[0] == 0) return one_vector(a, ta, b, tb, lane_[1], terms, n, chain);
    if (lane_[1] == 0) return one_vector(b, tb, a, ta, lane_[0], terms, n, chain);
    for (int64_t t = 0; t < terms; ++t) lanes(a + ta[t], b + tb[t], chain, 0, n);
  }

  // One operand is the same for all lanes. Lanes go in parts whose accumulators stay in registers.
  static void one_vector(const C* scalar, const int64_t* ts, const C* vector, const int64_t* tv, int64_t step,
                         int64_t terms, int64_t n, C* chain) {
    int64_t at = 0;
    if (step == 1) {
      for (; at + 32 <= n; at += 32) part<32, true>(scalar, ts, vector + at, tv, 1, terms, chain + at);
      for (; at + 8 <= n; at += 8) part<8, true>(scalar, ts, vector + at, tv, 1, terms, chain + at);
    } else {  // read too seldom to repack: eight lanes walk their own memory side by side
      for (; at + 8 <= n; at += 8)
        part<8, false>(scalar, ts, vector + at * step, tv, step, terms, chain + at);
    }
    for (; at < n; ++at) part<1, false>(scalar, ts, vector + at * step, tv, step, terms, chain + at);
  }

  template <int N, bool kDense>
  static void part(const C* scalar, const int64_t* ts, const C* vector, const int64_t* tv, int64_t step,
                   int64_t terms, C* chain) {
    C acc[N];
    for (int j = 0; j < N; ++j) acc[j] = chain[j];
    for (int64_t t = 0; t < terms; ++t) {
      const C s = scalar[ts[t]];
      const C* v = vector + tv[t];
      for (int j = 0; j < N; ++j) acc[j] = num::fma(s, v[kDense ? j : j * step], acc[j]);
    }
    for (int j = 0; j < N; ++j) chain[j] = acc[j];
  }

  void lanes(const C* a, const C* b, C* __restrict chain, int64_t from, int64_t to) const {
    const int64_t sa = lane_[0], sb = lane_[1];
    if (sa == 0 && sb == 1) {
      const C s = *a;
      for (int64_t j = from; j < to; ++j) chain[j] = num::fma(s, b[j], chain[j]);
    } else if (sa == 1 && sb == 0) {
      const C s = *b;
      for (int64_t j = from; j < to; ++j) chain[j] = num::fma(s, a[j], chain[j]);
    } else if (sa == 0) {
      const C s = *a;
      for (int64_t j = from; j < to; ++j) chain[j] = num::fma(s, b[j * sb], chain[j]);
    } else if (sa == 1 && sb == 1) {
      for (int64_t j = from; j < to; ++j) chain[j] = num::fma(a[j], b[j], chain[j]);
    } else {
      for (int64_t j = from; j < to; ++j) chain[j] = num::fma(a[j * sa], b[j * sb], chain[j]);
    }
  }

  // The terms of this block whose checked indices are inside, in order; returns how many.
  int64_t inside_terms(int64_t terms) {
    for (Checked& c : checked_) c.base = base(*c.index);
    for (int i = 0; i < 2; ++i) inside_[i].resize(taps_[i].size());
    for (int i = 0; i < 2; ++i)
      if (ranged_[i]) inside_deltas_[i].resize(taps_[i].size());
    int64_t n = 0;
    for (int64_t t = 0; t < terms; ++t) {
      int64_t at[2] = {taps_[0][static_cast<size_t>(t)], taps_[1][static_cast<size_t>(t)]};
      bool inside = true;
      for (const Checked& c : checked_) {
        int64_t index = c.base + c.deltas[static_cast<size_t>(t)];
        if (c.index->divisor != 1) {
          inside &= index >= 0 && index % c.index->divisor == 0;
          index /= c.index->divisor;
          at[c.operand] += index * c.stride;
        }
        inside &= index >= 0 && index < c.index->dim;
      }
      if (!inside) continue;
      for (int i = 0; i < 2; ++i) {
        inside_[i][static_cast<size_t>(n)] = at[i];
        if (ranged_[i]) inside_deltas_[i][static_cast<size_t>(n)] = deltas_[i][static_cast<size_t>(t)];
      }
      ++n;
    }
    return n;
  }

  // Along v some lanes fall outside: each term has its own range of lanes. Where all terms are inside, the
  // lanes go together; the edges term by term.
  void ranged_block(const C* a, const int64_t* ta, const C* b, const int64_t* tb, int64_t terms, int64_t lane,
                    int64_t n, C* chain) {
    int64_t inner_from = 0, inner_to = n;
    ranges_.resize(static_cast<size_t>(terms));
    int64_t bases[2] = {0, 0};
    for (int i = 0; i < 2; ++i)
      if (ranged_[i]) bases[i] = base(*ranged_[i]) + lane * step_[i];
    for (int64_t t = 0; t < terms; ++t) {
      int64_t from = 0, to = n;
      for (int i = 0; i < 2; ++i) {
        if (!ranged_[i]) continue;
        const Ints& deltas = checked_.empty() ? deltas_[i] : inside_deltas_[i];
        lanes_inside(bases[i] + deltas[static_cast<size_t>(t)], step_[i], ranged_[i]->dim, from, to);
      }
      to = std::max(from, to);
      ranges_[static_cast<size_t>(t)] = {from, to};
      inner_from = std::max(inner_from, from), inner_to = std::min(inner_to, to);
    }
    if (inner_from < inner_to)
      plain_block(a + inner_from * lane_[0], ta, b + inner_from * lane_[1], tb, terms, inner_to - inner_from,
                  chain + inner_from);
    else
      inner_from = inner_to = n;
    for (int64_t t = 0; t < terms; ++t) {
      const auto [from, to] = ranges_[static_cast<size_t>(t)];
      if (from < inner_from) lanes(a + ta[t], b + tb[t], chain, from, std::min(to, inner_from));
      if (to > inner_to) lanes(a + ta[t], b + tb[t], chain, std::max(from, inner_to), to);
    }
  }

  // Narrows [from, to) to the lanes j with 0 ≤ first + step·j < dim.
  static void lanes_inside(int64_t first, int64_t step, int64_t dim, int64_t& from, int64_t& to) {
    if (step == 1) {
      from = std::max(from, -first);
      to = std::min(to, dim - first);
    } else if (step > 0) {
      if (first < 0) from = std::max(from, (-first + step - 1) / step);
      to = std::min(to, first >= dim ? 0 : (dim - first + step - 1) / step);
    } else {
      if (first >= dim) from = std::max(from, (first - dim) / -step + 1);
      to = std::min(to, first < 0 ? 0 : first / -step + 1);
    }
  }

  const BoundAccess& access_;
  C* out_;
  C zero_;
  const EvalContext& context_;
  const C* data_[2];
  std::vector<C> packed_[2];
  Shape strides_[2];
  Ints linear_[2];  // step of each operand's memory per axis, over the dims without divisor
  int64_t constant_[2] = {0, 0};
  int64_t lane_[2] = {0, 0};  // step of each operand's memory per lane
  int64_t step_[2] = {0, 0};  // step of its ranged index per lane
  const BoundAccess::Index* ranged_[2] = {nullptr, nullptr};
  std::vector<Checked> checked_;
  Ints taps_[2];
  Ints deltas_[2];                     // per term: what the reduction axes add to the ranged index
  Ints inside_[2], inside_deltas_[2];  // taps_ and deltas_ of the terms that are inside
  std::vector<C> sums_;
  std::vector<std::pair<int64_t, int64_t>> ranges_;
  int v_ = -1;
  size_t outermost_ = 0;  // the axis which is cut into blocks
  int64_t steps_ = 1, outer_extent_ = 1, inner_terms_ = 1;
  Ints point_;  // current values of all axes (reduction axes: start of the block)
};

}  // namespace

template <class C>
void contract(const BoundAccess& access, const C* a, const C* b, C* out, C zero, const EvalContext& context) {
  Contraction<C>(access, a, b, out, zero, context).run();
}

template void contract(const BoundAccess&, const float*, const float*, float*, float, const EvalContext&);
template void contract(const BoundAccess&, const double*, const double*, double*, double, const EvalContext&);
template void contract(const BoundAccess&, const int32_t*, const int32_t*, int32_t*, int32_t,
                       const EvalContext&);
template void contract(const BoundAccess&, const int64_t*, const int64_t*, int64_t*, int64_t,
                       const EvalContext&);
template void contract(const BoundAccess&, const IInterval*, const IInterval*, IInterval*, IInterval,
                       const EvalContext&);
template void contract(const BoundAccess&, const Term*, const Term*, Term*, Term, const EvalContext&);

}  // namespace tauto
