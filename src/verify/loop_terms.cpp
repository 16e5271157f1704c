// A plain walk over statements and expressions. Values are remembered by node and by the values of the
// variables that the node depends on, unless it reads what the kernel writes.
#include "verify/loop_terms.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "loops/reduction_order.h"
#include "support/error.h"
#include "verify/algebra.h"

namespace tauto::proof {
namespace {

using loops::Expr;
using loops::ExprNode;
using loops::Function;
using loops::Order;

// Sizes of one buffer, as numbers.
struct Extents {
  SymbolicBuffer* memory = nullptr;
  std::vector<int64_t> dims;
  struct Part {
    size_t dim;
    int64_t divisor, modulus, stride;
  };
  std::vector<Part> parts;
  int64_t offset = 0;

  int64_t element(const std::vector<int64_t>& i) const {
    int64_t e = offset;
    for (const Part& p : parts) {
      const int64_t part = i[p.dim] / p.divisor;
      e += (p.modulus != 0 ? part % p.modulus : part) * p.stride;
    }
    return e;
  }
};

struct VariableValue {
  Term term;
  int64_t integer = 0;
  bool is_integer = false;
};

// What is known about a node before it is computed.
struct NodeFacts {
  bool plain = false;    // an integer or truth that follows from variables and sizes alone
  bool shared = false;   // asked for in more than one place, or a reduction
  bool changes = false;  // it reads a buffer that the kernel writes
  VariableValue* variable = nullptr;
  int64_t size = 0;
  const Extents* shape = nullptr;
  std::vector<VariableValue*> depends;  // on these variables; only of shared nodes
  std::unordered_map<std::string, Term> memo;
};

class Evaluation {
 public:
  Evaluation(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes)
      : kernel_(k), sizes_(sizes) {
    CHECK(buffers.size() == k.buffers.size());
    for (size_t i = 0; i < buffers.size(); ++i) add(*k.buffers[i], buffers[i]);
    find_written(k.body);
  }

  void run() { statement(kernel_.body); }

  Term value_of(const Expr& e) { return value(e); }
  void set(const std::string& name, int64_t i) { assign(variables_[name], i); }
  const Extents& shape(const loops::Buffer& b) const { return shapes_.at(&b); }
  int64_t number(const Dim& d) const {
    const auto v = evaluate(d, sizes_);
    CHECK(v.has_value(), "size ", text_of(d));
    return *v;
  }

 private:
  [[noreturn]] static void undecided(const char* what) { throw Undecided{what}; }

  void add(const loops::Buffer& b, SymbolicBuffer& memory) {
    Extents s;
    s.memory = &memory;
    for (const Dim& d : b.dims) s.dims.push_back(number(d));
    for (const loops::Layout::Part& p : b.layout.parts)
      s.parts.push_back({static_cast<size_t>(p.dim), p.divisor, p.modulus, number(p.stride)});
    s.offset = number(b.layout.offset);
    shapes_[&b] = std::move(s);
  }
  static void assign(VariableValue& v, int64_t i) {
    v.term = literal(i64, static_cast<uint64_t>(i));
    v.integer = i;
    v.is_integer = true;
  }

  void find_written(const loops::Stmt& s) {
    loops::each_node(
        s, [](const Expr&) {},
        [&](const loops::Stmt& x) {
          if (const auto* y = x->as<loops::Store>()) written_.insert(y->buffer.get());
        });
  }

