// Per phase, a contraction is a batch of matrix products: `rows` are the output axes that only one operand
// has, `lanes` those that only the other has. Lanes are the vector: for a strip of them and one block of
// terms that operand is packed into a panel [term][lane] (or read where it lies, or in a plane of zeros
// around it), the other operand is packed once as [term][row], and tiles of 4 rows × 2 vectors run over the
// block. Indices outside are packed as zeros, which change no bit as long as the other factor is finite.
// Products with few rows and lanes (a dot product per batch point) take all output axes for lanes and pack
// both operands.
#include "ops/contraction_tiles.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/contraction_kernels.h"
#include "ops/contraction_phase.h"

namespace tauto {
namespace {

using contraction::kRows;
using contraction::kVector;

constexpr size_t kMaxChecked = 6;
constexpr int64_t kStretch = 1 << 14;     // lanes whose strips are listed at once
constexpr int64_t kPackedRows = 1 << 18;  // elements of the operand of rows that are packed at once, about

// Neighbours along the last axis of a list of axes: positions [first, first + count) of the flattened axes.
struct Strip {
  int64_t first, count;
  int64_t out;
  std::array<int64_t, 2> at;
  std::array<std::array<int64_t, kMaxChecked>, 2> index;
};

struct Strips {
  std::vector<Strip> list;
  int64_t out = 0;  // steps along a strip
  std::array<int64_t, 2> at{0, 0};
  std::array<std::array<int64_t, kMaxChecked>, 2> index{};
};

// Where a batch point lies.
struct Place {
  int64_t out = 0;
  std::array<int64_t, 2> at{0, 0};
  std::array<Ints, 2> index;
};

template <class C>
class Tiled {
 public:
  Tiled(const ContractionPhase& phase, const C* a, const C* b, C* out, const EvalContext& context)
      : phase_(phase), data_{a, b}, out_(out + phase.out), context_(context) {}

  void run() {
    const int64_t rows = phase_.points(phase_.free[0]), lanes = phase_.points(phase_.free[1]);
    if (rows * lanes < kVector<C> && phase_.points(phase_.batch) > rows * lanes) return run_pairs();
    terms_ = phase_.terms();
    vector_ = cost(1) <= cost(0) ? 1 : 0;
    scalar_ = 1 - vector_;
    row_axes_ = phase_.free[scalar_], lane_axes_ = phase_.free[vector_];
    width_ = (phase_.points(row_axes_) < kRows ? contraction::kThinVectors : contraction::kTileVectors) *
             kVector<C>;
    phase_.merge(row_axes_);
    phase_.merge(lane_axes_);
    if (phase_.points(row_axes_) < kRows && !one_dense_axis() && phase_.plane(vector_, plane_)) {
      planar_ = true;
      lane_axes_ = phase_.free[vector_];
      terms_ = phase_.terms(&plane_, vector_);
      plane_memory_.resize(static_cast<size_t>(plane_.size + width_));
      source_ = std::exchange(data_[vector_], plane_memory_.data());
      for (Ints* list : {&first_, &lo_, &hi_, &j_}) list->resize(plane_.dims.size());
    }
    run_rows();
  }

 private:
  using Axes = std::vector<ContractionAxis>;

  bool one_dense_axis() const {
    return phase_.operand[vector_].checked.empty() && lane_axes_.size() <= 1 &&
           (lane_axes_.empty() || lane_axes_[0].at[static_cast<size_t>(vector_)] == 1);
  }

  // Of taking operand i for the vector, in cycles per term, about.
  double cost(int i) const {
    const auto& axes = phase_.free[i];
    const auto lanes = static_cast<double>(phase_.points(axes)),
               rows = static_cast<double>(phase_.points(phase_.free[1 - i]));
    const double tiles = std::ceil(lanes / 16);
    const auto k = static_cast<size_t>(i);
    const double packing = !axes.empty() && axes.back().at[k] == 1 ? 0.3 : terms_.consecutive[k] ? 0.5 : 1.2;
    return rows * tiles * 1.2 + tiles * 16 * packing + rows;
  }

