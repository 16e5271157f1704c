// Finding chains, and cutting their kernels to bands; see bands.h.
#include "compile/bands.h"

#include <algorithm>

#include "loops/affine.h"
#include "schedule/flat_index.h"
#include "schedule/schedule.h"
#include "support/error.h"

namespace tauto {

using loops::Affine;
using loops::Axis;
using loops::Expr;

namespace {

// Caches of the second level that a result has to fill: of one that fills less, most is there when it is read.
constexpr int64_t kBeyond = 2;
constexpr int64_t kFewRows = 12;     // of a band: with fewer the tiles of contractions are small
constexpr int64_t kManyRows = 64;    // with more they are no faster, ...
constexpr int64_t kMostRows = 1000;  // ... but where rows are short there is little to do for so few of them
// What is handed on would be written and read again; what is read for each band anew comes in one stream, beside
// products, which costs half as much.
constexpr int64_t kStream = 2 * 2;

// Where one kernel reads and writes, as sums over its loops.
struct Indices {
  std::vector<Axis> axes;               // of the result
  loops::Ranges ranges;                 // of the reductions too
  std::vector<std::vector<Affine>> at;  // of each argument: all that its loads, its store or probe ask for
  std::set<std::string> elsewhere;      // variables with another use
  bool contracts = false;

  explicit Indices(const Group& g) {
    loops::Stmt s = g.kernel.body;
    while (const auto* l = s->as<loops::For>()) {
      const auto extent = literal_index(l->to);
      if (!extent || literal_index(l->from) != 0) throw NotScheduled{"sizes that are known only at run time"};
      axes.push_back({l->variable, Dim(*extent)});
      ranges[l->variable] = loops::below(axes.back().extent);
      s = l->body;
    }
    const auto* store = s->as<loops::Store>();
    CHECK(store, "a nest holds one store");
    each_node(store->value, [&](const Expr& e) {
      const auto* r = e.as<loops::Reduce>();
      if (!r) return true;
      contracts = contracts || r->order == loops::Order::Blocks;
      for (const Axis& a : r->axes) ranges[a.variable] = loops::below(a.extent);
      return true;
    });
    at.resize(g.kernel.buffers.size());
    const auto add = [&](const loops::BufferPtr& b, const std::vector<Expr>& index) {
      const Expr flat = flat_index(*b, index, ranges);
      const auto a = affine_of(flat, ranges);
      const auto argument = std::find(g.kernel.buffers.begin(), g.kernel.buffers.end(), b);
      CHECK(argument != g.kernel.buffers.end(), "a buffer that is no argument");
      at[static_cast<size_t>(argument - g.kernel.buffers.begin())].push_back(a.value_or(Affine()));
      if (!a) mentioned(flat);
    };
    add(store->buffer, store->index);
    std::set<const loops::ExprNode*> seen;
    const std::function<void(const Expr&)> walk = [&](const Expr& e) {
      if (!e.defined() || !seen.insert(e.get()).second) return;
      if (const auto* v = e.as<loops::Variable>()) elsewhere.insert(v->name);
      if (const auto* l = e.as<loops::Load>()) {
        add(l->buffer, l->index);
        for (const Expr& i : l->index)  // what is looked up
          each_node(i, [&](const Expr& x) {
            if (const auto* inner = x.as<loops::Load>()) add(inner->buffer, inner->index);
            return true;
          });
        return;
      }
      if (const auto* p = e.as<loops::Probe>()) {
        add(p->buffer, p->index);
        return walk(p->value);
      }
      each_child(e, walk);
    };
    walk(store->value);
  }

  const Axis* axis(const std::string& variable) const {
    const auto a =
        std::find_if(axes.begin(), axes.end(), [&](const Axis& x) { return x.variable == variable; });
    return a == axes.end() ? nullptr : &*a;
  }

