// The compiler from kernels to the objects of machine.h, and their run.
#include "loops/evaluate.h"

#include <map>
#include <set>
#include <unordered_map>

#include "loops/identity.h"
#include "loops/machine.h"

namespace tauto::loops::machine {
namespace {

template <Function F>
Applied applied_on(ElementType type) {
  return visit_type(type, [](auto t) -> Applied {
    if constexpr (F != Function::Choose && is_defined(F, kElementOf<decltype(t)>))
      return applied<F, decltype(t)>;
    else
      return nullptr;
  });
}

Applied applied_of(Function f, ElementType type) {
  switch (f) {
#define TAUTO_X(name, text, arity) \
  case Function::name:             \
    return applied_on<Function::name>(type);
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
  }
  return nullptr;
}

class Compiler {
 public:
  Compiler(const Kernel& k, std::span<void* const> buffers, std::span<const int64_t> symbols) {
    CHECK(buffers.size() == k.buffers.size() && symbols.size() == k.symbols.size(), "evaluate ", k.name);
    machine.kernel = k.name;
    for (size_t i = 0; i < symbols.size(); ++i) CHECK(env_.bind(k.symbols[i], symbols[i]));
    for (size_t i = 0; i < buffers.size(); ++i) memory(k.buffers[i])->data = static_cast<char*>(buffers[i]);
    body = stmt(k.body);
  }

  Machine machine;
  const Action* body = nullptr;

 private:
  struct Bound {
    size_t at, scope;
  };
  using Names = std::set<std::string>;

  template <class N, class... A>
  N* make(A&&... a) {
    auto p = std::make_unique<N>(std::forward<A>(a)...);
    N* raw = p.get();
    if constexpr (std::is_base_of_v<Node, N>)
      nodes_.push_back(std::move(p));
    else
      actions_.push_back(std::move(p));
    return raw;
  }

  int64_t number(const Dim& d) const {
    const auto v = tauto::evaluate(d, env_);
    CHECK(v, "size ", d);
    return *v;
  }

  Memory* memory(const BufferPtr& b) {
    auto m = std::make_unique<Memory>();
    m->buffer = b.get();
    for (const Dim& d : b->dims) m->dims.push_back(number(d));
    for (const Layout::Part& p : b->layout.parts)
      m->parts.push_back({static_cast<size_t>(p.dim), p.divisor, p.modulus, number(p.stride)});
    m->offset = number(b->layout.offset);
    m->elements = number(b->layout.elements);
    m->bytes = b->type.bytes();
    CHECK(m->dims.size() <= 16);
    if (b->scope != Scope::Argument) {
      m->own.resize(static_cast<size_t>(m->elements * m->bytes) + 1);
      m->written.resize(static_cast<size_t>(m->elements) + 1);
      m->data = m->own.data();
    }
    machine.memories.push_back(std::move(m));
    return memories_[b] = machine.memories.back().get();
  }

  size_t fresh_variable() {
    machine.variables.push_back(0);
    return machine.variables.size() - 1;
  }
  size_t fresh_scope() {
    machine.times.push_back(0);
    return machine.times.size() - 1;
  }

  // ---- expressions ----------------------------------------------------------------------------------------

  // The expressions of one statement: their scope, who is shared, what is compiled already.
  void begin() {
    scope_ = statement_ = fresh_scope();
    done_.clear();
    uses_.clear();
  }
  Root root(const Expr& e) {
    begin();
    count(e);
    return {expr(e), scope_};
  }

  void count(const Expr& e) {
    if (uses_[e.get()]++) return;
    each_child(e, [&](const Expr& c) { count(c); });
  }

  const Names& free(const Expr& e) {
    if (const auto found = free_.find(e.get()); found != free_.end()) return found->second;
    Names names;
    if (const Variable* v = e.as<Variable>()) names.insert(v->name);
    each_child(e, [&](const Expr& c) {
      const Names& n = free(c);
      names.insert(n.begin(), n.end());
    });
    if (const Reduce* r = e.as<Reduce>())
      for (const Axis& a : r->axes) names.erase(a.variable);
    return free_.emplace(e.get(), std::move(names)).first->second;
  }

  // The innermost scope of this statement that e depends on.
  size_t scope_of(const Expr& e) {
    size_t s = statement_;
    for (const std::string& n : free(e)) {
      const auto found = variables_.find(n);
      CHECK(found != variables_.end(), "variable ", n, " is not bound");
      s = std::max(s, found->second.scope);
    }
    return s;
  }

  const Node* expr(const Expr& e) {
    const size_t scope = scope_of(e);
    if (const auto found = done_.find({e.get(), scope}); found != done_.end()) return found->second;
    const size_t outer = std::exchange(scope_, scope);
    const Node* n = std::visit([&](const auto& node) { return compile(e, node); }, e->node);
    scope_ = outer;
    const bool leaf = e.as<Literal>() || e.as<Size>() || e.as<Variable>();
    if (!leaf && (uses_[e.get()] > 1 || scope != scope_)) {
      machine.cells.push_back({});
      n = make<CellNode>(n, machine.cells.size() - 1, scope);
    }
    return done_[{e.get(), scope}] = n;
  }
  Nodes exprs(const std::vector<Expr>& es) {
    Nodes nodes;
    for (const Expr& e : es) nodes.push_back(expr(e));
    return nodes;
  }

