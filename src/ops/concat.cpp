// concat(x…){axis}: the inputs one after the other along an axis; their other dims are equal.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type concat_type(const TypeContext& c) {
  for (int i = 1; i < c.count(); ++i) c.require_same_element(0, i);
  Dims dims = c.dims(0);
  const auto axis = static_cast<size_t>(c.axis(c.attributes.get<int64_t>("axis"), c.rank(0)));
  for (int i = 1; i < c.count(); ++i) {
    c.require_rank(i, c.rank(0));
    for (size_t d = 0; d < dims.size(); ++d) {
      const Dim& other = c.dims(i)[d];
      if (d == axis) {
        dims[d] += other;
        continue;
      }
      c.require_equal(dims[d], other, cat("dim ", d, " of input ", i).c_str());
      if (other.is_literal()) dims[d] = other;
    }
  }
  return Type::tensor(c.element(0), std::move(dims));
}

void concat_eval(EvalContext& c) {
  Tensor out = c.make();
  const int64_t axis = normal_axis(c.attributes.get<int64_t>("axis"), out.rank());
  const AxisView whole(out.shape(), axis);
  int64_t before = 0;
  for (int i = 0; i < c.count(); ++i) {
    const Tensor& x = c.tensor(i);
    if (x.count() == 0) continue;  // whatever its other dims
    const AxisView part(x.shape(), axis);
    const int64_t n = part.extent * part.inner;
    visit_storage(x, [&](auto s) {
      using S = decltype(s);
      for (int64_t o = 0; o < part.outer; ++o)
        std::copy_n(x.data<S>() + o * n, n, out.data<S>() + o * whole.extent * whole.inner + before);
    });
    before += n;
  }
  c.out = std::move(out);
}

loops::Expr concat_lower(Lowering& l, const Index& index) {
  const auto axis = static_cast<size_t>(normal_axis(l.attributes().get<int64_t>("axis"), l.type().rank()));
  std::vector<int> parts;  // which have elements
  std::vector<Dim> starts;
  Dim end = 0;
  for (int i = 0; i < l.count(); ++i) {
    const Dim& n = l.type(i).dims[axis];
    if (n == Dim(0)) continue;
    parts.push_back(i), starts.push_back(end);
    end += n;
  }
  if (parts.empty()) return loops::number(l.type().element, 0);  // never asked for
  loops::Expr r;
  for (size_t k = parts.size(); k-- > 0;) {
    Index at = index;
    at[axis] = index[axis] - loops::Expr(starts[k]);
    const loops::Expr x = l.at(parts[k], at);
    r = r.defined() ? loops::select(loops::less(index[axis], starts[k + 1]), x, r) : x;
  }
  return r;
}

}  // namespace

constinit const Op concat{
    .name = "concat",
    .arity = kVariadic,
    .min_arity = 1,
    .type = concat_type,
    .eval = concat_eval,
    .lower = concat_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
