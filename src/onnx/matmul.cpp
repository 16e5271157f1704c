// MatMul: a contraction over k. MatMul broadcasts the leading (batch) dims as numpy does.
#include "onnx/quantize.h"
#include "onnx/shapes.h"

namespace tauto::onnx::convert {
namespace {

// The index of an operand along a leading dim of size `own`: the axis, or 0 when it is repeated. Where only
// run time knows, the coefficient does: min(own, 2) - 1 is 0 for size 1, and 1 above.
AxisIndex batch_index(const Dim& own, const Dim& together, int axis) {
  if (own == together) return AccessBuilder::at(axis);
  if (own == Dim(1)) return {{}, 0, 1};
  if (own.is_literal()) return AccessBuilder::at(axis);
  return AccessBuilder::at(axis, min(own, Dim(2)) - Dim(1));
}

// a (…, k) of a rank that only run time knows times b (k, n): a matrix of all its rows. (Were the last dim of
// a not k, the last reshape would not have as many elements.)
void rows_times_matrix(Conversion& c) {
  const Dim k = c.dims(1)[0], n = c.dims(1)[1];
  const Id rows = c.add(ops::reshape, {c.in(0), c.b.dims({-1, k})});
  AccessBuilder access;
  const int m = access.output("m", c.type_of(rows).dims[0]), o = access.output("n", n),
            kk = access.reduce("k", k);
  access.operand({AccessBuilder::at(m), AccessBuilder::at(kk)});
  access.operand({AccessBuilder::at(kk), AccessBuilder::at(o)});
  const Id y = c.add(ops::contract, {rows, c.in(1)}, {{"access", access.finish()}});
  const Id lead = slice_of(c, c.add(ops::shape_of, {c.in(0)}), 0, Dim(0), Dim(-1));
  const Id shape = c.add(ops::concat, {lead, c.b.dims({n})}, {{"axis", int64_t{0}}});
  c.out(c.add(ops::reshape, {y, shape}));
}

}  // namespace

void MatMul(Conversion& c) {
  if (!c.type(0).ranked && c.rank(1) == 2) return rows_times_matrix(c);
  if (c.dequantized(0) && c.dequantized(1) && c.rank(0) >= 2 && c.rank(1) >= 2) {
    const auto product = [](Conversion& c, Id a, Id b) { return c.convert("MatMul", {a, b}, {})[0]; };
    const int64_t last = c.rank(1) - 1;
    const ChannelsOf channels{
        .channels = last, .along = std::max(c.rank(0), c.rank(1)) - 1, .summed = last - 1};
    if (const Id y = contraction_of_dequantized(c, product, channels); y >= 0) return c.out(y);
  }
  Dims a = c.dims(0), b = c.dims(1);
  if (a.empty() || b.empty()) c.refuse(cat("required rank >= 1, got ", c.type(0), " and ", c.type(1)));
  const bool row = a.size() == 1, column = b.size() == 1;
  const size_t a_lead = row ? 0 : a.size() - 2, b_lead = column ? 0 : b.size() - 2;
  const size_t lead = std::max(a_lead, b_lead);
  AccessBuilder access;
  std::vector<AxisIndex> left, right;
  for (size_t i = 0; i < lead; ++i) {
    const Dim da = i + a_lead >= lead ? a[i + a_lead - lead] : Dim(1);
    const Dim db = i + b_lead >= lead ? b[i + b_lead - lead] : Dim(1);
    if (da.is_literal() && db.is_literal() && da.literal() != 1 && db.literal() != 1 && !(da == db))
      c.refuse(
          cat("batch dims ", da, " and ", db, " of ", c.type(0), " and ", c.type(1), " do not broadcast"));
    const Dim both = broadcast(da, db);
    const int axis = access.output(cat("b", i), both);
    if (i + a_lead >= lead) left.push_back(batch_index(da, both, axis));
    if (i + b_lead >= lead) right.push_back(batch_index(db, both, axis));
  }
  const Dim k = a.back(), kb = column ? b[0] : b[b.size() - 2];
  if (k.is_literal() && kb.is_literal() && !(k == kb))
    c.refuse(cat("inner dims differ: ", c.type(0), " times ", c.type(1)));
  const int m = row ? -1 : access.output("m", a[a.size() - 2]);
  const int n = column ? -1 : access.output("n", b.back());
  const int kk = access.reduce("k", k);
  if (!row) left.push_back(AccessBuilder::at(m));
  left.push_back(AccessBuilder::at(kk));
  right.push_back(AccessBuilder::at(kk));
  if (!column) right.push_back(AccessBuilder::at(n));
  access.operand(std::move(left));
  access.operand(std::move(right));
  c.out(c.add(ops::contract, {c.in(0), c.in(1)}, {{"access", access.finish()}}));
}

}  // namespace tauto::onnx::convert
