// The state of one call of `schedule`, shared by its two sources: loops and tiles (schedule.cpp), the tile of
// a contraction (contraction.cpp).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loops/affine.h"
#include "schedule/schedule.h"
#include "schedule/spell_out.h"
#include "schedule/whole.h"

namespace tauto {

class Scheduler {
 public:
  Scheduler(const Nest& n, const Plan& p, const Target& t) : n_(n), p_(p), t_(t) {
    for (const loops::Axis& a : n.axes) ranges_[a.variable] = loops::below(a.extent);
    packings_ = n.packings;
  }
  Scheduled run();

 private:
  const loops::Axis* axis(const std::string& name) const {
    for (const loops::Axis& a : n_.axes)
      if (!name.empty() && a.variable == name) return &a;
    return nullptr;
  }
  std::string fresh(const std::string& stem) { return stem + "_" + std::to_string(++names_); }
  const loops::Expr* find_contraction(const loops::Expr& e);

  // The indices of an axis at which the contraction's conditions on it (its padding) hold for all terms;
  // nothing if there are no such conditions, or none that says so.
  std::optional<loops::Range> inside(const loops::Axis& a) const;

  struct Span {  // tiles of one size that begin at `from`, before `to`; `starts`: a range in which they do
    Dim from, to;
    loops::Range starts;
  };
  std::vector<Span> spans(const loops::Axis& a, const Dim& whole, int64_t size) const;
  // Loops over the tiles of the spans, then the rest of 0..to where they end before it.
  loops::Stmt walk(const loops::Axis& a, loops::LoopKind kind, const std::vector<Span>& spans, const Dim& to,
                   int64_t size, const std::function<loops::Stmt(const loops::Expr&)>& body,
                   const std::function<loops::Stmt(const loops::Expr&)>& rest);

  // for tile in 0..extent: body(start, count), count <= size; the rest of a literal extent is one smaller
  // tile; of a symbolic one the last tile overlaps the one before, and an axis shorter than a tile is walked
  // singly. Tiles inside have loops of their own, so that conditions which fail only at the edges are decided
  // there.
  loops::Stmt tiles(const loops::Axis& a, int64_t size, loops::LoopKind kind,
                    const std::function<loops::Stmt(const loops::Expr&, int64_t)>& body);

  // The same over lanes: body(start, vectors, last) where `last` is the end of the axis if the last vector is
  // masked, else undefined.
  loops::Stmt lane_tiles(const loops::Axis& a, loops::LoopKind kind,
                         const std::function<loops::Stmt(loops::Expr, int, loops::Expr)>& body);

  // A register tile: rows × columns × vectors of lanes, from these indices on.
  struct Tile {
    loops::Expr lane, end, row, column;  // end: of the lanes' axis, if the last vector is masked
    int vectors = 1;
    int64_t rows = 1, columns = 1;
    loops::Expr block;  // the lanes' tiles go from here on, if they are walked in blocks
    int64_t block_extent = 0;
  };
  loops::Stmt blocks(const std::vector<const loops::Axis*>& order);
  loops::Stmt nest(const std::vector<const loops::Axis*>& order, size_t i, const Tile& t);
  // Where conditions on an axis of a map change sides, and its loop in pieces (segments.cpp).
  std::vector<int64_t> cuts(const loops::Axis& a) const;
  loops::Stmt segments(const std::vector<const loops::Axis*>& order, size_t i, const Tile& t,
                       loops::LoopKind kind, std::vector<int64_t> cuts);

  // f for each lane from `start` on, in so many vectors; `end` as in Tile.
  loops::Stmt vectors_of(const loops::Expr& start, int vectors, const loops::Expr& end,
                         const std::function<loops::Stmt(const loops::Expr& lane)>& f);

  // s for `count` elements of the rows' axis from `start` on.
  loops::Stmt rows_abreast(const loops::Stmt& s, const loops::Expr& start, int64_t count);

  // Whole axes (whole.cpp).
  loops::Stmt steps_from(size_t k, Steps::Known known, const std::string& lanes, const loops::Expr& column,
                         const std::function<loops::Stmt(const loops::Expr&)>& rest);
  loops::Stmt down(const loops::Expr& value);

  // One element at a time; reductions over their own axes.
  loops::Stmt single();

  // f(r, lane, row) is a statement for row·columns + column r of the tile, over the axes' own variables but
  // the lanes'.
  using Body =
      std::function<loops::Stmt(const loops::Expr& r, const loops::Expr& lane, const loops::Expr& row)>;
  using Each = std::function<loops::Stmt(const Body&)>;

  // All of it unrolled.
  loops::Stmt tile(const Tile& t);

  // In how many places the kernel reads a buffer.
  int reads(const loops::BufferPtr& b) const;

  // The operand with its constant read in packed order, cut along `axis` into the plan's tiles.
  loops::Expr packed_along(const loops::Expr& operand, const loops::Reduce& r, const loops::Axis& axis,
                           const loops::Expr& start, int64_t tile);
  loops::Stmt columns(const loops::Expr& reduction, const Tile& t, const Each& each);  // columns.cpp
  // `in_loop` walks the rows of the tile in a loop; what it reads and writes lies in memory.
  loops::Stmt contracted(const loops::Expr& contraction, const Tile& t, const Each& each,
                         const Each& in_loop);
  int64_t operations_after(const loops::Expr& contraction) const;
  // Do results lie side by side along the rows of the tile, and not along its lanes?
  bool lies_along_rows(const Tile& t) const;
  loops::Stmt turned(const loops::Expr& contraction, const loops::BufferPtr& done, const Tile& t);
  void conjuncts(const loops::Expr& e, const std::string& lanes, std::vector<loops::Expr>& on_lanes,
                 std::vector<loops::Expr>& on_rest);

  // The condition for those rows of the tile (numbered by `row`) where its range does not decide it;
  // undefined if it holds for all.
  loops::Expr undecided(const loops::Expr& condition, const Tile& t, const loops::Expr& row) const;

  // A condition v < e or 0 <= v + e as a bound of v's loop.
  bool clip(const loops::Expr& condition, const std::string& v, loops::Expr& from, loops::Expr& to);
  static bool is_finite(const loops::Expr& e);
  static loops::Expr replace(const loops::Expr& in, const loops::Expr& what, const loops::Expr& by) {
    return rewrite(in, [&](const loops::Expr& e) { return e.get() == what.get() ? by : loops::Expr(); });
  }
  static constexpr const char* kRow = "$row";
  static constexpr const char* kLane = "$lane";
  const Nest& n_;
  const Plan& p_;
  const Target& t_;
  loops::Ranges ranges_;
  std::vector<loops::BufferPtr> scratch_;
  std::map<loops::BufferPtr, std::vector<loops::BufferPtr>> abreast_;  // of scratch: itself and its copies
  std::map<size_t, loops::BufferPtr> packed_buffers_;
  std::vector<Packing> packings_;
  const loops::Expr* contraction_ = nullptr;
  loops::Expr value_;  // to be stored; under whole axes with steps in place of reductions
  std::optional<Steps> steps_;
  std::vector<const loops::Axis*> whole_;
  bool in_steps_ = false;
  int64_t pieces_ = 1;
  std::map<const loops::ExprNode*, loops::BufferPtr> kept_;
  const loops::Axis *lanes_ = nullptr, *rows_ = nullptr, *columns_ = nullptr, *parallel_ = nullptr;
  int names_ = 0;
};

}  // namespace tauto
