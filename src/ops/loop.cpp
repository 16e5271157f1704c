// loop(trips, condition, carried…, captured…) {body, carried, counted} — ONNX's Loop.
//
//   for (i = 0; i < trips && condition; ++i)
//     (condition, carried…, outs…) = body(i, condition, carried…, captured…)
//
// The result is the tuple (carried…, outs…), each of outs stacked along a new first axis. `carried` is how
// many values are carried. With `counted` the body never ends the loop: its condition is not looked at, and
// the number of iterations is known as soon as `trips` is. A loop without limit has 2^63 - 1 trips.
#include "ops/control.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

Type loop_type(const TypeContext& c) {
  require_one(c, c.type(0), i64, "trips");
  require_one(c, c.type(1), boolean, "condition");
  const int64_t carried = c.attributes.get<int64_t>("carried");
  c.require(carried >= 0 && carried + 2 <= c.count(), cat("required ", carried, " carried values"));
  const size_t n = static_cast<size_t>(carried);
  const Signature f = signature(c, "body");
  std::vector<Type> arguments{Type::tensor(i64, {}), Type::tensor(boolean, {})};
  arguments.insert(arguments.end(), c.inputs.begin() + 2, c.inputs.end());
  require_arguments(c, f.parameters, arguments, "body");
  c.require(f.results.size() > n, cat("the body gives ", f.results.size(), " results, required ", n + 1));
  require_one(c, f.results[0], boolean, "the body's condition");
  std::vector<Type> results;
  for (size_t i = 0; i < n; ++i) {
    const Type& next = f.results[i + 1];
    c.require(may_be(f.parameters[i + 2], next),
              cat("carried value ", i, ": required ", f.parameters[i + 2], ", the body gives ", next));
    results.push_back(join(c, c.type(static_cast<int>(i) + 2), seen_outside(c, next)));
  }
  const auto trips = c.value(0), go = c.value(1);
  const bool all = c.attributes.flag("counted") && trips && go && (*go)[0] == Dim(1);
  for (size_t i = n + 1; i < f.results.size(); ++i) {
    Type t = seen_outside(c, f.results[i]);
    c.require(t.is_tensor(), cat("a scan output: required a tensor, the body gives ", t));
    if (t.ranked) t.dims.insert(t.dims.begin(), all ? not_negative((*trips)[0]) : c.fresh());
    results.push_back(std::move(t));
  }
  return Type::tuple(std::move(results));
}

void loop_eval(EvalContext& c) {
  const int64_t trips = c.scalar_int(0);
  const bool counted = c.attributes.flag("counted");
  const size_t n = static_cast<size_t>(c.attributes.get<int64_t>("carried"));
  const std::string& body = c.attributes.get<FunctionName>("body").name;
  std::vector<Value> state(c.in.begin() + 2, c.in.begin() + 2 + static_cast<ptrdiff_t>(n));
  const auto captured = c.in.subspan(2 + n);
  std::vector<Stack> outs;
  for (size_t k = n; k < c.type.parts.size(); ++k) outs.emplace_back(c.type.parts[k], 0, false, c.rep);
  bool go = trips > 0 && decided(c, c.in[1]);
  for (int64_t i = 0; go && i < trips; ++i) {
    c.poll();
    std::vector<Value> arguments{literal_scalar(c, i64, i), literal_scalar(c, boolean, 1)};
    for (Value& v : state) arguments.push_back(std::move(v));
    arguments.insert(arguments.end(), captured.begin(), captured.end());
    std::vector<Value> results = c.call(body, std::move(arguments));
    if (!counted) go = decided(c, results[0]);
    for (size_t k = 0; k < n; ++k) state[k] = std::move(results[k + 1]);
    for (size_t k = 0; k < outs.size(); ++k) outs[k].push(c, results[n + 1 + k]);
  }
  for (Stack& s : outs) state.emplace_back(s.finish());
  c.out = Value::tuple(std::move(state));
}

}  // namespace

constinit const Op loop{
    .name = "loop",
    .arity = kVariadic,
    .min_arity = 2,
    .traits = kControl,
    .type = loop_type,
    .eval = loop_eval,
};

}  // namespace tauto::ops
