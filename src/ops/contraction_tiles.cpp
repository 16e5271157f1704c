// Per phase, a contraction is a batch of matrix products: `rows` are the output axes that only one operand
// has, `lanes` those that only the other has. Lanes are the vector: for a strip of them and one block of
// terms that operand is packed into a panel [term][lane] (or read where it lies, or in a plane of zeros
// around it), the other operand is packed once as [term][row], and tiles of 4 rows × 2 vectors run over the
// block. Indices outside are packed as zeros, which change no bit as long as the other factor is finite.
// Products with few rows and lanes (a dot product per batch point) take all output axes for lanes and pack
// both operands.
#include "ops/contraction_tiles.h"

#include <cmath>

#include "ops/contraction_pack.h"

namespace tauto {
namespace {

using contraction::kRows;
using contraction::kVector;

constexpr int64_t kStretch = 1 << 14;     // lanes whose strips are listed at once
constexpr int64_t kPackedRows = 1 << 18;  // elements of the operand of rows that are packed at once, about

template <class C>
class Tiled {
 public:
  Tiled(const ContractionPhase& phase, const C* a, const C* b, C* out, const EvalContext& context)
      : phase_(phase), data_{a, b}, out_(out + phase.out), context_(context) {}

  void run() {
    const int64_t n = phase_.points(phase_.free[0]) * phase_.points(phase_.free[1]);
    if (n < kVector<C> && phase_.points(phase_.batch) > n) return run_pairs();
    terms_ = phase_.terms();
    vector_ = cost(1) <= cost(0) ? 1 : 0;
    scalar_ = 1 - vector_;
    row_axes_ = phase_.free[scalar_], lane_axes_ = phase_.free[vector_];
    phase_.merge(row_axes_);
    rows_ = phase_.points(row_axes_);
    width_ = (rows_ < kRows ? contraction::kThinVectors : contraction::kTileVectors) * kVector<C>;
    choose_lanes();
    run_rows();
  }

 private:
  using Axes = std::vector<ContractionAxis>;
  enum class Lanes { Packed, InPlace, Plane };

  double tiles(int64_t lanes) const {
    return std::ceil(static_cast<double>(lanes) / static_cast<double>(width_));
  }

  // Cycles, about: of a term on a vector of 16 f32, and of packing one element of operand i.
  static constexpr double kTileCycles = 1.2;
  double packing(int i) const {
    const auto k = static_cast<size_t>(i);
    if (!phase_.operand[i].checked.empty()) return 1.2;
    if (!phase_.free[i].empty() && phase_.free[i].back().at[k] == 1) return 0.3;
    return terms_.consecutive[k] ? 0.5 : 1.2;
  }
  // Of taking operand i for the vector, per term.
  double cost(int i) const {
    const auto lanes = static_cast<double>(phase_.points(phase_.free[i])),
               rows = static_cast<double>(phase_.points(phase_.free[1 - i]));
    const double tiles = std::ceil(lanes / 16);
    return rows * tiles * kTileCycles + tiles * 16 * packing(i) + rows * 2 * packing(1 - i);
  }

  void choose_lanes() {
    const auto k = static_cast<size_t>(vector_);
    const Axes apart = lane_axes_;
    const int64_t points = phase_.points(apart);
    phase_.merge(lane_axes_);
    if (phase_.operand[vector_].checked.empty() && rows_ < 2 * kRows) {
      span_ = 1;
      gaps_.assign(lane_axes_.size(), 0);
      bool rising = lane_axes_.empty() || lane_axes_.back().at[k] == 1;
      for (size_t a = lane_axes_.size(); a-- > 0;) {
        gaps_[a] = lane_axes_[a].at[k];
        rising &= gaps_[a] >= span_;
        span_ += (lane_axes_[a].extent - 1) * gaps_[a];
      }
      if (rising && span_ <= 2 * points) {
        lanes_ = Lanes::InPlace;
        return;
      }
    }
    if (phase_.plane(vector_, plane_)) {
      const auto terms = static_cast<double>(terms_.total()), rows = static_cast<double>(rows_);
      const double per_tile = rows * terms * kTileCycles * static_cast<double>(width_) * sizeof(C) / 64;
      const double direct = tiles(plane_.lanes) * per_tile + 1.5 * static_cast<double>(plane_.size);
      const double packed =
          tiles(points) * (per_tile + static_cast<double>(width_) * packing(vector_) * terms *
                                          std::ceil(rows / static_cast<double>(rows_at_once())));
      if (direct < packed) {
        lanes_ = Lanes::Plane;
        lane_axes_ = apart;
        gaps_.clear();
        for (const ContractionAxis& x : apart)
          for (size_t d = 0; d < plane_.dims.size(); ++d)
            if (x.index[k][d] != 0) gaps_.push_back(plane_.dims[d].stride);
        span_ = plane_.lanes;
        terms_ = phase_.terms(&plane_, vector_);
        plane_memory_.resize(plane_, width_);
        return;
      }
    }
    span_ = points;
  }

