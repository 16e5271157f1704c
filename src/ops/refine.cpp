// refine(x) {type} = x, which must be of this type. Where only run time knows a rank, an operator that needs
// one gets it from here: the type is checked when the value is there, and taken for granted before.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op refine{
    .name = "refine",
    .arity = 1,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          const Type& required = c.attributes.get<Type>("type");
          const auto require = [&](bool ok) { c.require(ok, cat("required ", required)); };
          require(required.is_tensor() && required.ranked && required.element == c.element(0));
          if (!c.type(0).ranked) return required;
          require(required.rank() == c.rank(0));
          Type r = required;
          for (size_t i = 0; i < r.dims.size(); ++i) {
            const Dim& have = c.dims(0)[i];
            const Dim difference = r.dims[i] - have;
            require(!difference.is_literal() || difference.literal() == 0);
            if (have.is_literal()) r.dims[i] = have;
          }
          return r;
        },
    .eval = [](EvalContext& c) { c.out = c.in[0]; },
    .lower = [](Lowering& l, const Index& index) -> loops::Expr { return l.at(0, index); },
    .error = movement_error,
};

}  // namespace tauto::ops
