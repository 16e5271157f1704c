// Literals of reductions.
#include "loops/identity.h"

#include <cmath>

namespace tauto::loops {

Expr identity_of(Function f, ElementType t) {
  if (f == Function::Mul) return number(t, 1);
  if (f != Function::Max && f != Function::Min) return t.is_bool() ? truth(false) : number(t, 0);
  const bool lowest = f == Function::Max;
  if (t.is_bool()) return truth(!lowest);
  if (t.is_float()) return number(t, lowest ? -HUGE_VAL : HUGE_VAL);
  return literal(t, lowest ? static_cast<uint64_t>(t.min_value()) : t.max_value());
}

}  // namespace tauto::loops
