// The numeric level: what a system computed at each node, against all that a legal execution of that node may
// give on the inputs that the system really fed it. Errors of earlier nodes are so no excuse and no blame.
#pragma once

#include <span>

#include "verify/legal_values.h"
#include "verify/system.h"

namespace tauto::equivalence {

struct SourceCheck {
  std::string node, op;  // the source's name, our operators
  double worst = 0;      // largest |value - middle| of the legal interval, in its half widths; > 1: illegal
  double error = 0, bound = 0;  // there, and the element's index
  int64_t at = 0;
  int64_t elements = 0, outside = 0, unbounded = 0;  // unbounded: anything is legal there
  double largest = 0, scale = 0;  // the largest error of all elements, and the largest |middle|
  UlpCounts ulps{};
  std::string skipped;  // why nothing is said; empty if something is
};

// Nodes in the order of evaluation. `values` are the system's; a node without one is followed in intervals.
std::vector<SourceCheck> check_sources(const Module& m, const std::vector<Value>& inputs,
                                       const NodeValues& values,
                                       const std::function<bool()>* cancelled = nullptr);
// Adds what other inputs showed.
void merge(std::vector<SourceCheck>& into, const std::vector<SourceCheck>& more);

// The nodes of main's sources whose value can be asked for, in order.
std::vector<std::string> source_nodes(const Module& m);

// For each of them its operators, and which others it reads (through nodes that have no value of their own).
struct SourceEdge {
  std::string node, op;
  std::vector<std::string> inputs;
};
std::vector<SourceEdge> source_graph(const Module& m);

}  // namespace tauto::equivalence
