// What a rewrite consumed and what it produced, each as a program of its own: the same parameters (the values
// that went in), the same results. So an entry of the ledger can be run again on any inputs.
#pragma once

#include <map>
#include <set>

#include "graph/builder.h"

namespace tauto {

// The values that go into `root` and the nodes `inside` that it is computed by: by increasing id.
// Constants and sizes are no inputs, they are repeated, unless they are `separate`.
struct Boundary {
  std::set<Id> nodes;  // inside, and the root
  std::vector<Id> inputs;
  Boundary(const Function& f, Id root, const std::set<Id>& inside, const std::set<Id>& separate = {});
};

// A program over the inputs of a boundary, under construction.
class SubProgram {
 public:
  SubProgram(const Module& m, const Function& f, const Boundary& boundary);
  Id at(Id old);  // a value of f: an input, or one of the nodes, which is then copied
  std::shared_ptr<const Module> finish(const std::vector<Id>& results);  // its parts where it is a tuple

 private:
  const Function& f_;
  const Boundary& boundary_;
  Module module_;  // functions that are called, of m
  std::map<Id, Id> at_;

 public:
  Builder b;
};

std::shared_ptr<const Module> consumed_program(const Module& m, const Function& f, const Boundary& boundary,
                                               Id root);
// `now`: nodes of b; `moved`: where the boundary's inputs are there. Null where they are computed from more.
std::shared_ptr<const Module> produced_program(Builder& b, const std::vector<Id>& moved,
                                               const Boundary& boundary, const std::vector<Id>& now);

}  // namespace tauto
