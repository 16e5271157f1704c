// sequence_construct(x…) = the sequence of its inputs; their shapes may differ.
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sequence_construct{
    .name = "sequence_construct",
    .arity = kVariadic,
    .min_arity = 1,
    .type =
        [](const TypeContext& c) {
          Type of = c.type(0);
          for (int i = 1; i < c.count(); ++i) {
            if (c.type(i).tag != of.tag || (of.is_tensor() && c.type(i).element != of.element))
              c.refuse("required inputs of one element type");
            of = generalise(of, c.type(i), c.symbols());
          }
          return Type::sequence(std::move(of));
        },
    .eval =
        [](EvalContext& c) {
          c.out = Value::sequence({c.in.begin(), c.in.end()});
        },
};

}  // namespace tauto::ops