  // ---- what is known about nodes ----
  struct Found {
    std::set<std::string> variables;
    bool changes = false;
  };
  const Found& find(const Expr& e) {
    if (const auto at = found_.find(e.get()); at != found_.end()) {
      facts_[e.get()].shared = true;
      return at->second;
    }
    Found d;
    bool plain = e.type() == i64 || e.type().is_bool();
    loops::each_child(e, [&](const Expr& x) {
      const Found& o = find(x);
      d.variables.insert(o.variables.begin(), o.variables.end());
      d.changes = d.changes || o.changes;
      plain = plain && facts_[x.get()].plain;
    });
    NodeFacts& f = facts_[e.get()];
    if (const auto* x = e.as<loops::Variable>()) {
      d.variables.insert(x->name);
      f.variable = &variables_[x->name];
    } else if (const auto* x = e.as<loops::Size>()) {
      f.size = number(x->dim);
    } else if (const auto* x = e.as<loops::Load>()) {
      d.changes = d.changes || written_.count(x->buffer.get()) != 0;
      f.shape = &shapes_.at(x->buffer.get());
      plain = false;
    } else if (const auto* x = e.as<loops::Reduce>()) {
      for (const loops::Axis& a : x->axes) d.variables.erase(a.variable);
      f.shared = true;
      plain = false;
    } else if (const auto* x = e.as<loops::Apply>()) {
      plain = plain && is_plain(x->function);
    } else if (!e.as<loops::Literal>()) {
      plain = false;
    }
    f.plain = plain;
    f.changes = d.changes;
    for (const std::string& v : d.variables) f.depends.push_back(&variables_[v]);
    return found_[e.get()] = std::move(d);
  }
  static bool is_plain(Function f) {
    using enum Function;
    constexpr Function kPlain[] = {Add,  Sub,       Mul,   FloorDiv, FloorMod, Max, Min, Negate,
                                   Less, LessEqual, Equal, And,      Or,       Xor, Not, Choose};
    return std::find(std::begin(kPlain), std::end(kPlain), f) != std::end(kPlain);
  }
  NodeFacts& facts(const Expr& e) {
    const auto at = facts_.find(e.get());
    if (at != facts_.end()) return at->second;
    find(e);
    return facts_[e.get()];
  }

  // ---- expressions ----
  // Nothing: a variable in it is an element's value.
  std::optional<int64_t> integer(const Expr& e) {
    const NodeFacts& f = facts(e);
    if (!f.plain) return std::nullopt;
    if (f.variable) return f.variable->is_integer ? std::optional(f.variable->integer) : std::nullopt;
    if (const auto* x = e.as<loops::Literal>()) return static_cast<int64_t>(x->bits);
    if (e.as<loops::Size>()) return f.size;
    const auto& x = *e.as<loops::Apply>();
    const auto a = integer(x.arguments[0]);
    if (!a) return std::nullopt;
    if (x.function == Function::Choose) return integer(x.arguments[*a != 0 ? 1 : 2]);
    if (x.function == Function::Not) return *a == 0;
    if (x.function == Function::Negate) return -*a;
    if (x.function == Function::And && *a == 0) return 0;
    if (x.function == Function::Or && *a != 0) return 1;
    const auto b = integer(x.arguments[1]);
    if (!b) return std::nullopt;
    switch (x.function) {
      case Function::Add:
        return *a + *b;
      case Function::Sub:
        return *a - *b;
      case Function::Mul:
        return *a * *b;
      case Function::Max:
        return std::max(*a, *b);
      case Function::Min:
        return std::min(*a, *b);
      case Function::FloorDiv:
      case Function::FloorMod: {
        if (*b <= 0) return std::nullopt;
        const int64_t q = *a / *b - (*a % *b < 0 ? 1 : 0);
        return x.function == Function::FloorDiv ? q : *a - q * *b;
      }
      case Function::Less:
        return *a < *b;
      case Function::LessEqual:
        return *a <= *b;
      case Function::Equal:
        return *a == *b;
      case Function::And:
      case Function::Or:
        return *b != 0;
      default:  // Xor
        return (*a != 0) != (*b != 0);
    }
  }

  Term value(const Expr& e) {
    NodeFacts& f = facts(e);
    if (f.plain)
      if (const auto v = integer(e)) return literal(e.type(), static_cast<uint64_t>(*v));
    if (f.changes || !f.shared) return computed(e, f);
    std::string key;
    for (const VariableValue* v : f.depends) {
      const uint32_t id = v->is_integer ? static_cast<uint32_t>(v->integer) : v->term.id;
      key.append(reinterpret_cast<const char*>(&id), sizeof id);
    }
    if (const auto at = f.memo.find(key); at != f.memo.end()) return at->second;
    const Term t = computed(e, f);
    f.memo.emplace(std::move(key), t);
    return t;
  }

  int64_t index(const Expr& e) {
    if (const auto v = integer(e)) return *v;
    const auto v = known(value(e));
    if (!v) undecided("an index that follows from elements");
    return *v;
  }

