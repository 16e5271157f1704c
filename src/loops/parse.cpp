// The parser of the grammar in loops.h: recursive descent on the scanner. It makes nodes by their
// constructors only; what these refuse is an Error of the text, with its line.
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <map>

#include "graph/scanner.h"
#include "loops/text.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

constexpr int kMaxNesting = 2000;

class Parser {
 public:
  explicit Parser(std::string_view text) : s_(text) {}

  Kernel kernel() {
    Kernel k;
    s_.expect("kernel");
    k.name = name("a kernel's name");
    if (s_.accept("<")) {
      separated([&] { k.symbols.push_back(name("a symbol")); });
      s_.expect(">");
    }
    s_.expect("(");
    if (!s_.accept(")")) {
      separated([&] { k.buffers.push_back(buffer(Scope::Argument)); });
      s_.expect(")");
    }
    if (s_.accept("from")) {
      separated([&] { k.sources.push_back(s_.quoted()); });
    }
    for (const BufferPtr& b : k.buffers) declare(b);
    k.body = stmt();
    s_.expect_end();
    return k;
  }

 private:
  template <class F>
  void separated(F f) {
    do f();
    while (s_.accept(","));
  }

  // ---- pieces ---------------------------------------------------------------------------------------------

  std::string name(std::string_view what) {
    if (s_.peek("\"")) return s_.quoted();
    const size_t start = s_.mark();
    std::string n = s_.word(what);
    if (is_reserved(n)) {
      s_.reset(start);
      s_.error(what);
    }
    return n;
  }

  ElementType element() {
    const size_t start = s_.mark();
    const std::string n = s_.word("an element type");
    if (const auto t = element_type_named(n)) return *t;
    s_.reset(start);
    s_.error("an element type", n);
  }

  Dim dim(std::string_view stops) {
    const std::string_view t = s_.balanced_until(stops);
    try {
      return parse_dim(t);
    } catch (const Error& e) {
      fail("line ", s_.line(), ": ", e.what());
    }
  }

  // Runs a constructor.
  template <class F>
  auto made(F f) -> decltype(f()) {
    try {
      return f();
    } catch (const InternalError& e) {
      const std::string_view text = e.what();
      const size_t at = text.find("failed: ");
      fail("line ", s_.line(), ": ", at == text.npos ? text : text.substr(at + 8));
    }
  }

  BufferPtr buffer(Scope scope) {
    Buffer b;
    b.name = name("a buffer's name");
    s_.expect(":");
    b.type = element();
    b.scope = scope;
    s_.expect("[");
    if (!s_.peek("]")) do
        b.dims.push_back(dim(",]"));
      while (s_.accept(","));
    s_.expect("]");
    b.layout = s_.accept("layout") ? layout(static_cast<int64_t>(b.dims.size())) : row_major(b.dims);
    b.finite = s_.accept("finite");
    made([&] { return make_buffer(b.name, b.type, b.dims); });
    return std::make_shared<const Buffer>(std::move(b));
  }

  Layout layout(int64_t rank) {
    Layout l;
    s_.expect("(");
    while (!s_.peek(";")) {
      if (!l.parts.empty()) s_.expect(",");
      Layout::Part p;
      const std::string index = s_.word("i0, i1 …");
      char* end = nullptr;
      p.dim = static_cast<int>(std::strtol(index.c_str() + 1, &end, 10));
      if (index[0] != 'i' || index.size() < 2 || index.size() > 4 || *end || p.dim >= rank)
        s_.error("i0, i1 … below the rank", index);
      if (s_.accept("/")) p.divisor = positive();
      if (s_.accept("%")) p.modulus = positive();
      s_.expect(":");
      p.stride = dim(",;");
      l.parts.push_back(std::move(p));
    }
    s_.expect(";");
    s_.expect("offset");
    l.offset = dim(";");
    s_.expect(";");
    s_.expect("elements");
    l.elements = dim(")");
    s_.expect(")");
    return l;
  }

  int64_t positive() {
    const int64_t v = s_.integer("a positive integer");
    if (v < 1) s_.error("a positive integer", cat(v));
    return v;
  }

  // ---- scopes ---------------------------------------------------------------------------------------------

  void declare(const BufferPtr& b) {
    if (!buffers_.emplace(b->name, b).second) s_.error("a buffer's name that is not taken", b->name);
  }

