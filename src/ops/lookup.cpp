// lookup(x, table): table[x], x bytes, out of 256 elements: any function of a byte.
//
// x: u8, or i8 whose negative numbers are behind the others, as its bits are read without a sign.
// Out: of x's dims and of the table's element type. Every byte has its element, so nothing can fail.
#include "ops/lowering_tools.h"
#include "ops/movement.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

constexpr int64_t kBytes = 256;

Type lookup_type(const TypeContext& c) {
  c.require(c.element(0) == u8 || c.element(0) == i8, cat("x: required bytes, got ", c.type(0)));
  c.require(c.dims(1) == Dims{kBytes}, cat("table: required 256 elements, got ", c.type(1)));
  return Type::tensor(c.element(1), c.dims(0));
}

void lookup_eval(EvalContext& c) {
  const Tensor& table = c.tensor(1);
  const auto x = c.ints(0);
  Tensor out = c.make();
  visit_storage(table, [&](auto s) {
    using S = decltype(s);
    const S* from = table.data<S>();
    S* to = out.data<S>();
    for (size_t i = 0; i < x.size(); ++i) to[i] = from[static_cast<uint8_t>(x[i])];
  });
  c.out = std::move(out);
}

loops::Expr lookup_lower(Lowering& l, const Index& index) {
  return l.at(1, {loops::convert(converted(l.at(0, index), u8), i64)});
}

}  // namespace

constinit const Op lookup{
    .name = "lookup",
    .arity = 2,
    .type = lookup_type,
    .eval = lookup_eval,
    .lower = lookup_lower,
};

}  // namespace tauto::ops
