// Functionals backwards through a propagated graph: adjoints λ of every node, and what the nodes' errors
// cost.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "graph/graph.h"
#include "ops/error_rule.h"

namespace tauto::propagation {

// One tensor of a node's result (a tuple has several).
struct Part {
  std::vector<double> magnitude;  // |centre|, of float types
  std::vector<double> radius;     // empty: exact
  std::vector<double> noise;      // own + bend + slack of adjoints: what a unit of |λ| costs; empty: nothing
  Tensor range;                   // of integers and truth values that are not decided: Rep::Interval

  bool is_exact() const { return radius.empty() && !range.defined(); }
};

struct NodeState {
  bool constant = false;  // does not follow from the inputs
  Value value;            // Rep::Ideal
  std::vector<Part> parts;
  std::vector<LinearPart> linear;
  bool contracts = false, item = false;
  double roundings = 0;  // of a contraction, and of what is added to one: that its terms may go through
  std::shared_ptr<const std::vector<int32_t>> sources;  // of a movement, for the shapes of the run before
};

inline constexpr int kLanes = 16;  // functionals at once

class Adjoints {
 public:
  Adjoints(const Function& f, const std::vector<NodeState>& nodes, const Env& env, size_t functionals)
      : f_(f), nodes_(nodes), env_(env), lanes_((functionals + 3) / 4 * 4), of_(nodes.size()) {}

  // Adds w to λ of a node's element, for one functional.
  void seed(Id id, int64_t element, size_t functional, double w) {
    open(id, 0)[static_cast<size_t>(element) * lanes_ + functional] += w;
  }
  // λ of this node's first part is to be kept for `kept`.
  void keep(Id id) { kept_[id] = {}; }
  // One of lane 0, element by element; empty: the functionals do not depend on it.
  std::vector<double> kept(Id id) const;
  // From node `last` down: Σ |λ| noise of each functional. Once. Throws Cancelled.
  std::vector<double> backward(Id last, const std::function<bool()>* cancelled);

 private:
  std::vector<double>& open(Id id, size_t part);
  void charge(const std::vector<double>& lambda, const Part& p, std::vector<double>& error) const;
  void pull(Id id);

  const Function& f_;
  const std::vector<NodeState>& nodes_;
  const Env& env_;
  size_t lanes_;
  std::map<Id, std::vector<double>> kept_;
  std::vector<std::vector<std::vector<double>>> of_;  // node, part, element and lane; empty: nothing
};

}  // namespace tauto::propagation
