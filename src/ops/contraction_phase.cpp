// Splits a contraction into phases; lists terms; plans planes.
#include "ops/contraction_phase.h"

#include <algorithm>
#include <numeric>

namespace tauto {
namespace {

int64_t ceil_divide(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
int64_t floor_divide(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// How many phases output axis `axis` has.
int64_t period(const BoundAccess& a, size_t axis) {
  int64_t p = 1;
  for (const auto& operand : a.operands)
    for (const BoundAccess::Index& x : operand)
      if (x.coefficients[axis] != 0) {
        const int64_t own = x.divisor / std::gcd(x.coefficients[axis], x.divisor);
        p = p / std::gcd(p, own) * own;
        if (p >= a.extents[axis]) return std::max<int64_t>(1, a.extents[axis]);
      }
  return p;
}

}  // namespace

int64_t phase_count(const BoundAccess& a) {
  int64_t n = 1;
  for (int i = 0; i < a.outputs; ++i) n *= period(a, static_cast<size_t>(i));
  return n;
}

ContractionPhase phase_of(const BoundAccess& a, int64_t phase) {
  ContractionPhase r;
  const auto outputs = static_cast<size_t>(a.outputs);
  Ints out_stride(outputs, 1), periods(outputs), first(outputs);
  for (size_t i = outputs; i-- > 1;) out_stride[i - 1] = out_stride[i] * a.extents[i];
  for (size_t i = outputs; i-- > 0;) {
    periods[i] = period(a, i);
    first[i] = phase % periods[i];
    phase /= periods[i];
    r.out += first[i] * out_stride[i];
  }
  r.outputs = a.outputs;
  r.reduction.assign(a.extents.begin() + a.outputs, a.extents.end());

  std::vector<ContractionAxis> axes(outputs);
  for (size_t i = 0; i < outputs; ++i) {
    axes[i].extent = (a.extents[i] - first[i] + periods[i] - 1) / periods[i];
    axes[i].out = out_stride[i] * periods[i];
  }
  for (size_t k = 0; k < 2; ++k) {
    const auto& indices = a.operands[k];
    int64_t stride = 1;
    for (const BoundAccess::Index& x : indices) stride *= x.dim;
    for (const BoundAccess::Index& x : indices) {
      stride /= std::max<int64_t>(1, x.dim);
      ContractionOperand::Index index{x.dim, stride, x.offset, x.divisor, 0, 0};
      int64_t lo = 0, hi = 0;
      for (size_t i = 0; i < outputs; ++i) {
        index.start += x.coefficients[i] * first[i];
        // With one phase per value the step is never taken and need not be whole.
        const int64_t step = axes[i].extent > 1 ? x.coefficients[i] * periods[i] / x.divisor : 0;
        axes[i].index[k].push_back(step);
        axes[i].at[k] += step * stride;
        (step < 0 ? lo : hi) += step * (axes[i].extent - 1);
      }
      int64_t from = index.start, to = index.start;
      Ints steps(x.coefficients.begin() + a.outputs, x.coefficients.end());
      for (size_t i = 0; i < steps.size(); ++i) (steps[i] < 0 ? from : to) += steps[i] * (r.reduction[i] - 1);
      index.lo = lo + ceil_divide(from, x.divisor);
      index.hi = hi + floor_divide(to, x.divisor);
      if (x.divisor == 1) r.operand[k].at += index.start * stride;
      if (!index.inside()) r.operand[k].checked.push_back(static_cast<int>(r.operand[k].indices.size()));
      r.operand[k].indices.push_back(index);
      r.reduction_steps[k].push_back(std::move(steps));
    }
  }
  for (size_t i = 0; i < outputs; ++i) {
    if (axes[i].extent == 1) continue;
    const auto used = [&](size_t k) {
      return std::any_of(axes[i].index[k].begin(), axes[i].index[k].end(), [](int64_t s) { return s != 0; });
    };
    const bool a_uses = used(0), b_uses = used(1);
    (a_uses && b_uses ? r.batch : r.free[b_uses ? 1 : 0]).push_back(std::move(axes[i]));
  }
  return r;
}

int64_t ContractionPhase::points(const std::vector<ContractionAxis>& axes) const {
  int64_t n = 1;
  for (const ContractionAxis& x : axes) n *= x.extent;
  return n;
}

void ContractionPhase::merge(std::vector<ContractionAxis>& axes) const {
  const auto is_checked = [&](const ContractionAxis& x) {
    for (size_t k = 0; k < 2; ++k)
      for (int d : operand[k].checked)
        if (x.index[k][static_cast<size_t>(d)] != 0) return true;
    return false;
  };
  for (size_t i = axes.size(); i-- > 1;) {
    ContractionAxis &p = axes[i - 1], &q = axes[i];
    if (p.out != q.out * q.extent || p.at[0] != q.at[0] * q.extent || p.at[1] != q.at[1] * q.extent ||
        is_checked(p) || is_checked(q))
      continue;
    q.extent *= p.extent;
    axes.erase(axes.begin() + static_cast<int64_t>(i) - 1);
  }
}

ContractionTerms ContractionPhase::terms(const ContractionPlane* plane, int planar) const {
  ContractionTerms t;
  size_t outermost = 0;
  while (outermost < reduction.size() && reduction[outermost] == 1) ++outermost;
  t.steps = block_steps(reduction);
  t.outer = outermost < reduction.size() ? reduction[outermost] : 1;
  for (int64_t extent : reduction)
    if (extent == 0) {
      t.outer = 0;
      return t;
    }

  // Along the outermost axis a table can be shifted unless that changes which terms are inside, or the plane.
  bool shifted = true;
  for (size_t k = 0; k < 2; ++k) t.index_shift[k].assign(operand[k].checked.size(), 0);
  for (int k = 0; k < 2 && outermost < reduction.size(); ++k) {
    const auto ku = static_cast<size_t>(k);
    int64_t memory = 0;
    for (size_t d = 0; d < operand[k].indices.size(); ++d) {
      const int64_t step = reduction_steps[ku][d][outermost];
      if (step == 0) continue;
      if (operand[k].indices[d].divisor != 1) shifted = false;
      if (k != planar) {
        memory += step * operand[k].indices[d].stride;
      } else {
        if (plane->dims[d].step != 1) shifted = false;
        memory += step * plane->dims[d].stride;
      }
    }
    t.shift[ku] = memory;
    for (size_t c = 0; c < operand[k].checked.size(); ++c)
      t.index_shift[ku][c] = reduction_steps[ku][static_cast<size_t>(operand[k].checked[c])][outermost];
  }
  for (size_t k = 0; k < 2; ++k)
    t.indices[k].resize(static_cast<int>(k) == planar ? 0 : operand[k].checked.size());

  Ints at(reduction.size(), 0);
  Ints checked[2] = {Ints(operand[0].checked.size()), Ints(operand[1].checked.size())};
  const auto add_step = [&](int64_t step) {  // all terms of one step of the outermost axis
    if (outermost < at.size()) at[outermost] = step;
    for (;;) {
      bool valid = true;
      int64_t tap[2] = {0, 0};
      for (size_t k = 0; k < 2 && valid; ++k) {
        const ContractionOperand& o = operand[k];
        size_t c = 0;
        for (size_t d = 0; d < o.indices.size() && valid; ++d) {
          const ContractionOperand::Index& x = o.indices[d];
          int64_t q = 0;
          for (size_t i = outermost; i < at.size(); ++i) q += at[i] * reduction_steps[k][d][i];
          if (x.divisor != 1) {
            q += x.start;
            valid = q % x.divisor == 0;
            q /= x.divisor;
          }
          if (static_cast<int>(k) == planar)
            tap[k] += plane->dims[d].place(q + (x.divisor == 1 ? x.start : 0) - plane->dims[d].lo);
          else
            tap[k] += q * x.stride;
          if (!x.inside()) checked[k][c++] = q;
        }
      }
      if (valid)
        for (size_t k = 0; k < 2; ++k) {
          t.taps[k].push_back(tap[k]);
          for (size_t c = 0; c < t.indices[k].size(); ++c) t.indices[k][c].push_back(checked[k][c]);
        }
      size_t i = at.size();
      for (; i-- > outermost + 1;) {
        if (++at[i] < reduction[i]) break;
        at[i] = 0;
      }
      if (i <= outermost || i == static_cast<size_t>(-1)) return;
    }
  };
  if (shifted) {
    for (int64_t s = 0; s < std::min(t.steps, t.outer); ++s) {
      add_step(s);
      if (s == 0) t.per_step = static_cast<int64_t>(t.taps[0].size());
    }
  } else {
    t.shift = {0, 0};
    for (Ints& s : t.index_shift) std::fill(s.begin(), s.end(), 0);
    for (int64_t s = 0; s < t.outer; ++s) {
      if (s % t.steps == 0) t.begins.push_back(static_cast<int64_t>(t.taps[0].size()));
      add_step(s);
    }
    t.begins.push_back(static_cast<int64_t>(t.taps[0].size()));
  }
  for (size_t k = 0; k < 2; ++k) {
    t.consecutive[k] = t.begins.empty() && !t.taps[k].empty();
    for (size_t i = 1; i < t.taps[k].size(); ++i) t.consecutive[k] &= t.taps[k][i] == t.taps[k][i - 1] + 1;
  }
  return t;
}

bool ContractionPhase::plane(int i, ContractionPlane& p) const {
  const auto k = static_cast<size_t>(i);
  const ContractionOperand& o = operand[i];
  p.dims.assign(o.indices.size(), {});
  for (size_t d = 0; d < o.indices.size(); ++d) {
    // lo and hi of operand indices hold for all batch points; a plane serves one.
    int64_t moved_lo = 0, moved_hi = 0;
    for (const ContractionAxis& x : batch)
      (x.index[k][d] < 0 ? moved_lo : moved_hi) += x.index[k][d] * (x.extent - 1);
    p.dims[d].lo = o.indices[d].lo - moved_lo;
    p.dims[d].count = o.indices[d].hi - moved_hi - p.dims[d].lo + 1;
    if (p.dims[d].count < 1) return false;
  }
  // Each lane axis is to go up through one dim of its own.
  std::vector<size_t> dim_of;
  for (const ContractionAxis& x : free[i]) {
    size_t found = o.indices.size();
    for (size_t d = 0; d < o.indices.size(); ++d) {
      if (x.index[k][d] == 0) continue;
      if (x.index[k][d] < 0 || found < o.indices.size()) return false;
      found = d;
    }
    if (found == o.indices.size() || std::count(dim_of.begin(), dim_of.end(), found)) return false;
    dim_of.push_back(found);
    p.dims[found].step = x.index[k][found];
  }
  constexpr int64_t kLargest = int64_t{1} << 24;  // elements
  int64_t stride = 1;
  p.lanes = 1;
  for (size_t a = dim_of.size(); a-- > 0;) {
    ContractionPlane::Dim& d = p.dims[dim_of[a]];
    if (d.step > d.count) return false;
    d.stride = stride;
    p.lanes += (free[i][a].extent - 1) * stride;
    stride *= (d.count + d.step - 1) / d.step;
    if (stride > kLargest) return false;
  }
  for (size_t a = dim_of.size(); a-- > 0;) {
    ContractionPlane::Dim& d = p.dims[dim_of[a]];
    d.plane_stride = stride;
    stride *= d.step;
    if (stride > kLargest) return false;
  }
  for (size_t d = 0; d < p.dims.size(); ++d) {
    if (std::count(dim_of.begin(), dim_of.end(), d)) continue;
    p.dims[d].stride = stride;
    stride *= p.dims[d].count;
    if (stride > kLargest) return false;
  }
  p.size = stride;
  return true;
}

}  // namespace tauto
