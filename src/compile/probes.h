// Intermediate values of a compiled program, which stays as it is.
//
// A *probe* stores the value of a node where the program computes it. What a kernel computes on the way is
// stored by that kernel, in the instruction after the one that made it: groups, layouts, schedules and the
// memory plan are those of the program without probes, so its results keep their bits. What is a kernel's
// result, a view or a reference's value is copied out when it has been made.
//
// A node that is computed anew for each of its users is stored by each, the same bits. Elements that nobody
// asks for are not computed: `computed` tells which are. Where a kernel cannot store a value, the reason is
// kept and the others are stored; a node that stands in `apart` is not fused with others, which makes another
// program (of the same bits).
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace tauto {

class Executable;
struct ExecuteOptions;

// Of a function of the graph after the passes, as Executable::module() has it.
using NodeSets = std::map<std::string, std::set<Id>>;

struct ProbeOptions {
  bool all = false;  // every node that the program computes
  NodeSets nodes;    // or these
  NodeSets apart;    // these, each in a kernel of its own
  friend bool operator==(const ProbeOptions&, const ProbeOptions&) = default;
  bool contains(const std::string& function, Id id) const {
    const auto at = nodes.find(function);
    return all || (at != nodes.end() && at->second.count(id) != 0);
  }
};

struct ProbedValue {
  std::string function;
  Id node = -1;
  Tensor value;
  Tensor computed;  // bool, of value's shape; undefined: all elements are
};

// The probed values of a run, in the order in which they were made: of a node in a body one for each trip.
struct ProbeLog {
  uint8_t fill = 0;  // every byte of elements that are not computed
  std::vector<ProbedValue> values;
};

// Results and values of one run (done twice, with two fills, to see which elements are computed) of an
// executable that was compiled with probes. Every NaN is the canonical one.
struct ProbedRun {
  std::vector<Value> results;
  std::vector<ProbedValue> values;
};
ProbedRun run_probed(const Executable& e, const std::vector<Value>& inputs, ExecuteOptions options);

}  // namespace tauto
