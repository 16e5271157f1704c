// The tensor/loop IR: what one kernel computes.
//
// Two forms share it. *Tensor expressions*, as operators lower to them: one store per element, reductions as
// nodes whose order of terms is given by name. And *scheduled loops*: loops split, unrolled, laid over vector
// lanes, reductions spelled out over accumulators. A schedule turns the first into the second; every step in
// between is a program that `evaluate` runs.
//
//   kernel  = "kernel" name ["<" symbol,* ">"] "(" buffer,* ")" ["from" "source",*] stmt
//   buffer  = name ":" element "[" dim,* "]" [layout] ["finite"]      x: f32[N, 64, H, W]
//   layout  = "layout(" ("i" dim ["/" divisor] ["%" modulus] ":" stride),* "; offset" n "; elements" n ")"
//   stmt    = buffer "[" expr,* "]" "=" expr                          store
//           | kind "for" var "in" expr ".." expr ["step" n] stmt      kind: "" | "unrolled" | "lanes" |
//           "parallel" | "{" stmt* "}" | "if" expr stmt | "let" var "=" expr stmt
//           | "allocate" ["registers"] buffer stmt
//   expr    = integer | literal ":" element | "true" | "false"        8   1.0:f32   0x7fc00001:f32
//           | var | "<" dim ">"                                       y   <2*N + 1>
//           | expr ("+" | "-" | "*") expr | "(" expr ")"              of index integers
//           | buffer "[" expr,* "]"                                   load
//           | function "(" expr,* ")"                                 add(a, b): TAUTO_LOOP_FUNCTIONS
//           | "convert" "<" element ">" "(" expr ")" | "bits" "<" element ">" "(" expr ")"
//           | "probe" "(" expr "," buffer "[" expr,* "]" ")"        the first, which is also stored there
//           | order function "(" (var "<" dim),* ":" expr,* ["if" expr] ")"
//                                                                     blocks fma(c < 64, k < 3 : x[…], w[…])
//           | "%" n ["=" expr]     a shared expression, written out where it first stands in its statement
//
// Meaning. Index expressions (type i64: variables, sizes, their arithmetic) are mathematical integers; they
// stay far from overflow by construction. Floats and element integers are those of docs/semantics.md: each
// function rounds once in its type, integers wrap. f16 and bf16 are only loaded, stored and converted:
// arithmetic is on f32. A load outside its buffer has no meaning (evaluate refuses it); guard it by `select`,
// which evaluates only the chosen side, or by a reduction's `if`. Loops run their body for each value, in
// order; the iterations of a `parallel` or `lanes` loop must not depend on each other.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "graph/dim.h"
#include "graph/element_type.h"

