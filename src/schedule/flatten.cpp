// One flat index per access; axes that no access tells apart are one axis.
#include <algorithm>
#include <functional>
#include <set>

#include "loops/affine.h"
#include "schedule/flat_index.h"
#include "schedule/schedule.h"
#include "schedule/spell_out.h"
#include "support/error.h"

namespace tauto {

using loops::Affine;
using loops::Axis;
using loops::Expr;
using loops::Function;
using loops::Ranges;

namespace {

constexpr int64_t kFewLanes = 8;

std::optional<Dim> dim_of(const Expr& e) {
  if (const auto* s = e.as<loops::Size>()) return s->dim;
  const auto a = affine_of(e);
  return a && a->is_constant() ? std::optional(a->constant) : std::nullopt;
}

struct Term {
  Expr e;
  Dim factor;
};
void terms_of(const Expr& e, const Dim& factor, std::vector<Term>& out) {
  const auto* a = e.as<loops::Apply>();
  const auto constant = [&](size_t i) { return dim_of(a->arguments[i]); };
  if (a && a->function == Function::Add) {
    terms_of(a->arguments[0], factor, out);
    terms_of(a->arguments[1], factor, out);
  } else if (a && a->function == Function::Mul && constant(1)) {
    terms_of(a->arguments[0], factor * *constant(1), out);
  } else if (a && a->function == Function::Mul && constant(0)) {
    terms_of(a->arguments[1], factor * *constant(0), out);
  } else {
    out.push_back({e, factor});
  }
}

// A sum in which floor_div(x, b)·b·s + floor_mod(x, b)·s are x·s again: what a reshape takes apart and the
// next one, or the layout in memory, puts together. Divisors are sizes: not 0 where they divide.
Expr rejoined(const Expr& e, const Ranges& ranges) {
  std::vector<Term> terms;
  terms_of(e, 1, terms);
  const auto divided = [](const Expr& x, Function f) {
    const auto* a = x.as<loops::Apply>();
    const auto by = a && a->function == f ? dim_of(a->arguments[1]) : std::nullopt;
    return by && by->as_literal().value_or(1) > 0 ? a : nullptr;
  };
  const auto same = [&](const Expr& x, const Expr& y) {
    const auto a = affine_of(x, ranges), b = affine_of(y, ranges);
    return a && b ? *a == *b : loops::text_of(x) == loops::text_of(y);
  };
  const auto quotient_of = [&](const Expr& x, const Dim& b, const Expr& q) {
    const auto* outer = divided(q, Function::FloorDiv);
    if (!outer) return false;
    const Dim k = *dim_of(outer->arguments[1]);
    if (k == b && same(outer->arguments[0], x)) return true;
    const auto* inner = divided(x, Function::FloorDiv);  // floor_div(floor_div(y, c), b) is floor_div(y, b·c)
    return inner && k == b * *dim_of(inner->arguments[1]) && same(outer->arguments[0], inner->arguments[0]);
  };
  for (bool again = true; again;) {
    again = false;
    for (size_t i = 0; i < terms.size() && !again; ++i) {
      const auto* rest = divided(terms[i].e, Function::FloorMod);
      if (!rest) continue;
      const Expr x = rest->arguments[0];
      const Dim b = *dim_of(rest->arguments[1]), s = terms[i].factor;
      for (size_t j = 0; j < terms.size() && !again; ++j) {
        if (!(terms[j].factor == b * s) || !quotient_of(x, b, terms[j].e)) continue;
        terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(std::max(i, j)));
        terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(std::min(i, j)));
        terms_of(x, s, terms);
        again = true;
      }
    }
  }
  Expr sum = Expr(int64_t{0});
  for (const Term& t : terms) {
    const auto a = affine_of(t.e, ranges);
    sum = sum + (a ? expr_of(*a) : t.e) * loops::size(t.factor);
  }
  return sum;
}

