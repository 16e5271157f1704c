// Gemm: alpha·A'·B' + beta·C. Multiplications by exactly 1 are left out; C broadcasts to (M, N).
#include "onnx/conversion.h"

namespace tauto::onnx::convert {

void Gemm(Conversion& c) {
  c.require_rank(0, 2);
  c.require_rank(1, 2);
  const Dims a = c.dims(0), b = c.dims(1);
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
  Id y = c.add(ops::contract, {c.in(0), c.in(1)}, {{"access", access.finish()}});
  const ElementType e = c.element(0);
  const auto scaled = [&](Id x, float by) { return by == 1 ? x : c.add(ops::mul, {c.number(by, e), x}); };
  y = scaled(y, c.attr_float("alpha", 1));
  const float beta = c.attr_float("beta", 1);
  if (c.has(2)) y = c.add(ops::add, {y, scaled(c.in(2), beta)});
  c.out(y);
}

}  // namespace tauto::onnx::convert
