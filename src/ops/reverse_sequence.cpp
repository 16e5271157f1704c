// reverse_sequence(x, lengths){batch_axis, time_axis}: of batch element b the first lengths[b] steps of the
// time axis in reverse order; the others stay.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type reverse_sequence_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), "lengths: required integers");
  const int64_t batch = c.axis(c.attributes.get<int64_t>("batch_axis"), c.rank(0)),
                time = c.axis(c.attributes.get<int64_t>("time_axis"), c.rank(0));
  c.require(batch != time, cat("batch_axis and time_axis: required different axes, got ", batch));
  c.require_rank(1, 1);
  c.require_equal(c.dim(1, 0), c.dim(0, batch), "lengths and batch axis");
  return c.type(0);
}

void reverse_sequence_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const auto batch = static_cast<size_t>(normal_axis(c.attributes.get<int64_t>("batch_axis"), x.rank())),
             time = static_cast<size_t>(normal_axis(c.attributes.get<int64_t>("time_axis"), x.rank()));
  const auto lengths = c.ints(1);
  for (size_t b = 0; b < lengths.size(); ++b)
    if (lengths[b] < 0 || lengths[b] > x.shape()[time])
      c.refuse(cat("length ", lengths[b], " of batch element ", b, ": required 0 to ", x.shape()[time]));
  const int64_t stride = strides_of(x.shape())[time];
  Shape by_batch(x.shape().size(), 0), by_time = by_batch;
  by_batch[batch] = by_time[time] = 1;
  Tensor out = c.make();
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    for_each_point<2>(x.shape(), {by_batch, by_time}, [&](int64_t i, const std::array<int64_t, 2>& at) {
      const int64_t n = lengths[static_cast<size_t>(at[0])], t = at[1];
      out.data<S>()[i] = x.data<S>()[t < n ? i + (n - 1 - 2 * t) * stride : i];
    });
  });
  c.out = std::move(out);
}

loops::Expr reverse_sequence_lower(Lowering& l, const Index& index) {
  const auto batch =
      static_cast<size_t>(normal_axis(l.attributes().get<int64_t>("batch_axis"), l.type(0).rank()));
  const auto time =
      static_cast<size_t>(normal_axis(l.attributes().get<int64_t>("time_axis"), l.type(0).rank()));
  const Dim& extent = l.type(0).dims[time];
  l.require_range(1, -1, 0, extent + 1);
  const loops::Expr n = converted(l.at(1, {index[batch]}), i64), t = index[time];
  Index from = index;
  from[time] = loops::select(loops::less(t, n), n - loops::Expr(1) - t, t);
  return l.at(0, from);
}

}  // namespace

constinit const Op reverse_sequence{
    .name = "reverse_sequence",
    .arity = 2,
    .type = reverse_sequence_type,
    .eval = reverse_sequence_eval,
    .lower = reverse_sequence_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
