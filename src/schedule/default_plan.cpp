// The closed-form choice of a plan.
//
// A contraction's tile is the one that needs the fewest cycles for all tiles of the output, counting per step
// of the reduction R·V fused multiply-adds (two a cycle), R + V loads (1.6 a cycle) and the latency of the
// chains (four cycles); the last, smaller tiles count as what they are.
#include <algorithm>
#include <limits>
#include <set>

#include "loops/affine.h"
#include "schedule/neighbours.h"
#include "schedule/schedule.h"
#include "schedule/spell_out.h"
#include "schedule/whole.h"
#include "support/error.h"

namespace tauto {

using loops::Axis;
using loops::Expr;
using loops::Reduce;

namespace {

constexpr int kKeep = 4;  // a load and a store cost as much
constexpr int64_t kLongRow = 4 * kPieceTerms;
constexpr int64_t kColumns = 16;  // vectors of columns that are summed side by side, registers allowing
constexpr int kFewNodes = 24;     // that are no chain worth the name
constexpr int kManyNodes = 200;   // of an expression that is written out for each vector
constexpr int kChains = 6;  // vectors of chains side by side; twice as many where they come from short rows

struct Access {
  loops::BufferPtr buffer;
  Expr index;
  std::optional<loops::Affine> affine;
  Dim stride(const std::string& v) const { return affine ? affine->coefficient(v) : Dim(2); }
  bool reads(const std::string& v) const { return mentions(index, v); }
};

struct Survey {
  loops::Ranges ranges;
  std::vector<Access> loads;
  std::vector<const Reduce*> reductions;
  const Reduce* contraction = nullptr;
  int nodes = 0;

