// Which nodes are computed where they are used, see fusion.h.
#include "compile/fusion.h"

#include <algorithm>

#include "loops/affine.h"
#include "ops/lowering.h"
#include "schedule/schedule.h"

namespace tauto {

using loops::Axis;
using loops::Expr;

namespace {

constexpr size_t kMostNodes = 48;  // in a group
constexpr int64_t kWidening = 4;   // steps from a narrow constant to an operand
// A row that lanes do not fill, a row that does not stay in the cache while there is nothing else to do.
constexpr int64_t kShortRow = 8, kFewElements = 256, kLongRow = 1 << 16, kManyRows = 8;

// Does the index, over the result's axes, differ wherever these do?
bool is_injective(const std::vector<Expr>& index, const std::vector<Axis>& axes) {
  std::set<std::string> used;
  for (const Expr& i : index) {
    const auto a = affine_of(i);
    if (!a || a->terms.size() > 1) return false;
    for (const auto& [v, c] : a->terms)
      if (!(c == Dim(1) || c == Dim(-1)) || !used.insert(v).second) return false;
  }
  return std::all_of(axes.begin(), axes.end(),
                     [&](const Axis& a) { return a.extent == Dim(1) || used.count(a.variable) != 0; });
}

// The loops of a tensor expression, and what is inside.
std::pair<std::vector<Axis>, const loops::Store*> loops_of(const loops::Kernel& k) {
  std::vector<Axis> axes;
  loops::Stmt s = k.body;
  while (const auto* l = s->as<loops::For>()) {
    if (const auto extent = affine_of(l->to)) axes.push_back({l->variable, extent->constant});
    s = l->body;
  }
  return {axes, s->as<loops::Store>()};
}

bool divides(const Expr& e) {
  const auto* a = e.as<loops::Apply>();
  return a && (a->function == loops::Function::FloorDiv || a->function == loops::Function::FloorMod);
}

// Does a reduction depend on an axis by what an index divides it into? Then several elements of the axis
// share it, and each would compute it.
bool depends_on_part(const Nest& n) {
  return any_node(n.store.value,
                  [&](const Expr& e) { return e.as<loops::Reduce>() && any_node(e, divides); });
}

}  // namespace

Described describe(const Module& m, const Function& f, Finite& finite, Id id) {
  Described d;
  try {
    const std::vector<bool> none(f.nodes.size(), false);
    const Group g = lower_group(m, f, none, finite, id);
    d.lowered = true;
    const Nest n = flatten(g.kernel);
    std::map<std::string, Id> by_name;
    for (size_t i = 0; i < g.arguments.size(); ++i)
      if (g.arguments[i].kind == KernelArgument::Kind::Value)
        by_name[g.kernel.buffers[i]->name] = g.arguments[i].value;
    std::set<Id> other;
    const auto at = affine_of(n.store.index[0]);
    each_node(n.store.value, [&](const Expr& e) {
      if (const auto* l = e.as<loops::Load>()) {
        const auto where = affine_of(l->index[0]);
        if (const auto id = by_name.find(l->buffer->name); id != by_name.end())
          (where && at && *where == *at ? d.elementwise : other).insert(id->second);
      }
      d.cost += e.as<loops::Convert>() || (e.as<loops::Apply>() && !(e.type() == i64));
      if (const auto* r = e.as<loops::Reduce>()) {
        d.reduces = true;
        d.contracts |= r->order == loops::Order::Blocks;
      }
      return true;
    });
    for (Id i : other) d.elementwise.erase(i);
    const auto [axes, inside] = loops_of(g.kernel);
    std::map<Id, int> loads;
    each_node(inside->value, [&, &axes = axes](const Expr& e) {
      const auto* l = e.as<loops::Load>();
      const auto id = l ? by_name.find(l->buffer->name) : by_name.end();
      if (id == by_name.end()) return true;
      if (++loads[id->second] == 1 && is_injective(l->index, axes))
        d.once.insert(id->second);
      else
        d.once.erase(id->second);
      return true;
    });
    if (const auto* l = n.store.value.as<loops::Load>(); l && g.checks.empty()) {
      const auto where = affine_of(l->index[0]);
      const auto source = by_name.find(l->buffer->name);
      if (where && at && *where == *at && source != by_name.end() &&
          l->buffer->layout.elements == n.store.buffer->layout.elements)
        d.view_of = source->second;
    }
  } catch (const NotLowered& e) {
    d.reason = e.reason;
  } catch (const NotScheduled& e) {
    d.reason = e.reason;
  } catch (const Error& e) {
    d.reason = e.what();
  }
  return d;
}

Fusion::Fusion(const Module& m, const Function& f, const std::vector<Described>& about, Finite& finite,
               const std::set<Id>& apart)
    : inlined(f.nodes.size(), false),
      m_(m),
      f_(f),
      about_(about),
      finite_(finite),
      users_(f.nodes.size()),
      groups_(f.nodes.size()),
      escapes_(f.nodes.size(), false) {
  for (Id id : apart) escapes_[static_cast<size_t>(id)] = true;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i)
    for (Id in : std::set<Id>(f.nodes[i].inputs.begin(), f.nodes[i].inputs.end()))
      users_[static_cast<size_t>(in)].push_back(static_cast<Id>(i));
  for (Id r : f.results) escapes_[static_cast<size_t>(r)] = true;
}

