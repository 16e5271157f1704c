// transpose(x){perm}: dim i of the result is dim perm[i] of x.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {

namespace {

loops::Expr transpose_lower(Lowering& l, const Index& index) {
  const Ints& perm = l.attributes().get<Ints>("perm");
  Index from(index.size());
  for (size_t i = 0; i < perm.size(); ++i) from[static_cast<size_t>(perm[i])] = index[i];
  return l.at(0, from);
}

}  // namespace

constinit const Op transpose{
    .name = "transpose",
    .arity = 1,
    .traits = kView,
    .type =
        [](const TypeContext& c) {
          const Ints& perm = c.attributes.get<Ints>("perm");
          const int64_t rank = c.rank(0);
          std::vector<bool> seen(static_cast<size_t>(rank));
          bool ok = static_cast<int64_t>(perm.size()) == rank;
          for (size_t i = 0; ok && i < perm.size(); ++i) {
            ok = perm[i] >= 0 && perm[i] < rank && !seen[static_cast<size_t>(perm[i])];
            if (ok) seen[static_cast<size_t>(perm[i])] = true;
          }
          c.require(ok, cat("perm: required a permutation of ", rank, " axes, got ", perm));
          Dims dims;
          for (int64_t p : perm) dims.push_back(c.dim(0, p));
          return Type::tensor(c.element(0), std::move(dims));
        },
    .unranked_type =
        [](const TypeContext& c) {
          Dims dims;
          for (size_t i = 0; i < c.attributes.get<Ints>("perm").size(); ++i) dims.push_back(c.fresh());
          return Type::tensor(c.element(0), std::move(dims));
        },
    .eval =
        [](EvalContext& c) {
          Tensor out = c.make();
          const Shape own = strides_of(c.tensor(0).shape());
          Shape strides;
          for (int64_t p : c.attributes.get<Ints>("perm")) strides.push_back(own[static_cast<size_t>(p)]);
          copy_strided(c.tensor(0), 0, strides, out);
          c.out = std::move(out);
        },
    .lower = transpose_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
