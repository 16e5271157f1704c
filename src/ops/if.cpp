// if(condition, arguments…) {then, else} — the results of one of two functions, which both take the
// arguments; as a tuple. Only the chosen one is evaluated. Where the two disagree on a result's dims, the
// result's type is general.
#include "ops/control.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type if_type(const TypeContext& c) {
  require_one(c, c.type(0), boolean, "condition");
  const Signature a = signature(c, "then"), b = signature(c, "else");
  require_arguments(c, a.parameters, c.inputs.subspan(1), "then");
  require_arguments(c, b.parameters, c.inputs.subspan(1), "else");
  c.require(a.results.size() == b.results.size(),
            cat("then gives ", a.results.size(), " results, else ", b.results.size()));
  std::vector<Type> results;
  for (size_t i = 0; i < a.results.size(); ++i)
    results.push_back(join(c, seen_outside(c, a.results[i]), seen_outside(c, b.results[i])));
  return Type::tuple(std::move(results));
}

}  // namespace

constinit const Op if_{
    .name = "if",
    .arity = kVariadic,
    .min_arity = 1,
    .traits = kControl,
    .type = if_type,
    .eval =
        [](EvalContext& c) {
          const char* branch = decided(c, c.in[0]) ? "then" : "else";
          const auto arguments = c.in.subspan(1);
          c.out = Value::tuple(
              c.call(c.attributes.get<FunctionName>(branch).name, {arguments.begin(), arguments.end()}));
        },
};

}  // namespace tauto::ops
