// gather_nd(x, indices){batch_dims}: the last dim of indices holds index tuples into x's dims after the batch
// dims.
//
// out[b…, i…, r…] = x[b…, indices[b…, i…, 0], …, indices[b…, i…, k-1], r…]; negative indices count from the
// end.
#include "ops/error_rule.h"
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/scatter.h"

namespace tauto::ops {
namespace {

Type gather_nd_type(const TypeContext& c) {
  c.require(c.element(1).is_integer(), cat("indices: required integers, got ", c.type(1)));
  const Dims &x = c.dims(0), &indices = c.dims(1);
  const int64_t batch = c.attributes.get_or<int64_t>("batch_dims", 0);
  c.require(!indices.empty(), "indices: required at least one dim");
  c.require(batch >= 0 && batch < c.rank(1) && batch < c.rank(0),
            cat("batch_dims: required less than both ranks, got ", batch));
  for (int64_t d = 0; d < batch; ++d) c.require_equal(c.dim(0, d), c.dim(1, d), cat("dim ", d).c_str());
  const auto k = indices.back().as_literal();
  if (!k) throw Unranked{};
  c.require(*k <= c.rank(0) - batch, cat("indices: tuples of ", *k, " for ", c.rank(0) - batch, " dims"));
  Dims dims(indices.begin(), indices.end() - 1);
  dims.insert(dims.end(), x.begin() + batch + *k, x.end());
  return Type::tensor(c.element(0), std::move(dims));
}

void gather_nd_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const IndexTuples t = index_tuples(c, x, 1, c.attributes.get_or<int64_t>("batch_dims", 0));
  Tensor out = c.make();
  visit_storage(x, [&](auto s) {
    using S = decltype(s);
    S* q = out.data<S>();
    for (int64_t offset : t.offsets) q = std::copy_n(x.data<S>() + offset, t.block, q);
  });
  c.out = std::move(out);
}

loops::Expr gather_nd_lower(Lowering& l, const Index& index) {
  const auto batch = static_cast<size_t>(l.attributes().get_or<int64_t>("batch_dims", 0));
  const Dims &dims = l.type(0).dims, &tuples = l.type(1).dims;
  const auto k = static_cast<size_t>(tuples.back().literal());
  const auto rest = index.begin() + static_cast<std::ptrdiff_t>(tuples.size()) - 1;
  Index at(index.begin(), rest), from(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(batch));
  for (size_t i = 0; i < k; ++i) {
    at.push_back(static_cast<int64_t>(i));
    from.push_back(loaded_index(l, 1, static_cast<int>(i), at, dims[batch + i]));
    at.pop_back();
  }
  from.insert(from.end(), rest, index.end());
  return l.at(0, from);
}

}  // namespace

constinit const Op gather_nd{
    .name = "gather_nd",
    .arity = 2,
    .type = gather_nd_type,
    .eval = gather_nd_eval,
    .lower = gather_nd_lower,
    .error = movement_error,
};

}  // namespace tauto::ops
