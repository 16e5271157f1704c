// Ends of intervals.
#include "ops/order.h"

namespace tauto {

Ends ends_of(const Tensor& t) {
  Ends e;
  visit_numbers(t, [&](auto n) {
    using C = decltype(n);
    if constexpr (std::is_same_v<C, FInterval<float>> || std::is_same_v<C, FInterval<double>> ||
                  std::is_same_v<C, IInterval>) {
      for (const C& x : t.values<C>()) {
        double lo = static_cast<double>(x.lo), hi = static_cast<double>(x.hi);
        if constexpr (std::is_same_v<C, IInterval>)
          if (std::fabs(lo) > 0x1p53 || std::fabs(hi) > 0x1p53) lo = num::down(lo), hi = num::up(hi);
        if (lo != lo || hi != hi) lo = -num::kInf, hi = num::kInf;
        e.points &= lo == hi;
        e.lo.push_back(lo);
        e.hi.push_back(hi);
      }
    } else {
      throw Unknown{};
    }
  });
  return e;
}

}  // namespace tauto
