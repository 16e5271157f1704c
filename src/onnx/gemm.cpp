// Gemm: alpha·A'·B' + beta·C. Multiplications by exactly 1 are left out; C broadcasts to (M, N).
#include "onnx/quantize.h"

namespace tauto::onnx::convert {
namespace {

Id product(Conversion& c, Id x, Id y) {
  const Dims a = c.type_of(x).dims, b = c.type_of(y).dims;
  const bool ta = c.attr_int("transA", 0) != 0, tb = c.attr_int("transB", 0) != 0;
  const Dim ka = a[ta ? 0 : 1], kb = b[tb ? 1 : 0];
  if (ka.is_literal() && kb.is_literal() && !(ka == kb))
    c.refuse(cat("inner dims differ: ", c.type(0), ta ? " transposed" : "", " times ", c.type(1),
                 tb ? " transposed" : ""));
  AccessBuilder access;
  const int m = access.output("m", a[ta ? 1 : 0]), n = access.output("n", b[tb ? 0 : 1]);
  const int k = access.reduce("k", ka);
  using A = AccessBuilder;
  if (ta)
    access.operand({A::at(k), A::at(m)});
  else
    access.operand({A::at(m), A::at(k)});
  if (tb)
    access.operand({A::at(n), A::at(k)});
  else
    access.operand({A::at(k), A::at(n)});
  return c.add(ops::contract, {x, y}, {{"access", access.finish()}});
}

}  // namespace

void Gemm(Conversion& c) {
  c.require_rank(0, 2);
  c.require_rank(1, 2);
  const float alpha = c.attr_float("alpha", 1), beta = c.attr_float("beta", 1);
  if (alpha == 1 && beta == 1) {
    const int64_t n = c.attr_int("transB", 0) != 0 ? 0 : 1;
    if (const Id y = contraction_of_dequantized(c, product, {.channels = n, .along = 1, .summed = 1 - n});
        y >= 0)
      return c.out(y);
  }
  Id y = product(c, c.in(0), c.in(1));
  const ElementType e = c.element(0);
  const auto scaled = [&](Id x, float by) { return by == 1 ? x : c.add(ops::mul, {c.number(by, e), x}); };
  y = scaled(y, alpha);
  if (c.has(2)) y = c.add(ops::add, {y, scaled(c.in(2), beta)});
  c.out(y);
}

}  // namespace tauto::onnx::convert
