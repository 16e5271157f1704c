// sequence_at(s, position) = one element; a negative position counts from the end.
#include "ops/ops.h"
#include "ops/sequence.h"

namespace tauto::ops {

constinit const Op sequence_at{
    .name = "sequence_at",
    .arity = 2,
    .type =
        [](const TypeContext& c) {
          c.require(c.element(1).is_integer(), "position: required an integer");
          return sequence_element(c, 0);
        },
    .eval =
        [](EvalContext& c) {
          const std::vector<Value>& v = c.in[0].parts;
          const int64_t at = sequence_position(c, c.scalar_int(1), static_cast<int64_t>(v.size()));
          c.out = v[static_cast<size_t>(at)];
        },
};

}  // namespace tauto::ops