  // Reads with `variables` bound.
  template <class F>
  auto with(const std::vector<std::pair<std::string, ElementType>>& variables, F f) {
    for (const auto& [n, type] : variables)
      if (!variables_.emplace(n, type).second) s_.error("a variable's name that is not taken", n);
    auto result = f();
    for (const auto& v : variables) variables_.erase(v.first);
    return result;
  }

  // ---- expressions ----------------------------------------------------------------------------------------

  std::vector<Expr> list(std::string_view close) {
    std::vector<Expr> es;
    if (s_.accept(close)) return es;
    separated([&] { es.push_back(expr()); });
    s_.expect(close);
    return es;
  }

  Expr expr() {
    if (++nesting_ > kMaxNesting) fail("line ", s_.line(), ": expressions are nested too deep");
    Expr e = product();
    for (;;) {
      Function f;
      if (s_.accept("+"))
        f = Function::Add;
      else if (s_.accept("-"))
        f = Function::Sub;
      else
        break;
      const Expr right = product();
      e = made([&] { return apply(f, {e, right}); });
    }
    --nesting_;
    return e;
  }

  Expr product() {
    Expr e = primary();
    while (s_.accept("*")) {
      const Expr right = primary();
      e = made([&] { return e * right; });
    }
    return e;
  }

  Expr primary() {
    if (s_.accept("%")) return shared();
    if (s_.accept("(")) {
      const Expr e = expr();
      s_.expect(")");
      return e;
    }
    if (s_.accept("<")) {
      const Dim d = dim(">");
      s_.expect(">");
      return d;
    }
    if (s_.accept("true")) return truth(true);
    if (s_.accept("false")) return truth(false);
    if (s_.peek_number() || s_.peek("inf:") || s_.peek("nan:")) return literal_number();
    if (s_.accept("convert")) return made([&, t = angle_type(), e = argument()] { return convert(e, t); });
    if (s_.accept("bits")) return made([&, t = angle_type(), e = argument()] { return bits(e, t); });
    if (s_.accept("probe")) return probed();
    for (const Order o : {Order::Chain, Order::Partials, Order::Blocks})
      if (s_.accept(text_of(o))) return reduction(o);
    if (!s_.peek("\"")) {
      const size_t start = s_.mark();
      const auto f = function_named(s_.word("an expression"));
      if (f && s_.accept("(")) {
        const std::vector<Expr> arguments = list(")");
        return made([&] { return apply(*f, arguments); });
      }
      s_.reset(start);
    }
    return load_or_variable();
  }

  Expr probed() {
    s_.expect("(");
    const Expr value = expr();
    s_.expect(",");
    const std::string n = name("a buffer");
    const auto found = buffers_.find(n);
    if (found == buffers_.end()) s_.error("a buffer", n);
    s_.expect("[");
    const std::vector<Expr> index = list("]");
    s_.expect(")");
    return made([&] { return probe(value, found->second, index); });
  }

  Expr shared() {
    const int64_t n = s_.integer("a number after %");
    if (s_.accept("=")) {
      const Expr e = expr();
      if (!shared_.emplace(n, e).second) s_.error("a new name", cat("%", n));
      return e;
    }
    const auto found = shared_.find(n);
    if (found == shared_.end()) s_.error("a name defined before, in the same statement", cat("%", n));
    return found->second;
  }

  Expr load_or_variable() {
    const std::string n = name("an expression");
    if (s_.accept("[")) {
      const auto found = buffers_.find(n);
      if (found == buffers_.end()) s_.error("a buffer", n);
      const std::vector<Expr> index = list("]");
      return made([&] { return load(found->second, index); });
    }
    const auto found = variables_.find(n);
    if (found == variables_.end()) s_.error("a variable", n);
    return variable(n, found->second);
  }

  ElementType angle_type() {
    s_.expect("<");
    const ElementType t = element();
    s_.expect(">");
    return t;
  }
  Expr argument() {
    s_.expect("(");
    const Expr e = expr();
    s_.expect(")");
    return e;
  }

