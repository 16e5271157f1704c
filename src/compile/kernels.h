// From a function of the graph to kernels: which nodes are computed together, and the tensor expression of
// each group.
//
// A node is described by its own tensor expression, not by its name: it *contracts*, *reduces*, *maps*
// (computes per element) or *moves* (only reads elsewhere). A node whose users are all in one group may
// join it: maps and moves what maps and reduces, a contraction or reduction the maps that follow it element
// by element, reductions and what lies between them where all is walked row by row. What is left are groups,
// each with one result: a kernel, a view of another value, or a node that runs its reference.
#pragma once

#include <optional>
#include <set>

#include "graph/graph.h"
#include "loops/loops.h"

namespace tauto {

struct KernelArgument {
  enum class Kind : uint8_t { Value, Constant, Result, Probe } kind = Kind::Value;
  Id value = -1;    // not of a constant: a node of the function
  Tensor constant;  // Constant
};

// The elements first, first + every, … of value's tensor are to be in [least, end) before the kernel runs;
// else the group's references run instead, and say what is wrong.
struct RangeCheck {
  Id value = -1;
  size_t first = 0, every = 1;
  Dim least, end;
};

// A kernel that is called for one band of rows after the other, with its buffers further on: compile/bands.h.
struct Bands {
  size_t chain = 0;              // kernels of a function with the same number run band by band together
  std::vector<int64_t> extents;  // of the axes along which the bands lie, the last in steps of `rows`
  int64_t rows = 1;
  std::vector<std::vector<int64_t>> strides;  // of each argument, bytes along each of the axes
  struct Loop {                               // of the whole kernel: it runs over rows
    std::string variable;
    int64_t extent = 1, unit = 1;  // one step is so many rows
    friend bool operator==(const Loop&, const Loop&) = default;
  };
  std::vector<Loop> loops;  // the outermost first

  int64_t count() const;
  // Bytes from an argument's beginning to that of a band. The last one along an axis begins early enough to be whole.
  int64_t offset(size_t argument, int64_t band) const;
  friend bool operator==(const Bands&, const Bands&) = default;
};

struct Group {
  enum class Kind : uint8_t { Kernel, View, Reference } kind = Kind::Reference;
  Id result = -1;
  std::vector<Id> nodes;  // in order, the result last
  std::string reason;     // why no kernel, or why the group is no larger
  // Kernel:
  loops::Kernel kernel;  // as a tensor expression
  std::vector<KernelArgument> arguments;
  std::vector<RangeCheck> checks;
  std::vector<std::pair<Dim, Dim>> equal;  // sizes for which the kernel is made
  std::vector<Id> unsure;    // nodes whose demands on sizes may not hold: is_legal (compile/legality.h)
  std::vector<Dim> extents;  // of all axes: where one is 0 the references run
  std::optional<Bands> bands;
  // View: the elements of this value in the same order, under the result's shape
  Id source = -1;
};

struct GroupOptions {
  bool fuse = true;
  std::set<Id> apart;  // nodes that join no others
  // Says whether a kernel can be built; its reason if not. Groups that cannot are taken apart.
  std::function<std::string(const Group&)> accepts;
};

// The kernel g with the values of these nodes of its own, which must not be its result, stored as they are
// computed: an argument of kind Probe for each.
Group with_probes(const Module& m, const Function& f, const Group& g, const std::set<Id>& probes);

// The kernel g with this node, which has the type of its first input, applied so many times:
// compile/faults.h.
Group with_node(const Module& m, const Function& f, const Group& g, Id node, int times);

// In an order of evaluation; parameters and constants have no group.
std::vector<Group> group_nodes(const Module& m, const Function& f, const GroupOptions& options);

}  // namespace tauto
