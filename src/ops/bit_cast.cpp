// bit_cast(x): the bits of each element as another type of as many bits, attribute `to`.
//
// NaNs of x are made the one quiet NaN first (docs/semantics.md, "NaN"), so the result is a function of the
// values. A pattern that is no value of the target becomes one: bool is bits != 0.
#include <limits>

#include "ops/lowering_tools.h"
#include "ops/ops.h"
#include "ops/storage.h"
#include "ops/term.h"

namespace tauto::ops {
namespace {

Type bit_cast_type(const TypeContext& c) {
  const ElementType from = c.element(0), to = c.attributes.get<ElementType>("to");
  c.require(!from.is_string() && !to.is_string() && from.bits == to.bits,
            cat("required a type of ", from.bits, " bits, got ", to));
  return Type::tensor(to, c.dims(0));
}

void bit_cast_eval(EvalContext& c) {
  const ElementType to = c.type.element;
  const Tensor& x = c.tensor(0);
  if (c.rep == Rep::Term) {
    Tensor out = c.make();
    for (int64_t i = 0; i < x.count(); ++i)
      out.data<Term>()[i] = term_apply("bit_cast", to, {x.data<Term>()[i]});
    c.out = std::move(out);
    return;
  }
  // Rounding-free values and intervals have no bits.
  if (c.rep != Rep::Exact && (c.rep != Rep::Ideal || x.type().is_float() || to.is_float())) throw Unknown{};
  const Tensor same = canonical_nan(x).retyped(to);
  if (to.bits >= 8 && !to.is_bool()) {
    c.out = same;
    return;
  }
  Tensor out = c.make();
  for (int64_t i = 0; i < x.count(); ++i) {
    const uint8_t bits = same.data<uint8_t>()[i];
    uint8_t& o = out.data<uint8_t>()[i];
    if (to.is_bool()) {
      o = bits != 0;
    } else {
      const int shift = 8 - to.bits;
      const auto up = static_cast<uint8_t>(bits << shift);
      o = to.is_signed() ? static_cast<uint8_t>(static_cast<int8_t>(up) >> shift)
                         : static_cast<uint8_t>(up >> shift);
    }
  }
  c.out = std::move(out);
}

loops::Expr bit_cast_lower(Lowering& l, const Index& index) {
  const loops::Expr x = l.at(0, index);
  const ElementType from = x.type(), to = l.type().element;
  if (from.is_bool() || to.is_bool()) return converted(x, to);
  if (!from.is_float()) return loops::bits(x, to);
  const ElementType pattern{Kind::Unsigned, from.bits};
  const loops::Expr nan = loops::bits(loops::number(from, std::numeric_limits<double>::quiet_NaN()), pattern);
  const loops::Expr is_nan = loops::apply(loops::Function::IsNan, {widened(x)});
  return loops::bits(loops::select(is_nan, nan, loops::bits(x, pattern)), to);
}

}  // namespace

constinit const Op bit_cast{
    .name = "bit_cast",
    .arity = 1,
    .traits = kElementwise,
    .type = bit_cast_type,
    .unranked_type = [](const TypeContext& c) { return Type::unranked(c.attributes.get<ElementType>("to")); },
    .eval = bit_cast_eval,
    .lower = bit_cast_lower,
};

}  // namespace tauto::ops
