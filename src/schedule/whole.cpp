// Finding the steps of a kernel, and carrying them out; see whole.h.
#include "schedule/whole.h"

#include <algorithm>

#include "schedule/scheduler.h"
#include "support/error.h"

namespace tauto {

using loops::Apply;
using loops::Axis;
using loops::BufferPtr;
using loops::Expr;
using loops::ExprNode;
using loops::Load;
using loops::LoopKind;
using loops::Reduce;
using loops::Stmt;

namespace {

// Parts first, each node once.
void each_after_parts(const Expr& e, std::set<const ExprNode*>& seen,
                      const std::function<void(const Expr&)>& f) {
  if (!seen.insert(e.get()).second) return;
  each_child(e, [&](const Expr& x) { each_after_parts(x, seen, f); });
  f(e);
}

// The same kind of node with other parts, in the order of each_child.
Expr with_parts(const Expr& e, const std::vector<Expr>& parts) {
  if (const auto* l = e.as<Load>()) return loops::load(l->buffer, parts);
  if (const auto* a = e.as<Apply>()) return loops::apply(a->function, parts);
  if (e.as<loops::Convert>()) return convert(parts[0], e.type());
  if (e.as<loops::Bits>()) return bits(parts[0], e.type());
  if (const auto* p = e.as<loops::Probe>())
    return probe(parts[0], p->buffer, {parts.begin() + 1, parts.end()});
  if (const auto* r = e.as<Reduce>()) {
    const std::vector<Expr> operands(parts.begin(), parts.begin() + static_cast<long>(r->operands.size()));
    return reduce(r->order, r->function, r->axes, operands, r->guard.defined() ? parts.back() : Expr());
  }
  return e;
}

Expr with_axes(const Expr& e, std::vector<Axis> axes) {
  const auto& r = *e.as<Reduce>();
  return reduce(r.order, r.function, std::move(axes), r.operands, r.guard);
}

bool reads(const Expr& e) {
  return any_node(e, [](const Expr& x) { return x.as<Load>() != nullptr; });
}

std::vector<Expr> parts_of(const Expr& e) {
  std::vector<Expr> parts;
  each_child(e, [&](const Expr& x) { parts.push_back(x); });
  return parts;
}

}  // namespace

// ---- finding ----------------------------------------------------------------------------------------------

void Steps::name(const Axis& a, size_t place) {
  const std::string canonical = cat("$", place, ":", a.extent);
  const auto [at, is_new] = names_.emplace(a.variable, canonical);
  if (!is_new && at->second != canonical) throw NotScheduled{"a variable of two reductions"};
  places_[canonical] = {place, {canonical, a.extent}};
  ranges_[canonical] = loops::below(a.extent);
}

const Steps::Names& Steps::free_variables(const Expr& e) {
  if (const auto at = free_.find(e.get()); at != free_.end()) return at->second;
  Names names;
  if (const auto* v = e.as<loops::Variable>()) names.insert(v->name);
  each_child(e, [&](const Expr& x) {
    const Names& n = free_variables(x);
    names.insert(n.begin(), n.end());
  });
  if (const auto* r = e.as<Reduce>())
    for (const Axis& a : r->axes) names.erase(a.variable);
  return free_.emplace(e.get(), std::move(names)).first->second;
}

// One object for equal nodes whose parts are such objects.
Expr Steps::unique(const Expr& e) {
  std::string key = cat(e->node.index(), " ", e.type());
  const auto add = [&](const auto& x) { key += cat(" ", x); };
  if (const auto* l = e.as<loops::Literal>()) add(l->bits);
  if (const auto* v = e.as<loops::Variable>()) add(v->name);
  if (const auto* s = e.as<loops::Size>()) add(s->dim);
  if (const auto* l = e.as<Load>()) add(reinterpret_cast<uintptr_t>(l->buffer.get()));
  if (const auto* p = e.as<loops::Probe>()) add(reinterpret_cast<uintptr_t>(p->buffer.get()));
  if (const auto* a = e.as<Apply>()) add(static_cast<int>(a->function));
  if (const auto* r = e.as<Reduce>()) {
    add(static_cast<int>(r->order)), add(static_cast<int>(r->function)), add(r->guard.defined());
    for (const Axis& a : r->axes) add(a.variable);
  }
  each_child(e, [&](const Expr& x) { add(reinterpret_cast<uintptr_t>(x.get())); });
  return unique_.emplace(std::move(key), e).first->second;
}

Expr Steps::canonical(const Expr& e) {
  if (const auto at = done_.find(e.get()); at != done_.end()) return at->second.second;
  Expr r = e;
  if (const auto* v = e.as<loops::Variable>()) {
    const auto at = names_.find(v->name);
    if (at != names_.end()) r = loops::variable(at->second, e.type());
  }
  if (const auto* reduction = e.as<Reduce>()) {
    size_t place = 0;
    for (const std::string& v : free_variables(e))
      if (const auto at = names_.find(v); at != names_.end())
        place = std::max(place, places_.at(at->second).place + 1);
    std::vector<Axis> axes;
    for (const Axis& a : reduction->axes) {
      name(a, place++);
      axes.push_back({names_.at(a.variable), a.extent});
    }
    std::vector<Expr> parts;
    for (const Expr& x : parts_of(e)) parts.push_back(canonical(x));
    r = with_axes(with_parts(e, parts), axes);
  } else if (const auto* l = e.as<Load>()) {
    std::vector<Expr> index;
    for (const Expr& x : l->index) {
      Expr i = canonical(x);
      if (const auto a = affine_of(i, ranges_)) i = canonical(expr_of(*a));  // terms in one order
      index.push_back(i);
    }
    r = loops::load(l->buffer, index);
  } else {
    std::vector<Expr> parts;
    for (const Expr& x : parts_of(e)) parts.push_back(canonical(x));
    if (!parts.empty()) r = with_parts(e, parts);
  }
  r = interned(r);  // what the constructors folded has parts of its own
  done_.emplace(e.get(), std::pair(e, r));
  return r;
}

Expr Steps::interned(const Expr& e) {
  if (const auto at = interned_.find(e.get()); at != interned_.end()) return at->second.second;
  std::vector<Expr> parts;
  bool same = true;
  for (const Expr& x : parts_of(e)) parts.push_back(interned(x)), same &= parts.back().get() == x.get();
  const Expr r = unique(same ? e : with_parts(e, parts));
  interned_.emplace(e.get(), std::pair(e, r));
  interned_.emplace(r.get(), std::pair(r, r));
  return r;
}

Steps::About& Steps::about(const Expr& e) {
  const auto at = about_.find(e.get());
  if (at != about_.end()) return at->second;
  About a;
  if (const auto* v = e.as<loops::Variable>(); v && places_.count(v->name)) a.free.insert(v->name);
  each_child(e, [&](const Expr& x) {
    const About& part = about(x);
    a.free.insert(part.free.begin(), part.free.end());
    a.reduces = a.reduces || part.reduces;
  });
  if (const auto* r = e.as<Reduce>()) {
    for (const Axis& axis : r->axes) a.free.erase(axis.variable);
    a.reduces = a.reduces || a.free.empty();
  }
  return about_[e.get()] = std::move(a);
}

void Steps::mark(const Expr& e, const ExprNode* user, size_t body, bool guarded) {
  About& a = about(e);
  a.users.push_back(user);
  const bool is_new = a.bodies.insert(body).second || (guarded && !a.guarded);
  a.guarded = a.guarded || guarded;
  if (!is_new || is_step(e)) return;
  const auto* r = e.as<Reduce>();
  const auto* choice = e.as<Apply>();
  if (choice && (choice->function != loops::Function::Choose || reads(choice->arguments[0])))
    choice = nullptr;
  each_child(e, [&](const Expr& x) {
    const bool is_condition =
        (r && x.get() == r->guard.get()) || (choice && x.get() == choice->arguments[0].get());
    mark(x, e.get(), body, guarded || (!is_condition && (choice || (r && r->guard.defined()))));
  });
}

// Operations and loads, without what is kept or computed once.
int Steps::cost(const Expr& e) {
  int sum = 0;
  each_node(e, [&](const Expr& x) {
    const About& a = about(x);
    if (a.free.empty()) return false;
    if (a.kept) {
      ++sum;
      return false;
    }
    if (const auto* l = x.as<Load>()) {
      const auto at = affine_of(l->index[0], ranges_);
      const Names& free = a.free;
      const auto last = std::max_element(free.begin(), free.end(), [&](const auto& p, const auto& q) {
        return places_.at(p).place < places_.at(q).place;
      });
      sum += at && at->coefficient(*last) == Dim(1) ? 1 : 8;  // side by side, or gathered
      return false;
    }
    sum += x.as<loops::Convert>() || (x.as<Apply>() && !(x.type() == i64));
    return true;
  });
  return sum;
}

bool Steps::may_be_kept(const Expr& e) {
  const About& a = about(e);
  if (a.bodies.size() < 2 || a.guarded) return false;
  if (!(e.type() == f32) && !(e.type() == f64) && !(e.type() == i32)) return false;
  // Inside of what the same bodies need it would be kept twice.
  if (std::all_of(a.users.begin(), a.users.end(),
                  [&](const ExprNode* user) { return user && about_.at(user).bodies == a.bodies; }))
    return false;
  return reads(e) && !any_node(e, [&](const Expr& x) { return x.as<Reduce>() && !is_step(x); });
}

void Steps::add_steps(int keep) {
  std::vector<Expr> reductions;
  std::set<const ExprNode*> seen;
  each_after_parts(value, seen, [&](const Expr& e) {
    if (is_step(e)) reductions.push_back(e);
  });
  for (size_t i = 0; i < reductions.size(); ++i)
    each_child(reductions[i], [&](const Expr& x) {
      const Expr& guard = reductions[i].as<Reduce>()->guard;
      mark(x, nullptr, i, guard.defined() && x.get() != guard.get());
    });
  mark(value, nullptr, reductions.size(), false);
  seen.clear();
  each_after_parts(value, seen, [&](const Expr& e) {
    About& a = about(e);
    if (a.free.empty()) {
      // A number made of reductions, of which each element has need.
      const bool used = std::any_of(a.users.begin(), a.users.end(), [&](const ExprNode* user) {
        return !user || !about_.at(user).free.empty();
      });
      if (is_step(e) || (a.reduces && used && !a.guarded)) list.push_back({e, {}});
    } else if (keep > 0 && may_be_kept(e) && cost(e) >= keep) {
      a.kept = true;
      Step s{e, {}};
      for (const std::string& v : a.free) s.axes.push_back(places_.at(v).axis);
      std::sort(s.axes.begin(), s.axes.end(), [&](const Axis& x, const Axis& y) {
        return places_.at(x.variable).place < places_.at(y.variable).place;
      });
      list.push_back(std::move(s));
    }
  });
}

Steps::Steps(const Nest& n, const std::vector<std::string>& whole, int keep) {
  for (const Axis& a : n.axes) {
    if (std::find(whole.begin(), whole.end(), a.variable) == whole.end()) {
      ranges_[a.variable] = loops::below(a.extent);
      continue;
    }
    name(a, axes.size());
    axes.push_back(places_.at(names_.at(a.variable)).axis);
  }
  value = canonical(n.store.value);
  add_steps(keep);
}

Expr Steps::written(const Expr& e, const Variables& variables, const Known& known, const Fresh& fresh) {
  std::unordered_map<const ExprNode*, Expr> done;
  const std::function<Expr(const Expr&)> go = [&](const Expr& x) -> Expr {
    if (const auto at = done.find(x.get()); at != done.end()) return at->second;
    Expr r = x;
    if (const auto at = known.find(x.get()); at != known.end()) {
      r = written(at->second, variables, {}, fresh);
    } else if (const auto* v = x.as<loops::Variable>()) {
      if (const auto named = variables.find(v->name); named != variables.end()) r = named->second;
    } else if (const auto* reduction = x.as<Reduce>()) {
      Variables inner = variables;
      std::vector<Axis> axes;
      for (const Axis& a : reduction->axes) {
        axes.push_back({fresh(a), a.extent});
        inner[a.variable] = loops::variable(axes.back().variable);
      }
      std::vector<Expr> parts;
      for (const Expr& part : parts_of(x)) parts.push_back(written(part, inner, known, fresh));
      r = with_axes(with_parts(x, parts), axes);
    } else {
      std::vector<Expr> parts;
      bool same = true;
      for (const Expr& part : parts_of(x))
        parts.push_back(go(part)), same &= parts.back().get() == part.get();
      if (!same) r = with_parts(x, parts);
    }
    return done[x.get()] = r;
  };
  return go(e);
}

// ---- carrying out -----------------------------------------------------------------------------------------

// Steps from k on, then `rest` with the result's value. `lanes` is the variable of a lanes loop around (then
// `column` says where in what is kept this lane lies), "" if there is none.
Stmt Scheduler::steps_from(size_t k, Steps::Known known, const std::string& lanes, const Expr& column,
                           const std::function<Stmt(const Expr&)>& rest) {
  const Steps::Fresh name = [&](const Axis& a) {
    const std::string v = fresh("k");
    ranges_[v] = loops::below(a.extent);
    return v;
  };
  const auto whole = [&](const std::vector<Axis>& axes, const std::vector<Expr>& at) {
    Steps::Variables variables;
    for (size_t d = 0; d < axes.size(); ++d) variables[axes[d].variable] = at[d];
    return variables;
  };
  if (k == steps_->list.size()) {
    std::vector<Expr> at;
    for (const Axis* a : whole_) at.push_back(loops::variable(a->variable));
    return rest(Steps::written(steps_->value, whole(steps_->axes, at), known, name));
  }
  const Step& s = steps_->list[k];
  const auto spell_out = [&] {
    return SpellOut(
        ranges_, t_, [this](const std::string& stem) { return fresh(stem); }, scratch_, lanes);
  };
  if (s.axes.empty()) {
    SpellOut spell = spell_out();
    const Expr v = spell.all(Steps::written(s.value, {}, known, name));
    const std::string variable = fresh("s");
    known[s.value.get()] = loops::variable(variable, v.type());
    std::vector<Stmt> all = spell.statements;
    all.push_back(loops::let(variable, v, steps_from(k + 1, std::move(known), lanes, column, rest)));
    return spell.allocated(loops::block(all));
  }
  const int64_t width = lanes.empty() ? 1 : int64_t{t_.lanes} * p_.vectors;
  BufferPtr& kept = kept_[s.value.get()];
  if (!kept) {
    Dim elements = width;
    for (const Axis& a : s.axes) elements = elements * a.extent;
    kept = loops::make_buffer(fresh("kept"), s.value.type(), {elements}, loops::Scope::Scratch);
    scratch_.push_back(kept);
  }
  const auto place = [&](const std::vector<Expr>& at) {
    Expr i = Expr(int64_t{0});
    for (size_t d = 0; d < at.size(); ++d) i = i * loops::size(s.axes[d].extent) + at[d];
    return lanes.empty() ? i : i * Expr(width) + column;
  };
  const auto element = [&](const std::vector<Expr>& at) {
    return loops::store(kept, {place(at)}, Steps::written(s.value, whole(s.axes, at), known, name));
  };
  std::vector<Expr> at, canonical;
  std::vector<Axis> around;
  for (const Axis& a : s.axes) {
    around.push_back({name(a), a.extent});
    at.push_back(loops::variable(around.back().variable));
    canonical.push_back(loops::variable(a.variable));
  }
  Stmt fill;
  if (lanes.empty()) {
    const Axis last = around.back();
    around.pop_back();
    fill = lane_tiles(last, LoopKind::Serial, [&](const Expr& start, int vectors, const Expr& end) {
      return vectors_of(start, vectors, end, [&](const Expr& lane) {
        at.back() = lane;
        return element(at);
      });
    });
  } else {
    fill = element(at);
  }
  for (auto a = around.rbegin(); a != around.rend(); ++a)
    fill = loops::loop(LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), fill);
  known[s.value.get()] = loops::load(kept, {place(canonical)});
  return loops::block({fill, steps_from(k + 1, std::move(known), lanes, column, rest)});
}

