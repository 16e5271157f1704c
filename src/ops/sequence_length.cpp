// sequence_length(s) = the number of elements, i64[].
#include "ops/movement.h"
#include "ops/ops.h"
#include "ops/sequence.h"

namespace tauto::ops {

constinit const Op sequence_length{
    .name = "sequence_length",
    .arity = 1,
    .type =
        [](const TypeContext& c) {
          sequence_element(c, 0);
          return Type::tensor(i64, {});
        },
    .eval =
        [](EvalContext& c) {
          c.out = integers(i64, {}, std::array{static_cast<int64_t>(c.in[0].parts.size())}, c.rep);
        },
};

}  // namespace tauto::ops