struct Flattener {
  std::map<const loops::Buffer*, loops::BufferPtr> flat;
  Ranges ranges;

  loops::BufferPtr of(const loops::BufferPtr& b) {
    loops::BufferPtr& f = flat[b.get()];
    if (!f) {
      loops::Buffer copy = *b;
      copy.dims = {b->layout.elements};
      copy.layout = loops::row_major(copy.dims);
      f = std::make_shared<const loops::Buffer>(copy);
    }
    return f;
  }

  Expr offset(const loops::Buffer& b, const std::vector<Expr>& index) const {
    Expr sum = loops::size(b.layout.offset);
    for (const loops::Layout::Part& p : b.layout.parts) {
      Expr i = index[static_cast<size_t>(p.dim)];
      if (p.divisor != 1) i = floor_div(i, Expr(p.divisor));
      if (p.modulus != 0) i = floor_mod(i, Expr(p.modulus));
      sum = sum + i * loops::size(p.stride);
    }
    return tidy(sum);
  }

  Expr tidy(const Expr& e) const {
    if (const std::optional<Affine> a = affine_of(e, ranges)) return expr_of(*a);
    const Expr joined = rejoined(e, ranges);
    const std::optional<Affine> a = affine_of(joined, ranges);
    return a ? expr_of(*a) : joined;
  }
};

void collect_axes(const Expr& e, Ranges& ranges) {
  each_node(e, [&](const Expr& x) {
    if (const auto* r = x.as<loops::Reduce>())
      for (const Axis& a : r->axes) ranges[a.variable] = loops::below(a.extent);
    return true;
  });
}

// Every place where a variable of an index is used: flat indices, and other uses (conditions, values).
struct Uses {
  std::vector<Affine> indices;
  std::set<std::string> elsewhere;  // variables with another use, or in an index that is not affine
};

void variables_of(const Expr& e, std::set<std::string>& out) {
  each_node(e, [&](const Expr& x) {
    if (const auto* v = x.as<loops::Variable>()) out.insert(v->name);
    return true;
  });
}

void collect_index(const Expr& e, const Ranges& ranges, Uses& u) {
  if (const auto a = affine_of(e, ranges))
    u.indices.push_back(*a);
  else
    variables_of(e, u.elsewhere);
}

// Where a probe stores decides nothing: with and without it the axes are the same.
void collect_uses(const Expr& e, const Ranges& ranges, Uses& u) {
  std::set<const loops::ExprNode*> seen;
  const std::function<void(const Expr&)> walk = [&](const Expr& x) {
    if (!seen.insert(x.get()).second) return;
    if (const auto* v = x.as<loops::Variable>()) u.elsewhere.insert(v->name);
    if (const auto* p = x.as<loops::Probe>()) return walk(p->value);
    if (const auto* l = x.as<loops::Load>()) {
      for (const Expr& i : l->index) collect_index(i, ranges, u);
      return;
    }
    each_child(x, walk);
  };
  walk(e);
}

bool joinable(const Axis& outer, const Axis& inner, const Uses& u) {
  if (u.elsewhere.count(outer.variable) || u.elsewhere.count(inner.variable)) return false;
  return std::all_of(u.indices.begin(), u.indices.end(), [&](const Affine& a) {
    return a.coefficient(outer.variable) == a.coefficient(inner.variable) * inner.extent;
  });
}

// Joins adjacent axes of one list; `drop` gets the variables that are 0 from now on. `were`: what joined
// variables were, for indices that do tell them apart.
std::vector<Axis> join_axes(std::vector<Axis> axes, const Uses& u, std::vector<std::string>& drop,
                            std::map<std::string, Expr>& were) {
  std::vector<Axis> r;
  for (Axis& x : axes) {
    if (x.extent == Dim(1)) {
      drop.push_back(x.variable);
    } else if (!r.empty() && joinable(r.back(), x, u)) {
      const std::string outer = r.back().variable;
      const Expr joined = loops::variable(x.variable), inner = loops::size(x.extent);
      const Expr quotient = floor_div(joined, inner);
      for (auto& [name, e] : were) e = substitute(e, outer, quotient);
      were.emplace(outer, quotient);
      were.emplace(x.variable, floor_mod(joined, inner));
      drop.push_back(outer);
      r.back() = {x.variable, r.back().extent * x.extent};
    } else {
      r.push_back(std::move(x));
    }
  }
  return r;
}

