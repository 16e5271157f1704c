// Index arithmetic: affine where it can be, pointers that step with the loops.
#include <algorithm>

#include "codegen/generator.h"
#include "loops/values.h"
#include "support/error.h"

namespace tauto {

using loops::Function;
using vec::Class;
using vec::Instr;

// Both sides of a choice of indices are computed.
static void refuse_probes(const loops::Expr& e) {
  if (any_node(e, [](const loops::Expr& x) { return x.as<loops::Probe>() != nullptr; }))
    throw NotGenerated{"a value that decides indices, in one side of a choice"};
}

Generator::Reg Generator::immediate(int64_t v) { return scalar_op(VecOp::Imm, {}, v); }

Generator::Reg Generator::size_register(const Dim& d) {
  if (const auto v = d.as_literal()) return immediate(*v);
  auto at = std::find(out_.sizes.begin(), out_.sizes.end(), d);
  if (at == out_.sizes.end()) at = out_.sizes.insert(at, d);
  return scalar_op(VecOp::Arg, {}, static_cast<int64_t>(kernel_.buffers.size()) + (at - out_.sizes.begin()));
}

Generator::Reg Generator::scaled(Reg r, const Dim& factor) {
  if (factor == Dim(1)) return r;
  if (const auto v = factor.as_literal()) return scalar_op(VecOp::MulI, {r}, *v);
  return scalar_op(VecOp::MulS, {r, size_register(factor)});
}

void Generator::add(Linear& to, const Linear& l, const Dim& factor) {
  to.constant += l.constant * factor;
  if (l.lane != 0) {
    if (!factor.is_literal()) throw NotGenerated{"lanes at a distance that is known only at run time"};
    to.lane += l.lane * factor.literal();
  }
  for (const auto& term : l.terms) {
    const auto at =
        std::find_if(to.terms.begin(), to.terms.end(), [&](const auto& t) { return t.first == term.first; });
    if (at != to.terms.end())
      at->second += term.second * factor;
    else
      to.terms.emplace_back(term.first, term.second * factor);
  }
  if (l.varying) {
    Reg v = l.varying;
    const Lane lane = a_.lane(v);
    if (factor != Dim(1)) {
      const Reg by = factor.is_literal() ? constant(lane, static_cast<uint64_t>(factor.literal()))
                                         : pure(VecOp::Splat, lane, {size_register(factor)});
      v = pure(VecOp::Mul, lane, {v, by});
    }
    to.varying = to.varying ? pure(VecOp::Add, lane, {to.varying, v}) : v;
  }
}

bool Generator::is_index(const Expr& e) {
  if (!(e.type() == i64)) return false;
  if (e.as<loops::Literal>() || e.as<loops::Size>()) return true;
  if (const auto* v = e.as<loops::Variable>()) {
    const auto at = bound_.find(v->name);
    CHECK(at != bound_.end(), "variable ", v->name, " is not bound");
    return at->second.kind != Bound::Kind::Vector;
  }
  const auto* a = e.as<loops::Apply>();
  return a && a->function != Function::Choose &&
         std::all_of(a->arguments.begin(), a->arguments.end(), [&](const Expr& x) { return is_index(x); });
}

bool Generator::is_linear(const Expr& e) {
  if (!varies(e)) return true;
  if (e.as<loops::Variable>()) return is_index(e);
  const auto* a = e.as<loops::Apply>();
  if (!a || a->arguments.size() != 2) return false;
  const Expr &x = a->arguments[0], &y = a->arguments[1];
  const auto is_constant = [](const Expr& c) { return c.as<loops::Literal>() || c.as<loops::Size>(); };
  if (a->function == Function::Mul && !is_constant(x) && !is_constant(y)) return false;
  return (a->function == Function::Add || a->function == Function::Sub || a->function == Function::Mul) &&
         is_linear(x) && is_linear(y);
}

bool Generator::varies(const Expr& e) {
  return any_node(e, [&](const Expr& x) {
    if (const auto* l = x.as<loops::Load>()) return l->buffer->scope == loops::Scope::Registers;
    const auto* v = x.as<loops::Variable>();
    if (!v) return false;
    const auto at = bound_.find(v->name);
    CHECK(at != bound_.end(), "variable ", v->name, " is not bound");
    return at->second.kind == Bound::Kind::Lanes || at->second.kind == Bound::Kind::Vector;
  });
}

std::optional<int64_t> Generator::literal(const Expr& e) {
  if (varies(e) || !is_index(e)) return std::nullopt;
  const Linear l = linear(e);
  for (const auto& [reg, c] : l.terms)
    if (c != Dim(0)) return std::nullopt;
  return l.constant.as_literal();
}

// A scalar for an index expression that is the same in all lanes.
Generator::Reg Generator::scalar(const Expr& e) {
  if (const auto* load = e.as<loops::Load>()) {
    const loops::Buffer& b = *load->buffer;
    CHECK(b.scope != loops::Scope::Registers && (b.type.is_integer() || b.type.is_bool()));
    const Linear offset = element_offset(b, load->index);
    Instr i;
    i.op = VecOp::LoadS;
    i.lane = Lane::I64;
    i.memory = b.type;
    i.address = address(b, offset);
    return pure(i, here());
  }
  if (const auto* c = e.as<loops::Convert>()) {
    const ElementType t = c->from.type(), to = e.type();
    if (!t.is_integer() && !t.is_bool()) throw NotGenerated{"an index made of floats"};
    // A load extends to 64 bits, and nothing cuts them.
    if (to.bits < 64 && !loops::widens(t, to)) throw NotGenerated{"an index that is cut to fewer bits"};
    return scalar(c->from);
  }
  if (const auto* p = e.as<loops::Probe>()) {
    const Reg v = scalar(p->value);
    store_probe(*p, pure(VecOp::Splat, index_lane(), {v}));
    return v;
  }
  if (const auto* a = e.as<loops::Apply>()) {
    const auto two = [&](VecOp op) {
      return scalar_op(op, {scalar(a->arguments[0]), scalar(a->arguments[1])});
    };
    switch (a->function) {
      case Function::Add:
      case Function::Sub:
        break;
      case Function::Mul:
        if (!literal(a->arguments[0]) && !literal(a->arguments[1])) return two(VecOp::MulS);
        break;
      case Function::FloorDiv:
        return two(VecOp::DivS);
      case Function::FloorMod:
        return two(VecOp::ModS);
      case Function::Max:
      case Function::Greater2:
        return two(VecOp::MaxS);
      case Function::Min:
      case Function::Lesser2:
        return two(VecOp::MinS);
      case Function::Choose: {
        // b + (a - b)·[x < y], the bracket being min(max(y - x, 0), 1)
        refuse_probes(e);
        const auto* c = a->arguments[0].as<loops::Apply>();
        if (!c || (c->function != Function::Less && c->function != Function::LessEqual) ||
            !(c->arguments[0].type() == i64))
          throw NotGenerated{"a choice of indices by data"};
        Reg d = scalar_op(VecOp::SubS, {scalar(c->arguments[1]), scalar(c->arguments[0])});
        if (c->function == Function::LessEqual) d = scalar_op(VecOp::AddI, {d}, 1);
        d = scalar_op(VecOp::MinS, {scalar_op(VecOp::MaxS, {d, immediate(0)}), immediate(1)});
        const Reg x = scalar(a->arguments[1]), y = scalar(a->arguments[2]);
        return scalar_op(VecOp::AddS, {y, scalar_op(VecOp::MulS, {scalar_op(VecOp::SubS, {x, y}), d})});
      }
      default:
        throw NotGenerated{cat("function ", loops::text_of(a->function), " of indices")};
    }
  }
  return sum(linear(e));
}

Generator::Linear Generator::linear(const Expr& e) {
  Linear r;
  if (const auto* l = e.as<loops::Literal>()) {
    r.constant = static_cast<int64_t>(l->bits);
    return r;
  }
  if (const auto* s = e.as<loops::Size>()) {
    r.constant = s->dim;
    return r;
  }
  if (const auto* v = e.as<loops::Variable>()) {
    const auto at = bound_.find(v->name);
    CHECK(at != bound_.end(), "variable ", v->name, " is not bound");
    const Bound& b = at->second;
    if (b.kind == Bound::Kind::Literal) {
      r.constant = b.value;
    } else if (b.kind == Bound::Kind::Scalar) {
      r.terms.emplace_back(b.reg, 1);
    } else if (b.kind == Bound::Kind::Lanes) {
      r = b.from;
      r.lane += 1;
    } else {
      r.varying = b.reg;
    }
    return r;
  }
  if (const auto* a = e.as<loops::Apply>()) {
    const auto product = [&](const Linear& x, const Linear& y) {
      add(r, x, y.constant);
      return r;
    };
    const auto is_constant = [](const Linear& l) { return l.terms.empty() && l.lane == 0 && !l.varying; };
    switch (a->function) {
      case Function::Add:
        add(r, linear(a->arguments[0]), 1);
        add(r, linear(a->arguments[1]), 1);
        return r;
      case Function::Sub:
        add(r, linear(a->arguments[0]), 1);
        add(r, linear(a->arguments[1]), -1);
        return r;
      case Function::Mul: {
        const Linear x = linear(a->arguments[0]), y = linear(a->arguments[1]);
        if (is_constant(y)) return product(x, y);
        if (is_constant(x)) return product(y, x);
        break;
      }
      default:
        break;
    }
  }
  if (varies(e) || (is_byte(e) && !e.as<loops::Convert>()->from.as<loops::Load>()))
    r.varying = index_vector(e);
  else
    r.terms.emplace_back(scalar(e), 1);
  return r;
}

// The scalar Σ of a Linear without lanes.
Generator::Reg Generator::sum(const Linear& l) {
  if (l.lane != 0 || l.varying) throw NotGenerated{"an index that differs between lanes"};
  std::vector<std::pair<Reg, Dim>> terms = l.terms;
  std::erase_if(terms, [](const auto& t) { return t.second == Dim(0); });
  std::stable_sort(terms.begin(), terms.end(),
                   [&](const auto& a, const auto& b) { return place_of(a.first) < place_of(b.first); });
  if (terms.empty()) return size_register(l.constant);
  Reg r;
  if (!l.constant.is_literal()) r = size_register(l.constant);
  for (const auto& [reg, c] : terms) {
    const Reg t = scaled(reg, c);
    r = r ? scalar_op(VecOp::AddS, {r, t}) : t;
  }
  if (l.constant.is_literal() && l.constant.literal() != 0)
    r = scalar_op(VecOp::AddI, {r}, l.constant.literal());
  return r;
}

Generator::Reg Generator::index_vector(const Linear& l) {
  const Lane lane = index_lane();
  Linear uniform = l;
  uniform.lane = 0;
  uniform.varying = {};
  Reg r = l.varying;
  if (l.lane != 0) {
    Reg i = pure(VecOp::Iota, lane, {});
    if (l.lane != 1) i = pure(VecOp::Mul, lane, {i, constant(lane, static_cast<uint64_t>(l.lane))});
    r = r ? pure(VecOp::Add, lane, {r, i}) : i;
  }
  if (uniform.terms.empty() && uniform.constant == Dim(0) && r) return r;
  const Reg base = pure(VecOp::Splat, lane, {sum(uniform)});
  return r ? pure(VecOp::Add, lane, {r, base}) : base;
}

// A vector of indices, one per lane.
Generator::Reg Generator::index_vector(const Expr& e) {
  const Lane lane = index_lane();
  if (is_byte(e)) return value(wide_ ? e : e.as<loops::Convert>()->from);
  if (!varies(e)) return pure(VecOp::Splat, lane, {scalar(e)});
  if (const auto* a = e.as<loops::Apply>()) {
    const auto two = [&](VecOp op) {
      return pure(op, lane, {index_vector(a->arguments[0]), index_vector(a->arguments[1])});
    };
    switch (a->function) {
      case Function::Add:
      case Function::Sub:
        return index_vector(linear(e));
      case Function::Mul:
        return two(VecOp::Mul);
      case Function::Max:
      case Function::Greater2:
        return two(VecOp::Greater);
      case Function::Min:
      case Function::Lesser2:
        return two(VecOp::Lesser);
      case Function::FloorDiv:
      case Function::FloorMod: {
        const auto d = literal(a->arguments[1]);
        if (!d || *d <= 0 || (*d & (*d - 1)) != 0)
          throw NotGenerated{"lanes whose index is divided by what is no power of two"};
        const Reg x = index_vector(a->arguments[0]);
        int shift = 0;
        while ((int64_t{1} << shift) < *d) ++shift;
        if (a->function == Function::FloorDiv) return shift ? pure(VecOp::Sar, lane, {x}, shift) : x;
        return pure(VecOp::And, lane, {x, constant(lane, static_cast<uint64_t>(*d - 1))});
      }
      case Function::Choose:
        refuse_probes(e);
        return pure(VecOp::Select, lane,
                    {mask(a->arguments[0]), index_vector(a->arguments[1]), index_vector(a->arguments[2])});
      default:
        throw NotGenerated{
            cat("function ", loops::text_of(a->function), " of indices that differ between lanes")};
    }
  }
  if (e.as<loops::Load>() || e.as<loops::Convert>() || e.as<loops::Probe>()) {
    const Reg v = value(e);
    CHECK(a_.lane(v) == lane, "indices of another width");
    return v;
  }
  return index_vector(linear(e));
}

// ---- addresses --------------------------------------------------------------------------------------------

Generator::Linear Generator::element_offset(const loops::Buffer& b, const std::vector<Expr>& index) {
  Linear r;
  r.constant = b.layout.offset;
  for (const loops::Layout::Part& p : b.layout.parts) {
    Expr i = index[static_cast<size_t>(p.dim)];
    if (p.divisor != 1) i = floor_div(i, Expr(p.divisor));
    if (p.modulus != 0) i = floor_mod(i, Expr(p.modulus));
    add(r, linear(i), p.stride);
  }
  std::erase_if(r.terms, [](const auto& t) { return t.second == Dim(0); });
  return r;
}

// p + term · bytes. The register of a loop is followed by a pointer of its own, stepped at the loop's end.
Generator::Reg Generator::step_pointer(Reg p, Reg term, const Dim& bytes) {
  const auto loop = loop_of_.find(term.id);
  if (loop == loop_of_.end()) return scalar_op(VecOp::AddS, {p, scaled(term, bytes)});
  const int level = loop->second;
  CHECK(place_of(p) < 2 * level, "a pointer that is not known before its loop");
  const std::string key = cat("p", p.id, "+s", term.id, "*", text_of(bytes));
  if (const auto at = pointers_.find(key); at != pointers_.end()) return at->second;
  Region& r = regions_[static_cast<size_t>(level)];
  const auto emit = [&](std::vector<Instr>& to, VecOp op, Reg result, Reg a, Reg b, int64_t immediate) {
    Instr i;
    i.op = op;
    i.lane = Lane::I64;
    i.result = result;
    i.operand[0] = a;
    if (b) i.operand[1] = b;
    i.immediate = immediate;
    to.push_back(i);
  };
  const Dim step = bytes * Dim(r.step);
  const Reg by = step.is_literal() ? Reg{} : size_register(step);
  const Reg q = a_.scalar();
  if (r.literal_from && bytes.is_literal()) {
    emit(r.before, VecOp::AddI, q, p, {}, *r.literal_from * bytes.literal());
  } else {
    const Reg start = a_.scalar();
    if (const auto v = bytes.as_literal())
      emit(r.before, VecOp::MulI, start, r.from, {}, *v);
    else
      emit(r.before, VecOp::MulS, start, r.from, size_register(bytes), 0);
    emit(r.before, VecOp::AddS, q, p, start, 0);
  }
  if (by)
    emit(r.tail, VecOp::AddS, q, q, by, 0);
  else
    emit(r.tail, VecOp::AddI, q, q, {}, step.literal());
  set_place(q, 2 * level);
  pointers_[key] = q;
  r.pointers.push_back(key);
  return q;
}

Generator::Reg Generator::pointer(const loops::Buffer& b, const Linear& offset) {
  Reg p;
  const Dim size = b.type.bytes();
  if (const auto at = argument_.find(&b); at != argument_.end()) {
    p = scalar_op(VecOp::Arg, {}, at->second);
  } else {
    const auto s = scratch_.find(&b);
    CHECK(s != scratch_.end(), "buffer ", b.name, " is not allocated");
    Instr arg;
    arg.op = VecOp::Arg;
    arg.lane = Lane::I64;
    arg.immediate = -3;
    p = pure(arg);
    if (const auto v = s->second.as_literal()) {
      if (*v) p = scalar_op(VecOp::AddI, {p}, *v);
    } else {
      p = scalar_op(VecOp::AddS, {p, size_register(s->second)});
    }
  }
  if (!offset.constant.is_literal()) p = scalar_op(VecOp::AddS, {p, size_register(offset.constant * size)});
  std::vector<std::pair<Reg, Dim>> terms = offset.terms;
  const auto rank = [&](Reg r) { return 2 * place_of(r) + (loop_of_.count(r.id) ? 0 : 1); };
  std::stable_sort(terms.begin(), terms.end(),
                   [&](const auto& x, const auto& y) { return rank(x.first) < rank(y.first); });
  for (const auto& [reg, c] : terms) p = step_pointer(p, reg, c * size);
  return p;
}

vec::Address Generator::address(const loops::Buffer& b, const Linear& offset) {
  vec::Address a;
  a.base = pointer(b, offset);
  if (const auto v = offset.constant.as_literal()) a.offset = *v * b.type.bytes();
  return a;
}

// Lanes where a comparison of indices holds: lane < n is one instruction.
Generator::Reg Generator::index_mask(const Expr& condition) {
  const auto* c = condition.as<loops::Apply>();
  CHECK(c && c->arguments.size() == 2);
  if (c->function == Function::Equal)
    return pure(VecOp::AndM, Lane::I32,
                {index_mask(loops::apply(Function::LessEqual, {c->arguments[0], c->arguments[1]})),
                 index_mask(loops::apply(Function::LessEqual, {c->arguments[1], c->arguments[0]}))});
  CHECK(c->function == Function::Less || c->function == Function::LessEqual);
  Linear d = linear(c->arguments[1]);  // d > 0
  add(d, linear(c->arguments[0]), -1);
  if (c->function == Function::LessEqual) d.constant += 1;
  std::erase_if(d.terms, [](const auto& t) { return t.second == Dim(0); });
  const int64_t lane = d.lane;
  if (d.varying || (lane != 0 && lane != 1 && lane != -1)) {
    const Reg v = index_vector(d);
    return pure(VecOp::Compare, index_lane(), {constant(index_lane(), 0), v},
                static_cast<int64_t>(vec::Compare::Less));
  }
  d.lane = 0;
  if (lane == 0) {
    if (d.terms.empty() && d.constant.is_literal())
      return pure(VecOp::FillM, Lane::I32, {}, d.constant.literal() > 0);
    Reg s = sum(d);
    s = scalar_op(VecOp::MinS, {scalar_op(VecOp::MaxS, {s, immediate(0)}), immediate(1)});
    return pure(VecOp::First, Lane::I32, {scalar_op(VecOp::MulI, {s}, lanes_)});
  }
  if (lane == -1) return pure(VecOp::First, Lane::I32, {sum(d)});  // lane < d
  Linear n;                                                        // lane >= 1 - d
  n.constant = 1;
  add(n, d, -1);
  return pure(VecOp::NotM, Lane::I32, {pure(VecOp::First, Lane::I32, {sum(n)})});
}

}  // namespace tauto
