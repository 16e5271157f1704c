// size_of(x) = the number of elements of x, i64[].
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op size_of{
    .name = "size_of",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          c.element(0);
          return Type::tensor(i64, {});
        },
    .eval = [](EvalContext& c) { c.out = integers(i64, {}, std::array{c.tensor(0).count()}, c.rep); },
    .known = [](const TypeContext& c) -> std::optional<Dims> {
      if (!c.type(0).ranked) return std::nullopt;
      return Dims{product(c.dims(0))};
    },
};

}  // namespace tauto::ops
