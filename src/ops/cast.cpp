// cast(x): elements of x as another type, attribute `to` (docs/semantics.md, "Conversions").
//
//   to float      rounded once, to nearest even; beyond the range infinity
//   to integer    from float: towards zero, then saturated, NaN gives 0; from integer: modulo 2^n. To 4 and 2
//                 bits: as through i32
//   to bool       x != 0 (true for NaN)
//   to f8, f4     ops/small_float.h; attributes `saturate` (default 1) and, of f8e8m0, `round_mode` "up"
//                 (default), "down", "nearest"
//   from string   a decimal number, or [+-]inf or nan in any case; an integer's text is taken exactly, any
//                 other is read as the nearest f64 and then cast
//   to string     integers in decimal; floats as the shortest plain decimal that reads back, INF, -INF, NaN;
//                 bools as 1 and 0
#include <bit>
#include <cmath>
#include <optional>

#include "ops/cast.h"
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

PowerRounding rounding_named(const std::string& name) {
  return name == "down"      ? PowerRounding::Down
         : name == "nearest" ? PowerRounding::Nearest
                             : PowerRounding::Up;
}

CastTarget target_of(const Attributes& a) {
  return {a.get<ElementType>("to"), a.get_or<int64_t>("saturate", 1) != 0,
          rounding_named(a.get_or<std::string>("round_mode", "up"))};
}

bool is_castable(ElementType t) {
  return t.is_float() || t.is_small_float() || t.is_integer() || t.is_bool() || t.is_string();
}

Type cast_type(const TypeContext& c) {
  const CastTarget to = target_of(c.attributes);
  for (ElementType e : {c.element(0), to.type})
    c.require(is_castable(e), cat("not defined for elements ", e));
  const std::string mode = c.attributes.get_or<std::string>("round_mode", "up");
  c.require(mode == "up" || mode == "down" || mode == "nearest",
            cat("round_mode: required up, down or nearest, got \"", mode, "\""));
  return Type::tensor(to.type, c.dims(0));
}

// ---- shape arithmetic -------------------------------------------------------------------------------------

// Sizes are taken to fit 32 bits, as everything in shape arithmetic; narrower types must be seen to hold
// them.
Dim cast_dim(const Dim& x, ElementType e) {
  if (x.is_literal()) return e.is_bool() ? num::decided(x.literal() != 0) : Dim(wrap(x.literal(), e));
  const auto lo = lower_bound(x), hi = upper_bound(x);
  if (e.is_bool()) {
    if ((lo && *lo > 0) || (hi && *hi < 0)) return Dim(1);
    throw Unknown{};
  }
  if (e.is_signed() ? e.bits >= 32 : e.bits >= 32 && lo && *lo >= 0) return x;
  if (e.bits < 32 && lo && hi && *lo >= e.min_value() && *hi <= static_cast<int64_t>(e.max_value())) return x;
  throw Unknown{};
}

void cast_eval(EvalContext& c) {
  const CastTarget to = target_of(c.attributes);
  const Tensor& x = c.tensor(0);
  const ElementType from = x.type();
  if (from == to.type) {
    c.out = x;
    return;
  }
  switch (c.rep) {
    case Rep::Dims: {
      if (!to.type.is_integer() && !to.type.is_bool()) throw Unknown{};
      Tensor out = c.make();
      for (int64_t i = 0; i < x.count(); ++i) out.data<Dim>()[i] = cast_dim(x.data<Dim>()[i], to.type);
      c.out = std::move(out);
      return;
    }
    case Rep::Term: {
      Tensor out = c.make();
      const std::string name = cat("cast_", to.type);
      for (int64_t i = 0; i < x.count(); ++i)
        out.data<Term>()[i] = term_apply(name, to.type, {x.data<Term>()[i]});
      c.out = std::move(out);
      return;
    }
    case Rep::Interval:
      return cast_intervals(c, to);
    default:
      return cast_values(c, to);
  }
}

// ---- steps of a quantizer ---------------------------------------------------------------------------------
//
// sat(rne(x) + z), a byte, is rne(clip(x, −z, 255 − z)) + z, and rne of what is small is an addition: the last
// bits of x + 1.5·2²³ are the integer. No NaN test is left (of a NaN the lower limit is taken, which gives 0)
// and no conversion. Read back, that integer needs no byte, and minus z it is the same float again.

constexpr double kMagic = 0x1.8p23;
constexpr int64_t kMagicBits = 0x4b400000;

const loops::Apply* call(const loops::Expr& e, loops::Function f) {
  const auto* a = e.as<loops::Apply>();
  return a && a->function == f ? a : nullptr;
}

