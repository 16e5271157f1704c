// Strided copies.
#include "ops/storage.h"

namespace tauto {

void copy_strided(const Tensor& in, int64_t offset, const Shape& strides, Tensor& out) {
  if (out.count() == 0) return;
  visit_storage(in, [&](auto s) {
    using S = decltype(s);
    const S* from = in.data<S>() + offset;
    S* to = out.data<S>();
    // Rows of the last axis are copied in one go.
    Shape shape = out.shape(), outer = strides;
    const int64_t n = shape.empty() ? 1 : shape.back(), step = shape.empty() ? 1 : strides.back();
    if (!shape.empty()) shape.pop_back(), outer.pop_back();
    for_each_point<1>(shape, {outer}, [&](int64_t row, const std::array<int64_t, 1>& at) {
      const S* p = from + at[0];
      S* q = to + row * n;
      if (step == 1)
        std::copy(p, p + n, q);
      else
        for (int64_t i = 0; i < n; ++i) q[i] = p[i * step];
    });
  });
}

}  // namespace tauto
