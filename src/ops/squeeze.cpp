// squeeze(x) {axes} = x without these dims, which must be 1; without the attribute: without all dims of
// extent 1, so that the rank may depend on sizes. Named axes of a value whose rank is known are a reshape.
#include <algorithm>

#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type squeeze_type(const TypeContext& c) {
  const bool named = c.attributes.find("axes");
  std::vector<int64_t> axes;
  if (named) axes = axes_of(c, c.rank(0), static_cast<int64_t>(c.attributes.get<Ints>("axes").size()));
  Dims dims;
  for (int64_t i = 0; i < c.rank(0); ++i) {
    const Dim d = c.dim(0, i);
    if (named) {
      const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
      if (gone) c.require(!d.is_literal() || d.literal() == 1, cat("dim ", i, " is not 1"));
      if (!gone) dims.push_back(d);
      continue;
    }
    const auto lo = lower_bound(d);
    if (!d.is_literal() && !(lo && *lo > 1)) return Type::unranked(c.element(0));
    if (!(d == Dim(1))) dims.push_back(d);
  }
  return Type::tensor(c.element(0), std::move(dims));
}

loops::Expr squeeze_lower(Lowering& l, const Index& index) {
  return l.at(0, reshaped_index(l.type(0).dims, l.type().dims, index));
}

}  // namespace

constinit const Op squeeze{
    .name = "squeeze",
    .arity = 1,
    .traits = kView,
    .type = squeeze_type,
    .eval = [](EvalContext& c) { c.out = c.tensor(0).reshaped(static_shape(c.type)); },
    .lower = squeeze_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