// The indices of probes over joined variables.
Expr with_probes_told(const Expr& value, const std::map<std::string, Expr>& were) {
  return were.empty() ? value : rewrite(value, [&](const Expr& e) -> Expr {
    const auto* p = e.as<loops::Probe>();
    if (!p) return {};
    std::vector<Expr> index;
    for (const Expr& i : p->index)
      index.push_back(rewrite(i, [&](const Expr& x) -> Expr {
        const auto* v = x.as<loops::Variable>();
        const auto at = v ? were.find(v->name) : were.end();
        return at == were.end() ? Expr() : at->second;
      }));
    return loops::probe(p->value, p->buffer, index);
  });
}

// Axes cut in two because a buffer's layout, or a reshape, cuts a dim into blocks: v = v_o · block + v_i.
class BlockSplit {
 public:
  explicit BlockSplit(const Ranges& ranges) : ranges_(ranges) {}

  // Whole blocks and a rest that is less than one: nothing has to be cut.
  bool stays_in_block(const Affine& a, int64_t block) const {
    const auto constant = a.constant.as_literal();
    if (!constant) return false;
    Affine rest;
    rest.constant = Dim((*constant % block + block) % block);
    for (const auto& [v, c] : a.terms)
      if (!(c.is_literal() && c.literal() % block == 0)) rest.terms[v] = c;
    const auto range = rest.terms.size() > 1 ? range_of(rest, ranges_) : std::nullopt;
    const auto lo = range ? range->lo.as_literal() : std::nullopt,
               hi = range ? range->hi.as_literal() : std::nullopt;
    return lo && hi && *lo >= 0 && *hi < block;
  }

  // Finds the variables; refuses an index that does not keep to the blocks.
  void visit(const loops::Buffer& b, const std::vector<Expr>& index) {
    for (const loops::Layout::Part& p : b.layout.parts) {
      if (p.modulus == 0) continue;
      const auto a = affine_of(index[static_cast<size_t>(p.dim)], ranges_);
      const auto whole = [&](const Dim& d) { return d.is_literal() && d.literal() % p.modulus == 0; };
      if (a && stays_in_block(*a, p.modulus)) continue;
      if (!a || !whole(a->constant))
        throw NotScheduled{"an index that does not keep to the blocks of a layout"};
      int inside = 0;
      for (const auto& [v, c] : a->terms) {
        if (whole(c)) continue;
        const auto extent = ranges_.at(v).hi + Dim(1);
        if (c != Dim(1) || !whole(extent) || ++inside > 1)
          throw NotScheduled{"an index that does not keep to the blocks of a layout"};
        blocks_[v] = p.modulus;
      }
    }
  }
  // An index asks for v / c or v mod c: the dims of a reshape. Where v lies over the lanes only for blocks
  // that fill a few of them.
  void visit(const Expr& index, const std::string& last) {
    each_node(index, [&](const Expr& e) {
      const auto* a = e.as<loops::Apply>();
      if (!a || (a->function != loops::Function::FloorDiv && a->function != loops::Function::FloorMod))
        return true;
      const auto* v = a->arguments[0].as<loops::Variable>();
      const auto c = literal_index(a->arguments[1]);
      if (!v || !c || *c < (v->name == last ? kFewLanes : 2)) return true;
      const auto range = ranges_.find(v->name);
      if (range == ranges_.end()) return true;
      const Dim extent = range->second.hi + Dim(1);
      if (mod(extent, Dim(*c)) == Dim(0) && extent != Dim(*c)) blocks_.emplace(v->name, *c);
      return true;
    });
  }
  void forget(const std::string& v) { blocks_.erase(v); }
  bool splits(const std::string& v) const { return blocks_.count(v) != 0; }
  int64_t block(const std::string& v) const { return blocks_.at(v); }

