// The evaluator of graphs: the definition of the language. One node after the other, values freed at their
// last use.
//
//   interpret(m, inputs)                        the exact results
//   interpret(m, inputs, {.rep = Rep::Ideal})   without rounding (f64); Rep::Interval: all legal results
//
// Inputs and results are in the order of main's parameters and results. Exact inputs are converted to the
// chosen Rep on entry; results stay in it. Every node's type rule is run again on the actual shapes, so a
// shape that only run time knows is refused with the same words as at import. Errors: Error "input "x":
// required …, got …".
#pragma once

#include <functional>

#include "graph/graph.h"

namespace tauto {

struct InterpretOptions {
  Rep rep = Rep::Exact;
  const std::function<bool()>* cancelled = nullptr;  // polled; throws Cancelled
  // Called with every value as it is made (function name, node, value).
  std::function<void(const Function&, Id, const Value&)> watch = {};
  // Asked before a node is evaluated on these inputs; what it gives stands in place of the result (no defined
  // tensor: nothing does). For executions that differ from the definition on purpose.
  std::function<Value(const Function&, Id, const std::vector<Value>& inputs, const Env&)> replace = {};
};

std::vector<Value> interpret(const Module& m, std::vector<Value> inputs,
                             const InterpretOptions& options = {});

// One node's reference on the values of its inputs, as interpret runs it: type rule on the actual shapes
// first; env gets what the result's shape binds. Errors name the node. `call` runs a function of the module.
using FunctionCall = std::function<std::vector<Value>(const std::string&, std::vector<Value>)>;
Value evaluate_node(const Module& m, const Function& f, Id id, std::vector<Value> inputs, Env& env,
                    const InterpretOptions& options, const FunctionCall& call);

// Every NaN the one canonical NaN, as in results.
void canonicalise(Value& v);

// A value converted to another number: points for intervals, exact f64 for Ideal.
Value to_rep(const Value& v, Rep rep);

}  // namespace tauto
