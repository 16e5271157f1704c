// squeeze(x) = x without its dims of extent 1. Where a dim is a symbol only run time knows the rank: squeezes
// of named axes are reshapes.
#include "ops/lowering_tools.h"
#include "ops/ops.h"

namespace tauto::ops {

namespace {

loops::Expr squeeze_lower(Lowering& l, const Index& index) {
  return l.at(0, reshaped_index(l.type(0).dims, l.type().dims, index));
}

}  // namespace

constinit const Op squeeze{
    .name = "squeeze",
    .arity = 1,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          Dims dims;
          for (const Dim& d : c.dims(0)) {
            const auto lo = lower_bound(d);
            if (!d.is_literal() && !(lo && *lo > 1)) return Type::unranked(c.element(0));
            if (!(d == Dim(1))) dims.push_back(d);
          }
          return Type::tensor(c.element(0), std::move(dims));
        },
    .eval = [](EvalContext& c) { c.out = c.tensor(0).reshaped(static_shape(c.type)); },
    .lower = squeeze_lower,
};

}  // namespace tauto::ops
