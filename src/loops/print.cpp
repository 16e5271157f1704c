// The printer of the grammar in loops.h. A shared subexpression of some size is written once, where it first
// stands, as `%1 = …`, and `%1` afterwards: a text is as long as the graph, not as the tree it unfolds to.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "graph/scanner.h"
#include "loops/text.h"
#include "support/error.h"

namespace tauto::loops {
namespace {

float half_value(ElementType type, uint16_t bits) {
  if (type == bf16) return std::bit_cast<float>(uint32_t{bits} << 16);
  Half h;
  h.bits = bits;
  return static_cast<float>(h);
}

constexpr int64_t kSharedWeight = 4;  // nodes from which a shared subexpression gets a name

// Names and precedence of the expressions of one statement.
class ExprPrinter {
 public:
  explicit ExprPrinter(std::initializer_list<Expr> roots) {
    for (const Expr& e : roots) count(e);
  }
  ExprPrinter(const std::vector<Expr>& index, const Expr& value) {
    for (const Expr& e : index) count(e);
    count(value);
  }

  // Weakest first: what binds weaker than `level` is put in brackets.
  enum Level { Any, Sum, Product, Primary };

  std::string text(const Expr& e, Level level = Any) {
    Use& use = uses_.at(e.get());
    if (use.name) return cat("%", use.name);
    if (use.count < 2 || use.weight < kSharedWeight) return plain(e, level);
    use.name = ++names_;
    const std::string s = cat("%", use.name, " = ", plain(e, Any));
    return level == Any ? s : cat("(", s, ")");
  }
  std::string list(const std::vector<Expr>& es) {
    std::string s;
    for (const Expr& e : es) s += (s.empty() ? "" : ", ") + text(e);
    return s;
  }

 private:
  struct Use {
    int count = 0, name = 0;
    int64_t weight = 1;  // nodes of the tree
  };

  int64_t count(const Expr& e) {
    Use& use = uses_[e.get()];
    if (use.count++) return use.weight;
    int64_t weight = 1;
    each_child(e, [&](const Expr& child) {
      weight = std::min(weight + count(child), std::numeric_limits<int64_t>::max() / 2);
    });
    return uses_[e.get()].weight = weight;
  }

  std::string plain(const Expr& e, Level level) {
    return std::visit([&](const auto& node) { return print(e, node, level); }, e->node);
  }

  std::string print(const Expr& e, const Literal& l, Level) { return literal_text(e.type(), l.bits); }
  std::string print(const Expr&, const Variable& v, Level) { return name_text(v.name); }
  std::string print(const Expr&, const Size& s, Level) { return cat("<", s.dim, ">"); }
  std::string print(const Expr&, const Load& l, Level) {
    return cat(name_text(l.buffer->name), "[", list(l.index), "]");
  }
  std::string print(const Expr& e, const Convert& c, Level) {
    return cat("convert<", e.type(), ">(", text(c.from), ")");
  }
  std::string print(const Expr& e, const Bits& b, Level) {
    return cat("bits<", e.type(), ">(", text(b.from), ")");
  }
  std::string print(const Expr& e, const Apply& a, Level level) {
    if (e.type() == i64 && a.arguments.size() == 2)
      if (std::string s = infix(a, level); !s.empty()) return s;
    return cat(text_of(a.function), "(", list(a.arguments), ")");
  }
  std::string print(const Expr&, const Reduce& r, Level) {
    std::string s = cat(text_of(r.order), " ", text_of(r.function), "(");
    for (size_t i = 0; i < r.axes.size(); ++i)
      s += cat(i ? ", " : "", name_text(r.axes[i].variable), " < ", r.axes[i].extent);
    s += cat(" : ", list(r.operands));
    if (r.guard.defined()) s += cat(" if ", text(r.guard));
    return s + ")";
  }

  std::string print(const Expr&, const Probe& p, Level) {
    const std::string value = text(p.value);
    return cat("probe(", value, ", ", name_text(p.buffer->name), "[", list(p.index), "])");
  }