  Strips strips_of(const Axes& axes, int64_t first, int64_t count) const {
    Strips s;
    const int64_t inner = axes.empty() ? 1 : axes.back().extent;
    if (!axes.empty()) {
      s.out = axes.back().out, s.at = axes.back().at;
      for (size_t k = 0; k < 2; ++k)
        for (size_t c = 0; c < phase_.operand[k].checked.size(); ++c)
          s.index[k][c] = axes.back().index[k][static_cast<size_t>(phase_.operand[k].checked[c])];
    }
    for (int64_t at = first; at < first + count;) {
      Strip p{};
      p.first = at - first;
      p.count = std::min(inner - at % inner, first + count - at);
      int64_t rest = at;
      for (size_t i = axes.size(); i-- > 0;) {
        const ContractionAxis& x = axes[i];
        const int64_t v = rest % x.extent;
        rest /= x.extent;
        p.out += v * x.out;
        for (size_t k = 0; k < 2; ++k) {
          p.at[k] += v * x.at[k];
          const auto& checked = phase_.operand[k].checked;
          for (size_t c = 0; c < checked.size(); ++c)
            p.index[k][c] += v * x.index[k][static_cast<size_t>(checked[c])];
        }
      }
      s.list.push_back(p);
      at += p.count;
    }
    return s;
  }

  // Strips of lanes in a plane: gaps between them are computed and thrown away.
  Strips plane_strips() const {
    Strips s;
    if (lane_axes_.empty()) {
      s.list.push_back({0, 1, 0, {}, {}});
      return s;
    }
    s.out = lane_axes_.back().out;
    Ints stride;
    for (const ContractionAxis& x : lane_axes_)
      for (size_t d = 0; d < plane_.dims.size(); ++d)
        if (x.index[static_cast<size_t>(vector_)][d] != 0) stride.push_back(plane_.dims[d].stride);
    const int64_t inner = lane_axes_.back().extent;
    for (int64_t n = 0; n < phase_.points(lane_axes_) / inner; ++n) {
      Strip p{};
      p.count = inner;
      int64_t rest = n;
      for (size_t i = lane_axes_.size() - 1; i-- > 0;) {
        const int64_t v = rest % lane_axes_[i].extent;
        rest /= lane_axes_[i].extent;
        p.first += v * stride[i];
        p.out += v * lane_axes_[i].out;
      }
      s.list.push_back(p);
    }
    return s;
  }

  // Calls f for each batch point.
  template <class F>
  void for_each_batch(F f) const {
    Place p;
    for (size_t k = 0; k < 2; ++k) {
      p.at[k] = phase_.operand[k].at;
      for (const auto& x : phase_.operand[k].indices) p.index[k].push_back(x.divisor == 1 ? x.start : 0);
    }
    Ints at(phase_.batch.size(), 0);
    const auto move = [&](const ContractionAxis& x, int64_t by) {
      p.out += by * x.out;
      for (size_t k = 0; k < 2; ++k) {
        p.at[k] += by * x.at[k];
        for (size_t d = 0; d < p.index[k].size(); ++d) p.index[k][d] += by * x.index[k][d];
      }
    };
    for (;;) {
      f(static_cast<const Place&>(p));
      size_t i = at.size();
      for (; i-- > 0;) {
        const ContractionAxis& x = phase_.batch[i];
        if (++at[i] < x.extent) {
          move(x, 1);
          break;
        }
        move(x, 1 - x.extent);
        at[i] = 0;
      }
      if (i == static_cast<size_t>(-1)) return;
    }
  }

  // to[t][j] = element of operand i at term t of the block and position first + j of the strips.
  void pack(int i, const Strips& s, size_t& strip, int64_t first, int64_t width, const Place& place,
            int64_t block, C* to) const {
    const auto k = static_cast<size_t>(i);
    const ContractionOperand& o = phase_.operand[i];
    const int64_t terms = terms_.count(block), begin = terms_.begin(block);
    const int64_t* taps = terms_.taps[k].data() + begin;
    const C* base = data_[i] + place.at[k] + terms_.first(block) * terms_.shift[k];
    while (strip > 0 && s.list[strip].first > first) --strip;
    while (s.list[strip].first + s.list[strip].count <= first) ++strip;
    int64_t lane = 0;
    for (size_t n = strip; n < s.list.size() && lane < width; ++n) {
      const Strip& p = s.list[n];
      const int64_t skip = std::max<int64_t>(0, first - p.first), step = s.at[k];
      const int64_t count = std::min(p.count - skip, width - lane);
      const C* from = base + p.at[k] + skip * step;
      C* dest = to + lane;
      if (o.checked.empty()) {
        if (step == 1)
          contraction::gather_rows(from, taps, terms, count, dest, width);
        else if (terms_.consecutive[k])
          contraction::transpose(from + taps[0], step, dest, width, terms, count);
        else
          for (int64_t t = 0; t < terms; ++t)
            for (int64_t j = 0; j < count; ++j) dest[t * width + j] = from[taps[t] + j * step];
      } else {
        for (int64_t t = 0; t < terms; ++t) {
          int64_t lo = 0, hi = count;
          for (size_t c = 0; c < o.checked.size(); ++c) {
            const auto d = static_cast<size_t>(o.checked[c]);
            const int64_t along = s.index[k][c];
            const int64_t at = place.index[k][d] + p.index[k][c] + skip * along +
                               terms_.first(block) * terms_.index_shift[k][c] +
                               terms_.indices[k][c][static_cast<size_t>(begin + t)];
            narrow(at, along, o.indices[d].extent, lo, hi);
          }
          C* row = dest + t * width;
          const C* source = from + taps[t];
          hi = std::max(lo, hi);
          for (int64_t j = 0; j < std::min(lo, count); ++j) row[j] = 0;
          if (step == 1)
            for (int64_t j = lo; j < hi; ++j) row[j] = source[j];
          else
            for (int64_t j = lo; j < hi; ++j) row[j] = source[j * step];
          for (int64_t j = hi; j < count; ++j) row[j] = 0;
        }
      }
      lane += count;
      first += count;
    }
    for (int64_t t = 0; lane < width && t < terms; ++t)
      std::fill(to + t * width + lane, to + (t + 1) * width, C(0));
  }

