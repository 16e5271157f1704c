// expand(x, shape) = x broadcast together with a tensor of that shape (numpy's rule, both ways).
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {

namespace {

loops::Expr expand_lower(Lowering& l, const Index& index) { return l.at(0, broadcast_index(l, 0, index)); }

}  // namespace

constinit const Op expand{
    .name = "expand",
    .arity = 2,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          c.require_rank(1, 1);
          c.require(c.element(1).is_integer(), "shape: required integers");
          auto shape = c.value(1);
          const int64_t rank = c.rank(0);
          if (!shape) {
            const auto n = c.dim(1, 0).as_literal();
            if (!n) throw Unranked{};
            c.require(*n <= 1024, "shape: required at most 1024 dims");
            Dims r;
            for (int64_t i = 0; i < std::max(*n, rank); ++i) r.push_back(c.fresh());
            return Type::tensor(c.element(0), std::move(r));
          }
          for (const Dim& d : *shape)
            if (d.is_literal() && d.literal() < 0) c.refuse(cat("shape: required dims >= 0, got ", d));
          const Type types[] = {c.type(0), Type::tensor(c.element(0), std::move(*shape))};
          return Type::tensor(c.element(0), c.broadcast(types));
        },
    .eval =
        [](EvalContext& c) {
          Tensor out = c.make();
          copy_strided(c.tensor(0), 0, broadcast_strides(c.tensor(0), out.shape()), out);
          c.out = std::move(out);
        },
    .lower = expand_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
