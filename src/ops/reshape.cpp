// reshape(x, shape) = the elements of x in row-major order under another shape.
//
// One entry of `shape` may be -1: the dim that keeps the number of elements. A dim that stays in its place
// takes no part in finding it, so f32[0, 6] reshapes by [0, 2, -1] to f32[0, 2, 3]. With the attribute
// copy_zero an entry 0 is the dim of x at the same place; without it 0 is an extent.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Dim missing_dim(const TypeContext& c, const Dims& from, const Dims& to, size_t missing) {
  Dims have, want;
  for (size_t i = 0; i < std::max(from.size(), to.size()); ++i) {
    if (i < from.size() && i < to.size() && i != missing && from[i] == to[i]) continue;
    if (i < from.size()) have.push_back(from[i]);
    if (i < to.size() && i != missing) want.push_back(to[i]);
  }
  const Dim total = product(have), rest = product(want);
  if (const auto r = rest.as_literal()) {
    if (*r == 0 && !Type::tensor(f32, from).is_static()) return c.fresh();  // what stays is not decided yet
    c.require(*r != 0, "-1 stands for any number here: another dim is 0");
    const auto t = total.as_literal();
    c.require(!t || *t % *r == 0, cat(product(from), " elements are not a multiple of ", product(to) * -1));
  }
  return exact_div(total, rest);
}

Type reshape_type(const TypeContext& c) {
  const ElementType e = c.element(0);
  c.require_rank(1, 1);
  c.require(c.element(1).is_integer(), "shape: required integers");
  const bool ranked = c.type(0).ranked, copy_zero = c.attributes.flag("copy_zero");
  auto shape = c.value(1);
  if (!shape) {
    const auto rank = c.dim(1, 0).as_literal();
    if (!rank) throw Unranked{};
    c.require(*rank <= 1024, "shape: required at most 1024 dims");
    Dims r;
    for (int64_t i = 0; i < *rank; ++i) r.push_back(c.fresh());
    return Type::tensor(e, std::move(r));
  }
  const size_t none = shape->size();
  size_t missing = none;
  for (size_t i = 0; i < shape->size(); ++i) {
    const auto v = (*shape)[i].as_literal();
    if (!v) continue;
    if (*v == -1) {
      c.require(missing == none, "shape: more than one -1");
      missing = i;
    } else if (*v < 0) {
      c.refuse(cat("shape: required dims >= -1, got ", *v));
    } else if (*v == 0 && copy_zero) {
      c.require(!ranked || static_cast<int64_t>(i) < c.rank(0), cat("shape: no dim ", i, " to copy"));
      (*shape)[i] = ranked ? c.dim(0, static_cast<int64_t>(i)) : c.fresh();
    }
  }
  if (missing != none) (*shape)[missing] = ranked ? missing_dim(c, c.dims(0), *shape, missing) : c.fresh();
  if (ranked) {
    const Dim have = product(c.dims(0)), want = product(*shape);
    const Dim difference = have - want;
    if (difference.is_literal() && difference.literal() != 0)
      c.refuse(cat("required ", have, " elements, ", Type::tensor(e, *shape), " has ", want));
  }
  return Type::tensor(e, std::move(*shape));
}

loops::Expr reshape_lower(Lowering& l, const Index& index) {
  return l.at(0, reshaped_index(l.type(0).dims, l.type().dims, index));
}

}  // namespace

constinit const Op reshape{
    .name = "reshape",
    .arity = 2,
    .traits = kView,
    .type = reshape_type,
    .eval = [](EvalContext& c) { c.out = c.tensor(0).reshaped(static_shape(c.type)); },
    .lower = reshape_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