  Expr replace(const Expr& e) const {
    return blocks_.empty() ? e : rewrite(e, [&](const Expr& x) -> Expr {
      if (const auto* v = x.as<loops::Variable>(); v && splits(v->name))
        return loops::variable(v->name + "_o") * Expr(block(v->name)) + loops::variable(v->name + "_i");
      const auto* r = x.as<loops::Reduce>();
      if (!r) return {};
      const std::vector<Axis> axes = split(r->axes);
      return axes.size() == r->axes.size()
                 ? Expr()
                 : loops::reduce(r->order, r->function, axes, r->operands, r->guard);
    });
  }
  std::vector<Axis> split(const std::vector<Axis>& axes) const {
    std::vector<Axis> r;
    for (const Axis& a : axes) {
      if (!splits(a.variable)) {
        r.push_back(a);
        continue;
      }
      r.push_back({a.variable + "_o", exact_div(a.extent, Dim(block(a.variable)))});
      r.push_back({a.variable + "_i", Dim(block(a.variable))});
    }
    return r;
  }

 private:
  const Ranges& ranges_;
  std::map<std::string, int64_t> blocks_;
};

bool is_blocked(const loops::Buffer& b) {
  return std::any_of(b.layout.parts.begin(), b.layout.parts.end(),
                     [](const loops::Layout::Part& p) { return p.modulus != 0; });
}

// A contraction may be cut where its blocks of terms are whole blocks of the layout; integers anywhere.
void keep_uncut(const Expr& value, BlockSplit& split) {
  rewrite(value, [&](const Expr& e) -> Expr {
    const auto* r = e.as<loops::Reduce>();
    if (!r || r->order != loops::Order::Blocks || e.type().is_integer()) return {};
    Dim inner = 1;
    bool first = true;
    for (const Axis& a : r->axes) {
      if (a.extent == Dim(1)) continue;
      if (!first) inner = inner * a.extent;
      first = false;
    }
    first = true;
    for (const Axis& a : r->axes) {
      if (a.extent == Dim(1)) continue;
      if (split.splits(a.variable) &&
          (!first || !inner.is_literal() || inner.literal() * split.block(a.variable) > kBlockTerms))
        split.forget(a.variable);
      first = false;
    }
    return {};
  });
}

Expr without(const Expr& e, const std::vector<std::string>& dropped) {
  return dropped.empty() ? e : rewrite(e, [&](const Expr& x) -> Expr {
    const auto* v = x.as<loops::Variable>();
    return v && std::find(dropped.begin(), dropped.end(), v->name) != dropped.end() ? Expr(int64_t{0})
                                                                                    : Expr();
  });
}

}  // namespace

Expr flat_index(const loops::Buffer& b, const std::vector<Expr>& index, const Ranges& ranges) {
  Flattener f;
  f.ranges = ranges;
  return f.offset(b, index);
}

