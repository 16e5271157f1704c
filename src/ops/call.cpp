// call(arguments…) {function} — the results of a function of the module, as a tuple.
#include "ops/control.h"
#include "ops/ops.h"

namespace tauto::ops {

constinit const Op call{
    .name = "call",
    .arity = kVariadic,
    .traits = kControl,
    .type =
        [](const TypeContext& c) {
          Signature f = signature(c, "function");
          require_arguments(c, f.parameters, c.inputs, "function");
          for (Type& t : f.results) t = seen_outside(c, t);
          return Type::tuple(std::move(f.results));
        },
    .eval =
        [](EvalContext& c) {
          c.out = Value::tuple(
              c.call(c.attributes.get<FunctionName>("function").name, {c.in.begin(), c.in.end()}));
        },
};

}  // namespace tauto::ops