bool Fusion::may_copy(Id id) const {
  const Id from = about(id).view_of;
  return escapes_[static_cast<size_t>(id)] && f_.name == "main" && users(id).empty() &&
         static_cast<size_t>(from) >= f_.parameter_count() && !escapes_[static_cast<size_t>(from)] &&
         about(from).lowered && about(from).view_of < 0 && users(from).size() > 1 &&
         f_.node(id).type.dims == f_.node(from).type.dims;
}

bool Fusion::only_widens_bytes(Id root) const {
  const Described& last = about(root);
  if (!last.lowered || last.view_of >= 0 || escapes_[static_cast<size_t>(root)] || users(root).empty())
    return false;
  int64_t cost = 0;
  Id source = -1;
  for (Id u : members(root)) {
    cost += about(u).cost;
    if (about(u).reduces || !(f_.node(u).type.dims == f_.node(root).type.dims)) return false;
    for (Id in : f_.node(u).inputs) {
      const Tensor* c = constant_value(f_.node(in));
      if (members(root).count(in) || in == source || (c && c->count() == 1)) continue;
      if (c || source >= 0) return false;
      source = in;
    }
  }
  const auto fits = [&](Id u) { return about(u).lowered && about(u).view_of < 0; };
  return source >= 0 && cost <= kWidening && is_widened(root, source) &&
         f_.node(source).type.dims == f_.node(root).type.dims &&
         std::all_of(users(root).begin(), users(root).end(), fits);
}

void Fusion::grow(Id root) {
  Members& g = group(root);
  const Described& last = about(root);
  g.members = {root};
  g.reduces = last.reduces;
  g.contracts = last.contracts;
  if (!last.lowered || last.view_of >= 0) return;
  for (bool again = true; again;) {
    again = false;
    std::set<Id, std::greater<>> candidates;
    for (Id u : g.members)
      for (Id in : f_.node(u).inputs)
        if (!g.members.count(in) && is_free(in, g)) candidates.insert(in);
    for (Id p : candidates) again = joins(root, p) || again;
  }
}

bool Fusion::is_free(Id p, const Members& g) const {
  const auto i = static_cast<size_t>(p);
  return i >= f_.parameter_count() && !escapes_[i] && about(p).lowered &&
         g.members.size() + members(p).size() <= kMostNodes &&
         std::all_of(users(p).begin(), users(p).end(), [&](Id u) { return g.members.count(u) != 0; });
}

void Fusion::join(Id root, Id p) {
  Members &g = group(root), &other = group(p);
  inlined[static_cast<size_t>(p)] = true;
  g.members.insert(other.members.begin(), other.members.end());
  g.reduces = g.reduces || other.reduces;
  g.contracts = g.contracts || other.contracts;
}

bool Fusion::joins(Id root, Id p) {
  if (about(p).view_of >= 0) return joins_as_view(root, p);
  const bool yes = joins_element_by_element(root, p) || joins_row_by_row(root, p);
  if (yes) join(root, p);
  return yes;
}

