// non_max_suppression(boxes, scores, most, iou, score){center_point_box} = i64[n, 3]: (batch, class, box).
//
// boxes [B, N, 4] hold two opposite corners (y, x, y, x), or centre and size (x, y, w, h); scores [B, C, N].
// Per batch element and class boxes are taken by decreasing score (equal ones: lower index first; only
// scores > `score`), except those whose intersection over union with one taken before is > `iou`; at most
// `most`. With a = (x1 - x0)·(y1 - y0) for both boxes and their intersection i, the ratio is
// i / (a1 + a2 - i), every operation rounded in the element type; an empty box or intersection excludes none.
#include <algorithm>
#include <numeric>

#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/order.h"

namespace tauto::ops {
namespace {

Type non_max_suppression_type(const TypeContext& c) {
  if (!c.element(0).is_float()) c.refuse(cat("required floats, got ", c.type(0)));
  for (int i : {1, 3, 4}) c.require_same_element(0, i);
  c.require(c.element(2).is_integer(), "input 2: required an integer");
  const Type result = Type::tensor(i64, {c.fresh(), Dim(3)});
  for (int i = 0; i < 2; ++i) {
    if (!c.type(i).ranked) return result;
    c.require_rank(i, 3);
  }
  c.require_equal(c.dim(0, 2), 4, "box");
  c.require_equal(c.dim(0, 0), c.dim(1, 0), "batch of boxes and scores");
  c.require_equal(c.dim(0, 1), c.dim(1, 2), "number of boxes and scores");
  return result;
}

template <class T>
struct Box {
  T x0, y0, x1, y1;
  Box(const T* p, bool centred) {
    if (centred) {
      const T w = p[2] / 2, h = p[3] / 2;
      x0 = p[0] - w, x1 = p[0] + w, y0 = p[1] - h, y1 = p[1] + h;
    } else {
      std::tie(y0, y1) = std::minmax(p[0], p[2]);
      std::tie(x0, x1) = std::minmax(p[1], p[3]);
    }
  }
  T area() const { return (x1 - x0) * (y1 - y0); }
};

template <class T>
T overlap(const Box<T>& a, const Box<T>& b) {
  const T w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0), h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(w > 0) || !(h > 0)) return 0;
  const T shared = w * h, one = a.area(), other = b.area();
  if (!(one > 0) || !(other > 0)) return 0;
  return shared / (one + other - shared);
}

template <class T>
std::vector<int64_t> select(EvalContext& c) {
  const auto boxes = load_numbers<T>(c.tensor(0)), scores = load_numbers<T>(c.tensor(1));
  const auto scalar = [&](int i) {
    const auto v = load_numbers<T>(c.tensor(i));
    if (v.size() != 1) c.refuse(cat("input ", i, ": required one value, got ", type_of(c.tensor(i))));
    return v[0];
  };
  const int64_t most = c.scalar_int(2);
  const T iou = scalar(3), least = scalar(4);
  const bool centred = c.attributes.flag("center_point_box");
  const int64_t batch = c.tensor(1).dim(0), classes = c.tensor(1).dim(1), n = c.tensor(1).dim(2);
  std::vector<int64_t> result, order, taken;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t k = 0; k < classes; ++k) {
      const T* score = scores.data() + (b * classes + k) * n;
      order.clear();
      for (int64_t i = 0; i < n; ++i)
        if (score[i] > least) order.push_back(i);
      std::stable_sort(order.begin(), order.end(),
                       [&](int64_t i, int64_t j) { return ordered_less(score[j], score[i]); });
      taken.clear();
      for (int64_t i : order) {
        if (static_cast<int64_t>(taken.size()) >= most) break;
        c.poll();
        const Box<T> box(boxes.data() + (b * n + i) * 4, centred);
        const bool hidden = std::any_of(taken.begin(), taken.end(), [&](int64_t j) {
          return overlap(Box<T>(boxes.data() + (b * n + j) * 4, centred), box) > iou;
        });
        if (hidden) continue;
        taken.push_back(i);
        result.insert(result.end(), {b, k, i});
      }
    }
  return result;
}

void non_max_suppression_eval(EvalContext& c) {
  visit_ordered(c.tensor(0), [&](auto n) {
    using T = decltype(n);
    if constexpr (std::is_floating_point_v<T>) {
      const auto v = select<T>(c);
      c.out = integers(i64, {static_cast<int64_t>(v.size() / 3), 3}, v, c.rep);
    } else {
      throw Unknown{};
    }
  });
}

}  // namespace

constinit const Op non_max_suppression{
    .name = "non_max_suppression",
    .arity = 5,
    .type = non_max_suppression_type,
    .eval = non_max_suppression_eval,
};

}  // namespace tauto::ops