  const Node* compile(const Expr&, const Literal& l) { return make<ConstantNode>(l.bits); }
  const Node* compile(const Expr&, const Size& s) {
    return make<ConstantNode>(static_cast<uint64_t>(number(s.dim)));
  }
  const Node* compile(const Expr&, const Variable& v) { return make<VariableNode>(variables_.at(v.name).at); }
  const Node* compile(const Expr&, const Load& l) { return make<LoadNode>(place(l.buffer, l.index)); }
  const Node* compile(const Expr& e, const Convert& c) {
    return make<ConvertNode>(expr(c.from), c.from.type(), e.type());
  }
  const Node* compile(const Expr&, const Bits& b) { return expr(b.from); }
  const Node* compile(const Expr&, const Probe& p) {
    const Node* value = expr(p.value);
    return make<ProbeNode>(value, place(p.buffer, p.index));
  }

  Place place(const BufferPtr& b, const std::vector<Expr>& index) {
    const auto found = memories_.find(b);
    CHECK(found != memories_.end(), "buffer ", b->name, " is not in scope");
    return {found->second, exprs(index)};
  }

  const Node* compile(const Expr&, const Apply& a) {
    const Nodes args = exprs(a.arguments);
    if (a.function == Function::Choose) return make<ChooseNode>(args);
    return make<ApplyNode>(applied_of(a.function, a.arguments[0].type()), args);
  }

  const Node* compile(const Expr& e, const Reduce& r) {
    ReduceNode& n = *make<ReduceNode>();
    const size_t outer = scope_;
    n.order = r.order;
    n.product = is_product(r.function);
    n.function = applied_of(r.function, e.type());
    n.add = applied_of(Function::Add, e.type());
    n.identity = identity_of(r.function, e.type()).as<Literal>()->bits;
    n.scope = scope_ = fresh_scope();
    for (const Axis& a : r.axes) {
      n.extents.push_back(number(a.extent));
      n.variables.push_back(fresh_variable());
      CHECK(variables_.emplace(a.variable, Bound{n.variables.back(), scope_}).second, "variable ", a.variable,
            " is bound twice");
    }
    n.operands = exprs(r.operands);
    if (r.guard.defined()) n.guard = expr(r.guard);
    for (const Axis& a : r.axes) variables_.erase(a.variable);
    scope_ = outer;
    return &n;
  }

  // ---- statements -----------------------------------------------------------------------------------------

  const Action* stmt(const Stmt& s) {
    return std::visit([&](const auto& node) { return compile(node); }, s->node);
  }
  size_t bind(const std::string& name) {
    const size_t at = fresh_variable();
    CHECK(variables_.emplace(name, Bound{at, 0}).second, "variable ", name, " is bound twice");
    return at;
  }
  const Action* compile(const Store& s) {
    StoreAction* a = make<StoreAction>();
    begin();
    for (const Expr& e : s.index) count(e);
    count(s.value);
    a->value = {expr(s.value), scope_};
    a->place = place(s.buffer, s.index);
    return a;
  }
  const Action* compile(const For& f) {
    ForAction* a = make<ForAction>();
    a->from = root(f.from);
    a->to = root(f.to);
    a->step = f.step;
    a->variable = bind(f.variable);
    a->body = stmt(f.body);
    variables_.erase(f.variable);
    return a;
  }
  const Action* compile(const Block& b) {
    BlockAction* a = make<BlockAction>();
    for (const Stmt& s : b.stmts) a->actions.push_back(stmt(s));
    return a;
  }
  const Action* compile(const If& i) {
    IfAction* a = make<IfAction>();
    a->condition = root(i.condition);
    a->then = stmt(i.then);
    return a;
  }
  const Action* compile(const Let& l) {
    LetAction* a = make<LetAction>();
    a->value = root(l.value);
    a->variable = bind(l.variable);
    a->body = stmt(l.body);
    variables_.erase(l.variable);
    return a;
  }
  const Action* compile(const Allocate& l) {
    AllocateAction* a = make<AllocateAction>();
    a->memory = memory(l.buffer);
    a->body = stmt(l.body);
    memories_.erase(l.buffer);
    return a;
  }

  Env env_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::unique_ptr<Action>> actions_;
  std::map<BufferPtr, Memory*> memories_;  // in scope
  std::map<std::string, Bound> variables_;
  std::unordered_map<const ExprNode*, Names> free_;
  // Of the statement at hand.
  size_t statement_ = 0;  // its scope
  size_t scope_ = 0;      // where the next node is computed
  std::map<std::pair<const ExprNode*, size_t>, const Node*> done_;
  std::unordered_map<const ExprNode*, int> uses_;
};

}  // namespace
}  // namespace tauto::loops::machine

namespace tauto::loops {

void evaluate(const Kernel& k, std::span<void* const> buffers, std::span<const int64_t> symbols) {
  machine::Compiler c(k, buffers, symbols);
  c.body->run(c.machine);
}

int64_t elements_of(const Kernel& k, const Buffer& b, std::span<const int64_t> symbols) {
  Env env;
  for (size_t i = 0; i < symbols.size(); ++i) env.bind(k.symbols[i], symbols[i]);
  const auto n = tauto::evaluate(b.layout.elements, env);
  CHECK(n, "size ", b.layout.elements);
  return *n;
}

}  // namespace tauto::loops
