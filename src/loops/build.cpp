// Constructors of the loops IR: they check, and fold index integers and truth values. Folding is idempotent
// (a node rebuilt from its own children is that node), so printing and parsing gives the same text.
#include <algorithm>
#include <limits>

#include "loops/arithmetic.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

struct FunctionInfo {
  const char* text;
  int arity;
};
constexpr FunctionInfo kFunctions[] = {
#define TAUTO_X(name, text, arity) {text, arity},
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
};

Expr make(ElementType type, ExprNode::Node node) {
  return Expr(std::make_shared<const ExprNode>(ExprNode{type, std::move(node)}));
}

bool is_loops_type(ElementType t) { return t.is_float() || t.is_integer() || t.is_bool(); }

// ---- folding ----------------------------------------------------------------------------------------------

std::optional<bool> literal_truth(const Expr& e) {
  const Literal* l = e.type().is_bool() ? e.as<Literal>() : nullptr;
  return l ? std::optional(l->bits != 0) : std::nullopt;
}

bool is_index(const Expr& e, int64_t v) { return literal_index(e) == v; }

// A literal or a size.
std::optional<Dim> as_dim(const Expr& e) {
  if (const auto v = literal_index(e)) return Dim(*v);
  if (const Size* s = e.as<Size>()) return s->dim;
  return std::nullopt;
}

bool at_least(const Dim& d, int64_t least) {
  const auto lo = lower_bound(d);
  return lo && *lo >= least;
}

template <Function F>
Expr literal_of(int64_t a, int64_t b, int64_t c) {
  if constexpr (!is_defined(F, i64) || F == Function::Choose)
    return {};
  else if constexpr (gives_bool(F))
    return truth(value<F, int64_t>(a, b, c));
  else
    return Expr(value<F, int64_t>(a, b, c));
}

Expr literal_of(Function f, int64_t a, int64_t b, int64_t c) {
  switch (f) {
#define TAUTO_X(name, text, arity) \
  case Function::name:             \
    return literal_of<Function::name>(a, b, c);
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
  }
  return {};
}

// Of two sizes. Division only where the divisor is surely positive.
Expr fold_sizes(Function f, const Dim& a, const Dim& b) {
  switch (f) {
    case Function::Add:
      return a + b;
    case Function::Sub:
      return a - b;
    case Function::Mul:
      return a * b;
    case Function::Max:
    case Function::Greater2:
      return max(a, b);
    case Function::Min:
    case Function::Lesser2:
      return min(a, b);
    case Function::Div:
      return at_least(a, 0) && at_least(b, 1) ? Expr(floor_div(a, b)) : Expr();
    case Function::Rem:
      return at_least(a, 0) && at_least(b, 1) ? Expr(mod(a, b)) : Expr();
    case Function::FloorDiv:
      return at_least(b, 1) ? Expr(floor_div(a, b)) : Expr();
    case Function::FloorMod:
      return at_least(b, 1) ? Expr(mod(a, b)) : Expr();
    case Function::Less:
      return at_least(b - a, 1) ? truth(true) : at_least(a - b, 0) ? truth(false) : Expr();
    case Function::LessEqual:
      return at_least(b - a, 0) ? truth(true) : at_least(a - b, 1) ? truth(false) : Expr();
    case Function::Equal:
      if (a == b) return truth(true);
      return at_least(b - a, 1) || at_least(a - b, 1) ? truth(false) : Expr();
    default:
      return {};
  }
}

// x + d1, x · d1: the inner constant joins an outer one.
Expr join(Function f, const Expr& inner, const Dim& d) {
  const Apply* a = inner.as<Apply>();
  if (!a || a->function != f) return {};
  const std::optional<Dim> e = as_dim(a->arguments[1]);
  if (!e) return {};
  return apply(f, {a->arguments[0], f == Function::Add ? Expr(*e + d) : Expr(*e * d)});
}