// One element after the other of the whole axes, inside a loop over lanes of another.
Stmt Scheduler::down(const Expr& value) {
  SpellOut inside(
      ranges_, t_, [this](const std::string& s) { return fresh(s); }, scratch_, lanes_->variable);
  const Expr v = inside.all(value);
  std::vector<Stmt> all = inside.statements;
  all.push_back(loops::store(n_.store.buffer, n_.store.index, v));
  Stmt s = inside.allocated(loops::block(all));
  for (auto a = whole_.rbegin(); a != whole_.rend(); ++a)
    s = loops::loop(LoopKind::Serial, (*a)->variable, Expr(int64_t{0}), loops::size((*a)->extent), s);
  return s;
}

std::vector<std::string> whole_axes(const Nest& n) {
  struct Needs {
    bool long_one;
    std::set<std::string> axes;
  };
  std::vector<Needs> all;
  std::set<std::string> needed;
  bool contracts = false;
  each_node(n.store.value, [&](const Expr& e) {
    const auto* r = e.as<Reduce>();
    if (!r) return true;
    contracts = contracts || r->order == loops::Order::Blocks;
    Needs needs{r->order == loops::Order::Partials, {}};
    for (const Axis& a : n.axes)
      if (mentions(e, a.variable)) needs.axes.insert(a.variable);
    needed.insert(needs.axes.begin(), needs.axes.end());
    all.push_back(std::move(needs));
    return true;
  });
  if (all.empty() || contracts) return {};
  for (const Needs& needs : all)
    if (needs.long_one && needs.axes != needed)
      throw NotScheduled{"a reduction that would be computed again for each element of an axis"};
  std::vector<std::string> whole;
  for (const Axis& a : n.axes)
    if (!needed.count(a.variable)) whole.push_back(a.variable);
  return whole;
}

}  // namespace tauto
