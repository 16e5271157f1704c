// concat_from_sequence(s){axis, new_axis}: the elements one after the other along an axis, or (new_axis = 1)
// stacked along a new one.
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/sequence.h"

namespace tauto::ops {
namespace {

Type concat_from_sequence_type(const TypeContext& c) {
  const Type of = sequence_element(c, 0);
  if (!of.is_tensor()) c.refuse("required a sequence of tensors");
  if (!of.ranked) return of;
  Dims dims = of.dims;
  const bool stack = c.attributes.flag("new_axis");
  const int64_t rank = of.rank() + (stack ? 1 : 0);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), rank);
  if (stack)
    dims.insert(dims.begin() + axis, c.fresh());
  else
    dims[static_cast<size_t>(axis)] = c.fresh();
  return Type::tensor(of.element, std::move(dims));
}

void concat_from_sequence_eval(EvalContext& c) {
  const std::vector<Value>& parts = c.in[0].parts;
  if (parts.empty()) c.refuse("required at least one element");
  const bool stack = c.attributes.flag("new_axis");
  std::vector<Tensor> pieces;
  const int64_t rank = parts[0].tensor.rank() + (stack ? 1 : 0);
  const int64_t given = c.attributes.get<int64_t>("axis"), axis = normal_axis(given, rank);
  if (axis < 0 || axis >= rank) c.refuse(cat("axis: required ", -rank, " <= axis < ", rank, ", got ", given));
  Shape shape;
  int64_t extent = 0;
  for (const Value& v : parts) {
    Shape s = v.tensor.shape();
    if (stack && static_cast<int64_t>(s.size()) + 1 == rank) s.insert(s.begin() + axis, 1);
    const bool fits = static_cast<int64_t>(s.size()) == rank;
    if (fits) extent += s[static_cast<size_t>(axis)];
    if (pieces.empty()) shape = s;
    for (int64_t d = 0; !fits || d < rank; ++d)
      if (!fits || (d != axis && s[static_cast<size_t>(d)] != shape[static_cast<size_t>(d)]))
        c.refuse(cat("elements ", type_of(parts[0]), " and ", type_of(v), " do not fit together"));
    pieces.push_back(v.tensor.reshaped(s));
  }
  shape[static_cast<size_t>(axis)] = extent;
  Tensor out(pieces[0].type(), shape, c.rep);
  const AxisView whole(shape, axis);
  int64_t before = 0;
  for (const Tensor& x : pieces) {
    if (x.count() == 0) continue;
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

}  // namespace

constinit const Op concat_from_sequence{
    .name = "concat_from_sequence",
    .arity = 1,
    .type = concat_from_sequence_type,
    .eval = concat_from_sequence_eval,
};

}  // namespace tauto::ops
