// Brings operands into the order that tiles read: panels of one block of terms, and planes.
#pragma once

#include "ops/contraction_kernels.h"
#include "ops/contraction_strips.h"

namespace tauto::contraction {

// Narrows [lo, hi) to the j with 0 ≤ at + step·j < extent.
inline void narrow(int64_t at, int64_t step, int64_t extent, int64_t& lo, int64_t& hi) {
  if (step == 0) {
    if (at < 0 || at >= extent) hi = lo;
  } else if (step == 1) {
    lo = std::max(lo, -at);
    hi = std::min(hi, extent - at);
  } else if (step > 0) {
    if (at < 0) lo = std::max(lo, (-at + step - 1) / step);
    hi = std::min(hi, at >= extent ? 0 : (extent - at + step - 1) / step);
  } else {
    if (at >= extent) lo = std::max(lo, (at - extent) / -step + 1);
    hi = std::min(hi, at < 0 ? 0 : at / -step + 1);
  }
}

// What a panel is packed from: operand k of a phase.
template <class C>
struct Source {
  const ContractionPhase& phase;
  const ContractionTerms& terms;
  size_t k;
  const C* data;

  // to[t][j] = element at term t of the block and position first + j of the strips, zero where that is
  // outside the operand or there is no such position. `strip` is near the first of them, and stays so.
  void pack(const Strips& s, size_t& strip, int64_t first, int64_t width, const Place& place, int64_t block,
            C* to) const {
    const ContractionOperand& o = phase.operand[k];
    const int64_t count = terms.count(block);
    while (strip > 0 && s.list[strip].first > first) --strip;
    while (s.list[strip].first + s.list[strip].count <= first) ++strip;
    int64_t lane = 0;
    for (size_t n = strip; n < s.list.size() && lane < width; ++n) {
      const int64_t skip = first + lane - s.list[n].first,
                    live = std::min(s.list[n].count - skip, width - lane);
      if (o.checked.empty())
        inside(s, s.list[n], skip, live, place, block, to + lane, width);
      else
        partly_inside(s, s.list[n], skip, live, place, block, to + lane, width);
      lane += live;
    }
    for (int64_t t = 0; lane < width && t < count; ++t)
      std::fill(to + t * width + lane, to + (t + 1) * width, C(0));
  }

  // The element at the block's first term and position `first`, if the next are to be found a step of the
  // strip and a tap further: `width` positions of one strip, consecutive terms, nothing outside. Else null.
  const C* straight(const Strips& s, size_t strip, int64_t first, int64_t width, const Place& place,
                    int64_t block) const {
    while (s.list[strip].first + s.list[strip].count <= first) ++strip;
    const int64_t skip = first - s.list[strip].first;
    if (!terms.consecutive[k] || !phase.operand[k].checked.empty() || skip + width > s.list[strip].count)
      return nullptr;
    return start(s, s.list[strip], skip, place, block) + *taps(block);
  }

 private:
  const C* start(const Strips& s, const Strip& p, int64_t skip, const Place& place, int64_t block) const {
    return data + place.at[k] + terms.first(block) * terms.shift[k] + p.at[k] + skip * s.at[k];
  }
  const int64_t* taps(int64_t block) const { return terms.taps[k].data() + terms.begin(block); }

  void inside(const Strips& s, const Strip& p, int64_t skip, int64_t live, const Place& place, int64_t block,
              C* to, int64_t width) const {
    const int64_t step = s.at[k], count = terms.count(block);
    const C* from = start(s, p, skip, place, block);
    const int64_t* tap = taps(block);
    if (step == 1) return gather_rows(from, tap, count, live, to, width);
    if (terms.consecutive[k]) return transpose(from + tap[0], step, to, width, count, live);
    for (int64_t t = 0; t < count; ++t)
      for (int64_t j = 0; j < live; ++j) to[t * width + j] = from[tap[t] + j * step];
  }

