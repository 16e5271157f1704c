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

loops::Expr cast_lower(Lowering& l, const Index& index) {
  // The parameters of f8 do not matter: `lower` refuses these types.
  return converted(l.at(0, index), l.type().element);
}

// Between floats: rounded once if the result has fewer digits. Anything else is known by intervals only.
void cast_error(ErrorRule& r) {
  const ElementType from = r.in[0].value->type();
  if (!from.is_float()) return r.rounds_once();
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