  // Narrows [lo, hi) to the j with 0 ≤ at + step·j < extent.
  static void narrow(int64_t at, int64_t step, int64_t extent, int64_t& lo, int64_t& hi) {
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

  void run_rows() {
    const int64_t rows = phase_.points(row_axes_);
    const int64_t lanes = planar_ ? plane_.lanes : phase_.points(lane_axes_);
    const int64_t total = terms_.total();
    const int64_t chunk = std::max<int64_t>(64, kPackedRows / std::max<int64_t>(1, total) / kRows * kRows);
    const int64_t stretch = planar_ ? lanes : kStretch;
    panel_.resize(static_cast<size_t>(largest_block() * width_));
    for (int64_t row = 0; row < rows; row += chunk) {
      const int64_t height = std::min(chunk, rows - row);
      const Strips row_strips = strips_of(row_axes_, row, height);
      packed_.resize(static_cast<size_t>(total * height));
      sums_.resize(static_cast<size_t>(height * width_));
      for (int64_t lane = 0; lane < lanes; lane += stretch) {
        const int64_t span = std::min(stretch, lanes - lane);
        const Strips lane_strips = planar_ ? plane_strips() : strips_of(lane_axes_, lane, span);
        for_each_batch([&](const Place& place) {
          pack_rows(row_strips, height, total, place);
          if (planar_) fill_plane(place);
          product(row_strips, height, total, lane_strips, span, place);
        });
      }
    }
  }

  int64_t largest_block() const {
    int64_t n = 0;
    for (int64_t b = 0; b < terms_.blocks() && (b == 0 || !terms_.begins.empty()); ++b)
      n = std::max(n, terms_.count(b));
    return n;
  }

  // Rows in groups of kRows (the last may have fewer), each [term][row].
  void pack_rows(const Strips& s, int64_t height, int64_t total, const Place& place) {
    size_t strip = 0;
    for (int64_t r = 0; r < height; r += kRows) {
      const int64_t n = std::min<int64_t>(kRows, height - r);
      C* to = packed_.data() + r * total;
      for (int64_t b = 0; b < terms_.blocks(); ++b) {
        pack(scalar_, s, strip, r, n, place, b, to);
        to += terms_.count(b) * n;
        if (b % 256 == 0) context_.poll();
      }
    }
  }

  void product(const Strips& row_strips, int64_t height, int64_t total, const Strips& s, int64_t lanes,
               const Place& place) {
    const auto k = static_cast<size_t>(vector_);
    const bool thin = width_ != contraction::kTileVectors * kVector<C>;
    const bool dense = planar_ || (phase_.operand[vector_].checked.empty() && s.at[k] == 1);
    size_t strip = 0, stored = 0;
    for (int64_t lane = 0; lane < lanes; lane += width_) {
      context_.poll();
      std::fill(sums_.begin(), sums_.end(), C(0));
      const C* straight = nullptr;
      if (planar_) {
        straight = data_[vector_] + lane;
      } else if (dense && height < 2 * kRows) {
        while (s.list[strip].first + s.list[strip].count <= lane) ++strip;
        const Strip& p = s.list[strip];
        if (lane + width_ <= p.first + p.count)
          straight = data_[vector_] + place.at[k] + p.at[k] + lane - p.first;
      }
      int64_t done = 0;
      for (int64_t b = 0; b < terms_.blocks(); ++b) {
        const int64_t terms = terms_.count(b);
        const C* v = panel_.data();
        const int64_t* taps = nullptr;
        if (straight) {
          v = straight + terms_.first(b) * terms_.shift[k];
          taps = terms_.taps[k].data() + terms_.begin(b);
        } else {
          pack(vector_, s, strip, lane, width_, place, b, panel_.data());
        }
        for (int64_t r = 0; r < height; r += kRows) {
          const int64_t n = std::min<int64_t>(kRows, height - r);
          tile(static_cast<int>(n), thin, taps != nullptr)(packed_.data() + r * total + done * n, v, taps,
                                                           terms, sums_.data() + r * width_);
        }
        done += terms;
      }
      store(row_strips, s, stored, lane, std::min<int64_t>(width_, lanes - lane), place.out);
    }
  }

  static contraction::Tile<C> tile(int rows, bool thin, bool taps) {
    constexpr int full = contraction::kTileVectors * kVector<C>,
                  wide = contraction::kThinVectors * kVector<C>;
    using contraction::tile_of;
    if (thin) return taps ? tile_of<C, wide, true>(rows) : tile_of<C, wide, false>(rows);
    return taps ? tile_of<C, full, true>(rows) : tile_of<C, full, false>(rows);
  }

  // sums [height][width] of lanes [lane, lane + live), those between strips left out.
  void store(const Strips& row_strips, const Strips& s, size_t& strip, int64_t lane, int64_t live,
             int64_t out) const {
    while (strip < s.list.size() && s.list[strip].first + s.list[strip].count <= lane) ++strip;
    for (size_t n = strip; n < s.list.size() && s.list[n].first < lane + live; ++n) {
      const Strip& p = s.list[n];
      const int64_t from = std::max(lane, p.first), to = std::min(lane + live, p.first + p.count);
      C* column = out_ + out + p.out + (from - p.first) * s.out;
      const C* sum = sums_.data() + (from - lane);
      for (const Strip& r : row_strips.list)
        for (int64_t i = 0; i < r.count; ++i) {
          C* dest = column + r.out + i * row_strips.out;
          const C* source = sum + (r.first + i) * width_;
          if (s.out == 1)
            for (int64_t j = 0; j < to - from; ++j) dest[j] = source[j];
          else
            for (int64_t j = 0; j < to - from; ++j) dest[j * s.out] = source[j];
        }
    }
  }

  void fill_plane(const Place& place) {
    const auto k = static_cast<size_t>(vector_);
    const ContractionOperand& o = phase_.operand[vector_];
    std::fill(plane_memory_.begin(), plane_memory_.end(), C(0));
    // Innermost: the dim with lanes that are neighbours; of each dim, the j whose index is inside.
    size_t inner = o.indices.size();
    Ints &lo = lo_, &hi = hi_;
    for (size_t d = 0; d < o.indices.size(); ++d) {
      const ContractionPlane::Dim& p = plane_.dims[d];
      // place.index starts at the first output's index where the plane starts at its lowest.
      const auto& x = o.indices[d];
      const int64_t first = place.index[k][d] - (x.divisor == 1 ? x.start : 0) + p.lo;
      first_[d] = first;
      lo[d] = std::max<int64_t>(0, -first);
      hi[d] = std::min(p.count, x.extent - first);
      if (lo[d] >= hi[d]) return;
      if (p.stride == 1) inner = d;
    }
    Ints& j = j_;
    j = lo;
    for (;;) {
      int64_t from = 0, to = 0;
      for (size_t d = 0; d < j.size(); ++d) {
        from += (first_[d] + j[d]) * o.indices[d].stride;
        to += plane_.dims[d].place(j[d]);
      }
      if (inner == j.size()) {
        plane_memory_[static_cast<size_t>(to)] = source_[from];
      } else {
        const ContractionPlane::Dim& p = plane_.dims[inner];
        const int64_t n = hi[inner] - lo[inner], stride = o.indices[inner].stride;
        to -= p.place(lo[inner]);
        for (int64_t s = 0; s < std::min(p.step, n); ++s) {
          const C* in = source_ + from + s * stride;
          C* dest = plane_memory_.data() + to + p.place(lo[inner] + s);
          const int64_t count = (n - s + p.step - 1) / p.step, step = p.step * stride;
          if (step == 1)
            contraction::copy(in, dest, count);
          else
            for (int64_t i = 0; i < count; ++i) dest[i] = in[i * step];
        }
      }
      size_t d = j.size();
      for (; d-- > 0;) {
        if (d == inner) continue;
        if (++j[d] < hi[d]) break;
        j[d] = lo[d];
      }
      if (d == static_cast<size_t>(-1)) return;
    }
  }

  // Every output axis is a lane.
  void run_pairs() {
    terms_ = phase_.terms();
    lane_axes_ = phase_.batch;
    lane_axes_.insert(lane_axes_.begin(), phase_.free[0].begin(), phase_.free[0].end());
    lane_axes_.insert(lane_axes_.begin(), phase_.free[1].begin(), phase_.free[1].end());
    constexpr int kWidth = contraction::kThinVectors * kVector<C>;
    width_ = kWidth;
    Place place;
    for (size_t k = 0; k < 2; ++k) {
      place.at[k] = phase_.operand[k].at;
      for (const auto& x : phase_.operand[k].indices) place.index[k].push_back(x.divisor == 1 ? x.start : 0);
    }
    panel_.resize(static_cast<size_t>(largest_block() * width_));
    packed_.resize(panel_.size());
    sums_.resize(static_cast<size_t>(width_));
    const int64_t lanes = phase_.points(lane_axes_);
    const Strips one = strips_of({}, 0, 1);
    for (int64_t lane = 0; lane < lanes; lane += kStretch) {
      const int64_t span = std::min(kStretch, lanes - lane);
      const Strips s = strips_of(lane_axes_, lane, span);
      size_t strip = 0, stored = 0;
      for (int64_t at = 0; at < span; at += kWidth) {
        context_.poll();
        std::fill(sums_.begin(), sums_.end(), C(0));
        for (int64_t b = 0; b < terms_.blocks(); ++b) {
          pack(0, s, strip, at, kWidth, place, b, packed_.data());
          pack(1, s, strip, at, kWidth, place, b, panel_.data());
          contraction::pairs<C, kWidth>(packed_.data(), panel_.data(), terms_.count(b), sums_.data());
        }
        store(one, s, stored, at, std::min<int64_t>(kWidth, span - at), 0);
      }
    }
  }

  const ContractionPhase& phase_;
  const C* data_[2];
  C* out_;
  const EvalContext& context_;
  ContractionTerms terms_;
  int vector_ = 1, scalar_ = 0;  // which operand lanes, rows run along
  Axes row_axes_, lane_axes_;
  int64_t width_ = 0;  // lanes of a tile
  bool planar_ = false;
  ContractionPlane plane_;
  const C* source_ = nullptr;  // what the plane is filled from
  Ints first_, lo_, hi_, j_;   // while it is filled: of each dim the index at 0, the j inside, the current j
  std::vector<C> plane_memory_, panel_, packed_, sums_;
};

template <class C>
bool all_finite(const C* p, int64_t n) {
  if constexpr (std::is_integral_v<C>) return true;
  using U = std::conditional_t<sizeof(C) == 4, uint32_t, uint64_t>;
  U bad = 0;
  for (int64_t i = 0; i < n; ++i) bad |= std::fabs(p[i]) <= std::numeric_limits<C>::max() ? U(0) : U(1);
  return bad == 0;
}

}  // namespace

template <class C>
bool contract_tiled(const BoundAccess& access, const C* a, const C* b, C* out, const EvalContext& context) {
  const C* data[2] = {a, b};
  bool known[2] = {false, false};
  for (int64_t i = 0; i < phase_count(access); ++i) {
    const ContractionPhase phase = phase_of(access, i);
    for (size_t k = 0; k < 2; ++k) {
      const auto& indices = phase.operand[1 - k].indices;
      if (phase.operand[k].checked.size() > kMaxChecked) return false;
      if (phase.operand[k].checked.empty() || known[1 - k]) continue;
      int64_t n = 1;
      for (const auto& x : indices) n *= x.extent;
      if (!all_finite(data[1 - k], n)) return false;
      known[1 - k] = true;
    }
    Tiled<C>(phase, a, b, out, context).run();
  }
  return true;
}

template bool contract_tiled(const BoundAccess&, const float*, const float*, float*, const EvalContext&);
template bool contract_tiled(const BoundAccess&, const double*, const double*, double*, const EvalContext&);
template bool contract_tiled(const BoundAccess&, const int32_t*, const int32_t*, int32_t*,
                             const EvalContext&);
template bool contract_tiled(const BoundAccess&, const int64_t*, const int64_t*, int64_t*,
                             const EvalContext&);
}  // namespace tauto
