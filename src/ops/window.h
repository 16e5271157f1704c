// Windows that slide along some axes of a tensor: the core of pooling.
//
// Attribute `access` (graph/attribute.h) has one operand; its dim d is indexed by output axis d, and at most
// one reduction axis: (stride·o + dilation·k + offset) / divisor. Each reduction axis is one of the window's;
// they are nested in their order, and taps outside the operand are left out:
//
//   w(o, ()) = x[o];   w(o, (k, rest…)) = f(… f(f(identity, w(o at k=0, rest)), w(o at k=1, rest)) …)
//
// So a window is a row at a time, rows are shared between windows, and a d-dimensional window is d
// one-dimensional ones, the last axis first.
#pragma once

#include "ops/compute.h"

namespace tauto {

// One one-dimensional window over x seen as [outer, extent, inner].
struct WindowPass {
  int64_t outer = 1, extent = 1, inner = 1;
  int64_t outputs = 1, taps = 1;  // extents of the output axis and of the reduction axis
  int64_t stride = 0, dilation = 0, offset = 0, divisor = 1;

  // The operand's index for tap k of output o, or -1.
  int64_t index(int64_t o, int64_t k) const {
    const int64_t i = stride * o + dilation * k + offset;
    if (i < 0 || i % divisor != 0 || i / divisor >= extent) return -1;
    return i / divisor;
  }
};
std::vector<WindowPass> window_passes(const Access& access, const Shape& shape);

// Element rule aside: checks the access against input 0, and gives the result's dims.
Dims window_dims(const TypeContext& c);

template <class C, class F>
std::vector<C> window_pass(const C* in, const WindowPass& w, C identity, F f, const EvalContext& context) {
  std::vector<C> out(static_cast<size_t>(w.outer * w.outputs * w.inner), identity);
  if (out.empty()) return out;
  // For each tap the outputs [from, to) for which it lies inside; only a divisor leaves holes.
  struct Tap {
    int64_t from, to, at;
  };
  std::vector<Tap> taps;
  for (int64_t k = 0; k < w.taps && w.divisor == 1; ++k) {
    Tap t{0, w.outputs, w.dilation * k + w.offset};
    while (t.from < t.to && w.index(t.from, k) < 0) ++t.from;
    while (t.to > t.from && w.index(t.to - 1, k) < 0) --t.to;
    taps.push_back(t);
  }
  int64_t work = 0;
  for (int64_t p = 0; p < w.outer; ++p) {
    const C* x = in + p * w.extent * w.inner;
    C* y = out.data() + p * w.outputs * w.inner;
    if (w.inner == 1 && w.divisor == 1) {  // lanes are the outputs of a row
      for (const Tap& t : taps)
        for (int64_t o = t.from; o < t.to; ++o) y[o] = f(y[o], x[o * w.stride + t.at]);
    } else {
      for (int64_t o = 0; o < w.outputs; ++o)
        for (int64_t k = 0; k < w.taps; ++k) {
          const int64_t i = w.index(o, k);
          if (i < 0) continue;
          const C* from = x + i * w.inner;
          C* to = y + o * w.inner;
          for (int64_t j = 0; j < w.inner; ++j) to[j] = f(to[j], from[j]);
        }
    }
    if ((work += w.outputs * w.taps * w.inner) > (1 << 20)) context.poll(), work = 0;
  }
  return out;
}

template <class C, class F>
std::vector<C> window_passes(const C* in, int64_t count, const std::vector<WindowPass>& passes, C identity,
                             F f, const EvalContext& context) {
  std::vector<C> now;
  if (passes.empty()) now.assign(in, in + count);
  for (size_t i = 0; i < passes.size(); ++i)
    now = window_pass(i == 0 ? in : now.data(), passes[i], identity, f, context);
  return now;
}

}  // namespace tauto
