// where(c, x, y) = x where c, else y. Broadcasts; x and y of any equal element type.
#include "ops/elementwise.h"
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"
#include "ops/storage.h"

namespace tauto::ops {
namespace {

Type where_type(const TypeContext& c) {
  c.require_element(0, boolean);
  c.require_same_element(1, 2);
  return Type::tensor(c.element(1), c.broadcast(c.inputs));
}

template <class Cond, class S>
void choose(EvalContext& c) {
  Tensor out = c.make();
  const Cond* cond = c.tensor(0).data<Cond>();
  const S *x = c.tensor(1).data<S>(), *y = c.tensor(2).data<S>();
  S* o = out.data<S>();
  for_each_broadcast<3>(out.shape(), {&c.tensor(0), &c.tensor(1), &c.tensor(2)},
                        [&](int64_t i, const std::array<int64_t, 3>& at) {
                          const auto& k = cond[at[0]];
                          if constexpr (std::is_same_v<Cond, bool>) {
                            o[i] = k ? x[at[1]] : y[at[2]];
                          } else {
                            o[i] = num::select(k, x[at[1]], y[at[2]]);
                          }
                        });
  c.out = std::move(out);
}

void where_eval(EvalContext& c) {
  const ElementType e = c.type.element;
  switch (c.rep) {
    case Rep::Term:
      return choose<Term, Term>(c);
    case Rep::Dims:
      return choose<Dim, Dim>(c);
    case Rep::Interval:
      if (e == f64) return choose<IInterval, FInterval<double>>(c);
      if (e.is_float()) return choose<IInterval, FInterval<float>>(c);
      if (e.is_integer() || e.is_bool()) return choose<IInterval, IInterval>(c);
      throw Unknown{};
    default:
      break;
  }
  visit_storage(c.tensor(1), [&](auto s) { choose<bool, decltype(s)>(c); });
}

loops::Expr where_lower(Lowering& l, const Index& index) {
  return loops::select(l.at(0, broadcast_index(l, 0, index)), l.at(1, broadcast_index(l, 1, index)),
                       l.at(2, broadcast_index(l, 2, index)));
}

}  // namespace

constinit const Op where{
    .name = "where",
    .arity = 3,
    .traits = kElementwise,
    .type = where_type,
    .unranked_type = [](const TypeContext& c) { return Type::unranked(c.element(1)); },
    .eval = where_eval,
    .lower = where_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