bool Fusion::joins_as_view(Id root, Id p) {
  const Members before = group(root);
  join(root, p);
  const Id q = about(p).view_of;
  if (is_free(q, group(root)) && !before.contracts && !group(q).contracts && joins(root, q)) {
    if (!is_divided(root)) return true;
    inlined[static_cast<size_t>(q)] = false;
  }
  inlined[static_cast<size_t>(p)] = false;
  group(root) = before;
  return false;
}

bool Fusion::is_same_element(Id root, Id p) {
  const Members& g = group(root);
  std::set<Id> same{root};
  const auto all_same = [&](Id id) {
    return std::all_of(users(id).begin(), users(id).end(),
                       [&](Id u) { return same.count(u) && about(u).elementwise.count(id); });
  };
  for (auto u = g.members.rbegin(); u != g.members.rend(); ++u)
    if (*u != root && all_same(*u)) same.insert(*u);
  return all_same(p);
}

bool Fusion::is_narrow(Id id) const {
  const ElementType e = f_.node(id).type.element;
  return e.bits == 8 || e == bf16;
}

bool Fusion::is_widened(Id root, Id p) const {
  return is_narrow(p) && f_.node(root).type.element.bits > f_.node(p).type.element.bits;
}

bool Fusion::joins_element_by_element(Id root, Id p) {
  const Members& g = group(root);
  if (group(p).contracts && is_widened(root, p)) return false;
  if (group(p).reduces) return !g.reduces && is_same_element(root, p);
  const bool one = users(p).size() == 1, widens = widens_constants(p);
  return std::all_of(users(p).begin(), users(p).end(), [&](Id u) {
    const Described& user = about(u);
    if (widens && one && (user.contracts || !user.reduces)) return true;
    if (user.contracts) return false;
    if (user.reduces) return one;
    return user.elementwise.count(p) != 0 || about(p).cost == 0 || (u == root && user.once.count(p) != 0);
  });
}

bool Fusion::widens_constants(Id p) const {
  int64_t cost = 0, given = 0;
  const std::set<Id>& all = members(p);
  for (Id u : all) {
    cost += about(u).cost;
    if (about(u).reduces) return false;
    for (Id in : f_.node(u).inputs) {
      const Tensor* c = constant_value(f_.node(in));
      if (!c && !all.count(in)) return false;
      given += c ? c->bytes() : 0;
    }
  }
  const Type& t = f_.node(p).type;
  if (cost > kWidening || !t.is_tensor() || !t.is_static()) return false;
  double bytes = static_cast<double>(t.element.bytes());
  for (const Dim& d : t.dims) bytes *= static_cast<double>(d.literal());
  return bytes > static_cast<double>(given);
}

bool Fusion::joins_row_by_row(Id root, Id p) {
  const Members &g = group(root), &other = group(p);
  if (!(g.reduces || other.reduces) || g.contracts || other.contracts) return false;
  inlined[static_cast<size_t>(p)] = true;
  const bool joins = is_row_wise(root);
  inlined[static_cast<size_t>(p)] = false;
  return joins;
}

bool Fusion::is_divided(Id root) const {
  try {
    return any_node(flatten(lower_group(m_, f_, inlined, finite_, root).kernel).store.value, divides);
  } catch (const NotLowered&) {
    return true;
  } catch (const NotScheduled&) {
    return true;
  }
}

bool Fusion::is_row_wise(Id root) const {
  try {
    const Group g = lower_group(m_, f_, inlined, finite_, root);
    if (g.arguments.size() > kMostArguments) return false;
    const Nest n = flatten(g.kernel);
    const Plan p = default_plan(n, {16, 32});
    int64_t rows = 1, row = 1;  // of unknown extents nothing is said
    bool lanes_along = false;
    for (const Axis& a : n.axes) {
      const bool whole = std::find(p.whole.begin(), p.whole.end(), a.variable) != p.whole.end();
      (whole ? row : rows) *= a.extent.as_literal().value_or(64);
      lanes_along = lanes_along || (whole && a.variable == p.lanes);
    }
    if (p.whole.empty()) return true;
    if (depends_on_part(n)) return false;
    if (p.lanes.empty()) return rows * row <= kFewElements;
    if (lanes_along && row < kShortRow) return rows * row <= kFewElements;
    return row <= kLongRow || rows >= kManyRows;
  } catch (const NotLowered&) {
    return false;
  } catch (const NotScheduled&) {
    return false;
  }
}

}  // namespace tauto
