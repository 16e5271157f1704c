// Lowering of a node: its own rule, or its reference run on terms.
//
// An elementwise reference on terms of scalars is the expression of one element. f16 and bf16 run as f32:
// once per node widened, once rounded.
#include <limits>
#include <map>
#include <unordered_map>

#include "ops/lower_functions.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"
#include "ops/term.h"

namespace tauto {
namespace {

using loops::Expr;
using loops::Function;

const std::map<std::string_view, Function>& same_meaning() {
  static const std::map<std::string_view, Function> all{
      {"add", Function::Add},
      {"sub", Function::Sub},
      {"mul", Function::Mul},
      {"fma", Function::Fma},
      {"divide", Function::Div},
      {"max", Function::Max},
      {"min", Function::Min},
      {"negate", Function::Negate},
      {"abs", Function::Abs},
      {"sqrt", Function::Sqrt},
      {"floor", Function::Floor},
      {"ceil", Function::Ceil},
      {"truncate", Function::Truncate},
      {"round_even", Function::RoundEven},
      {"bit_and", Function::BitAnd},
      {"bit_or", Function::BitOr},
      {"bit_xor", Function::BitXor},
      {"bit_not", Function::BitNot},
      {"count_bits", Function::CountBits},
      {"shift_left", Function::ShiftLeft},
      {"shift_right", Function::ShiftRight},
      {"logical_and", Function::And},
      {"logical_or", Function::Or},
      {"logical_xor", Function::Xor},
      {"logical_not", Function::Not},
      {"less", Function::Less},
      {"less_equal", Function::LessEqual},
      {"equal", Function::Equal},
      {"is_nan", Function::IsNan},
      {"select", Function::Choose},
  };
  return all;
}

// From terms over input leaves to expressions over these; shared terms become shared expressions.
class Writer {
 public:
  Writer(const Lowering& l, std::vector<Expr> leaves) : lowering_(l), leaves_(std::move(leaves)) {}

  Expr write(Term t) {
    if (const auto at = written_.find(t.id); at != written_.end()) return at->second;
    const std::string function(term_function(t));
    Expr e;
    if (const auto bits = term_literal_of(t)) {
      e = loops::literal(term_type(t), *bits);
    } else if (function.back() == '[') {
      e = leaves_.at(static_cast<size_t>(term_input_index(t)));
    } else {
      std::vector<Expr> arguments;
      for (Term a : term_arguments(t)) arguments.push_back(write(a));
      e = apply(function, term_type(t), std::move(arguments));
    }
    written_.emplace(t.id, e);
    return e;
  }

 private:
  Expr apply(const std::string& function, ElementType type, std::vector<Expr> a) const {
    const auto number = [&](double v) { return loops::number(a[0].type(), v); };
    const ElementType of = a[0].type();
    if (of.is_bool() && function == "equal") return not_of(loops::apply(Function::Xor, std::move(a)));
    if (function == "abs" && of.is_integer() && !of.is_signed()) return a[0];
    if (const auto f = same_meaning().find(function); f != same_meaning().end())
      return loops::apply(f->second, std::move(a));
    if (function == "is_infinite")
      return loops::apply(Function::Equal, {loops::apply(Function::Abs, {a[0]}),
                                            number(std::numeric_limits<double>::infinity())});
    if (function == "sign") {
      Expr r = number(0);
      if (of.is_float()) r = loops::select(is_equal(a[0], number(0)), r, a[0]);
      if (of.is_float() || of.is_signed()) r = loops::select(loops::less(a[0], number(0)), number(-1), r);
      return loops::select(loops::less(number(0), a[0]), number(1), r);
    }
    if ((function == "remainder" || function == "modulo") && of.is_integer()) {
      const Expr r = loops::apply(Function::Rem, a);
      if (function == "remainder" || !of.is_signed()) return r;
      const Expr turned =
          loops::apply(Function::Xor, {loops::less(r, number(0)), loops::less(a[1], number(0))});
      return loops::select(loops::both(not_of(is_equal(r, number(0))), turned), r + a[1], r);
    }
    if (type.is_float())
      if (Expr e = written_out(function, a); e.defined()) return e;
    lowering_.refuse(cat(function, " of ", of, " has no expression"));
  }
  static Expr not_of(Expr e) { return loops::apply(Function::Not, {std::move(e)}); }

  const Lowering& lowering_;
  std::vector<Expr> leaves_;
  std::unordered_map<uint32_t, Expr> written_;
};

Expr lower_elementwise(Lowering& l, const Index& index) {
  const TermScope scope;
  std::vector<Value> in;
  std::vector<Expr> leaves;
  for (int i = 0; i < l.count(); ++i) {
    leaves.push_back(widened(l.at(i, broadcast_index(l, i, index))));
    Tensor t(leaves.back().type(), {}, Rep::Term);
    t.data<Term>()[0] = term_input("x", i, t.type());
    in.emplace_back(std::move(t));
  }
  const Type type = Type::tensor(arithmetic_type(l.type().element), {});
  EvalContext c(*l.node.op, l.attributes(), in, type, Rep::Term);
  try {
    l.node.op->eval(c);
  } catch (const Unknown&) {
    l.refuse("its reference has no terms");
  }
  Writer w(l, std::move(leaves));
  return converted(w.write(c.out.tensor.data<Term>()[0]), l.type().element);
}

void check_types(const Lowering& l) {
  const auto check = [&](const Type& t, const std::string& what) {
    if (!t.is_tensor() || !t.ranked) l.refuse(cat(what, " is ", t));
    // Constants of parts of bytes are read where dot products widen them (schedule/dots.h), and nowhere else.
    const bool widened =
        l.node.op == &ops::contract && l.attributes().find("to") && (t.element == u4 || t.element == u2);
    if (!widened && !is_loop_type(t.element)) l.refuse(cat(what, " has elements ", t.element));
  };
  check(l.type(), "result");
  for (int i = 0; i < l.count(); ++i) check(l.type(i), cat("input ", i));
}

}  // namespace

Expr lower(Lowering& l, const std::vector<Expr>& at) {
  check_types(l);
  CHECK(at.size() == l.type().dims.size());
  Index index = at;
  for (size_t d = 0; d < index.size(); ++d)
    if (l.type().dims[d] == Dim(1)) index[d] = 0;
  if (l.node.op->lower) return l.node.op->lower(l, index);
  if (!l.node.op->is(kElementwise)) l.refuse("runs its reference");
  return lower_elementwise(l, index);
}

}  // namespace tauto