  Term computed(const Expr& e, const NodeFacts& f) {
    const ElementType t = e.type();
    if (const auto* x = e.as<loops::Literal>()) return literal(t, x->bits);
    if (f.variable) return f.variable->term;
    if (e.as<loops::Size>()) return literal(i64, static_cast<uint64_t>(f.size));
    if (const auto* x = e.as<loops::Load>()) {
      const std::optional<Term> v = loaded(*f.shape, x->index);
      if (!v) fail("kernel ", kernel_.name, ": an element of ", x->buffer->name, " was never written");
      return *v;
    }
    if (const auto* x = e.as<loops::Convert>()) return converted(value(x->from), t);
    if (const auto* x = e.as<loops::Bits>()) return same_bits(value(x->from), t);
    if (const auto* x = e.as<loops::Probe>()) return value(x->value);
    if (const auto* x = e.as<loops::Reduce>()) return reduced(*x, t);
    const auto* x = e.as<loops::Apply>();
    CHECK(x != nullptr);
    const Term a = value(x->arguments[0]);
    if (x->function == Function::Choose) {
      if (const auto c = known(a)) return value(x->arguments[*c != 0 ? 1 : 2]);
      return apply(Function::Choose, a, value(x->arguments[1]), value(x->arguments[2]));
    }
    if (t.is_bool() && known(a)) {  // conditions are lazy where it matters: a guard before a load
      if (x->function == Function::And && *known(a) == 0) return a;
      if (x->function == Function::Or && *known(a) != 0) return a;
    }
    const size_t n = x->arguments.size();
    return apply(x->function, a, n > 1 ? value(x->arguments[1]) : Term{},
                 n > 2 ? value(x->arguments[2]) : Term{});
  }

  // At numbers, or at a place that is a term: a sum of the indices times their strides.
  std::optional<Term> loaded(const Extents& s, const std::vector<Expr>& at) {
    std::vector<std::optional<Term>> terms(at.size());
    bool any = false;
    for (size_t d = 0; d < at.size(); ++d) {
      if (integer(at[d])) continue;
      const Term t = value(at[d]);
      if (known(t)) continue;
      terms[d] = t;
      any = true;
    }
    if (!any) return s.memory->read(element(s, at));
    Term sum = literal(i64, static_cast<uint64_t>(s.offset));
    for (const Extents::Part& p : s.parts) {
      if (terms[p.dim] && (p.divisor != 1 || p.modulus != 0))
        undecided("an index that follows from elements");
      int64_t part = 0;
      if (!terms[p.dim]) {
        part = index(at[p.dim]) / p.divisor;
        if (p.modulus != 0) part %= p.modulus;
      }
      const Term i = terms[p.dim] ? *terms[p.dim] : literal(i64, static_cast<uint64_t>(part));
      sum = apply(Function::Add, sum, apply(Function::Mul, i, literal(i64, static_cast<uint64_t>(p.stride))));
    }
    const std::optional<Term> e = s.memory->read_at(in_linear_form(sum, 0));
    if (!e) undecided("an index that follows from elements");
    return e;
  }

  int64_t element(const Extents& s, const std::vector<Expr>& at) {
    std::vector<int64_t> i(at.size());
    for (size_t d = 0; d < at.size(); ++d) {
      i[d] = index(at[d]);
      if (i[d] < 0 || i[d] >= s.dims[d])
        fail("kernel ", kernel_.name, ": index ", i[d], " of dim ", d, " of ", s.memory->name);
    }
    const int64_t e = s.element(i);
    CHECK(e >= 0 && e < s.memory->count, "layout of ", s.memory->name);
    return e;
  }

  // ---- reductions: docs/semantics.md ----
  Term identity(Function f, ElementType t) const {
    if (f == Function::Mul) return t.is_float() ? term_number(t, 1) : literal(t, 1);
    if (f != Function::Max && f != Function::Min) return literal(t, 0);
    const double infinity = f == Function::Max ? -__builtin_inf() : __builtin_inf();
    if (t.is_float()) return term_number(t, infinity);
    return literal(t, f == Function::Max ? static_cast<uint64_t>(t.min_value()) : t.max_value());
  }

