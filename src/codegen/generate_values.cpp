// Elements: expressions on data as vector instructions.
//
// Elements narrower than 32 bits live in I32 lanes, extended as their type says; every result is brought back
// to that form. Unsigned order is signed order with the top bit flipped.
#include <bit>
#include <cmath>
#include <cstring>

#include "codegen/generator.h"
#include "support/error.h"

namespace tauto {

using loops::Function;
using vec::Class;
using vec::Instr;

Generator::Reg Generator::constant(Lane lane, uint64_t bits) {
  if (vec::bytes_of(lane) == 4) bits &= 0xffffffffu;
  return pure(VecOp::Const, lane, {}, static_cast<int64_t>(bits));
}

Generator::Reg Generator::number(Lane lane, double v) {
  uint64_t bits = 0;
  if (lane == Lane::F32) {
    const float f = static_cast<float>(v);
    std::memcpy(&bits, &f, sizeof f);
  } else if (lane == Lane::F64) {
    std::memcpy(&bits, &v, sizeof v);
  } else {
    bits = static_cast<uint64_t>(static_cast<int64_t>(v));
  }
  return constant(lane, bits);
}

// The literal as the lanes hold it: sign- or zero-extended, halves widened.
static uint64_t widened_bits(ElementType t, uint64_t bits) {
  if (t == f16 || t == bf16) {
    const auto b = static_cast<uint16_t>(bits);
    const float f =
        t == f16 ? static_cast<float>(std::bit_cast<Half>(b)) : static_cast<float>(std::bit_cast<BFloat>(b));
    uint32_t u;
    std::memcpy(&u, &f, sizeof f);
    return u;
  }
  if (t.is_signed() && t.bits < 32) {
    const int shift = 64 - t.bits;
    return static_cast<uint64_t>(static_cast<int64_t>(bits << shift) >> shift);
  }
  return bits;
}

Generator::Reg Generator::wrap(Reg r, ElementType t) {
  if (!t.is_integer() || t.bits >= 32) return r;
  if (!t.is_signed()) return pure(VecOp::And, Lane::I32, {r, constant(Lane::I32, (1u << t.bits) - 1)});
  return pure(VecOp::Sar, Lane::I32, {pure(VecOp::Shl, Lane::I32, {r}, 32 - t.bits)}, 32 - t.bits);
}

Generator::Reg Generator::ordered(Reg r, ElementType t) {
  if (t == u32) return pure(VecOp::Xor, Lane::I32, {r, constant(Lane::I32, 0x80000000u)});
  if (t == u64) return pure(VecOp::Xor, Lane::I64, {r, constant(Lane::I64, uint64_t{1} << 63)});
  return r;
}

Generator::Reg Generator::value(const Expr& e) {
  if (const auto at = memo_.find(e.get()); at != memo_.end()) return at->second;
  const Reg r = evaluate(e);
  memo_[e.get()] = r;
  return r;
}

Generator::Reg Generator::evaluate(const Expr& e) {
  const ElementType t = e.type();
  if (t.is_bool())
    return pure(VecOp::Select, Lane::I32, {mask(e), constant(Lane::I32, 1), constant(Lane::I32, 0)});
  const Lane lane = vec::lane_of(t);
  if (const auto* l = e.as<loops::Literal>()) return constant(lane, widened_bits(t, l->bits));
  if (const auto* l = e.as<loops::Load>()) return load(*l, t);
  if (is_index(e)) {
    const Linear l = linear(e);
    if (l.varying) return l.varying;
    if (l.lane == 0) return pure(VecOp::Splat, Lane::I64, {sum(l)});
    return index_vector(l);
  }
  if (const auto* v = e.as<loops::Variable>()) return bound_.at(v->name).reg;
  if (const auto* a = e.as<loops::Apply>()) return apply(*a, t);
  if (const auto* b = e.as<loops::Bits>()) {
    const Reg from = value(b->from);
    if (a_.lane(from) == lane) return from;
    if (b->from.type().bits != vec::bytes_of(lane) * 8) throw NotGenerated{"bits of narrow elements"};
    return pure(VecOp::Reinterpret, lane, {from});
  }
  if (const auto* c = e.as<loops::Convert>()) {
    const ElementType f = c->from.type();
    if (f.is_bool()) return pure(VecOp::Select, lane, {mask(c->from), number(lane, 1), number(lane, 0)});
    // An index as a small number needs no 64-bit lanes.
    if (f == i64 && is_index(c->from) && !wide_ && (t == i32 || t == f32)) {
      const Reg i = index_vector(linear(c->from));
      return t == i32 ? i : pure(VecOp::Convert, Lane::F32, {i});
    }
    return convert(value(c->from), f, t);
  }
  if (const auto* p = e.as<loops::Probe>()) {
    const Reg v = value(p->value);
    store_probe(*p, v);
    return v;
  }
  if (e.as<loops::Reduce>()) throw NotGenerated{"a reduction that no schedule has spelled out"};
  throw NotGenerated{"an expression without an instruction"};
}

// ---- memory -----------------------------------------------------------------------------------------------

bool Generator::has_tile(const loops::Buffer& b, const std::vector<Expr>& index) {
  return tiles_.count({&b, element_offset(b, index).constant.as_literal().value_or(0)}) != 0;
}

Generator::Reg Generator::tile_register(const loops::Buffer& b, const std::vector<Expr>& index, bool define) {
  const Linear offset = element_offset(b, index);
  CHECK(offset.terms.empty() && !offset.varying && offset.constant.is_literal(), "tile ", b.name,
        ": an index that is not literal");
  const std::pair<const loops::Buffer*, int64_t> key{&b, offset.constant.literal()};
  const auto at = tiles_.find(key);
  if (at != tiles_.end()) return at->second;
  if (!define) {  // lanes further up in a register that was written whole
    auto before = tiles_.upper_bound(key);
    CHECK(before != tiles_.begin() && (--before)->first.first == &b &&
              key.second - before->first.second < lanes_,
          "tile ", b.name, " is read before it is written");
    return pure(VecOp::Down, a_.lane(before->second), {before->second}, key.second - before->first.second);
  }
  const Reg r = b.type.is_bool() ? a_.mask() : a_.vector(vec::lane_of(b.type));
  make_mutable(r);
  tiles_[key] = r;
  return r;
}

Generator::Reg Generator::load(const loops::Load& l, ElementType t) {
  const loops::Buffer& b = *l.buffer;
  if (b.scope == loops::Scope::Registers) return tile_register(b, l.index, false);
  const Linear offset = element_offset(b, l.index);
  Instr i;
  i.memory = t.is_integer() && !t.is_signed() && t.bits < 8 ? u8 : b.type;  // a byte each
  i.lane = vec::lane_of(i.memory);
  int earliest = 0, time = 0;
  if (written_.count(&b)) {
    earliest = here();
    time = stores_[&b];
  }
  for (int r = current(); r > 0; --r)
    if (regions_[static_cast<size_t>(r)].open.op == VecOp::If) {
      earliest = std::max(earliest, 2 * r);
      break;
    }
  const auto finish = [&](const Instr& instr) { return pure(instr, earliest, time); };
  if (offset.varying || (offset.lane != 0 && offset.lane != 1)) {
    Linear rest = offset, index;
    rest.lane = 0;
    rest.varying = {};
    index.lane = offset.lane;
    index.varying = offset.varying;
    i.op = VecOp::Gather;
    i.address = address(b, rest);
    i.operand[0] = index_vector(index);
    if (l.index.size() == 1 && is_byte(l.index[0]) && !wide_ && b.type.bits == 8 &&
        b.layout.elements == Dim(256)) {
      i.op = VecOp::Lookup;
      return finish(i);
    }
    i.mask = guard_ ? guard_ : tail_;
    return finish(i);
  }
  i.address = address(b, offset);
  if (offset.lane == 1) {
    i.op = VecOp::Load;
    i.mask = guard_ ? guard_ : tail_;
    return finish(i);
  }
  i.op = VecOp::Broadcast;
  if (!guard_) return finish(i);
  // No lane may want it: then its address need not exist.
  const Reg r = a_.vector(i.lane);
  Instr zero;
  zero.op = VecOp::Const;
  zero.lane = i.lane;
  zero.result = r;
  emit_here(zero);
  const Reg any = scalar_op(VecOp::Any, {guard_}), one = immediate(1);
  open_if(vec::Compare::Equal, any, one);
  i.result = r;
  emit_here(i);
  close();
  return r;
}

void Generator::masked(Reg m, const std::function<void()>& body) {
  const Reg outer = guard_;
  const std::map<const loops::ExprNode*, Reg> memo = memo_;
  if (guard_)
    guard_ = pure(VecOp::AndM, Lane::I32, {guard_, m});
  else
    guard_ = tail_ ? pure(VecOp::AndM, Lane::I32, {tail_, m}) : m;
  body();
  guard_ = outer;
  memo_ = memo;
}

static bool reads_memory(const loops::Expr& e) {
  return any_node(e, [](const loops::Expr& x) {
    const auto* l = x.as<loops::Load>();
    return (l && l->buffer->scope != loops::Scope::Registers) || x.as<loops::Probe>();
  });
}

// Only the chosen side is evaluated: where a side reads memory, it does so in the lanes that chose it.
Generator::Reg Generator::selected(const loops::Apply& a, ElementType t) {
  // x < y ? x : y and x < y ? y : x are one instruction each.
  if (const auto* less = a.arguments[0].as<loops::Apply>();
      less && less->function == Function::Less && (t == f32 || t == f64) && less->arguments[0].type() == t) {
    const Expr &x = less->arguments[0], &y = less->arguments[1];
    const auto same = [&](const Expr& p, const Expr& q) {
      return p.get() == q.get() || (!reads_memory(p) && !reads_memory(q) && value(p) == value(q));
    };
    const auto one = [&](VecOp op, const Expr& p, const Expr& q) {
      return pure(op, vec::lane_of(t), {value(p), value(q)});
    };
    if (same(a.arguments[1], x) && same(a.arguments[2], y)) return one(VecOp::Lesser, x, y);
    if (same(a.arguments[1], y) && same(a.arguments[2], x)) return one(VecOp::Greater, y, x);
  }
  const Reg m = mask(a.arguments[0]);
  Reg x, y;
  const auto side = [&](const Expr& e, Reg& r, bool negated) {
    if (!reads_memory(e)) {
      r = value(e);
      return;
    }
    masked(negated ? pure(VecOp::NotM, Lane::I32, {m}) : m, [&] { r = value(e); });
  };
  side(a.arguments[1], x, false);
  side(a.arguments[2], y, true);
  return pure(VecOp::Select, vec::lane_of(t), {m, x, y});
}

// ---- functions --------------------------------------------------------------------------------------------

Generator::Reg Generator::mask(const Expr& e) {
  if (const auto* l = e.as<loops::Literal>()) return pure(VecOp::FillM, Lane::I32, {}, l->bits != 0);
  if (const auto at = memo_.find(e.get()); at != memo_.end()) return at->second;
  const auto remember = [&](Reg r) { return memo_[e.get()] = r; };
  if (const auto* l = e.as<loops::Load>()) {
    if (l->buffer->scope == loops::Scope::Registers) return tile_register(*l->buffer, l->index, false);
    const Reg v = load(*l, boolean);
    return remember(pure(VecOp::NotM, Lane::I32,
                         {pure(VecOp::Compare, Lane::I32, {v, constant(Lane::I32, 0)},
                               static_cast<int64_t>(vec::Compare::Equal))}));
  }
  if (const auto* v = e.as<loops::Variable>()) return bound_.at(v->name).reg;
  if (const auto* p = e.as<loops::Probe>()) {
    const Reg m = mask(p->value);
    store_probe(*p, pure(VecOp::Select, Lane::I32, {m, constant(Lane::I32, 1), constant(Lane::I32, 0)}));
    return remember(m);
  }
  if (const auto* c = e.as<loops::Convert>()) {
    const Reg v = value(c->from);
    const Lane lane = a_.lane(v);
    return remember(
        pure(VecOp::NotM, Lane::I32,
             {pure(VecOp::Compare, lane, {v, number(lane, 0)}, static_cast<int64_t>(vec::Compare::Equal))}));
  }
  const auto* a = e.as<loops::Apply>();
  if (!a) throw NotGenerated{"a condition without an instruction"};
  const std::vector<Expr>& x = a->arguments;
  const auto masks = [&](VecOp op) { return remember(pure(op, Lane::I32, {mask(x[0]), mask(x[1])})); };
  switch (a->function) {
    case Function::And:
      return masks(VecOp::AndM);
    case Function::Or:
      return masks(VecOp::OrM);
    case Function::Xor:
      return masks(VecOp::XorM);
    case Function::Not:
      return remember(pure(VecOp::NotM, Lane::I32, {mask(x[0])}));
    case Function::IsNan: {
      const Reg v = value(x[0]);
      return remember(
          pure(VecOp::Compare, a_.lane(v), {v, v}, static_cast<int64_t>(vec::Compare::Unordered)));
    }
    case Function::Choose: {
      const Reg m = mask(x[0]), other = pure(VecOp::NotM, Lane::I32, {m});
      const auto side = [&](const Expr& y, Reg chosen) {
        Reg r;
        if (reads_memory(y))
          masked(chosen, [&] { r = mask(y); });
        else
          r = mask(y);
        return pure(VecOp::AndM, Lane::I32, {chosen, r});
      };
      const Reg yes = side(x[1], m), no = side(x[2], other);
      return remember(pure(VecOp::OrM, Lane::I32, {yes, no}));
    }
    case Function::Less:
    case Function::LessEqual:
    case Function::Equal: {
      const ElementType t = x[0].type();
      if (t.is_bool()) {
        const Reg p = mask(x[0]), q = mask(x[1]);
        if (a->function == Function::Equal)
          return remember(pure(VecOp::NotM, Lane::I32, {pure(VecOp::XorM, Lane::I32, {p, q})}));
        const Reg not_p = pure(VecOp::NotM, Lane::I32, {p});
        return remember(
            pure(a->function == Function::Less ? VecOp::AndM : VecOp::OrM, Lane::I32, {not_p, q}));
      }
      if (is_index(x[0]) && is_index(x[1])) return remember(index_mask(e));
      const Reg p = ordered(value(x[0]), t), q = ordered(value(x[1]), t);
      return remember(pure(VecOp::Compare, a_.lane(p), {p, q},
                           static_cast<int64_t>(a->function == Function::Less        ? vec::Compare::Less
                                                : a->function == Function::LessEqual ? vec::Compare::LessEqual
                                                                                     : vec::Compare::Equal)));
    }
    default:
      throw NotGenerated{cat("function ", loops::text_of(a->function), " of conditions")};
  }
}

static bool is_number_literal(const loops::Expr& e) {  // no NaN
  const auto* l = e.as<loops::Literal>();
  if (!l) return false;
  if (e.type() == f32) {
    float f;
    std::memcpy(&f, &l->bits, sizeof f);
    return f == f;
  }
  double d;
  std::memcpy(&d, &l->bits, sizeof d);
  return e.type() == f64 && d == d;
}

Generator::Reg Generator::apply(const loops::Apply& a, ElementType t) {
  const Lane lane = vec::lane_of(t);
  const bool floats = t.is_float();
  const std::vector<Expr>& x = a.arguments;
  const auto arg = [&](size_t i) { return value(x[i]); };
  const auto one = [&](VecOp op, int64_t immediate = 0) { return pure(op, lane, {arg(0)}, immediate); };
  const auto two = [&](VecOp op) { return pure(op, lane, {arg(0), arg(1)}); };
  const auto sign = [&] {
    return constant(lane, lane == Lane::F32 || lane == Lane::I32 ? 0x80000000u : uint64_t{1} << 63);
  };
  if ((t == f16 || t == bf16) && a.function != Function::Choose)
    throw NotGenerated{"arithmetic on 16-bit floats"};
  switch (a.function) {
    case Function::Add:
      return wrap(two(VecOp::Add), t);
    case Function::Sub:
      return wrap(two(VecOp::Sub), t);
    case Function::Mul:
      return wrap(two(VecOp::Mul), t);
    case Function::Fma:
      if (floats) return pure(VecOp::Fma, lane, {arg(0), arg(1), arg(2)});
      return wrap(pure(VecOp::Add, lane, {two(VecOp::Mul), arg(2)}), t);
    case Function::FmaFlush:
      return pure(VecOp::FmaFlush, lane, {arg(0), arg(1), arg(2)});
    case Function::DotPairs:
      return pure(VecOp::DotPairs, lane, {arg(0), arg(1), arg(2)});
    case Function::DotBytes:
      return pure(VecOp::DotBytes, lane, {arg(0), arg(1), arg(2)});
    case Function::DotWords:
      return pure(VecOp::DotWords, lane, {arg(0), arg(1), arg(2)});
    case Function::DotBits:
      return pure(VecOp::Add, lane, {pure(VecOp::CountBits, lane, {two(VecOp::Xor)}), arg(2)});
    case Function::CountBits: {
      if (lane != Lane::I32) throw NotGenerated{"bits of 64-bit elements"};
      Reg v = arg(0);
      if (t.is_signed() && t.bits < 32) v = pure(VecOp::And, lane, {v, constant(lane, (1u << t.bits) - 1)});
      return pure(VecOp::CountBits, lane, {v});
    }
    case Function::Div:
      if (!floats) throw NotGenerated{"integer division of elements"};
      return two(VecOp::Div);
    case Function::Rem:
    case Function::FloorDiv:
    case Function::FloorMod:
      throw NotGenerated{cat("function ", loops::text_of(a.function), " of elements")};
    case Function::Max:
    case Function::Min: {
      const VecOp op = a.function == Function::Max ? VecOp::Greater : VecOp::Lesser;
      const Reg p = arg(0), q = arg(1);
      if (!floats) return ordered(pure(op, lane, {ordered(p, t), ordered(q, t)}), t);
      const Reg chosen = pure(op, lane, {p, q});  // q where one is NaN
      if (is_number_literal(x[0])) return chosen;
      const Reg nan = pure(VecOp::Compare, lane, {p, p}, static_cast<int64_t>(vec::Compare::Unordered));
      return pure(VecOp::Select, lane, {nan, p, chosen});
    }
    case Function::Greater2:
    case Function::Lesser2: {
      const VecOp op = a.function == Function::Greater2 ? VecOp::Greater : VecOp::Lesser;
      if (floats) return two(op);
      return ordered(pure(op, lane, {ordered(arg(0), t), ordered(arg(1), t)}), t);
    }
    case Function::Negate:
      if (floats) return pure(VecOp::Xor, lane, {arg(0), sign()});
      return wrap(pure(VecOp::Sub, lane, {constant(lane, 0), arg(0)}), t);
    case Function::Abs: {
      if (floats) return pure(VecOp::AndNot, lane, {sign(), arg(0)});
      if (!t.is_signed()) return arg(0);
      const Reg v = arg(0);
      return wrap(pure(VecOp::Greater, lane, {v, pure(VecOp::Sub, lane, {constant(lane, 0), v})}), t);
    }
    case Function::CopySign: {
      const Reg magnitude = pure(VecOp::AndNot, lane, {sign(), arg(0)});
      return pure(VecOp::Or, lane, {magnitude, pure(VecOp::And, lane, {sign(), arg(1)})});
    }
    case Function::Sqrt:
      return one(VecOp::Sqrt);
    case Function::Floor:
      return one(VecOp::Round, static_cast<int64_t>(vec::Rounding::Down));
    case Function::Ceil:
      return one(VecOp::Round, static_cast<int64_t>(vec::Rounding::Up));
    case Function::Truncate:
      return one(VecOp::Round, static_cast<int64_t>(vec::Rounding::Zero));
    case Function::RoundEven:
      return one(VecOp::Round, static_cast<int64_t>(vec::Rounding::Even));
    case Function::BitAnd:
      return two(VecOp::And);
    case Function::BitOr:
      return two(VecOp::Or);
    case Function::BitXor:
      return two(VecOp::Xor);
    case Function::BitNot:
      return wrap(pure(VecOp::Xor, lane, {arg(0), constant(lane, ~uint64_t{0})}), t);
    case Function::ShiftLeft:
    case Function::ShiftRight:
    case Function::ShiftRightLogical: {
      const bool left = a.function == Function::ShiftLeft;
      const bool arithmetic = a.function == Function::ShiftRight && t.is_signed();
      std::optional<int64_t> by;
      if (const auto* l = x[1].as<loops::Literal>()) by = static_cast<int64_t>(l->bits);
      if (const auto* c = x[1].as<loops::Convert>(); c && is_index(c->from) && !varies(c->from))
        by = literal(c->from);
      if (by && *by >= 0 && *by < t.bits) {
        Reg v = arg(0);
        const int64_t n = *by;
        if (n == 0) return v;
        if (!left && !arithmetic && t.is_signed() && t.bits < 32)
          v = pure(VecOp::And, lane, {v, constant(lane, (1u << t.bits) - 1)});
        return wrap(pure(left ? VecOp::Shl : arithmetic ? VecOp::Sar : VecOp::Shr, lane, {v}, n), t);
      }
      if (!left && !arithmetic && t.is_signed() && t.bits < 32)
        throw NotGenerated{"a logical shift of narrow signed elements by a variable"};
      return wrap(two(left ? VecOp::ShlV : arithmetic ? VecOp::SarV : VecOp::ShrV), t);
    }
    case Function::Choose:
      return selected(a, t);
    default:
      throw NotGenerated{cat("function ", loops::text_of(a.function), " of elements")};
  }
}

Generator::Reg Generator::convert(Reg from, ElementType f, ElementType to) {
  const Lane lane = vec::lane_of(to), source = a_.lane(from);
  if (f == to) return from;
  if (to.is_float()) {
    if (to == f64 || to == f32) {
      if (source == lane) return from;  // f16, bf16 are widened already
      if (f == u32) {
        const Reg wide = pure(VecOp::And, Lane::I64,
                              {pure(VecOp::Convert, Lane::I64, {from}), constant(Lane::I64, 0xffffffffu)});
        return pure(VecOp::Convert, lane, {wide});
      }
      if (f == u64) throw NotGenerated{"u64 to a float"};
      return pure(VecOp::Convert, lane, {from});
    }
    if (f == f32) return pure(VecOp::Narrow16, Lane::F32, {from}, to == bf16);
    if ((f.is_integer() && f.bits <= 16))  // exact in f32
      return pure(VecOp::Narrow16, Lane::F32, {pure(VecOp::Convert, Lane::F32, {from})}, to == bf16);
    if (f == f16 || f == bf16) return pure(VecOp::Narrow16, Lane::F32, {from}, to == bf16);
    throw NotGenerated{cat(f, " to ", to)};
  }
  if (!to.is_integer()) throw NotGenerated{cat(f, " to ", to)};
  if (f.is_float()) {
    if (to == u32 || to == u64) throw NotGenerated{cat(f, " to ", to)};
    const auto cmp = [&](Reg a, Reg b, vec::Compare c) {
      return pure(VecOp::Compare, source, {a, b}, static_cast<int64_t>(c));
    };
    const Reg nan = cmp(from, from, vec::Compare::Unordered);
    Reg r;
    if (to.bits < 32) {  // the limits are exact in the source
      const Reg low = number(source, static_cast<double>(to.min_value()));
      const Reg high = number(source, static_cast<double>(to.max_value()));
      r = pure(VecOp::Lesser, source, {pure(VecOp::Greater, source, {from, low}), high});
      r = pure(VecOp::Convert, lane, {r});
    } else {
      const double limit = std::ldexp(1.0, to.bits - 1);
      r = pure(VecOp::Convert, lane, {from});
      const Reg above = cmp(number(source, limit), from, vec::Compare::LessEqual);
      r = pure(VecOp::Select, lane, {above, constant(lane, to.max_value()), r});
    }
    return pure(VecOp::Select, lane, {nan, constant(lane, 0), r});
  }
  Reg r = from;  // integer to integer: modulo 2^n
  if (source != lane) {
    r = pure(VecOp::Convert, lane, {from});
    if (lane == Lane::I64 && f == u32) r = pure(VecOp::And, lane, {r, constant(lane, 0xffffffffu)});
  }
  return wrap(r, to);
}

}  // namespace tauto