  explicit Survey(const Nest& n) {
    for (const Axis& a : n.axes) ranges[a.variable] = loops::below(a.extent);
    each_node(n.store.value, [&](const Expr& e) {
      ++nodes;
      if (const auto* l = e.as<loops::Load>())
        loads.push_back({l->buffer, l->index[0], affine_of(l->index[0], ranges)});
      if (const auto* r = e.as<Reduce>()) {
        reductions.push_back(r);
        for (const Axis& a : r->axes) ranges[a.variable] = loops::below(a.extent);
        if (r->order == loops::Order::Blocks) contraction = r;
      }
      return true;
    });
  }
};

int64_t size_or(const Dim& d, int64_t unknown) { return d.as_literal().value_or(unknown); }

constexpr double kLoads =
    1.6;  // that a core carries out in a cycle, most of them of one element for all lanes
constexpr double kStep = 0.5;  // cycles of a step besides
constexpr double kLine = 0.7;  // cycles for a line from the second-level cache, beside others

double cycles(int64_t rows, int64_t vectors) {
  const auto r = static_cast<double>(rows), v = static_cast<double>(vectors);
  return std::max({r * v / 2, (r + v) / kLoads, 4.0}) + kStep;
}

constexpr int64_t kPieces = 8;     // of the parallel axis are enough
constexpr int64_t kFewPieces = 4;  // where an operand that all read does not stay in the second-level cache
constexpr int64_t kPage = 4096;    // addresses so far apart share a set of the first-level cache

// Bytes between the first and the last element that is read.
double footprint(const Access& a, const loops::Ranges& ranges) {
  const auto range = a.affine ? range_of(*a.affine, ranges) : std::nullopt;
  if (!range) return 0;
  return static_cast<double>(size_or(range->hi - range->lo + Dim(1), 0) * a.buffer->type.bytes());
}

// It does not stay in the second-level cache.
bool is_large(const Survey& s, const Access& l, const Target& t) {
  return footprint(l, s.ranges) > 0.75 * static_cast<double>(t.l2);
}

// Bytes that come from beyond the second-level cache when `count` tiles of axis `a` are walked outermost:
// what does not depend on it and does not stay there is read for each of them.
double traffic(const Survey& s, const Axis& a, int64_t count, const Target& t) {
  double sum = 0;
  for (const Access& l : s.loads) {
    const double bytes = footprint(l, s.ranges);
    sum += !l.reads(a.variable) && is_large(s, l, t) ? bytes * static_cast<double>(count) : bytes;
  }
  return sum;
}

// Of all tiles along one axis of n: how many there are of which size.
std::vector<std::pair<int64_t, int64_t>> pieces(int64_t n, int64_t size) {
  std::vector<std::pair<int64_t, int64_t>> r;
  if (n / size) r.emplace_back(size, n / size);
  if (n % size) r.emplace_back(n % size, 1);
  return r;
}

bool in_sum(const Survey& s, const Access& l) {
  return std::any_of(s.contraction->axes.begin(), s.contraction->axes.end(),
                     [&](const Axis& k) { return l.reads(k.variable); });
}

// One operand of the contraction is a constant that has the axis, the other has it not.
bool may_pack(const Nest& n, const Survey& s, const Axis& a) {
  int constants = 0, others = 0;
  for (const Access& l : s.loads) {
    if (!in_sum(s, l) || !l.reads(a.variable)) continue;
    const auto at = std::find(n.kernel.buffers.begin(), n.kernel.buffers.end(), l.buffer);
    const auto index = static_cast<size_t>(at - n.kernel.buffers.begin());
    ++(index < n.constant.size() && n.constant[index] ? constants : others);
  }
  return constants == 1 && others == 0 &&
         !(s.contraction->guard.defined() && mentions(s.contraction->guard, a.variable));
}

struct Tiling {
  const Axis *lanes = nullptr, *rows = nullptr, *columns = nullptr;
  int vectors = 1, row_count = 1, column_count = 1;
  double cycles = 0;  // for one result
};

// The best tile with these lanes, whose results lie `stride` elements apart.
Tiling tiling(const Nest& n, const Survey& s, const Axis& lanes, const Dim& stride, const Target& t) {
  Tiling p;
  p.lanes = &lanes;
  const int64_t vectors = (size_or(lanes.extent, 1024) + t.lanes - 1) / t.lanes;
  int64_t most_rows = 1, most_columns = 1;
  double gathers = 0;  // loads by the lanes, of elements that do not lie side by side
  for (const Access& l : s.loads)
    if (in_sum(s, l) && l.reads(lanes.variable) && l.stride(lanes.variable) != Dim(1) &&
        !may_pack(n, s, lanes))
      ++gathers;
  for (const Axis& a : n.axes) {
    if (&a == &lanes) continue;
    // Rows share something that the lanes read; columns share all that the rows read.
    bool shares = false, own = false, others = true;
    for (const Access& l : s.loads) {
      if (!in_sum(s, l)) continue;
      const bool on_lanes = l.reads(lanes.variable), reads = l.reads(a.variable);
      shares = shares || (on_lanes && !reads);
      own = own || (on_lanes && reads);
      others = others && (on_lanes || !reads);
    }
    const int64_t count = size_or(a.extent, 256);
    // Of axes that are long enough the innermost, whose elements lie nearest.
    if (shares && count > 1 && count >= std::min<int64_t>(most_rows, 6)) p.rows = &a, most_rows = count;
    if (own && others && !mentions(s.contraction->guard, a.variable) && vectors == 1 && count > most_columns)
      p.columns = &a, most_columns = count;
  }
  if (p.columns == p.rows) p.columns = nullptr, most_columns = 1;
  const int64_t across = p.columns ? most_columns : vectors;
  // Rows that lie a multiple of a page apart share a set of the first-level cache, of as many lines as pages
  // in the cache; the lanes' loads need some of them.
  int64_t most_lines = 28;
  if (p.rows)
    for (const Access& l : s.loads)
      if (const auto apart = l.stride(p.rows->variable).as_literal();
          apart && *apart != 0 && !l.reads(lanes.variable) && *apart * l.buffer->type.bytes() % kPage == 0)
        most_lines = std::max<int64_t>(t.l1 / kPage - 4, 2);
  double terms = 1, results = static_cast<double>(size_or(lanes.extent, 1024) * most_rows * most_columns);
  for (const Axis& k : s.contraction->axes) terms *= static_cast<double>(size_or(k.extent, 64));
  // A line from the second level for every 16 terms of a row. What the lanes read comes in one stream, from
  // wherever it is, without delay.
  const auto lines = [](int64_t rows) { return static_cast<double>(rows) / 16; };
  double best = 0;
  for (int64_t v = 1; v <= 4; ++v)
    for (int64_t r = 1; r <= most_lines; ++r) {
      if (r > 1 && !p.rows) break;
      if (r * v + v + 1 > t.registers - 1) break;
      double total = 0;
      for (const auto& [rr, rn] : pieces(p.rows ? most_rows : 1, r))
        for (const auto& [vv, vn] : pieces(across, v))
          total += (cycles(rr, vv) + kLine * lines(rr) + gathers * static_cast<double>(vv * t.lanes) / 2) *
                   static_cast<double>(rn) * static_cast<double>(vn);
      if (best != 0 && total >= best) continue;
      best = total;
      p.row_count = static_cast<int>(r);
      (p.columns ? p.column_count : p.vectors) = static_cast<int>(v);
    }
  // Results that lie apart are written row by row of the tile, a whole vector of them, if rows lie together.
  const auto store = affine_of(n.store.index[0], s.ranges);
  if (!n.parts.empty() && stride != Dim(1) && p.rows && store &&
      store->coefficient(p.rows->variable) == Dim(1) && most_rows >= t.lanes) {
    p.row_count = t.lanes;
    p.vectors = p.column_count = 1;
  }
  if (p.row_count == 1) p.rows = nullptr;
  if (p.column_count == 1) p.columns = nullptr;
  p.cycles = best * terms / results + (stride == Dim(1) ? 1.0 / t.lanes : 2.0);
  return p;
}

}  // namespace

std::string axis_of_neighbours(const Nest& n, const std::string& lanes) {
  const Survey s(n);
  if (lanes.empty() || !s.reductions.empty()) return "";
  for (const Access& l : s.loads) {
    if (!l.affine || !l.reads(lanes) || l.stride(lanes) == Dim(1)) continue;
    for (const Axis& a : n.axes)
      if (a.variable != lanes && a.extent.is_literal() && l.stride(a.variable) == Dim(1)) return a.variable;
  }
  return "";
}

Plan default_plan(const Nest& n, const Target& t) {
  Plan p;
  const Survey s(n);
  const auto store = affine_of(n.store.index[0], s.ranges);
  const Axis* lanes = nullptr;
  for (const Axis& a : n.axes)
    if (store && store->coefficient(a.variable) == Dim(1)) lanes = &a;
  // A reduction along what lies side by side wants the lanes for itself.
  const auto wants_lanes = [&](const Reduce* r) {
    if (r->order == loops::Order::Blocks || r->axes.empty() || size_or(r->axes.back().extent, 64) < 8)
      return false;
    const std::string& k = r->axes.back().variable;
    return std::any_of(s.loads.begin(), s.loads.end(), [&](const Access& a) {
      return a.reads(k) && a.reads(lanes->variable) && a.stride(k) == Dim(1) &&
             a.stride(lanes->variable) != Dim(1);
    });
  };
  p.whole = whole_axes(n);
  if (!s.contraction && (!p.whole.empty() || s.reductions.size() > 1)) p.keep = kKeep;
  const auto is_whole = [&](const Axis& a) {
    return std::find(p.whole.begin(), p.whole.end(), a.variable) != p.whole.end();
  };
  if (lanes && std::any_of(s.reductions.begin(), s.reductions.end(), wants_lanes)) lanes = nullptr;
  const Axis *rows = nullptr, *columns = nullptr;
  if (lanes) {
    p.lanes = lanes->variable;
    const int64_t width = size_or(lanes->extent, 1024);
    const int64_t vectors = (width + t.lanes - 1) / t.lanes;
    if (s.contraction) {
      Tiling best = tiling(n, s, *lanes, store->coefficient(lanes->variable), t);
      // Of a dot product the lanes are an axis of the packed constant.
      const bool dots = !n.parts.empty();
      if (dots && !may_pack(n, s, *lanes)) best.cycles = std::numeric_limits<double>::infinity();
      // Where they are few, the lanes may be better off apart: on an axis that a constant packed for it has.
      if (dots || (lanes->extent.is_literal() && width < 2 * t.lanes))
        for (const Axis& a : n.axes) {
          if (&a == lanes || (!dots && size_or(a.extent, 0) < t.lanes) || !may_pack(n, s, a)) continue;
          Tiling other = tiling(n, s, a, store->coefficient(a.variable), t);
          if (other.cycles < best.cycles) best = std::move(other);
        }
      lanes = best.lanes, rows = best.rows, columns = best.columns;
      p.lanes = lanes->variable;
      p.vectors = best.vectors;
      p.row_count = best.row_count;
      p.column_count = best.column_count;
      if (rows) p.rows = rows->variable;
      if (columns) p.columns = columns->variable;
    } else {
      const bool plain = s.reductions.empty() || is_whole(*lanes);
      // Side by side: chains of instructions while there are registers for what they hold.
      int64_t most = s.nodes > kManyNodes ? 2 : s.nodes > kFewNodes ? kChains : 4;
      if (!plain) most = column_reduction(n, p.lanes) ? std::min<int64_t>(kColumns, t.registers * 3 / 4) : 1;
      const int64_t tiles = std::max<int64_t>((vectors + most - 1) / most, 1);  // of one size
      p.vectors = static_cast<int>(std::max<int64_t>((vectors + tiles - 1) / tiles, 1));
    }
  }
  // Rows that are reduced over the lanes before something is made of them, or by chains of several
  // instructions: most of the time nothing of one row can run, so several are walked abreast, as many as the
  // first-level cache holds. (Plain sums overlap as they are, and memory likes them in one stream.)
  const bool slow = std::any_of(s.reductions.begin(), s.reductions.end(), [](const Reduce* r) {
    return r->function == loops::Function::Max || r->function == loops::Function::Min;
  });
  const Axis* abreast = nullptr;
  if (!s.contraction && !s.reductions.empty() && (!lanes || is_whole(*lanes)) && (!p.whole.empty() || slow)) {
    double bytes = 0;  // of a row, and of what is kept of it
    for (const Axis& a : s.reductions[0]->axes)
      bytes = (bytes == 0 ? 4 : bytes) * static_cast<double>(size_or(a.extent, 64));
    if (p.keep > 0) {
      const std::vector<Step> steps = Steps(n, p.whole, p.keep).list;
      bytes += bytes * static_cast<double>(std::count_if(
                           steps.begin(), steps.end(), [](const Step& step) { return !step.axes.empty(); }));
    }
    for (const Axis& a : n.axes)
      if (!is_whole(a) && size_or(a.extent, 64) > 1) abreast = &a;
    const auto fit = static_cast<int64_t>(static_cast<double>(t.l1) / std::max(bytes, 1.0));
    int64_t count = std::clamp<int64_t>(fit, 1, t.registers / 4);
    if (abreast) count = std::min(count, size_or(abreast->extent, count));
    // The pieces of a long row are walked abreast themselves.
    const std::vector<Axis>& along = s.reductions[0]->axes;
    if (p.whole.empty() && along.size() == 1 && size_or(along[0].extent, 64) >= kLongRow) count = 1;
    if (count == 1) abreast = nullptr;
    if (abreast) p.rows = abreast->variable, p.row_count = static_cast<int>(count);
  }
  // Chains of rows that are shorter than a tile: of several rows.
  const std::string near = axis_of_neighbours(n, p.lanes);
  if (lanes && s.reductions.empty() && near.empty() && s.nodes > kFewNodes && s.nodes <= kManyNodes &&
      lanes->extent.is_literal() && lanes->extent.literal() <= int64_t{t.lanes} * p.vectors) {
    for (const Axis& a : n.axes)
      if (&a != lanes) abreast = &a;
    const auto asks = [&](const Expr& e) {  // a part of a concatenation or padding, a place in memory
      const auto* choice = e.as<loops::Apply>();
      if (e.type() == i64 && e.as<loops::Load>()) return true;
      return choice && choice->function == loops::Function::Choose &&
             !any_node(choice->arguments[0], [](const Expr& x) { return x.as<loops::Load>(); });
    };
    const int64_t count =
        abreast ? std::min<int64_t>(size_or(abreast->extent, 1), 2 * kChains / p.vectors) : 1;
    if (count <= 1 || any_node(n.store.value, asks)) abreast = nullptr;  // 0: a result of nothing
    if (abreast) p.rows = abreast->variable, p.row_count = static_cast<int>(count);
  }
  // Where neither operand stays in the second-level cache a block of the lanes' tiles does.
  if (rows && !columns && lanes->extent.is_literal() && rows->extent.is_literal()) {
    const auto half = static_cast<double>(t.l2) / 2;
    double along_rows = 0, along_lanes = 0;
    for (const Access& l : s.loads) {
      if (l.reads(lanes->variable) && !l.reads(rows->variable)) along_lanes += footprint(l, s.ranges);
      if (l.reads(rows->variable) && !l.reads(lanes->variable)) along_rows += footprint(l, s.ranges);
    }
    if (along_rows > half && along_lanes > half && !mentions(s.contraction->guard, lanes->variable)) {
      const int64_t tiles = (lanes->extent.literal() + t.lanes * p.vectors - 1) / (t.lanes * p.vectors);
      p.block = static_cast<int>(half * static_cast<double>(tiles) / along_lanes);
      p.block = std::clamp<int>(p.block, 1, static_cast<int>((tiles + 3) / 4));
      if (p.block > 1) p.parallel = lanes->variable;
      if (p.block > 1) return p;
    }
  }
  // Threads share the tiles of the outermost loop's axis: of those that give enough pieces, or as many as can
  // be had, the one that moves least memory, the outermost where it is all the same.
  int64_t most = 1;
  double least = 0;
  const bool large = s.contraction && std::any_of(s.loads.begin(), s.loads.end(),
                                                  [&](const Access& l) { return is_large(s, l, t); });
  for (const Axis& a : n.axes) {
    if (is_whole(a) || a.variable == near) continue;
    int64_t count = size_or(a.extent, 64);
    if (&a == lanes) count = (count + t.lanes * p.vectors - 1) / (t.lanes * p.vectors);
    if (&a == rows || &a == abreast) count = (count + p.row_count - 1) / p.row_count;
    if (&a == columns) count = (count + p.column_count - 1) / p.column_count;
    count = std::min(count, large ? kFewPieces : kPieces);
    const double bytes = s.contraction ? traffic(s, a, count, t) : 0;
    if (count < most || count == 1 || (count == most && bytes >= least && !p.parallel.empty())) continue;
    most = count, least = bytes, p.parallel = a.variable;
  }
  return p;
}

std::string text_of(const Plan& p) {
  std::string s;
  if (!p.lanes.empty()) s += cat("lanes ", p.lanes, " ", p.vectors, "\n");
  if (!p.rows.empty()) s += cat("rows ", p.rows, " ", p.row_count, "\n");
  if (!p.columns.empty()) s += cat("columns ", p.columns, " ", p.column_count, "\n");
  if (p.block > 1) s += cat("block ", p.block, "\n");
  if (!p.parallel.empty()) s += cat("parallel ", p.parallel, "\n");
  if (p.band > 0) s += cat("band ", p.band, "\n");
  if (!p.whole.empty()) s += "whole";
  for (const std::string& axis : p.whole) s += " " + axis;
  if (!p.whole.empty()) s += "\n";
  if (p.keep > 0) s += cat("keep ", p.keep, "\n");
  return s;
}

Plan parse_plan(std::string_view text) {
  Plan p;
  int line = 0;
  while (!text.empty()) {
    ++line;
    const size_t end = text.find('\n');
    std::string_view l = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    l = l.substr(0, l.find('#'));
    std::vector<std::string> words;
    for (size_t i = 0; i < l.size();) {
      while (i < l.size() && l[i] == ' ') ++i;
      size_t j = i;
      while (j < l.size() && l[j] != ' ') ++j;
      if (j > i) words.emplace_back(l.substr(i, j - i));
      i = j;
    }
    if (words.empty()) continue;
    const auto number = [&](const std::string& w) {
      int v = 0;
      for (char c : w) {
        if (c < '0' || c > '9' || v > 1000)
          fail("schedule: line ", line, ": required a small number, got \"", w, "\"");
        v = v * 10 + (c - '0');
      }
      if (v < 1) fail("schedule: line ", line, ": required at least 1, got \"", w, "\"");
      return v;
    };
    if (words[0] == "lanes" && words.size() == 3)
      p.lanes = words[1], p.vectors = number(words[2]);
    else if (words[0] == "rows" && words.size() == 3)
      p.rows = words[1], p.row_count = number(words[2]);
    else if (words[0] == "columns" && words.size() == 3)
      p.columns = words[1], p.column_count = number(words[2]);
    else if (words[0] == "block" && words.size() == 2)
      p.block = number(words[1]);
    else if (words[0] == "parallel" && words.size() == 2)
      p.parallel = words[1];
    else if (words[0] == "band" && words.size() == 2)
      p.band = number(words[1]);
    else if (words[0] == "whole" && words.size() > 1)
      p.whole.assign(words.begin() + 1, words.end());
    else if (words[0] == "keep" && words.size() == 2)
      p.keep = number(words[1]);
    else
      fail("schedule: line ", line,
           ": required \"lanes AXIS VECTORS\", \"rows AXIS COUNT\", \"columns AXIS COUNT\", \"block COUNT\", "
           "\"parallel AXIS\", \"band COUNT\", \"whole AXIS ...\" or \"keep COUNT\", got \"",
           std::string(l), "\"");
  }
  return p;
}

}  // namespace tauto