  // The loops that walk `rows` rows of so many elements, where this is the index: each step of theirs is so
  // many whole rows, all others stay inside of a row.
  std::optional<std::vector<Bands::Loop>> over_rows(const Affine& a, int64_t row, int64_t rows) const {
    std::vector<Bands::Loop> found;
    Affine inside;
    inside.constant = a.constant;
    for (const auto& [v, c] : a.terms) {
      const Axis* x = axis(v);
      if (x && x->extent == Dim(1)) continue;
      const auto step = c.as_literal();
      if (x && step && *step > 0 && *step % row == 0)
        found.push_back({v, x->extent.literal(), *step / row});
      else
        inside.terms[v] = c;
    }
    const auto range = range_of(inside, ranges);
    if (!range || !loops::surely_nonnegative(range->lo) ||
        !loops::surely_nonnegative(Dim(row - 1) - range->hi))
      return std::nullopt;
    std::sort(found.begin(), found.end(),
              [](const Bands::Loop& x, const Bands::Loop& y) { return x.unit > y.unit; });
    int64_t unit = 1;
    for (auto l = found.rbegin(); l != found.rend(); ++l) {
      if (l->unit != unit) return std::nullopt;
      unit *= l->extent;
    }
    if (unit != rows) return std::nullopt;
    return found;
  }

  // How far an argument moves with a step of the variable; nothing: its indices do not agree.
  std::optional<int64_t> stride(size_t argument, const std::string& variable) const {
    std::optional<int64_t> all;
    for (const Affine& a : at[argument]) {
      const auto c = a.coefficient(variable).as_literal();
      if (!c || (all && *all != *c)) return std::nullopt;
      all = *c;
    }
    return all.value_or(0);
  }

  // Elements of an argument that are read for one value of these loops, about.
  int64_t footprint(size_t argument, const std::vector<Bands::Loop>& loops) const {
    int64_t most = 0;
    for (const Affine& a : at[argument]) {
      Affine one;
      double points = 1;
      for (const auto& [v, c] : a.terms) {
        if (std::any_of(loops.begin(), loops.end(),
                        [&, v = v](const Bands::Loop& l) { return l.variable == v; }))
          continue;
        one.terms[v] = c;
        if (const auto r = ranges.find(v); r != ranges.end())
          points *= static_cast<double>((r->second.hi + Dim(1)).as_literal().value_or(1));
      }
      const auto range = range_of(one, ranges);
      const auto span = range ? (range->hi - range->lo + Dim(1)).as_literal() : std::nullopt;
      if (span) most = std::max(most, static_cast<int64_t>(std::min(static_cast<double>(*span), points)));
    }
    return most;
  }

 private:
  void mentioned(const Expr& e) {
    each_node(e, [&](const Expr& x) {
      if (const auto* v = x.as<loops::Variable>()) elsewhere.insert(v->name);
      return !x.as<loops::Load>();
    });
  }
};

int64_t product(const std::vector<int64_t>& v) {
  int64_t p = 1;
  for (const int64_t n : v) p *= n;
  return p;
}

loops::Stmt with_extents(const loops::Stmt& s, const std::map<std::string, int64_t>& extents) {
  const auto* l = s->as<loops::For>();
  if (!l) return s;
  const auto at = extents.find(l->variable);
  return loops::loop(l->kind, l->variable, l->from,
                     at == extents.end() ? l->to : loops::size(Dim(at->second)),
                     with_extents(l->body, extents));
}

class Finder {
 public:
  Finder(const Function& f, const std::vector<const Group*>& groups, const BandOptions& options)
      : f_(f), groups_(groups), o_(options) {
    for (size_t k = 0; k < groups.size(); ++k) {
      const Group& g = *groups[k];
      std::set<Id> read;
      for (const Id id : g.nodes) read.insert(f.node(id).inputs.begin(), f.node(id).inputs.end());
      for (const Id id : read) readers_[id].push_back(k);
    }
    for (const Id r : f.results) readers_[r].push_back(groups.size());
  }