  std::string infix(const Apply& a, Level level) {
    std::string s;
    Level own = Sum;
    const Expr &x = a.arguments[0], &y = a.arguments[1];
    if (a.function == Function::Mul) {
      own = Product;
      s = text(x, Product) + "*";
      s += text(y, Primary);
    } else if (a.function == Function::Add || a.function == Function::Sub) {
      const auto v = a.function == Function::Add ? literal_index(y) : std::nullopt;
      const bool negative = v && *v < 0 && *v != std::numeric_limits<int64_t>::min();
      s = text(x, Sum);  // in the order of the text: the first use of a shared expression defines it
      s += negative || a.function == Function::Sub ? " - " : " + ";
      s += negative ? cat(-*v) : text(y, Product);
    }
    return !s.empty() && level > own ? cat("(", s, ")") : s;
  }

  std::unordered_map<const ExprNode*, Use> uses_;
  int names_ = 0;
};

class StmtPrinter {
 public:
  void print(const Stmt& s) {
    std::visit([&](const auto& node) { print(node); }, s->node);
  }
  std::string text;
  int depth = 0;

 private:
  void line(const std::string& s) { text += std::string(static_cast<size_t>(2 * depth), ' ') + s + "\n"; }

  // A header and the statement it governs; a block opens on the header's line.
  void with(std::string header, const Stmt& body, int deeper) {
    const Block* block = body->as<Block>();
    line(header + (block ? " {" : ""));
    depth += block ? 1 : deeper;
    if (block) {
      for (const Stmt& s : block->stmts) print(s);
    } else {
      print(body);
    }
    depth -= block ? 1 : deeper;
    if (block) line("}");
  }

  void print(const Store& s) {
    ExprPrinter e(s.index, s.value);
    const std::string at = cat(name_text(s.buffer->name), "[", e.list(s.index), "]");
    line(cat(at, " = ", e.text(s.value)));
  }
  void print(const For& f) {
    ExprPrinter e({f.from, f.to});
    const std::string kind = text_of(f.kind);
    std::string header = cat(kind, kind.empty() ? "" : " ", "for ", name_text(f.variable), " in ");
    header += e.text(f.from, ExprPrinter::Sum) + " .. ";
    header += e.text(f.to, ExprPrinter::Sum);
    if (f.step != 1) header += cat(" step ", f.step);
    with(std::move(header), f.body, 1);
  }
  void print(const Block& b) {
    line("{");
    ++depth;
    for (const Stmt& s : b.stmts) print(s);
    --depth;
    line("}");
  }
  void print(const If& i) { with("if " + ExprPrinter({i.condition}).text(i.condition), i.then, 1); }
  void print(const Let& l) {
    with(cat("let ", name_text(l.variable), " = ", ExprPrinter({l.value}).text(l.value)), l.body, 0);
  }
  void print(const Allocate& a) {
    const bool registers = a.buffer->scope == Scope::Registers;
    with(cat("allocate ", registers ? "registers " : "", text_of(*a.buffer)), a.body, 0);
  }
};

std::string layout_text(const Layout& l) {
  std::string s = " layout(";
  for (size_t i = 0; i < l.parts.size(); ++i) {
    const Layout::Part& p = l.parts[i];
    s += cat(i ? ", " : "", "i", p.dim);
    if (p.divisor != 1) s += cat("/", p.divisor);
    if (p.modulus != 0) s += cat("%", p.modulus);
    s += cat(": ", p.stride);
  }
  return s + cat("; offset ", l.offset, "; elements ", l.elements, ")");
}

}  // namespace

const char* text_of(Order o) {
  return o == Order::Chain ? "chain" : o == Order::Partials ? "partials" : "blocks";
}
const char* text_of(LoopKind k) {
  return k == LoopKind::Serial     ? ""
         : k == LoopKind::Unrolled ? "unrolled"
         : k == LoopKind::Lanes    ? "lanes"
                                   : "parallel";
}

std::string name_text(const std::string& name) {
  const auto alpha = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  bool plain = !name.empty() && alpha(name[0]) && !is_reserved(name.substr(0, name.find('.')));
  for (char c : name) plain &= alpha(c) || (c >= '0' && c <= '9') || c == '.';
  return plain ? name : quote(name);
}

bool is_reserved(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "kernel",   "from",    "finite", "layout", "for",      "in",     "step",    "unrolled",  "lanes",
      "parallel", "if",      "let",    "true",   "allocate", "bits",   "chain",   "registers", "partials",
      "nan",      "convert", "inf",    "false",  "blocks",   "offset", "elements"};
  if (std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords)) return true;
  return function_named(word).has_value();
}

