// sequence_erase(s, position) = s without one element; without a position: without the last one.
#include "ops/ops.h"
#include "ops/sequence.h"

namespace tauto::ops {

constinit const Op sequence_erase{
    .name = "sequence_erase",
    .arity = kVariadic,
    .min_arity = 1,
    .type =
        [](const TypeContext& c) {
          sequence_element(c, 0);
          c.require(c.count() <= 2, "required at most 2 inputs");
          if (c.has(1)) c.require(c.element(1).is_integer(), "position: required an integer");
          return c.type(0);
        },
    .eval =
        [](EvalContext& c) {
          std::vector<Value> v = c.in[0].parts;
          const int64_t n = static_cast<int64_t>(v.size());
          v.erase(v.begin() + sequence_position(c, c.count() > 1 ? c.scalar_int(1) : -1, n));
          c.out = Value::sequence(std::move(v));
        },
};

}  // namespace tauto::ops
