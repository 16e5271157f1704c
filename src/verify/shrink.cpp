// Extents that are equal stay equal: a row that is walked after its own sum has the extent of the sum.
#include "verify/shrink.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "loops/reduction_order.h"

namespace tauto::proof {
namespace {

using loops::Axis;
using loops::Expr;
using loops::Order;

constexpr int64_t kManyInTile = 256;  // elements of a tile of which one is enough

// `tiles` of them and the rest of e / tile.
int64_t tiles_and_rest(int64_t e, int64_t tile, int64_t tiles) {
  return std::min(e, tiles * tile + e % tile);
}

class Shrinker {
 public:
  Shrinker(const Nest& n, const Plan& p, int lanes, int tiles) : n_(n), p_(p), lanes_(lanes), tiles_(tiles) {}

  Nest run() {
    loops::each_node(n_.store.value, [&](const Expr& e) {
      if (const auto* r = e.as<loops::Reduce>()) choose(*r);
      return true;
    });
    Nest made = n_;
    for (Axis& a : made.axes) a.extent = of_output(a);
    made.store.value = loops::rewrite(n_.store.value, [&](const Expr& e) -> Expr {
      const auto* r = e.as<loops::Reduce>();
      if (!r) return {};
      std::vector<Axis> axes = r->axes;
      for (Axis& a : axes)
        if (const auto at = reduced_.find(a.variable); at != reduced_.end()) a.extent = at->second;
      return loops::reduce(r->order, r->function, std::move(axes), r->operands, r->guard);
    });
    return made;
  }

 private:
  // Of a contraction the outermost axis is shortened, so that its blocks stay; else the longest.
  void choose(const loops::Reduce& r) {
    std::vector<int64_t> extents;
    int64_t all = 1;
    for (const Axis& a : r.axes) {
      extents.push_back(a.extent.literal());
      all *= extents.back();
    }
    if (all <= 1) return;
    auto at = std::find_if(extents.begin(), extents.end(), [](int64_t e) { return e != 1; });
    if (r.order != Order::Blocks) at = std::max_element(extents.begin(), extents.end());
    int64_t steps = kPartialSums;
    if (r.order == Order::Blocks) steps = block_cut(extents).steps;
    if (r.order == Order::Partials) steps = std::max<int64_t>(1, kPieceTerms / (all / *at));
    reduced_[r.axes[static_cast<size_t>(at - extents.begin())].variable] =
        by_extent_.emplace(*at, tiles_and_rest(*at, steps, tiles_)).first->second;
  }

  int64_t of_output(const Axis& a) const {
    const int64_t e = a.extent.literal();
    if (std::find(p_.whole.begin(), p_.whole.end(), a.variable) != p_.whole.end()) {
      const auto at = by_extent_.find(e);
      return at == by_extent_.end() ? e : at->second;
    }
    int64_t tile = 1;
    if (a.variable == p_.lanes) tile = int64_t{lanes_} * p_.vectors;
    if (a.variable == p_.rows) tile = std::max(tile, int64_t{p_.row_count});
    if (a.variable == p_.columns) tile = std::max(tile, int64_t{p_.column_count});
    if (tile == 1) return std::min<int64_t>(e, tiles_ + 1);
    return tiles_and_rest(e, tile, tile > kManyInTile ? 1 : tiles_);
  }

  const Nest& n_;
  const Plan& p_;
  const int lanes_, tiles_;
  std::map<int64_t, int64_t> by_extent_;    // of reductions
  std::map<std::string, int64_t> reduced_;  // by variable
};

}  // namespace

double values_in(const Expr& e, const Env& sizes) {
  std::map<std::string, double> extents;
  loops::each_node(e, [&](const Expr& x) {
    if (const auto* r = x.as<loops::Reduce>())
      for (const Axis& a : r->axes)
        extents[a.variable] = static_cast<double>(evaluate(a.extent, sizes).value_or(1));
    return true;
  });
  std::map<const loops::ExprNode*, std::set<std::string>> free;
  double all = 0;
  const std::function<const std::set<std::string>&(const Expr&)> visit =
      [&](const Expr& x) -> const std::set<std::string>& {
    if (const auto at = free.find(x.get()); at != free.end()) return at->second;
    std::set<std::string> names;
    if (const auto* v = x.as<loops::Variable>()) names.insert(v->name);
    loops::each_child(x, [&](const Expr& c) {
      const std::set<std::string>& inner = visit(c);
      names.insert(inner.begin(), inner.end());
    });
    double times = 1;
    for (const std::string& n : names)
      if (const auto at = extents.find(n); at != extents.end()) times *= at->second;
    all += times;
    if (const auto* r = x.as<loops::Reduce>())
      for (const Axis& a : r->axes) names.erase(a.variable);
    return free.emplace(x.get(), std::move(names)).first->second;
  };
  visit(e);
  return all;
}

Nest shrunk(const Nest& n, const Plan& p, int lanes, int tiles) { return Shrinker(n, p, lanes, tiles).run(); }

loops::Kernel expression_of(const Nest& n) {
  loops::Kernel k = n.kernel;
  k.body = loops::store(n.store.buffer, n.store.index, n.store.value);
  for (auto a = n.axes.rbegin(); a != n.axes.rend(); ++a)
    k.body =
        loops::loop(loops::LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), k.body);
  return k;
}

}  // namespace tauto::proof