  Expr literal_number() {
    if (s_.peek("0x")) {
      const std::string n = s_.name("bits");  // with its type: 0x7fc00001:f32
      const size_t colon = n.find(':');
      const auto t = element_type_named(colon == n.npos ? "" : n.substr(colon + 1));
      if (!t) s_.error("bits and their type", n);
      return made([&] { return literal(*t, std::strtoull(n.c_str(), nullptr, 16)); });
    }
    const std::string n = s_.number("a number");
    const ElementType t = s_.accept(":") ? element() : i64;
    char* end = nullptr;
    if (t.is_float()) {
      const double d = t == f64 ? std::strtod(n.c_str(), &end) : std::strtof(n.c_str(), &end);
      if (*end) s_.error("a number", n);
      return number(t, n.find("nan") != n.npos ? std::numeric_limits<double>::quiet_NaN() : d);
    }
    errno = 0;
    const uint64_t v = n[0] == '-' ? static_cast<uint64_t>(std::strtoll(n.c_str(), &end, 10))
                                   : std::strtoull(n.c_str(), &end, 10);
    if (*end || errno == ERANGE) s_.error("an integer", n);
    return made([&] { return literal(t, v); });
  }

  Expr reduction(Order order) {
    const std::string n = s_.word("a function");
    const auto f = function_named(n);
    if (!f) s_.error("a function", n);
    s_.expect("(");
    std::vector<Axis> axes;
    std::vector<std::pair<std::string, ElementType>> variables;
    while (!s_.accept(":")) {
      if (!axes.empty()) s_.expect(",");
      Axis a;
      a.variable = name("a variable");
      s_.expect("<");
      a.extent = dim(",:");
      variables.emplace_back(a.variable, i64);
      axes.push_back(std::move(a));
    }
    return with(variables, [&] {
      std::vector<Expr> operands;
      Expr guard;
      separated([&] { operands.push_back(expr()); });
      if (s_.accept("if")) guard = expr();
      s_.expect(")");
      return made([&] { return reduce(order, *f, std::move(axes), std::move(operands), guard); });
    });
  }

  // ---- statements -----------------------------------------------------------------------------------------

  Stmt stmt() {
    if (++nesting_ > kMaxNesting) fail("line ", s_.line(), ": statements are nested too deep");
    Stmt s = any_stmt();
    --nesting_;
    return s;
  }

  Stmt any_stmt() {
    shared_.clear();
    if (s_.accept("{")) {
      std::vector<Stmt> stmts;
      while (!s_.accept("}")) stmts.push_back(stmt());
      return block(std::move(stmts));
    }
    if (s_.accept("if")) {
      const Expr condition = expr();
      const Stmt then = stmt();
      return made([&] { return guard(condition, then); });
    }
    if (s_.accept("let")) {
      const std::string n = name("a variable");
      s_.expect("=");
      const Expr value = expr();
      return with({{n, value.type()}}, [&] { return let(n, value, stmt()); });
    }
    if (s_.accept("allocate")) {
      const BufferPtr b = buffer(s_.accept("registers") ? Scope::Registers : Scope::Scratch);
      declare(b);
      Stmt s = allocate(b, stmt());
      buffers_.erase(b->name);
      return s;
    }
    for (const LoopKind k : {LoopKind::Unrolled, LoopKind::Lanes, LoopKind::Parallel})
      if (s_.accept(text_of(k))) {
        s_.expect("for");
        return loop_of(k);
      }
    if (s_.accept("for")) return loop_of(LoopKind::Serial);
    return store_stmt();
  }

  Stmt loop_of(LoopKind kind) {
    const std::string n = name("a variable");
    s_.expect("in");
    const Expr from = expr();
    s_.expect("..");
    const Expr to = expr();
    const int64_t step = s_.accept("step") ? positive() : 1;
    return with({{n, i64}}, [&] {
      const Stmt body = stmt();
      return made([&] { return loop(kind, n, from, to, body, step); });
    });
  }

  Stmt store_stmt() {
    const std::string n = name("a statement");
    const auto found = buffers_.find(n);
    if (found == buffers_.end()) s_.error("a buffer", n);
    s_.expect("[");
    const std::vector<Expr> index = list("]");
    s_.expect("=");
    const Expr value = expr();
    return made([&] { return store(found->second, index, value); });
  }

  Scanner s_;
  std::map<std::string, BufferPtr> buffers_;
  std::map<std::string, ElementType> variables_;
  std::map<int64_t, Expr> shared_;
  int nesting_ = 0;
};

}  // namespace

Kernel parse_kernel(std::string_view text) { return Parser(text).kernel(); }

}  // namespace tauto::loops
