// Combination of updates, over every number.
#include "ops/scatter.h"

#include "ops/compute.h"

namespace tauto {

IndexTuples index_tuples(const EvalContext& c, const Tensor& x, int i, int64_t batch_dims) {
  const Tensor& indices = c.tensor(i);
  const auto values = c.ints(i);
  const Shape strides = strides_of(x.shape());
  const int64_t k = indices.shape().back();
  const int64_t n = indices.count() == 0 ? 0 : indices.count() / std::max<int64_t>(k, 1);
  IndexTuples r;
  for (int64_t d = batch_dims + k; d < x.rank(); ++d) r.block *= x.dim(d);
  int64_t tuples = 1, per_batch = 1, batch_stride = 1;
  for (int64_t d = 0; d + 1 < indices.rank(); ++d) {
    tuples *= indices.dim(d);
    if (d >= batch_dims) per_batch *= indices.dim(d);
  }
  for (int64_t d = batch_dims; d < x.rank(); ++d) batch_stride *= x.dim(d);
  CHECK(k == 0 || n == tuples);
  r.offsets.resize(static_cast<size_t>(tuples));
  for (int64_t t = 0; t < tuples; ++t) {
    int64_t offset = t / per_batch * batch_stride;
    for (int64_t j = 0; j < k; ++j) {
      const auto d = static_cast<size_t>(batch_dims + j);
      offset +=
          wrapped_index(c, values[static_cast<size_t>(t * k + j)], x.shape()[d], t * k + j) * strides[d];
    }
    r.offsets[static_cast<size_t>(t)] = offset;
  }
  return r;
}

void require_reduction(const TypeContext& c) {
  const std::string r = c.attributes.get_or<std::string>("reduction", "none");
  if (r == "none") return;
  c.require(r == "add" || r == "mul" || r == "max" || r == "min",
            cat("reduction: required none, add, mul, max or min, got ", r));
  c.require(in_set(c.element(0), kNumbers),
            cat("reduction ", r, ": not defined for elements ", c.element(0)));
}

template <class C, class F>
static Tensor combine(const Tensor& x, const Tensor& updates, const std::vector<int64_t>& offsets,
                      int64_t block, F f) {
  std::vector<C> out = load_numbers<C>(x);
  const std::vector<C> u = load_numbers<C>(updates);
  const C* next = u.data();
  for (int64_t offset : offsets) {
    C* o = out.data() + offset;
    for (int64_t i = 0; i < block; ++i) o[i] = static_cast<C>(f(o[i], *next++));
  }
  return store_numbers(out, x.type(), x.shape(), x.rep());
}

Tensor scatter(const EvalContext& c, const Tensor& x, const Tensor& updates,
               const std::vector<int64_t>& offsets, int64_t block) {
  const std::string reduction = c.attributes.get_or<std::string>("reduction", "none");
  if (reduction == "none") {
    Tensor out(x.type(), x.shape(), x.rep());
    visit_storage(x, [&](auto s) {
      using S = decltype(s);
      std::copy_n(x.data<S>(), x.count(), out.data<S>());
      const S* next = updates.data<S>();
      for (int64_t offset : offsets) {
        std::copy_n(next, block, out.data<S>() + offset);
        next += block;
      }
    });
    return out;
  }
  Tensor out;
  visit_numbers(x, [&](auto n) {
    using C = decltype(n);
    if (reduction == "add")
      out = combine<C>(x, updates, offsets, block, [](const C& a, const C& b) { return a + b; });
    else if (reduction == "mul")
      out = combine<C>(x, updates, offsets, block, [](const C& a, const C& b) { return a * b; });
    else if (reduction == "max")
      out = combine<C>(x, updates, offsets, block, [](const C& a, const C& b) { return num::max(a, b); });
    else
      out = combine<C>(x, updates, offsets, block, [](const C& a, const C& b) { return num::min(a, b); });
  });
  return out;
}

}  // namespace tauto