Expr fold_index(Function f, const std::vector<Expr>& args) {
  const Expr& a = args[0];
  const Expr b = args.size() > 1 ? args[1] : Expr(0), c = args.size() > 2 ? args[2] : Expr(0);
  const auto la = literal_index(a), lb = literal_index(b), lc = literal_index(c);
  if (la && lb && lc) return literal_of(f, *la, *lb, *lc);
  const std::optional<Dim> da = as_dim(a), db = as_dim(b);
  if (args.size() == 2 && da && db) {
    if (Expr e = fold_sizes(f, *da, *db); e.defined()) return e;
  }
  switch (f) {
    case Function::Negate:
      return da ? Expr(-*da) : Expr();
    case Function::Add:
      if (is_index(a, 0)) return b;
      if (is_index(b, 0)) return a;
      if (da && !db) return apply(f, {b, a});
      return db ? join(f, a, *db) : Expr();
    case Function::Sub:
      if (is_index(b, 0)) return a;
      if (lb && *lb != std::numeric_limits<int64_t>::min()) return apply(Function::Add, {a, Expr(-*lb)});
      return {};
    case Function::Mul:
      if (is_index(a, 0) || is_index(b, 0)) return 0;
      if (is_index(a, 1)) return b;
      if (is_index(b, 1)) return a;
      if (da && !db) return apply(f, {b, a});
      return db ? join(f, a, *db) : Expr();
    case Function::Div:
    case Function::FloorDiv:
      return is_index(b, 1) ? a : Expr();
    case Function::Rem:
    case Function::FloorMod:
      return is_index(b, 1) ? Expr(0) : Expr();
    default:
      return {};
  }
}

Expr fold_truth(Function f, const std::vector<Expr>& args) {
  const std::optional<bool> a = literal_truth(args[0]), b = args.size() > 1 && args[1].type().is_bool()
                                                                ? literal_truth(args[1])
                                                                : std::nullopt;
  switch (f) {
    case Function::Choose:
      return a ? (*a ? args[1] : args[2]) : Expr();
    case Function::And:
      if (a) return *a ? args[1] : args[0];
      return b ? (*b ? args[0] : args[1]) : Expr();
    case Function::Or:
      if (a) return *a ? args[0] : args[1];
      return b ? (*b ? args[1] : args[0]) : Expr();
    case Function::Xor:
      if (a && b) return truth(*a != *b);
      if (a && !*a) return args[1];
      return b && !*b ? args[0] : Expr();
    case Function::Not:
      if (a) return truth(!*a);
      if (const Apply* inner = args[0].as<Apply>(); inner && inner->function == Function::Not)
        return inner->arguments[0];
      return {};
    default:
      return {};
  }
}

Expr fold(Function f, const std::vector<Expr>& args) {
  if (args[0].type().is_bool()) return fold_truth(f, args);
  if (args[0].type() != i64) return {};
  try {
    return fold_index(f, args);
  } catch (const Error&) {  // sizes too large to join: kept apart
    return {};
  }
}

std::string types_of(const std::vector<Expr>& args) {
  std::string s;
  for (const Expr& e : args) s += cat(s.empty() ? "" : ", ", e.defined() ? text_of(e.type()) : "nothing");
  return s;
}

void check_index(const Buffer& buffer, const std::vector<Expr>& index) {
  CHECK(index.size() == buffer.dims.size(), "index of ", buffer.name, ": required ",
        int64_t(buffer.dims.size()), " expressions, got ", int64_t(index.size()));
  for (const Expr& e : index)
    CHECK(e.defined() && e.type() == i64, "index of ", buffer.name, ": required i64, got ", types_of(index));
}

}  // namespace

const char* text_of(Function f) { return kFunctions[static_cast<size_t>(f)].text; }
int arity_of(Function f) { return kFunctions[static_cast<size_t>(f)].arity; }

// ---- buffers ----------------------------------------------------------------------------------------------

Layout row_major(const std::vector<Dim>& dims) {
  Layout l;
  for (size_t i = dims.size(); i-- > 0;) {
    l.parts.push_back({static_cast<int>(i), 1, 0, l.elements});
    l.elements *= dims[i];
  }
  std::reverse(l.parts.begin(), l.parts.end());
  return l;
}

