// Softmax and its kin: along one axis from operator set 13 on (default: the last); before, over all axes from
// `axis` on (default 1). The division is one per row: mul(exp(x - max), 1 / sum).
#include "onnx/math.h"

namespace tauto::onnx::convert {
namespace {

struct Row : Math {
  ElementType e;
  Id shifted = -1;  // x - max
  Ints axes;

  explicit Row(Conversion& c) : Math{c}, e(c.element(0)) {
    const int64_t rank = c.rank(0);
    if (c.version >= 13) {
      axes = {c.axis(c.attr_int("axis", -1), rank)};
    } else {
      const int64_t axis = c.attr_int("axis", 1);
      axes = axes_from(axis == rank ? axis : c.axis(axis, rank), rank);
    }
    const Id x = wide(c.in(0));
    shifted = sub(x, reduce(ops::reduce_max, x, axes, true));
  }
};

}  // namespace

void Softmax(Conversion& c) {
  Row r(c);
  const Id powers = r.of(ops::exp, r.shifted);
  c.out(r.as(r.mul(powers, r.reciprocal(r.sum(powers, r.axes, true))), r.e));
}

void LogSoftmax(Conversion& c) {
  Row r(c);
  const Id sum = r.sum(r.of(ops::exp, r.shifted), r.axes, true);
  c.out(r.as(r.sub(r.shifted, r.of(ops::log, sum)), r.e));
}

}  // namespace tauto::onnx::convert