Nest flatten(const loops::Kernel& k) {
  Nest n;
  n.kernel = k;
  Flattener f;
  loops::Stmt s = k.body;
  while (const auto* l = s->as<loops::For>()) {
    const auto extent = affine_of(l->to);
    CHECK(extent && extent->is_constant() && literal_index(l->from) == 0, "a nest starts at 0");
    n.axes.push_back({l->variable, extent->constant});
    f.ranges[l->variable] = loops::below(extent->constant);
    s = l->body;
  }
  const auto* store = s->as<loops::Store>();
  CHECK(store, "a nest holds one store");
  collect_axes(store->value, f.ranges);

  BlockSplit split(f.ranges);
  each_node(store->value, [&](const Expr& e) {
    if (const auto* l = e.as<loops::Load>()) split.visit(*l->buffer, l->index);
    return true;
  });
  split.visit(*store->buffer, store->index);
  each_node(store->value, [&](const Expr& e) {
    if (const auto* l = e.as<loops::Load>())
      for (const Expr& i : l->index) split.visit(i, n.axes.empty() ? "" : n.axes.back().variable);
    return true;
  });
  keep_uncut(store->value, split);
  std::vector<Axis> axes, last;  // of a blocked result the inside of blocks comes last
  for (const Axis& a : n.axes)
    for (const Axis& x : split.split({a}))
      (is_blocked(*store->buffer) && split.splits(a.variable) && x.variable == a.variable + "_i" ? last
                                                                                                 : axes)
          .push_back(x);
  n.axes = axes;
  n.axes.insert(n.axes.end(), last.begin(), last.end());
  const Expr value = split.replace(store->value);
  collect_axes(value, f.ranges);
  for (const Axis& a : n.axes) f.ranges[a.variable] = loops::below(a.extent);
  n.store.value = rewrite(value, [&](const Expr& e) -> Expr {
    if (const auto* p = e.as<loops::Probe>())
      return loops::probe(p->value, f.of(p->buffer), {f.offset(*p->buffer, p->index)});
    const auto* l = e.as<loops::Load>();
    return l ? loops::load(f.of(l->buffer), {f.offset(*l->buffer, l->index)}) : Expr();
  });
  std::vector<Expr> index;
  for (const Expr& e : store->index) index.push_back(split.replace(e));
  n.store.index = {f.offset(*store->buffer, index)};
  n.store.buffer = f.of(store->buffer);
  for (loops::BufferPtr& b : n.kernel.buffers) b = f.of(b);

  // Output axes, then the axes of each reduction whose order of terms is that of one merged index.
  Uses u;
  collect_uses(n.store.value, f.ranges, u);
  collect_index(n.store.index[0], f.ranges, u);
  std::vector<std::string> dropped;
  std::map<std::string, Expr> were;
  n.axes = join_axes(std::move(n.axes), u, dropped, were);
  n.store.value = rewrite(n.store.value, [&](const Expr& e) -> Expr {
    const auto* r = e.as<loops::Reduce>();
    if (!r || r->order == loops::Order::Blocks) return {};
    std::vector<std::string> gone;
    std::map<std::string, Expr> terms_were;
    std::vector<Axis> axes = join_axes(r->axes, u, gone, terms_were);
    if (gone.empty()) return {};
    if (axes.empty()) axes.push_back(r->axes.back());  // one term still is one term
    std::erase_if(gone, [&](const std::string& v) {
      return std::any_of(axes.begin(), axes.end(), [&](const Axis& x) { return x.variable == v; });
    });
    std::vector<Expr> operands;
    for (const Expr& x : r->operands) operands.push_back(without(with_probes_told(x, terms_were), gone));
    return loops::reduce(r->order, r->function, axes, operands,
                         r->guard.defined() ? without(r->guard, gone) : Expr());
  });
  n.store.value = without(with_probes_told(n.store.value, were), dropped);
  n.store.index[0] = without(n.store.index[0], dropped);
  for (const Axis& x : n.axes) f.ranges[x.variable] = loops::below(x.extent);
  const auto tidy = [&](const Expr& e) -> Expr {
    if (const auto* p = e.as<loops::Probe>()) return loops::probe(p->value, p->buffer, {f.tidy(p->index[0])});
    const auto* l = e.as<loops::Load>();
    return l ? loops::load(l->buffer, {f.tidy(l->index[0])}) : Expr();
  };
  n.store.value = rewrite(n.store.value, tidy);
  n.store.index[0] = f.tidy(n.store.index[0]);
  return n;
}

}  // namespace tauto