BufferPtr make_buffer(std::string name, ElementType type, std::vector<Dim> dims, Scope scope) {
  CHECK(is_loops_type(type) || type.is_small_float(), "buffer ", name, " of ", type);
  Buffer b;
  b.name = std::move(name);
  b.type = type;
  b.layout = row_major(dims);
  b.dims = std::move(dims);
  b.scope = scope;
  return std::make_shared<const Buffer>(std::move(b));
}

// ---- expressions ------------------------------------------------------------------------------------------

Expr::Expr(int64_t index) : Expr(literal(i64, static_cast<uint64_t>(index))) {}
Expr::Expr(const Dim& dim) : Expr(size(dim)) {}

std::optional<int64_t> literal_index(const Expr& e) {
  const Literal* l = e.as<Literal>();
  return l && e.type() == i64 ? std::optional(static_cast<int64_t>(l->bits)) : std::nullopt;
}

Expr literal(ElementType type, uint64_t bits) {
  CHECK(is_loops_type(type), "literal of ", type);
  if (type.is_bool()) return make(type, Literal{bits != 0});
  if (type.bits < 64) {
    const int unused = 64 - type.bits;  // 2- and 4-bit integers: as their byte in memory
    bits = type.is_signed() ? static_cast<uint64_t>(static_cast<int64_t>(bits << unused) >> unused)
                            : bits << unused >> unused;
    const int64_t memory = 8 * type.bytes();
    if (memory < 64) bits &= (uint64_t{1} << memory) - 1;
  }
  return make(type, Literal{bits});
}

Expr number(ElementType type, double v) {
  if (type == f64) return literal(type, std::bit_cast<uint64_t>(v));
  if (type == f32) return literal(type, std::bit_cast<uint32_t>(static_cast<float>(v)));
  if (type == f16) return literal(type, Half(round_to_odd(v)).bits);
  if (type == bf16) return literal(type, BFloat(round_to_odd(v)).bits);
  if (type == u64 && v >= 0x1p63) return literal(type, static_cast<uint64_t>(v));
  return literal(type, static_cast<uint64_t>(static_cast<int64_t>(v)));
}

Expr truth(bool v) { return literal(boolean, v); }

Expr variable(const std::string& name, ElementType type) {
  CHECK(!name.empty() && is_loops_type(type), "variable ", name, " of ", type);
  return make(type, Variable{name});
}

Expr size(const Dim& dim) { return dim.is_literal() ? Expr(dim.literal()) : make(i64, Size{dim}); }

Expr load(BufferPtr buffer, std::vector<Expr> index) {
  CHECK(buffer);
  check_index(*buffer, index);
  const ElementType type = buffer->type;
  return make(type, Load{std::move(buffer), std::move(index)});
}

Expr apply(Function f, std::vector<Expr> args) {
  const auto arity = static_cast<size_t>(arity_of(f));
  CHECK(args.size() == arity &&
            std::all_of(args.begin(), args.end(), [](const Expr& e) { return e.defined(); }),
        text_of(f), ": required ", int64_t(arity), " arguments, got ", types_of(args));
  if (f == Function::Choose) {
    CHECK(args[0].type().is_bool() && args[1].type() == args[2].type(), "select: required bool, T, T, got ",
          types_of(args));
  } else {
    for (const Expr& e : args)
      CHECK(is_defined(f, e.type()) && e.type() == args[0].type(), text_of(f), " is not defined for ",
            types_of(args));
  }
  if (Expr folded = fold(f, args); folded.defined()) return folded;
  const ElementType type = gives_bool(f) ? boolean : args.back().type();
  return make(type, Apply{f, std::move(args)});
}

Expr probe(Expr value, BufferPtr buffer, std::vector<Expr> index) {
  CHECK(value.defined() && buffer && value.type() == buffer->type, "probe");
  check_index(*buffer, index);
  const ElementType type = value.type();
  return make(type, Probe{std::move(value), std::move(buffer), std::move(index)});
}

Expr convert(Expr from, ElementType to) {
  CHECK(from.defined() && is_loops_type(to), "convert to ", to);
  if (from.type() == to) return from;
  if (const Literal* l = from.as<Literal>(); l && !from.type().is_float() && !to.is_float()) {
    if (to.is_bool()) return truth(l->bits != 0);
    // Integers are extended by their own sign, then cut.
    const int unused = from.type().is_signed() ? static_cast<int>(64 - 8 * from.type().bytes()) : 0;
    return literal(to, static_cast<uint64_t>(static_cast<int64_t>(l->bits << unused) >> unused));
  }
  return make(to, Convert{std::move(from)});
}

