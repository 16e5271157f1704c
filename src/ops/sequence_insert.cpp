// sequence_insert(s, x, position) = s with x in front of the element at `position` (0 ≤ position ≤ length, or
// counted from the end when negative); without a position: x at the end.
#include "ops/ops.h"
#include "ops/sequence.h"

namespace tauto::ops {

constinit const Op sequence_insert{
    .name = "sequence_insert",
    .arity = kVariadic,
    .min_arity = 2,
    .type =
        [](const TypeContext& c) {
          const Type of = sequence_element(c, 0);
          require_element_of(c, of, 1);
          c.require(c.count() <= 3, "required at most 3 inputs");
          if (c.has(2)) c.require(c.element(2).is_integer(), "position: required an integer");
          return Type::sequence(generalise(c.type(0).parts[0], c.type(1), c.symbols()));
        },
    .eval =
        [](EvalContext& c) {
          std::vector<Value> v = c.in[0].parts;
          const int64_t n = static_cast<int64_t>(v.size());
          int64_t at = c.count() > 2 ? c.scalar_int(2) : n;
          if (at < -n || at > n)
            c.refuse(cat("position: required ", -n, " <= position <= ", n, ", got ", at));
          if (at < 0) at += n;
          v.insert(v.begin() + at, c.in[1]);
          c.out = Value::sequence(std::move(v));
        },
};

}  // namespace tauto::ops