  std::vector<Chain> run() {
    std::vector<Chain> found;
    for (size_t k = 0; k < groups_.size(); ++k) {
      if (!begin(k)) continue;
      while (members_.size() < kMostInChain && extend()) {
      }
      std::optional<Chain> chain = best(found.size());
      if (!chain) continue;
      k = chain->members.back();
      found.push_back(std::move(*chain));
    }
    return found;
  }

 private:
  struct Member {
    size_t group;
    Indices indices;
    std::vector<Bands::Loop> loops;
  };

  bool is_kernel(size_t k) const { return groups_[k]->kind == Group::Kind::Kernel && groups_[k]->source < 0; }

  // A chain of one kernel, whose result has rows.
  bool begin(size_t k) {
    members_.clear();
    inside_.clear();
    if (!is_kernel(k)) return false;
    const Group& g = *groups_[k];
    const Type& t = f_.node(g.result).type;
    if (!t.is_tensor() || !t.is_static() || t.rank() < 2 || o_.blocked.count(g.result)) return false;
    const int64_t row = t.dims.back().literal(), elements = product(static_shape(t));
    if (row < 2 || elements <= row) return false;
    rows_ = elements / row;
    asked_ = o_.asked ? o_.asked(g) : std::nullopt;
    if (asked_ == 0 || (!asked_ && bytes_of(g.result) <= kBeyond * o_.cache)) return false;
    try {
      Member m{k, Indices(g), {}};
      if (!m.indices.contracts && !asked_) return false;
      const auto loops = m.indices.over_rows(m.indices.at[result_of(g)][0], row, rows_);
      if (!loops || !fits(g, m.indices, *loops)) return false;
      m.loops = *loops;
      members_.push_back(std::move(m));
    } catch (const NotScheduled&) {
      return false;
    }
    inside_[g.result] = g.result;
    return true;
  }

  // One more kernel: the first one that reads what the chain hands on.
  bool extend() {
    for (size_t k = members_.back().group + 1; k < groups_.size(); ++k) {
      const Group& g = *groups_[k];
      if (g.kind == Group::Kind::View) {
        if (const auto at = inside_.find(g.source); at != inside_.end()) inside_[g.result] = at->second;
        continue;
      }
      const bool reads = std::any_of(g.nodes.begin(), g.nodes.end(), [&](Id id) {
        const std::vector<Id>& in = f_.node(id).inputs;
        return std::any_of(in.begin(), in.end(), [&](Id i) { return inside_.count(i) != 0; });
      });
      if (!reads) continue;
      if (!is_kernel(k)) return false;
      try {
        return add(k);
      } catch (const NotScheduled&) {
        return false;
      }
    }
    return false;
  }

  bool add(size_t k) {
    const Group& g = *groups_[k];
    Member m{k, Indices(g), {}};
    for (size_t i = 0; i < g.arguments.size(); ++i) {
      const KernelArgument& a = g.arguments[i];
      const auto from = a.kind == KernelArgument::Kind::Value ? inside_.find(a.value) : inside_.end();
      if (from == inside_.end()) continue;
      for (const Affine& at : m.indices.at[i]) {
        const auto loops = m.indices.over_rows(at, row_of(from->second), rows_);
        if (!loops || (!m.loops.empty() && m.loops != *loops)) return false;
        m.loops = *loops;
      }
    }
    for (const RangeCheck& c : g.checks)
      if (inside_.count(c.value)) return false;
    if (m.loops.empty() || !fits(g, m.indices, m.loops)) return false;
    members_.push_back(std::move(m));
    inside_[g.result] = g.result;
    return true;
  }

  // Nothing but affine indices asks for these loops.
  static bool fits(const Group& g, const Indices& x, const std::vector<Bands::Loop>& loops) {
    for (const Bands::Loop& l : loops) {
      if (x.elsewhere.count(l.variable)) return false;
      for (size_t i = 0; i < g.arguments.size(); ++i)
        if (!x.stride(i, l.variable)) return false;
    }
    return true;
  }