namespace tauto::loops {

// A tree is made of the kinds in ExprNode::Node and StmtNode::Node. Visitors by std::visit are exhaustive: a
// new kind breaks the build wherever it must be handled.

// X(enumerator, text, arity). Comparisons and is_nan give bool; select takes a bool first.
#define TAUTO_LOOP_FUNCTIONS(X)                                                                          \
  X(Add, "add", 2)                                                                                       \
  X(Sub, "sub", 2)                                                                                       \
  X(Mul, "mul", 2)                                                                                       \
  X(Fma, "fma", 3)            /* a·b + c, rounded once; integers wrap */                                \
  X(DotBytes, "dot_bytes", 3) /* i32: c + Σ of four: unsigned byte of a · signed byte of b */          \
  X(DotWords, "dot_words", 3) /* i32: c + Σ of two: signed 16 bits of a · those of b */                \
  X(DotBits, "dot_bits", 3)   /* i32: c + how many bits of a and b differ */                             \
  X(FmaFlush, "fma_flush", 3) /* f32: a·b + c, rounded once; denormal operands and results are zeros */ \
  X(DotPairs, "dot_pairs", 3) /* f32: fma_flush of the bf16 in the low bits after that of the high */    \
  X(Div, "div", 2)            /* floats IEEE; integers truncate, x/0 = 0, MIN/-1 = MIN */                \
  X(Rem, "rem", 2)            /* sign of the dividend; x%0 = 0 */                                        \
  X(FloorDiv, "floor_div", 2)                                                                            \
  X(FloorMod, "floor_mod", 2) /* index integers, divisor > 0; mod: x%0 = 0 */                            \
  X(Max, "max", 2)                                                                                       \
  X(Min, "min", 2) /* NaN if either is; a if a > b, else b */                                            \
  X(Greater2, "greater2", 2)                                                                             \
  X(Lesser2, "lesser2", 2) /* a > b ? a : b;  a < b ? a : b, one instruction */                          \
  X(Negate, "negate", 1)                                                                                 \
  X(Abs, "abs", 1)                                                                                       \
  X(CopySign, "copysign", 2) /* on the sign bit; NaN stays NaN */                                        \
  X(Sqrt, "sqrt", 1)                                                                                     \
  X(Floor, "floor", 1)                                                                                   \
  X(Ceil, "ceil", 1)                                                                                     \
  X(Truncate, "truncate", 1)                                                                             \
  X(RoundEven, "round_even", 1)                                                                          \
  X(BitAnd, "bit_and", 2)                                                                                \
  X(BitOr, "bit_or", 2)                                                                                  \
  X(BitXor, "bit_xor", 2)                                                                                \
  X(BitNot, "bit_not", 1)                                                                                \
  X(CountBits, "count_bits", 1) /* that are set */                                                       \
  X(ShiftLeft, "shift_left", 2)                                                                          \
  X(ShiftRight, "shift_right", 2) /* by the width or more: 0 or -1 */                                    \
  X(ShiftRightLogical, "shift_right_logical", 2)                                                         \
  X(Less, "less", 2)                                                                                     \
  X(LessEqual, "less_equal", 2)                                                                          \
  X(Equal, "equal", 2)                                                                                   \
  X(IsNan, "is_nan", 1)                                                                                  \
  X(And, "and", 2)                                                                                       \
  X(Or, "or", 2)                                                                                         \
  X(Xor, "xor", 2)                                                                                       \
  X(Not, "not", 1)       /* of bool */                                                                   \
  X(Choose, "select", 3) /* c ? a : b */

enum class Function : uint8_t {
#define TAUTO_X(name, text, arity) name,
  TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
};
const char* text_of(Function f);
int arity_of(Function f);

// ---- buffers ----------------------------------------------------------------------------------------------

// Where logical index i[0..] lies, in elements: offset + Σ stride · part, part = floor(i[dim] / divisor), and
// that mod `modulus` where modulus is not 0. Row-major NCHW is four terms; NCHW16c splits dim 1 into two.
struct Layout {
  struct Part {
    int dim = 0;
    int64_t divisor = 1, modulus = 0;
    Dim stride = 1;
    friend bool operator==(const Part&, const Part&) = default;
  };
  std::vector<Part> parts;
  Dim offset = 0;
  Dim elements = 1;  // of the whole allocation, padding included
  friend bool operator==(const Layout&, const Layout&) = default;
};
Layout row_major(const std::vector<Dim>& dims);

enum class Scope : uint8_t {
  Argument,   // given by the caller: input, output, constant
  Scratch,    // memory of one call (of one thread, if allocated inside a parallel loop)
  Registers,  // a tile of scalars or vectors; all extents literal, all indices literal once unrolled
};

struct Buffer {
  std::string name;
  ElementType type = f32;
  std::vector<Dim> dims;
  Layout layout;
  Scope scope = Scope::Argument;
  bool finite = false;  // constants: no element is NaN or infinite (the caller has looked)
};
using BufferPtr = std::shared_ptr<const Buffer>;  // identity counts: one object is one buffer
BufferPtr make_buffer(std::string name, ElementType type, std::vector<Dim> dims,
                      Scope scope = Scope::Argument);

// ---- expressions ------------------------------------------------------------------------------------------

struct ExprNode;

class Expr {
 public:
  Expr() = default;
  explicit Expr(std::shared_ptr<const ExprNode> node) : node_(std::move(node)) {}
  Expr(int64_t index);    // NOLINT: an index literal is an expression
  Expr(const Dim& size);  // NOLINT

