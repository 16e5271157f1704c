// unsqueeze(x) {axes} = x with dims of extent 1 at these axes of the result. It is for values whose rank only
// run time knows: otherwise it is a reshape.
#include <algorithm>

#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op unsqueeze{
    .name = "unsqueeze",
    .arity = 1,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          const int64_t n = static_cast<int64_t>(c.attributes.get<Ints>("axes").size());
          std::vector<int64_t> axes = axes_of(c, c.rank(0) + n, n);
          std::sort(axes.begin(), axes.end());
          Dims dims = c.dims(0);
          for (int64_t a : axes) dims.insert(dims.begin() + a, Dim(1));
          return Type::tensor(c.element(0), std::move(dims));
        },
    .eval = [](EvalContext& c) { c.out = c.tensor(0).reshaped(static_shape(c.type)); },
    .lower = [](Lowering& l, const Index& index) -> loops::Expr {
      return l.at(0, reshaped_index(l.type(0).dims, l.type().dims, index));
    },
    .error = movement_error,
};

}  // namespace tauto::ops
