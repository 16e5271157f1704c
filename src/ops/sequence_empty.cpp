// sequence_empty(){of} = a sequence without elements, whose elements are of this type.
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op sequence_empty{
    .name = "sequence_empty",
    .arity = 0,
    .type = [](const TypeContext& c) { return Type::sequence(c.attributes.get<Type>("of")); },
    .eval = [](EvalContext& c) { c.out = Value::sequence({}); },
};

}  // namespace tauto::ops