  static size_t result_of(const Group& g) {
    size_t i = 0;
    while (g.arguments[i].kind != KernelArgument::Kind::Result) ++i;
    return i;
  }
  int64_t bytes_of(Id id) const {
    const Type& t = f_.node(id).type;
    return product(static_shape(t)) * t.element.bytes();
  }
  int64_t row_of(Id id) const { return product(static_shape(f_.node(id).type)) / rows_; }

  // May the first n members be a chain: is what the others hand on read by them alone, and in rows?
  bool is_chain(size_t n) const {
    for (size_t i = 0; i + 1 < n; ++i) {
      const Group& g = *groups_[members_[i].group];
      const Type& t = f_.node(g.result).type;
      if (!t.is_tensor() || !t.is_static() || o_.blocked.count(g.result) || bytes_of(g.result) == 0 ||
          product(static_shape(t)) % rows_ != 0)
        return false;
      const Indices& x = members_[i].indices;
      if (x.over_rows(x.at[result_of(g)][0], row_of(g.result), rows_) != members_[i].loops) return false;
      for (const auto& [id, from] : inside_)
        if (const auto all = readers_.find(id); from == g.result && all != readers_.end())
          for (const size_t k : all->second)
            if (!(k < groups_.size() && groups_[k]->kind == Group::Kind::View) &&
                std::none_of(members_.begin(), members_.begin() + static_cast<std::ptrdiff_t>(n),
                             [&](const Member& m) { return m.group == k; }))
              return false;
    }
    return n >= 2;
  }

  // Bytes. What does not move with single rows is read again for each band of them.
  struct Size {
    int64_t again = 0;               // by all kernels together
    int64_t row = 0, handed_on = 0;  // of one row: all, and what is handed on
  };
  Size size_of(size_t n) const {
    Size s;
    for (size_t i = 0; i < n; ++i) {
      const Group& g = *groups_[members_[i].group];
      const Member& m = members_[i];
      for (size_t a = 0; a < g.arguments.size(); ++a) {
        const KernelArgument& argument = g.arguments[a];
        const bool result = argument.kind == KernelArgument::Kind::Result;
        if (!result && argument.kind == KernelArgument::Kind::Value && inside_.count(argument.value))
          continue;  // counted where it is written
        const int64_t bytes = m.indices.footprint(a, m.loops) * g.kernel.buffers[a]->type.bytes();
        (m.indices.stride(a, m.loops.back().variable) == 0 ? s.again : s.row) += bytes;
        if (result && i + 1 < n) s.handed_on += bytes;
      }
    }
    return s;
  }

  // The longest chain of those that pay.
  std::optional<Chain> best(size_t number) const {
    for (size_t n = members_.size(); n >= 2; --n) {
      const auto contracts =
          std::count_if(members_.begin(), members_.begin() + static_cast<std::ptrdiff_t>(n),
                        [](const Member& m) { return m.indices.contracts; });
      if (!is_chain(n) || (!asked_ && contracts < 2)) continue;
      const Size s = size_of(n);
      const int64_t worth = std::clamp(o_.cache / 8 / s.row, kManyRows, kMostRows);
      const int64_t most = asked_ ? *asked_ : std::min(worth, o_.cache * 3 / 4 / s.row);
      if (!asked_ && (most < kFewRows || s.again > std::max(o_.cache / 2, kStream * most * s.handed_on)))
        continue;
      if (auto chain = chain_of(n, most, number)) return chain;
    }
    return std::nullopt;
  }

