// slice(x, starts, ends, steps){axes}: along axes[i] the indices starts[i], starts[i] + steps[i], … before
// ends[i].
//
// Starts and ends below 0 count from the end; then they are clamped to the axis (Python's rule). A step may
// be negative, not 0. Default axes: the first ones.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type slice_type(const TypeContext& c) {
  const int64_t rank = c.rank(0);
  std::optional<int64_t> n;
  for (int i = 1; i <= 3; ++i) {
    c.require_rank(i, 1);
    c.require(c.element(i).is_integer(), cat("input ", i, ": required integers"));
    const auto length = c.dim(i, 0).as_literal();
    if (!length) continue;
    c.require(!n || *n == *length, "starts, ends and steps: required equal lengths");
    n = length;
  }
  Dims dims = c.dims(0);
  if (!n) {
    for (Dim& d : dims) d = c.fresh();
    return Type::tensor(c.element(0), std::move(dims));
  }
  const auto axes = axes_of(c, rank, *n);
  const auto starts = c.value(1), ends = c.value(2), steps = c.value(3);
  for (size_t i = 0; i < axes.size(); ++i) {
    Dim& d = dims[static_cast<size_t>(axes[i])];
    std::optional<Span> span;
    const auto step = steps ? (*steps)[i].as_literal() : std::nullopt;
    if (step) c.require(*step != 0, cat("step of axis ", axes[i], ": required not 0"));
    if (starts && ends && step) span = slice_span(d, (*starts)[i], (*ends)[i], *step);
    d = span ? span->count : c.fresh();
  }
  return Type::tensor(c.element(0), std::move(dims));
}

void slice_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto starts = c.ints(1), ends = c.ints(2), steps = c.ints(3);
  const auto axes = axes_of(c.attributes, x.rank(), static_cast<int64_t>(starts.size()));
  const Shape own = strides_of(x.shape());
  Shape strides = own;
  Tensor out = c.make();
  int64_t offset = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axes[i]);
    const auto span = slice_span(x.shape()[a], starts[i], ends[i], steps[i]);
    offset += span->first.literal() * own[a];
    strides[a] = span->count.literal() > 1 ? own[a] * steps[i] : 0;
  }
  copy_strided(x, offset, strides, out);
  c.out = std::move(out);
}

loops::Expr slice_lower(Lowering& l, const Index& index) {
  const Dims starts = l.require_value(1), ends = l.require_value(2), steps = l.require_value(3);
  const Dims& dims = l.type(0).dims;
  const auto axes = axes_of(l.attributes(), l.type(0).rank(), static_cast<int64_t>(starts.size()));
  Index from = index;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto a = static_cast<size_t>(axes[i]);
    const auto step = steps[i].as_literal();
    const auto span = step ? slice_span(dims[a], starts[i], ends[i], *step) : std::nullopt;
    if (!span) l.refuse(cat("where axis ", axes[i], " starts is known only at run time"));
    // A step that leaves the axis at once may be any.
    from[a] =
        (span->count == Dim(1) ? loops::Expr(0) : index[a] * loops::Expr(*step)) + loops::Expr(span->first);
  }
  return l.at(0, from);
}

}  // namespace

constinit const Op slice{
    .name = "slice",
    .arity = 4,
    .traits = kView,
    .type = slice_type,
    .eval = slice_eval,
    .lower = slice_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
