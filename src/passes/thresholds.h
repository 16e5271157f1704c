// Integers and truth values that are computed in floats from an accumulator become comparisons of the accumulator
// with thresholds. Contract: exact, for every input.
//
//   cast<i8>(round(min(1, max(-1, fma(cast<f32>(acc), s, t)))))   =>   where(t2 <= a, 1, where(t1 <= a, 0, -1))
//
// acc: a contraction of integers with a constant (passes/integers.h). Each neuron has finitely many accumulators
// (passes/attainable.h): the old nodes' references are evaluated on *all of them*, bit for bit as the interpreter
// would. If the result never decreases, or never increases (then a = −acc), as acc grows, its steps are the
// thresholds, which therefore agree with the definition everywhere. What a node is called or how it rounds plays no
// part. Nothing changes where the comparisons would cost more than what they replace: of what is computed from a byte
// no more than a look-up (passes/tables.h), and nothing where others are computed from this byte, too.
#pragma once

#include <map>

#include "passes/attainable.h"

namespace tauto {

Module thresholds(const Module& m);

// The elementwise nodes by which `root` is computed from one other node and constants.
struct Cone {
  Id variable = -1;
  std::set<Id> nodes;     // with the root and the steps on constants, without the variable
  std::vector<Id> order;  // elementwise nodes, inputs first; the root is the last
  std::map<Id, Tensor> constants;
  bool in_floats = false;  // some value on the way is a float
};
std::optional<Cone> cone_of(const NodeOf& node, Id root, const std::function<bool(Id)>& is_variable);

// The root's values where the variable has these: shapes broadcast as in numpy.
Tensor evaluate_cone(const NodeOf& node, const Cone& cone, const Tensor& variable);

}  // namespace tauto