  template <class F>
  void each_term(const loops::Reduce& r, F f) {
    std::vector<int64_t> extents, at(r.axes.size(), 0);
    std::vector<VariableValue*> variables;
    std::vector<VariableValue> outer;
    for (const loops::Axis& a : r.axes) {
      extents.push_back(number(a.extent));
      if (extents.back() == 0) return;
      variables.push_back(&variables_[a.variable]);
      outer.push_back(*variables.back());
    }
    for (VariableValue* v : variables) assign(*v, 0);
    for (int64_t i = 0;; ++i) {
      if (!r.guard.defined() || index(r.guard) != 0) f(i);
      size_t d = at.size();
      while (d > 0) {
        --d;
        if (++at[d] < extents[d]) {
          assign(*variables[d], at[d]);
          break;
        }
        at[d] = 0;
        assign(*variables[d], 0);
        if (d == 0) {
          for (size_t k = 0; k < outer.size(); ++k) *variables[k] = outer[k];
          return;
        }
      }
      if (at.empty()) return;
    }
  }

  Term reduced(const loops::Reduce& r, ElementType t) {
    const Function f = r.function;
    const auto step = [&](Term acc) {
      const Term x = value(r.operands[0]);
      return loops::is_product(f) ? apply(f, x, value(r.operands[1]), acc) : apply(f, acc, x);
    };
    const Term zero = identity(f, t);
    if (r.order == Order::Chain) {
      Term acc = zero;
      each_term(r, [&](int64_t) { acc = step(acc); });
      return acc;
    }
    if (r.order == Order::Blocks) {
      std::vector<int64_t> extents;
      for (const loops::Axis& a : r.axes) extents.push_back(number(a.extent));
      const BlockCut cut = block_cut(extents);
      Term sum = zero, acc = zero;
      int64_t block = 0;
      each_term(r, [&](int64_t i) {
        for (; block < i / (cut.steps * cut.inner); ++block) sum = apply(Function::Add, sum, acc), acc = zero;
        acc = step(acc);
      });
      return apply(Function::Add, sum, acc);
    }
    std::vector<Term> s(kPartialSums, zero), p(kPartialSums, zero);
    const auto end_piece = [&] {
      for (size_t k = 0; k < s.size(); ++k) s[k] = apply(f, s[k], p[k]), p[k] = zero;
    };
    int64_t piece = 0;
    each_term(r, [&](int64_t i) {
      for (; piece < i / kPieceTerms; ++piece) end_piece();
      Term& part = p[static_cast<size_t>(i % kPartialSums)];
      part = step(part);
    });
    end_piece();
    for (size_t half = kPartialSums / 2; half > 0; half /= 2)
      for (size_t k = 0; k < half; ++k) s[k] = apply(f, s[k], s[k + half]);
    return s[0];
  }

  // ---- statements ----
  void statement(const loops::Stmt& s) {
    if (const auto* x = s->as<loops::Store>()) {
      const Term v = value(x->value);
      const Extents& to = shapes_.at(x->buffer.get());
      to.memory->written[element(to, x->index)] = v;
    } else if (const auto* f = s->as<loops::For>()) {
      VariableValue& v = variables_[f->variable];
      const int64_t to = index(f->to);
      for (int64_t i = index(f->from); i < to; i += f->step) {
        assign(v, i);
        statement(f->body);
      }
    } else if (const auto* b = s->as<loops::Block>()) {
      for (const loops::Stmt& inner : b->stmts) statement(inner);
    } else if (const auto* c = s->as<loops::If>()) {
      if (index(c->condition) != 0) statement(c->then);
    } else if (const auto* l = s->as<loops::Let>()) {
      VariableValue& v = variables_[l->variable];
      v.term = value(l->value);
      const auto i = known(v.term);
      v.is_integer = i && l->value.type() == i64;
      v.integer = i.value_or(0);
      statement(l->body);
    } else if (const auto* a = s->as<loops::Allocate>()) {
      SymbolicBuffer own{a->buffer->name, a->buffer->type, number(a->buffer->layout.elements), {}, {}, {}};
      add(*a->buffer, own);
      statement(a->body);
    }
  }

  const loops::Kernel& kernel_;
  const Env& sizes_;
  std::map<const loops::Buffer*, Extents> shapes_;
  std::set<const loops::Buffer*> written_;
  std::map<std::string, VariableValue> variables_;
  std::unordered_map<const ExprNode*, NodeFacts> facts_;
  std::map<const ExprNode*, Found> found_;
};

}  // namespace

void evaluate_terms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes) {
  Evaluation(k, buffers, sizes).run();
}

struct ElementTerms::Inside {
  Evaluation evaluation;
  const loops::Store* store = nullptr;
  std::vector<std::string> variables;  // per dim of the result; "": its index is a number
  std::vector<int64_t> numbers;
  std::vector<int64_t> extents;  // of the loops, per dim: fewer than it has where the kernel is for one band
  const Extents* shape = nullptr;
  std::vector<Extents::Part> parts;  // the longest strides first
  size_t result = 0;