  bool defined() const { return node_ != nullptr; }
  const ExprNode& operator*() const { return *node_; }
  const ExprNode* operator->() const { return node_.get(); }
  const ExprNode* get() const { return node_.get(); }  // nodes are shared: a key for memo tables
  ElementType type() const;
  template <class T>
  const T* as() const;

 private:
  std::shared_ptr<const ExprNode> node_;
};

struct Literal {
  uint64_t bits = 0;  // of the type, zero-extended
};
struct Variable {
  std::string name;  // unique among those in scope
};
struct Size {
  Dim dim;  // no literal
};
struct Load {
  BufferPtr buffer;
  std::vector<Expr> index;  // logical, one per dim
};
struct Apply {
  Function function = Function::Add;
  std::vector<Expr> arguments;
};
struct Convert {  // between element types, as docs/semantics.md says (saturating, rounding once)
  Expr from;
};
struct Bits {  // the same bits as another type of the same width
  Expr from;
};

struct Axis {
  std::string variable;
  Dim extent;
};

// The order in which terms meet; identities are +0, 1, -inf/lowest, +inf/highest, left out where no term
// shows.
enum class Order : uint8_t {
  Chain,     // acc = f(acc, term) from the identity, row-major over the axes
  Partials,  // docs/semantics.md "Reductions": 16 partial results, pieces of 256, over the merged axes
  Blocks,    // docs/semantics.md "Contraction": function is_product, over two operands
};
struct Reduce {
  Order order = Order::Chain;
  Function function = Function::Add;  // Add, Mul, Max, Min; a product for a contraction
  std::vector<Axis> axes;
  std::vector<Expr> operands;  // one; two for a product
  Expr guard;                  // undefined, or a bool: where false the term is left out
};

struct Probe {  // value; whoever computes it also stores it (nobody loads what is stored): compile/probes.h
  Expr value;
  BufferPtr buffer;
  std::vector<Expr> index;
};

struct ExprNode {
  ElementType type = f32;
  using Node = std::variant<Literal, Variable, Size, Load, Apply, Convert, Bits, Reduce, Probe>;
  Node node;
};

template <class T>
const T* Expr::as() const {
  return node_ ? std::get_if<T>(&node_->node) : nullptr;
}
inline ElementType Expr::type() const { return node_->type; }

// Constructors: they check types and arity (CHECK), and fold what is literal or an identity of index integers
// (x + 0, x · 1, literals; floats are never touched). Nothing else makes nodes.
Expr literal(ElementType type, uint64_t bits);
Expr number(ElementType type, double value);  // rounded to the type
Expr truth(bool value);
Expr variable(const std::string& name, ElementType type = i64);
Expr size(const Dim& dim);
Expr load(BufferPtr buffer, std::vector<Expr> index);
Expr apply(Function f, std::vector<Expr> arguments);
Expr convert(Expr from, ElementType to);
Expr bits(Expr from, ElementType to);
Expr reduce(Order order, Function f, std::vector<Axis> axes, std::vector<Expr> operands, Expr guard = {});
Expr probe(Expr value, BufferPtr buffer, std::vector<Expr> index);

// Of two operands, term by term: reduced in the order Blocks.
constexpr bool is_product(Function f) {
  return f == Function::Fma || f == Function::DotBytes || f == Function::DotWords || f == Function::DotBits ||
         f == Function::FmaFlush || f == Function::DotPairs;
}

inline Expr operator+(Expr a, Expr b) { return apply(Function::Add, {std::move(a), std::move(b)}); }
inline Expr operator-(Expr a, Expr b) { return apply(Function::Sub, {std::move(a), std::move(b)}); }
inline Expr operator*(Expr a, Expr b) { return apply(Function::Mul, {std::move(a), std::move(b)}); }
inline Expr floor_div(Expr a, Expr b) { return apply(Function::FloorDiv, {std::move(a), std::move(b)}); }
inline Expr floor_mod(Expr a, Expr b) { return apply(Function::FloorMod, {std::move(a), std::move(b)}); }
inline Expr less(Expr a, Expr b) { return apply(Function::Less, {std::move(a), std::move(b)}); }
inline Expr both(Expr a, Expr b) { return apply(Function::And, {std::move(a), std::move(b)}); }
inline Expr select(Expr c, Expr a, Expr b) {
  return apply(Function::Choose, {std::move(c), std::move(a), std::move(b)});
}

std::optional<int64_t> literal_index(const Expr& e);  // of an i64 literal

// ---- statements -------------------------------------------------------------------------------------------

struct StmtNode;
using Stmt = std::shared_ptr<const StmtNode>;

enum class LoopKind : uint8_t {
  Serial,
  Unrolled,  // literal extent
  Lanes,     // at most one vector of elements side by side; a shorter extent masks the rest
  Parallel,  // outermost; pieces may run on different threads
};

struct Store {
  BufferPtr buffer;
  std::vector<Expr> index;
  Expr value;
};
struct For {
  LoopKind kind = LoopKind::Serial;
  std::string variable;
  Expr from, to;  // from <= variable < to
  int64_t step = 1;
  Stmt body;
};
struct Block {
  std::vector<Stmt> stmts;
};
struct If {
  Expr condition;
  Stmt then;
};
struct Let {
  std::string variable;
  Expr value;
  Stmt body;
};
struct Allocate {
  BufferPtr buffer;  // uninitialised
  Stmt body;
};
struct StmtNode {
  using Node = std::variant<Store, For, Block, If, Let, Allocate>;
  Node node;
  template <class T>
  const T* as() const {
    return std::get_if<T>(&node);
  }
};

Stmt store(BufferPtr buffer, std::vector<Expr> index, Expr value);
Stmt loop(LoopKind kind, std::string variable, Expr from, Expr to, Stmt body, int64_t step = 1);
Stmt block(std::vector<Stmt> stmts);  // nested blocks are flattened
Stmt guard(Expr condition, Stmt then);
Stmt let(std::string variable, Expr value, Stmt body);
Stmt allocate(BufferPtr buffer, Stmt body);

// ---- kernels ----------------------------------------------------------------------------------------------

struct Kernel {
  std::string name;                  // as perf and gdb show it
  std::vector<BufferPtr> buffers;    // arguments, in order
  std::vector<std::string> symbols;  // of dims, passed after the buffers, in order
  Stmt body;
  std::vector<std::string> sources;  // names of the source model's nodes
};

std::string text_of(const Expr& e);
std::string text_of(const Stmt& s);
std::string text_of(const Kernel& k);
Kernel parse_kernel(std::string_view text);  // Error: line, what was expected, what stands there

// The first broken rule (unknown variable, wrong rank, a store into a constant …), or "".
std::string verify(const Kernel& k);

// Walks that look. Expressions are graphs with shared nodes.
// The expressions directly inside e, in order; of a reduction the operands, then its guard if it has one; of
// a probe the value, then its index.
void each_child(const Expr& e, const std::function<void(const Expr&)>& f);
// Every node under e once, e first; where f says false, nothing inside it. An undefined e has none.
void each_node(const Expr& e, const std::function<bool(const Expr&)>& f);
// Every statement and every expression in them, once; what is inside comes first.
void each_node(const Stmt& s, const std::function<void(const Expr&)>& on_expr,
               const std::function<void(const Stmt&)>& on_stmt);
bool any_node(const Expr& e, const std::function<bool(const Expr&)>& f);  // is there one for which f holds?
bool mentions(const Expr& e, const std::string& variable);

// Rebuilding walks; a callback that returns an undefined value keeps the node (children are done first).
Expr rewrite(const Expr& e, const std::function<Expr(const Expr&)>& f);
Stmt rewrite(const Stmt& s, const std::function<Expr(const Expr&)>& on_expr,
             const std::function<Stmt(const Stmt&)>& on_stmt);
Expr substitute(const Expr& e, const std::string& variable, const Expr& value);
Stmt substitute(const Stmt& s, const std::string& variable, const Expr& value);

}  // namespace tauto::loops