  int64_t rows_at_once() const {
    return std::max<int64_t>(64, kPackedRows / std::max<int64_t>(1, terms_.total()) / kRows * kRows);
  }

  void run_rows() {
    const int64_t stretch = lanes_ == Lanes::Packed ? kStretch : span_;
    panel_.resize(static_cast<size_t>(largest_block() * width_));
    for (int64_t row = 0; row < rows_; row += rows_at_once()) {
      height_ = std::min(rows_at_once(), rows_ - row);
      row_strips_ = strips_of(phase_, row_axes_, row, height_);
      packed_.resize(static_cast<size_t>(terms_.total() * height_));
      sums_.resize(static_cast<size_t>(height_ * width_));
      for (int64_t lane = 0; lane < span_; lane += stretch) {
        const int64_t lanes = std::min(stretch, span_ - lane);
        Strips sources, outputs;
        if (lanes_ == Lanes::Packed) {
          sources = outputs = strips_of(phase_, lane_axes_, lane, lanes);
        } else {
          outputs = strips_with_gaps(lane_axes_, gaps_);
          sources.at = {1, 1};
          sources.list.emplace_back().count = lanes;
        }
        for_each_batch(phase_, [&](const Place& place) {
          pack_rows(place);
          if (lanes_ == Lanes::Plane)
            plane_memory_.fill(plane_, phase_.operand[vector_], place.index[static_cast<size_t>(vector_)],
                               data_[vector_]);
          product(sources, outputs, lanes, place);
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

  contraction::Source<C> source(int i) const { return {phase_, terms_, static_cast<size_t>(i), data_[i]}; }

  // Rows in groups of kRows (the last may have fewer), each [term][row].
  void pack_rows(const Place& place) {
    const auto from = source(scalar_);
    size_t strip = 0;
    for (int64_t r = 0; r < height_; r += kRows) {
      const int64_t n = std::min<int64_t>(kRows, height_ - r);
      C* to = packed_.data() + r * terms_.total();
      for (int64_t b = 0; b < terms_.blocks(); ++b) {
        from.pack(row_strips_, strip, r, n, place, b, to);
        to += terms_.count(b) * n;
        if (b % 256 == 255) context_.poll();
      }
    }
  }

  void product(const Strips& sources, const Strips& outputs, int64_t lanes, const Place& place) {
    const auto k = static_cast<size_t>(vector_);
    const auto from = source(vector_);
    size_t strip = 0, stored = 0;
    for (int64_t lane = 0; lane < lanes; lane += width_) {
      context_.poll();
      std::fill(sums_.begin(), sums_.end(), C(0));
      const C* straight = nullptr;
      if (lanes_ == Lanes::Plane)
        straight = plane_memory_.data() + lane;
      else if (lanes_ == Lanes::InPlace && lane + width_ <= lanes)
        straight = data_[vector_] + place.at[k] + lane;
      int64_t done = 0;
      for (int64_t b = 0; b < terms_.blocks(); ++b) {
        const int64_t terms = terms_.count(b);
        const C* v = panel_.data();
        const int64_t* taps = nullptr;
        if (straight) {
          v = straight + terms_.first(b) * terms_.shift[k];
          taps = terms_.taps[k].data() + terms_.begin(b);
        } else {
          from.pack(sources, strip, lane, width_, place, b, panel_.data());
        }
        for (int64_t r = 0; r < height_; r += kRows) {
          const int64_t n = std::min<int64_t>(kRows, height_ - r);
          tile(static_cast<int>(n), taps != nullptr)(packed_.data() + r * terms_.total() + done * n, v, taps,
                                                     terms, sums_.data() + r * width_);
        }
        done += terms;
      }
      store(outputs, stored, lane, std::min<int64_t>(width_, lanes - lane), place.out);
    }
  }

  contraction::Tile<C> tile(int rows, bool taps) const {
    constexpr int full = contraction::kTileVectors * kVector<C>,
                  thin = contraction::kThinVectors * kVector<C>;
    using contraction::tile_of;
    if (width_ == thin) return taps ? tile_of<C, thin, true>(rows) : tile_of<C, thin, false>(rows);
    return taps ? tile_of<C, full, true>(rows) : tile_of<C, full, false>(rows);
  }

  // sums [row][width] of lanes [lane, lane + live), those between strips left out.
  void store(const Strips& s, size_t& strip, int64_t lane, int64_t live, int64_t out) const {
    while (strip < s.list.size() && s.list[strip].first + s.list[strip].count <= lane) ++strip;
    for (size_t n = strip; n < s.list.size() && s.list[n].first < lane + live; ++n) {
      const Strip& p = s.list[n];
      const int64_t from = std::max(lane, p.first), count = std::min(lane + live, p.first + p.count) - from;
      C* column = out_ + out + p.out + (from - p.first) * s.out;
      const C* sum = sums_.data() + (from - lane);
      for (const Strip& r : row_strips_.list)
        for (int64_t i = 0; i < r.count; ++i) {
          C* to = column + r.out + i * row_strips_.out;
          const C* row = sum + (r.first + i) * width_;
          if (s.out == 1)
            contraction::copy(row, to, count);
          else
            for (int64_t j = 0; j < count; ++j) to[j * s.out] = row[j];
        }
    }
  }

  // Every output axis is a lane.
  void run_pairs() {
    terms_ = phase_.terms();
    for (const Axes* axes : {&phase_.free[1], &phase_.free[0], &phase_.batch})
      lane_axes_.insert(lane_axes_.end(), axes->begin(), axes->end());
    constexpr int kWidth = contraction::kThinVectors * kVector<C>;
    width_ = kWidth;
    panel_.resize(static_cast<size_t>(largest_block() * width_));
    packed_.resize(panel_.size());
    sums_.resize(static_cast<size_t>(width_));
    row_strips_ = strips_of(phase_, {}, 0, 1);
    const Place place(phase_);
    const int64_t lanes = phase_.points(lane_axes_);
    for (int64_t lane = 0; lane < lanes; lane += kStretch) {
      const int64_t span = std::min(kStretch, lanes - lane);
      const Strips s = strips_of(phase_, lane_axes_, lane, span);
      size_t strip = 0, stored = 0;
      for (int64_t at = 0; at < span; at += kWidth) {
        context_.poll();
        std::fill(sums_.begin(), sums_.end(), C(0));
        for (int64_t b = 0; b < terms_.blocks(); ++b) {
          const C *x = source(0).straight(s, strip, at, kWidth, place, b),
                  *y = source(1).straight(s, strip, at, kWidth, place, b);
          if (x && y) {
            for (int64_t j = 0; j < kWidth; j += kVector<C>)
              contraction::pairs_apart(x + j * s.at[0], s.at[0], y + j * s.at[1], s.at[1], terms_.count(b),
                                       sums_.data() + j);
            continue;
          }
          source(0).pack(s, strip, at, kWidth, place, b, packed_.data());
          source(1).pack(s, strip, at, kWidth, place, b, panel_.data());
          contraction::pairs<C, kWidth>(packed_.data(), panel_.data(), terms_.count(b), sums_.data());
        }
        store(s, stored, at, std::min<int64_t>(kWidth, span - at), 0);
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
  int64_t rows_ = 1, height_ = 1;  // in all, at once
  int64_t width_ = 0;              // lanes of a tile
  Lanes lanes_ = Lanes::Packed;
  int64_t span_ = 0;  // lanes, with gaps
  Ints gaps_;         // step of a lane axis where there may be gaps
  Strips row_strips_;
  ContractionPlane plane_;
  contraction::PlaneMemory<C> plane_memory_;
  std::vector<C> panel_, packed_, sums_;
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
std::optional<std::array<bool, 2>> contract_tiled(const BoundAccess& access, const C* a, const C* b, C* out,
                                                  const EvalContext& context) {
  const C* data[2] = {a, b};
  std::optional<bool> finite[2];
  std::array<bool, 2> shows{false, false};
  for (int64_t i = 0; i < phase_count(access); ++i) {
    const ContractionPhase phase = phase_of(access, i);
    for (size_t k = 0; k < 2; ++k) {
      const size_t other = 1 - k;
      if (phase.operand[k].checked.size() > kMaxChecked) return std::nullopt;
      if (phase.operand[k].checked.empty()) continue;
      int64_t n = 1;
      for (const auto& x : phase.operand[other].indices) n *= x.extent;
      if (!finite[other]) finite[other] = all_finite(data[other], n);
      shows[k] |= !*finite[other];
    }
    Tiled<C>(phase, a, b, out, context).run();
  }
  return shows;
}

#define TAUTO_TILED(C)                                                                                   \
  template std::optional<std::array<bool, 2>> contract_tiled(const BoundAccess&, const C*, const C*, C*, \
                                                             const EvalContext&);
TAUTO_TILED(float)
TAUTO_TILED(double)
TAUTO_TILED(int32_t)
TAUTO_TILED(int64_t)
#undef TAUTO_TILED

}  // namespace tauto
