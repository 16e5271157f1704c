// One node against its exact value: the numeric level, on the inputs that the node really consumed.
//
// A float result is compared with the f64 value of its operator on these inputs, within the bound of its
// error rule (ops/error_rule.h) for the order actually used; operators without a rule, and results that are
// not finite, within the interval of all legal executions. Integers, bools and strings must be equal, or lie
// in that interval where floats decide them (a quantizer at a rounding border). Both bounds include the f64
// error.
#pragma once

#include "interpret/interpret.h"
#include "ops/error_rule.h"

namespace tauto {

struct NodeCheck {
  // |value − ideal| / bound of the worst element, at most 1 for a legal execution; infinite where the bound
  // is 0, or an integer, NaN or infinity is not a legal one.
  double ratio = 0;
  double error = 0, bound = 0;  // of that element
  double value = 0, ideal = 0;
  int64_t part = 0, index = -1;  // which: part of a tuple, row-major element; −1: no elements
  std::string reason;            // what differs besides elements (a shape), or why nothing can be said
  bool legal() const { return reason.empty() && ratio <= 1; }
};

// in, out: exact values, as consumed and produced. Order::Ours is for our own compiled code and interpreter,
// Order::Any for an outside implementation of the node.
NodeCheck check_node(const Module& m, const Function& f, Id id, const std::vector<Value>& in,
                     const Value& out, Order order, Env env = {});

// The bound itself: of each element of a float result, on these inputs (its centre is the f64 value).
struct NodeBound {
  Value ideal;                             // Rep::Ideal
  std::vector<std::vector<double>> bound;  // by part; empty for parts that are no floats
};
NodeBound node_bound(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Order order,
                     Env env = {});

// A run of the interpreter with every node of main checked.
struct CheckedNode {
  Id id = 0;
  const Op* op = nullptr;
  std::vector<std::string> sources;
  NodeCheck check;
};
std::vector<CheckedNode> check_nodes(const Module& m, std::vector<Value> inputs, Order order);

}  // namespace tauto
