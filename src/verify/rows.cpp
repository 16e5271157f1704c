// One walk over main per symbol: a value has rows, or is the same for all rows, or is neither.
#include "verify/rows.h"

#include <algorithm>
#include <map>

#include "compile/kernels.h"
#include "loops/affine.h"
#include "support/error.h"

namespace tauto::proof {
namespace {

using loops::Affine;
using loops::Expr;
using loops::Ranges;

// Thrown with what stands in the way.
struct Dependent {
  std::string why;
};

bool names(const Dim& d, const std::string& symbol) {
  std::vector<std::string> all;
  symbols_of(d, all);
  return std::find(all.begin(), all.end(), symbol) != all.end();
}

GroupOptions each_alone() {
  GroupOptions o;
  o.fuse = false;
  return o;
}

constexpr char kRow[] = "row of the batch", kInside[] = "place in the row";

class Walk {
 public:
  Walk(const Module& m, std::string symbol)
      : f_(m.main()), symbol_(std::move(symbol)), groups_(group_nodes(m, f_, each_alone())) {}

  Batch run() {
    Batch b;
    b.symbol = symbol_;
    for (size_t k = 0; k < f_.parameter_count(); ++k) {
      const State s = of_type(f_.nodes[k].type);
      states_[static_cast<Id>(k)] = s;
      b.inputs.push_back(s.rows);
      if (s.sort == State::Sort::Neither) throw Dependent{cat("input \"", f_.parameters[k], "\": ", s.why)};
    }
    for (const Group& g : groups_) states_[g.result] = of_group(g);
    for (size_t k = 0; k < f_.results.size(); ++k) {
      const State s = state(f_.results[k]);
      if (s.sort == State::Sort::Neither)
        throw Dependent{cat("result \"", f_.result_names[k], "\": ", s.why)};
      b.outputs.push_back(s.rows);
    }
    return b;
  }

 private:
  struct State {
    enum class Sort : uint8_t { Same, Rows, Neither } sort = Sort::Same;
    std::optional<RowAxis> rows;
    std::string why;
  };
  static State neither(std::string why) { return {State::Sort::Neither, {}, std::move(why)}; }
  static State rows(RowAxis a) { return {State::Sort::Rows, a, {}}; }

  State state(Id id) const {
    const Node& n = f_.node(id);
    if (const auto at = states_.find(id); at != states_.end()) return at->second;
    if (const auto known = known_value(n))
      for (const Dim& d : *known)
        if (names(d, symbol_)) return neither(cat("%", id, " is made of sizes"));
    if (n.inputs.empty()) return of_type(n.type);  // a constant
    return neither(cat("%", id, " (", n.op->name, ") has no group"));
  }

  // Rows lie along the one axis whose size is a multiple of the symbol.
  State of_type(const Type& t) const {
    if (!t.is_tensor() || !t.ranked) return neither("its sizes are known only at run time");
    State s;
    for (size_t d = 0; d < t.dims.size(); ++d) {
      if (!names(t.dims[d], symbol_)) continue;
      const auto inner = exact_div(t.dims[d], Dim::symbol(symbol_)).as_literal();
      if (s.rows || !inner || *inner < 1 || Dim(*inner) * Dim::symbol(symbol_) != t.dims[d])
        return neither(cat("size ", text_of(t)));
      s = rows({d, *inner});
    }
    return s;
  }

  State of_group(const Group& g) const {
    const Node& n = f_.node(g.result);
    const State type = of_type(n.type);
    if (type.sort == State::Sort::Neither) return type;
    if (g.kind == Group::Kind::View) return of_view(g, type);
    if (g.kind == Group::Kind::Kernel) return of_kernel(g, type);
    for (const Id in : n.inputs)
      if (const State s = state(in); s.sort != State::Sort::Same)
        return neither(s.why.empty() ? cat("%", g.result, " (", n.op->name, ") has no expression") : s.why);
    return type.rows ? neither(cat("%", g.result, " has rows out of nothing")) : type;
  }

  // The same elements in the same order: what lies before and inside of a row is the same.
  State of_view(const Group& g, const State& type) const {
    const State from = state(g.source);
    if (from.sort != State::Sort::Rows) return from;
    if (!type.rows) return neither(cat("%", g.result, " has no rows"));
    const auto around = [&](const Type& t, const RowAxis& a) {
      Dim before = 1, inside = a.inner;
      for (size_t d = 0; d < t.dims.size(); ++d) {
        if (d < a.axis) before *= t.dims[d];
        if (d > a.axis) inside *= t.dims[d];
      }
      return std::pair(before, inside);
    };
    if (around(f_.node(g.source).type, *from.rows) != around(f_.node(g.result).type, *type.rows))
      return neither(cat("%", g.result, " takes rows apart"));
    return type;
  }