std::optional<int64_t> i32_literal(const loops::Expr& e) {
  const auto* l = e.as<loops::Literal>();
  return l && e.type() == i32 ? std::optional(int64_t{static_cast<int32_t>(l->bits)}) : std::nullopt;
}

// The i32 in 0 … 255 that x is to u8 before it is made narrow; undefined if x is no rounded f32.
loops::Expr rounded_to_byte(loops::Expr x) {
  double z = 0;
  if (const auto* a = call(x, loops::Function::Add)) {
    const auto* l = a->arguments[1].as<loops::Literal>();
    if (!l || x.type() != f32) return {};
    z = double{std::bit_cast<float>(static_cast<uint32_t>(l->bits))};
    if (!(z >= 0 && z <= 255) || z != std::floor(z)) return {};
    x = a->arguments[0];
  }
  const auto* r = call(x, loops::Function::RoundEven);
  if (!r || x.type() != f32) return {};
  const auto number = [](double v) { return loops::number(f32, v); };
  const loops::Expr above =
      loops::apply(loops::Function::Greater2, {r->arguments[0], number(z == 0 ? 0 : -z)});
  const loops::Expr clipped = loops::apply(loops::Function::Lesser2, {above, number(255 - z)});
  const loops::Expr magic = loops::apply(loops::Function::Add, {clipped, number(kMagic)});
  return loops::apply(loops::Function::Add, {loops::bits(magic, i32), loops::number(i32, z - kMagicBits)});
}

// The x + 1.5·2²³ of an i32 made by rounded_to_byte and what it adds to the bits.
std::optional<std::pair<loops::Expr, int64_t>> behind_byte(const loops::Expr& e) {
  const auto* a = call(e, loops::Function::Add);
  const auto* b = a ? a->arguments[0].as<loops::Bits>() : nullptr;
  const auto z = a ? i32_literal(a->arguments[1]) : std::nullopt;
  const auto* magic = b && z && e.type() == i32 ? call(b->from, loops::Function::Add) : nullptr;
  const auto* l = magic && b->from.type() == f32 ? magic->arguments[1].as<loops::Literal>() : nullptr;
  const bool ours = l && l->bits == static_cast<uint64_t>(kMagicBits) && *z >= -kMagicBits &&
                    *z <= 255 - kMagicBits && call(magic->arguments[0], loops::Function::Lesser2);
  return ours ? std::optional(std::pair(b->from, *z)) : std::nullopt;
}

loops::Expr cast_lower(Lowering& l, const Index& index) {
  // The parameters of f8 do not matter: `lower` refuses these types.
  const loops::Expr x = l.at(0, index);
  const ElementType to = l.type().element;
  if (to == u8)
    if (const loops::Expr byte = rounded_to_byte(x); byte.defined()) return converted(byte, u8);
  if (const auto* c = x.as<loops::Convert>(); to == i32 && c && x.type() == u8 && behind_byte(c->from))
    return c->from;
  if (to == f32 && x.type() == i32) {
    const auto* s = call(x, loops::Function::Sub);
    const auto z = s ? i32_literal(s->arguments[1]) : std::optional<int64_t>(0);
    const auto byte = z ? behind_byte(s ? s->arguments[0] : x) : std::nullopt;
    if (byte && byte->second - *z == -kMagicBits)
      return loops::apply(loops::Function::Sub, {byte->first, loops::number(f32, kMagic)});
  }
  return converted(x, to);
}

// Between floats: rounded once if the result has fewer digits. Anything else is known by intervals only.
void cast_error(ErrorRule& r) {
  const ElementType from = r.in[0].value->type();
  if (!from.is_float()) {
    r.rounds_once();
    if (r.attributes.find("legal")) return;
    // Integers of no more digits than the type has are what they are.
    const std::span<const double> y = r.result();
    for (size_t i = 0; i < y.size(); ++i)
      if (std::fabs(y[i]) * rounding_of(r.type.element).unit <= 1) r.own[i] = 0;
    return;
  }
  pointwise_error<decltype([](auto x) { return std::array{num::like(x, 1)}; }), 1>(r);
  if (rounding_of(r.type.element).unit > rounding_of(from).unit || r.type.element == f16 ||
      r.type.element == bf16)
    r.rounds_once();
}

}  // namespace

constinit const Op cast{
    .name = "cast",
    .arity = 1,
    .traits = kElementwise,
    .type = cast_type,
    .unranked_type = [](const TypeContext& c) { return Type::unranked(c.attributes.get<ElementType>("to")); },
    .eval = cast_eval,
    .lower = cast_lower,
    .error = cast_error,
};

}  // namespace tauto::ops