std::optional<Function> function_named(std::string_view name) {
  static constexpr std::string_view kNames[] = {
#define TAUTO_X(function, text, arity) text,
      TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
  };
  const auto at = std::find(std::begin(kNames), std::end(kNames), name);
  if (at == std::end(kNames)) return std::nullopt;
  return static_cast<Function>(at - std::begin(kNames));
}

std::string literal_text(ElementType type, uint64_t bits) {
  if (type.is_bool()) return bits ? "true" : "false";
  if (type == i64) return tauto::text_of(static_cast<int64_t>(bits));
  if (!type.is_float()) {
    const int unused = static_cast<int>(64 - 8 * type.bytes());
    const int64_t v = static_cast<int64_t>(bits << unused) >> unused;
    return cat(type.is_signed() ? tauto::text_of(v) : tauto::text_of(bits), ":", type);
  }
  double v = std::bit_cast<double>(bits);
  if (type == f32) v = std::bit_cast<float>(static_cast<uint32_t>(bits));
  if (type.bits == 16) v = static_cast<double>(half_value(type, static_cast<uint16_t>(bits)));
  if (v != v && bits != number(type, std::numeric_limits<double>::quiet_NaN()).as<Literal>()->bits) {
    std::string hex;
    for (int i = 0; i < type.bits; i += 4) hex += "0123456789abcdef"[bits >> (type.bits - 4 - i) & 15];
    return cat("0x", hex, ":", type);
  }
  if (v != v) return cat("nan:", type);
  std::string s = type == f64 ? tauto::text_of(v) : tauto::text_of(static_cast<float>(v));
  if (s.find_first_of(".ein") == std::string::npos) s += ".0";
  return cat(s, ":", type);
}

std::string text_of(const Buffer& b) {
  std::string s = cat(name_text(b.name), ": ", b.type, "[");
  for (size_t i = 0; i < b.dims.size(); ++i) s += cat(i ? ", " : "", b.dims[i]);
  s += "]";
  if (!(b.layout == row_major(b.dims))) s += layout_text(b.layout);
  return s + (b.finite ? " finite" : "");
}

std::string text_of(const Expr& e) { return e.defined() ? ExprPrinter({e}).text(e) : "nothing"; }

std::string text_of(const Stmt& s) {
  StmtPrinter p;
  p.print(s);
  return p.text;
}

std::string text_of(const Kernel& k) {
  std::string head = cat("kernel ", name_text(k.name));
  for (size_t i = 0; i < k.symbols.size(); ++i) head += cat(i ? ", " : "<", name_text(k.symbols[i]));
  head += k.symbols.empty() ? "(" : ">(";
  std::string one, lines;
  for (const BufferPtr& b : k.buffers) {
    one += cat(one.empty() ? "" : ", ", *b);
    lines += cat(lines.empty() ? "\n    " : ",\n    ", *b);
  }
  std::string sources;
  for (const std::string& s : k.sources) sources += cat(sources.empty() ? " from " : ", ", quote(s));
  StmtPrinter p;
  p.depth = 1;
  p.print(k.body);
  return cat(head, head.size() + one.size() > 100 ? lines : one, ")", sources, "\n", p.text);
}

}  // namespace tauto::loops
