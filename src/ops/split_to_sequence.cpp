// split_to_sequence(x, split){axis, keep_dims}: x cut along an axis into a sequence of tensors.
//
// `split` is a vector of lengths, or a scalar: pieces of that length, the last one perhaps shorter. Without
// it the pieces have length 1, and keep_dims = 0 drops the axis.
#include "ops/movement.h"
#include "ops/number.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

constexpr int64_t kMaxPieces = 1 << 24;

Type split_to_sequence_type(const TypeContext& c) {
  c.require(c.count() <= 2, "required at most 2 inputs");
  Dims dims = c.dims(0);
  const int64_t axis = c.axis(c.attributes.get<int64_t>("axis"), c.rank(0));
  Dim& d = dims[static_cast<size_t>(axis)];
  if (!c.has(1)) {
    d = 1;
    if (c.attributes.get_or<int64_t>("keep_dims", 1) == 0) dims.erase(dims.begin() + axis);
    return Type::sequence(Type::tensor(c.element(0), std::move(dims)));
  }
  c.require(c.element(1).is_integer(), "split: required integers");
  c.require(c.rank(1) <= 1, cat("split: required a scalar or a vector, got ", c.type(1)));
  const auto split = c.literal_value(1);
  Dim piece = c.fresh();
  if (split && c.rank(1) == 1) {
    int64_t sum = 0;
    bool equal = !split->empty();
    for (int64_t n : *split) {
      c.require(n >= 0 && !__builtin_add_overflow(sum, n, &sum),
                cat("split: required lengths, got ", *split));
      equal &= n == split->front();
    }
    c.require(!d.is_literal() || d.literal() == sum, cat("split: lengths sum up to ", sum, " of ", d));
    if (equal) piece = split->front();
  } else if (split) {
    c.require((*split)[0] > 0, cat("split: required a length above 0, got ", (*split)[0]));
    const Dim rest = num::modulo(d, Dim((*split)[0]));
    if (rest == Dim(0)) piece = (*split)[0];
  }
  d = piece;
  return Type::sequence(Type::tensor(c.element(0), std::move(dims)));
}

void split_to_sequence_eval(EvalContext& c) {
  const Tensor& x = c.tensor(0);
  const int64_t axis = normal_axis(c.attributes.get<int64_t>("axis"), x.rank());
  const int64_t extent = x.dim(axis), stride = strides_of(x.shape())[static_cast<size_t>(axis)];
  std::vector<int64_t> lengths;
  if (c.count() > 1 && c.tensor(1).rank() == 1) {
    lengths = c.ints(1);
  } else {
    const int64_t piece = c.count() > 1 ? c.scalar_int(1) : 1;
    if (extent / piece > kMaxPieces) c.refuse(cat("more than ", kMaxPieces, " pieces"));
    for (int64_t at = 0; at < extent; at += piece) lengths.push_back(std::min(piece, extent - at));
  }
  const bool drop = c.count() == 1 && c.attributes.get_or<int64_t>("keep_dims", 1) == 0;
  std::vector<Value> pieces;
  int64_t at = 0;
  for (int64_t n : lengths) {
    Shape shape = x.shape();
    shape[static_cast<size_t>(axis)] = n;
    Tensor t(x.type(), shape, c.rep);
    copy_strided(x, at * stride, strides_of(x.shape()), t);
    at += n;
    if (drop) shape.erase(shape.begin() + axis);
    pieces.emplace_back(t.reshaped(shape));
  }
  c.out = Value::sequence(std::move(pieces));
}

}  // namespace

constinit const Op split_to_sequence{
    .name = "split_to_sequence",
    .arity = kVariadic,
    .min_arity = 1,
    .type = split_to_sequence_type,
    .unranked_type = [](const TypeContext& c) { return Type::sequence(Type::unranked(c.element(0))); },
    .eval = split_to_sequence_eval,
};

}  // namespace tauto::ops