  // The first n members in bands of at most so many rows.
  std::optional<Chain> chain_of(size_t n, int64_t most, size_t number) const {
    std::set<int64_t> units;
    for (size_t i = 0; i < n; ++i)
      for (const Bands::Loop& l : members_[i].loops) units.insert({l.unit, l.unit * l.extent});
    Bands b;
    b.chain = number;
    for (auto u = units.begin(); std::next(u) != units.end(); ++u) {
      if (*std::next(u) % *u != 0) return std::nullopt;
      b.extents.insert(b.extents.begin(), *std::next(u) / *u);
    }
    const int64_t last = b.extents.back(), pieces = (last + most - 1) / most;
    b.rows = asked_ ? std::min(most, last) : (last + pieces - 1) / pieces;
    if (b.count() < 2) return std::nullopt;
    Chain c;
    for (size_t i = 0; i < n; ++i) {
      b.loops = members_[i].loops;
      c.members.push_back(members_[i].group);
      c.banded.push_back(in_bands(*groups_[members_[i].group], b));
    }
    return c;
  }

  const Function& f_;
  const std::vector<const Group*>& groups_;
  const BandOptions& o_;
  std::map<Id, std::vector<size_t>> readers_;  // groups; their number: a result of the function
  // The chain that is being made.
  std::vector<Member> members_;
  std::map<Id, Id> inside_;  // what it hands on, and views of it: of which value
  int64_t rows_ = 0;
  std::optional<int64_t> asked_;
};

}  // namespace

int64_t Bands::count() const {
  int64_t n = (extents.back() + rows - 1) / rows;
  for (size_t d = 0; d + 1 < extents.size(); ++d) n *= extents[d];
  return n;
}

int64_t Bands::offset(size_t argument, int64_t band) const {
  const std::vector<int64_t>& stride = strides[argument];
  const int64_t last = extents.back(), pieces = (last + rows - 1) / rows;
  int64_t sum = std::min(band % pieces * rows, last - rows) * stride.back();
  band /= pieces;
  for (size_t d = extents.size() - 1; d-- > 0; band /= extents[d]) sum += band % extents[d] * stride[d];
  return sum;
}

std::vector<Chain> find_chains(const Function& f, const std::vector<const Group*>& groups,
                               const BandOptions& options) {
  return Finder(f, groups, options).run();
}

Group in_bands(Group g, const Bands& like) {
  const Indices x(g);
  Bands b = like;
  b.strides.clear();
  for (const Bands::Loop& l : b.loops) {
    const Axis* a = x.axis(l.variable);
    if (!a || !(a->extent == Dim(l.extent)) || x.elsewhere.count(l.variable))
      throw NotScheduled{"bands: rows are not walked by the loop " + l.variable};
  }
  for (size_t i = 0; i < g.kernel.buffers.size(); ++i) {
    std::vector<int64_t> strides;
    int64_t unit = product(b.extents);
    for (const int64_t extent : b.extents) {
      unit /= extent;
      int64_t bytes = 0;
      for (const Bands::Loop& l : b.loops) {
        if (unit < l.unit || unit >= l.unit * l.extent) continue;
        const auto stride = x.stride(i, l.variable);
        if (!stride) throw NotScheduled{"bands: " + g.kernel.buffers[i]->name + " is read in several places"};
        bytes = *stride * (unit / l.unit) * g.kernel.buffers[i]->type.bytes();
      }
      strides.push_back(bytes);
    }
    b.strides.push_back(std::move(strides));
  }
  std::map<std::string, int64_t> extents;
  for (const Bands::Loop& l : b.loops) extents[l.variable] = l.unit == 1 ? b.rows : 1;
  g.kernel.body = with_extents(g.kernel.body, extents);
  g.bands = std::move(b);
  return g;
}

loops::Kernel whole_kernel(const Group& g) {
  loops::Kernel k = g.kernel;
  std::map<std::string, int64_t> extents;
  if (g.bands)
    for (const Bands::Loop& l : g.bands->loops) extents[l.variable] = l.extent;
  if (!extents.empty()) k.body = with_extents(k.body, extents);
  return k;
}

}  // namespace tauto