  // Where a flat element lies; nothing for padding.
  std::optional<std::vector<int64_t>> indices_of(int64_t element) const {
    std::vector<int64_t> i(shape->dims.size(), 0);
    int64_t rest = element - shape->offset;
    for (const Extents::Part& p : parts) {
      if (p.stride == 0 || shape->dims[p.dim] == 1) continue;
      i[p.dim] += rest / p.stride * p.divisor;
      rest %= p.stride;
    }
    for (size_t d = 0; d < i.size(); ++d)
      if (i[d] >= shape->dims[d]) return std::nullopt;
    if (shape->element(i) != element) throw Undecided{"a layout that could not be inverted"};
    return i;
  }

  // Where an index is an expression the kernel is run whole, if it is small: then the elements are these.
  static constexpr int64_t kMostWalked = 100'000;
  const std::unordered_map<int64_t, Term>* walked = nullptr;

  Inside(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes)
      : evaluation(k, buffers, sizes) {
    const loops::Stmt* s = &k.body;
    int64_t trips = 1;
    std::map<std::string, int64_t> of_loops;
    while (const auto* f = (*s)->as<loops::For>()) {
      const auto* size = f->to.as<loops::Size>();
      const auto extent = size ? evaluate(size->dim, sizes) : loops::literal_index(f->to);
      if (extent) of_loops[f->variable] = *extent;
      if (const auto n = loops::literal_index(f->to); n && trips <= kMostWalked) trips *= *n;
      if (f->to.as<loops::Size>()) trips = kMostWalked + 1;
      s = &f->body;
    }
    store = (*s)->as<loops::Store>();
    if (!store) throw Undecided{"not one store inside of loops"};
    shape = &evaluation.shape(*store->buffer);
    while (k.buffers[result] != store->buffer) ++result;
    for (const Expr& i : store->index) {
      const auto* v = i.as<loops::Variable>();
      const auto n = loops::literal_index(i);
      if (!v && !n) {
        if (trips > kMostWalked) throw Undecided{"a store whose index is no variable"};
        evaluation.run();
        walked = &buffers[result].written;
        return;
      }
      const auto extent = v ? of_loops.find(v->name) : of_loops.end();
      extents.push_back(extent == of_loops.end() ? shape->dims[variables.size()] : extent->second);
      variables.push_back(v ? v->name : "");
      numbers.push_back(n.value_or(0));
    }
    parts = shape->parts;
    std::stable_sort(parts.begin(), parts.end(),
                     [](const Extents::Part& a, const Extents::Part& b) { return a.stride > b.stride; });
  }
};

ElementTerms::ElementTerms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes)
    : inside_(std::make_unique<Inside>(k, buffers, sizes)) {}
ElementTerms::~ElementTerms() = default;

size_t ElementTerms::result() const { return inside_->result; }

int64_t ElementTerms::elements() const {
  if (inside_->walked) return static_cast<int64_t>(inside_->walked->size());
  int64_t n = 1;
  for (const int64_t extent : inside_->extents) n *= extent;
  return n;
}

bool ElementTerms::is_padding(int64_t element) const {
  if (inside_->walked) return inside_->walked->count(element) == 0;
  return !inside_->indices_of(element);
}

bool ElementTerms::is_beside(int64_t element) const {
  if (inside_->walked) return false;
  const auto i = inside_->indices_of(element);
  for (size_t d = 0; i && d < i->size(); ++d)
    if ((*i)[d] >= inside_->extents[d]) return true;
  return false;
}

std::optional<Term> ElementTerms::at(int64_t element) {
  if (inside_->walked) {
    const auto found = inside_->walked->find(element);
    return found == inside_->walked->end() ? std::nullopt : std::optional(found->second);
  }
  const auto i = inside_->indices_of(element);
  if (!i) return std::nullopt;
  for (size_t d = 0; d < i->size(); ++d) {
    if (!inside_->variables[d].empty()) inside_->evaluation.set(inside_->variables[d], (*i)[d]);
    CHECK(!inside_->variables[d].empty() || (*i)[d] == inside_->numbers[d], "an element that is not stored");
  }
  return inside_->evaluation.value_of(inside_->store->value);
}

}  // namespace tauto::proof