  void partly_inside(const Strips& s, const Strip& p, int64_t skip, int64_t live, const Place& place,
                     int64_t block, C* to, int64_t width) const {
    const ContractionOperand& o = phase.operand[k];
    const C* from = start(s, p, skip, place, block);
    const int64_t* tap = taps(block);
    int64_t base[kMaxChecked];
    for (size_t c = 0; c < o.checked.size(); ++c)
      base[c] = place.index[k][static_cast<size_t>(o.checked[c])] + p.index[k][c] + skip * s.index[k][c] +
                terms.first(block) * terms.index_shift[k][c];
    for (int64_t t = 0; t < terms.count(block); ++t) {
      int64_t lo = 0, hi = live;
      for (size_t c = 0; c < o.checked.size(); ++c)
        narrow(base[c] + terms.indices[k][c][static_cast<size_t>(terms.begin(block) + t)], s.index[k][c],
               o.indices[static_cast<size_t>(o.checked[c])].extent, lo, hi);
      hi = std::max(lo, hi);
      C* row = to + t * width;
      const C* source = from + tap[t];
      for (int64_t j = 0; j < std::min(lo, live); ++j) row[j] = 0;
      for (int64_t j = lo; j < hi; ++j) row[j] = source[j * s.at[k]];
      for (int64_t j = hi; j < live; ++j) row[j] = 0;
    }
  }
};

// The memory of a plane and the copies that fill it, listed once as long as batch points have the same part
// inside.
template <class C>
class PlaneMemory {
 public:
  // `slack` more elements may be read past the end.
  void resize(const ContractionPlane& plane, int64_t slack) {
    memory_.assign(static_cast<size_t>(plane.size + slack), C(0));
    for (Ints* list : {&first_, &lo_, &hi_, &j_, &lo_before_, &hi_before_})
      list->assign(plane.dims.size(), 0);
  }
  const C* data() const { return memory_.data(); }

  void fill(const ContractionPlane& plane, const ContractionOperand& o, const Ints& index, const C* source) {
    int64_t base = 0;
    for (size_t d = 0; d < o.indices.size(); ++d) {
      const ContractionPlane::Dim& p = plane.dims[d];
      const auto& x = o.indices[d];
      first_[d] = index[d] - (x.divisor == 1 ? x.start : 0) + p.lo;  // the index at place 0
      lo_[d] = std::max<int64_t>(0, -first_[d]);
      hi_[d] = std::max(lo_[d], std::min(p.count, x.extent - first_[d]));
      base += first_[d] * x.stride;
    }
    if (!listed_ || lo_ != lo_before_ || hi_ != hi_before_) {
      if (listed_) std::fill(memory_.begin(), memory_.end(), C(0));
      list_copies(plane, o);
      lo_before_ = lo_, hi_before_ = hi_, listed_ = true;
    }
    for (const Copy& c : copies_) copy_steps(source + base + c.from, step_, memory_.data() + c.to, c.count);
  }

 private:
  struct Copy {
    int64_t from, to, count;
  };

  void list_copies(const ContractionPlane& plane, const ContractionOperand& o) {
    copies_.clear();
    size_t inner = o.indices.size();  // the dim whose places are neighbours
    for (size_t d = 0; d < o.indices.size(); ++d) {
      if (lo_[d] == hi_[d]) return;
      if (plane.dims[d].stride == 1 && plane.dims[d].count > 1) inner = d;
    }
    step_ = inner < lo_.size() ? plane.dims[inner].step * o.indices[inner].stride : 1;
    j_ = lo_;
    for (;;) {
      int64_t from = 0, to = 0;
      for (size_t d = 0; d < j_.size(); ++d) {
        from += j_[d] * o.indices[d].stride;
        to += plane.dims[d].place(j_[d]);
      }
      if (inner == j_.size()) {
        copies_.push_back({from, to, 1});
      } else {
        const ContractionPlane::Dim& p = plane.dims[inner];
        const int64_t n = hi_[inner] - lo_[inner];
        for (int64_t s = 0; s < std::min(p.step, n); ++s)
          copies_.push_back({from + s * o.indices[inner].stride,
                             to - p.place(lo_[inner]) + p.place(lo_[inner] + s),
                             (n - s + p.step - 1) / p.step});
      }
      size_t d = j_.size();
      for (; d-- > 0;) {
        if (d == inner) continue;
        if (++j_[d] < hi_[d]) break;
        j_[d] = lo_[d];
      }
      if (d == static_cast<size_t>(-1)) return;
    }
  }

  std::vector<C> memory_;
  std::vector<Copy> copies_;
  int64_t step_ = 1;  // in the source
  bool listed_ = false;
  Ints first_, lo_, hi_, j_, lo_before_, hi_before_;
};

}  // namespace tauto::contraction