  State of_kernel(const Group& g, const State& type) const {
    Ranges ranges;
    loops::Stmt s = g.kernel.body;
    std::vector<std::string> variables;
    while (const auto* f = s->as<loops::For>()) {
      variables.push_back(f->variable);
      s = f->body;
    }
    const auto* store = s->as<loops::Store>();
    if (!store) return neither("not one store");
    const std::vector<Dim>& dims = f_.node(g.result).type.dims;
    for (size_t d = 0; d < variables.size() && d < dims.size(); ++d)
      ranges[variables[d]] = loops::below(dims[d]);
    Expr value = store->value;
    if (type.rows) {
      const Expr row = loops::variable(kRow), inside = loops::variable(kInside);
      ranges[kRow] = loops::below(Dim::symbol(symbol_));
      ranges[kInside] = loops::below(type.rows->inner);
      const Expr at = type.rows->inner == 1 ? row : row * Expr(type.rows->inner) + inside;
      value = loops::substitute(value, variables.at(type.rows->axis), at);
    }
    collect(value, ranges);
    try {
      bool any = false;
      check(value, g, ranges, any);
      if (type.rows || !any) return type;
      return neither(cat("%", g.result, " has no rows"));  // it reads one row of a batch
    } catch (const Dependent& d) {
      return neither(cat("%", g.result, " (", f_.node(g.result).op->name, "): ", d.why));
    }
  }

  static void collect(const Expr& e, Ranges& ranges) {
    loops::each_node(e, [&](const Expr& x) {
      if (const auto* r = x.as<loops::Reduce>())
        for (const loops::Axis& a : r->axes) ranges[a.variable] = loops::below(a.extent);
      return true;
    });
  }

  bool names_rows(const Dim& d) const { return names(d, symbol_); }

  // Everything but the places where rows are read may not know of rows.
  void check(const Expr& e, const Group& g, const Ranges& ranges, bool& any) const {
    if (const auto* load = e.as<loops::Load>()) {
      any = read(*load, g, ranges) || any;
      return;
    }
    if (const auto* v = e.as<loops::Variable>(); v && v->name == kRow)
      throw Dependent{"the number of the row"};
    if (const auto* s = e.as<loops::Size>(); s && names_rows(s->dim)) throw Dependent{"the number of rows"};
    if (const auto* r = e.as<loops::Reduce>())
      for (const loops::Axis& a : r->axes)
        if (names_rows(a.extent)) throw Dependent{"a reduction over rows"};
    // An integer that is affine may lose the row on the way: (8·b + r) mod 8.
    if (e.type() == i64 && loops::mentions(e, kRow)) {
      const auto a = loops::affine_of(e, ranges);
      if (a && a->coefficient(kRow) == Dim(0) && !names_rows(*a)) return;
    }
    if (e.type().is_bool() && loops::mentions(e, kRow))
      if (loops::decide(e, ranges)) return;
    loops::each_child(e, [&](const Expr& c) { check(c, g, ranges, any); });
  }
  bool names_rows(const Affine& a) const {
    if (names_rows(a.constant)) return true;
    return std::any_of(a.terms.begin(), a.terms.end(), [&](const auto& t) { return names_rows(t.second); });
  }

  // True: a value with rows, read in its own row.
  bool read(const loops::Load& load, const Group& g, const Ranges& ranges) const {
    size_t k = 0;
    while (k < g.kernel.buffers.size() && g.kernel.buffers[k] != load.buffer) ++k;
    CHECK(k < g.kernel.buffers.size(), "a buffer of the kernel");
    const State s =
        g.arguments[k].kind == KernelArgument::Kind::Value ? state(g.arguments[k].value) : State{};
    if (s.sort == State::Sort::Neither) throw Dependent{s.why};
    bool any = false;
    for (size_t d = 0; d < load.index.size(); ++d) {
      const bool row_axis = s.rows && s.rows->axis == d;
      // An index that is an element of the own row, as of a table that is looked up.
      const bool looked_up =
          loops::any_node(load.index[d], [](const Expr& x) { return x.as<loops::Load>(); });
      if (!row_axis && (looked_up || (!loops::mentions(load.index[d], kRow) && !any_size(load.index[d])))) {
        check(load.index[d], g, ranges, any);
        continue;
      }
      const auto a = loops::affine_of(load.index[d], ranges);
      if (!a) throw Dependent{"an index that is not affine"};
      if (!row_axis) {
        if (a->coefficient(kRow) != Dim(0) || names_rows(*a)) throw Dependent{"an index with the row in it"};
        continue;
      }
      const auto parts = loops::divide(*a, s.rows->inner, ranges);
      Affine own;
      own.terms[kRow] = 1;
      if (!parts || parts->quotient != own || parts->rest.coefficient(kRow) != Dim(0) ||
          names_rows(parts->rest))
        throw Dependent{"another row is read"};
    }
    return any || s.rows.has_value();
  }
  bool any_size(const Expr& e) const {
    return loops::any_node(e, [&](const Expr& x) {
      const auto* s = x.as<loops::Size>();
      return s && names_rows(s->dim);
    });
  }

  const Function& f_;
  const std::string symbol_;
  const std::vector<Group> groups_;
  std::map<Id, State> states_;
};

}  // namespace

std::vector<Batch> batches_of(const Module& m) {
  std::vector<std::string> symbols;
  for (const Type& t : m.main().parameter_types())
    if (t.is_tensor() && t.ranked)
      for (const Dim& d : t.dims)
        if (d.is_symbol()) symbols_of(d, symbols);
  std::vector<Batch> found;
  for (const std::string& s : symbols) try {
      found.push_back(Walk(m, s).run());
    } catch (const Dependent& d) {
      found.push_back({s, {}, {}, d.why});
    }
  return found;
}

}  // namespace tauto::proof
