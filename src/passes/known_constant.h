// What constants and a few steps of arithmetic on them give, without folding them in the graph: weights that are
// stored as bytes stay bytes.
#pragma once

#include <functional>
#include <optional>
#include <set>

#include "graph/graph.h"

namespace tauto {

using NodeOf = std::function<const Node&(Id)>;  // of a builder or of a function

// `inside`, if it is given, gets the nodes that the value was computed by.
std::optional<Tensor> known_constant(const NodeOf& node, Id id, std::set<Id>* inside = nullptr);

}  // namespace tauto