Expr bits(Expr from, ElementType to) {
  CHECK(from.defined() && is_loops_type(to) && from.type().bits == to.bits && to.bits >= 8 &&
            from.type().is_bool() == to.is_bool(),
        "bits of ", from.defined() ? text_of(from.type()) : "nothing", " as ", to);
  if (from.type() == to) return from;
  if (const Literal* l = from.as<Literal>()) return literal(to, l->bits);
  return make(to, Bits{std::move(from)});
}

Expr reduce(Order order, Function f, std::vector<Axis> axes, std::vector<Expr> operands, Expr guard) {
  const bool contraction = is_product(f);
  CHECK(contraction || f == Function::Add || f == Function::Mul || f == Function::Max || f == Function::Min,
        "reduce by ", text_of(f));
  CHECK(operands.size() == (contraction ? 2 : 1), "reduce by ", text_of(f), " over ", types_of(operands));
  CHECK(order == Order::Chain || contraction == (order == Order::Blocks), "reduce by ", text_of(f),
        " in another's order");
  for (const Expr& e : operands)
    CHECK(e.defined() && is_defined(f, e.type()) && e.type() == operands[0].type(), "reduce by ", text_of(f),
          " is not defined for ", types_of(operands));
  CHECK(!guard.defined() || guard.type().is_bool(), "the guard of a reduction is no bool");
  if (guard.defined() && literal_truth(guard) == true) guard = {};
  const ElementType type = operands[0].type();
  return make(type, Reduce{order, f, std::move(axes), std::move(operands), std::move(guard)});
}

// ---- statements -------------------------------------------------------------------------------------------

namespace {
Stmt make_stmt(StmtNode::Node node) { return std::make_shared<const StmtNode>(StmtNode{std::move(node)}); }
}  // namespace

Stmt store(BufferPtr buffer, std::vector<Expr> index, Expr value) {
  CHECK(buffer);
  check_index(*buffer, index);
  CHECK(value.defined() && value.type() == buffer->type, "store to ", buffer->name, ": required ",
        buffer->type, ", got ", types_of({value}));
  return make_stmt(Store{std::move(buffer), std::move(index), std::move(value)});
}

Stmt loop(LoopKind kind, std::string variable, Expr from, Expr to, Stmt body, int64_t step) {
  CHECK(from.defined() && to.defined() && from.type() == i64 && to.type() == i64, "loop ", variable,
        ": bounds of ", types_of({from, to}));
  CHECK(step > 0 && body, "loop ", variable);
  return make_stmt(For{kind, std::move(variable), std::move(from), std::move(to), step, std::move(body)});
}

Stmt block(std::vector<Stmt> stmts) {
  std::vector<Stmt> flat;
  for (Stmt& s : stmts) {
    CHECK(s);
    if (const Block* inner = s->as<Block>())
      flat.insert(flat.end(), inner->stmts.begin(), inner->stmts.end());
    else
      flat.push_back(std::move(s));
  }
  if (flat.size() == 1) return flat[0];
  return make_stmt(Block{std::move(flat)});
}

Stmt guard(Expr condition, Stmt then) {
  CHECK(condition.defined() && condition.type().is_bool() && then, "if of ", types_of({condition}));
  if (const std::optional<bool> known = literal_truth(condition)) return *known ? then : block({});
  return make_stmt(If{std::move(condition), std::move(then)});
}

Stmt let(std::string variable, Expr value, Stmt body) {
  CHECK(value.defined() && body, "let ", variable);
  return make_stmt(Let{std::move(variable), std::move(value), std::move(body)});
}

Stmt allocate(BufferPtr buffer, Stmt body) {
  CHECK(buffer && body && buffer->scope != Scope::Argument);
  return make_stmt(Allocate{std::move(buffer), std::move(body)});
}

}  // namespace tauto::loops
