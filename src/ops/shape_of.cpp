// shape_of(x) = the dims of x, i64[rank]. For a ranked x it is known before run time, perhaps in symbols.
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op shape_of{
    .name = "shape_of",
    .arity = 1,
    .type = [](const TypeContext& c) { return Type::tensor(i64, {Dim(c.rank(0))}); },
    .unranked_type = [](const TypeContext& c) { return Type::tensor(i64, {c.fresh()}); },
    .eval =
        [](EvalContext& c) {
          const Shape& shape = c.tensor(0).shape();
          c.out = integers(i64, {c.tensor(0).rank()}, shape, c.rep);
        },
    .known = [](const TypeContext& c) -> std::optional<Dims> {
      if (!c.type(0).ranked) return std::nullopt;
      return c.dims(0);
    },
};

}  // namespace tauto::ops
