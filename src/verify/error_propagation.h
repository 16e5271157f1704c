// How far the results of legal executions of a graph may be from its exact value at one input: signed
// propagation of every node's roundings to the outputs.
//
// Let c be the values of all nodes in f64 (the centres) and c + δ those of some execution. A node's error
// rule (ops/error_rule.h) says δ = J δ_inputs + e with |e| ≤ own + bend. So for any functional g of the
// outputs and its adjoints λ, computed backwards through the same matrices J,
//
//   |g δ| ≤ Σ over all nodes and elements |λ| (own + bend),
//
// in which errors that reach the output on several paths meet with their signs. Plain intervals take |J| at
// every layer instead and double their width with each; here they give only the *radius* |δ| ≤ radius within
// which own and bend have to hold: bends are second order (relu: the part of the region beyond 0; a product:
// radius · radius). Where radii leave many relus and maxima undecided, `refine` bounds the doubtful elements
// again, each by its own functional, one layer after the other.
//
// All of this is computed in f64 and rounded up: c's own f64 errors are part of `own`; the adjoints' are
// charged as Σ |λ| |J| radius · 2^-30, which covers sums of up to 2^22 terms.
//
// Everything works by elements, for every operator: one without a rule is known by its interval, as an error
// of its own; integers and truth values that the region does not decide (a quantizer at a border) stay
// intervals. What cannot be bounded throws Unbounded with the reason.
#pragma once

#include <map>
#include <memory>

#include "interpret/interpret.h"
#include "ops/error_rule.h"

namespace tauto {

struct Unbounded : Error {
  using Error::Error;
};

struct PropagationOptions {
  Order order = Order::Any;
  // Inputs may be off by this much from the given ones, by input and element; empty: not at all.
  std::vector<std::vector<double>> box;
  const std::function<bool()>* cancelled = nullptr;
};

// Σ coefficient · element of one output.
struct Functional {
  size_t output = 0;
  std::vector<std::pair<int64_t, double>> terms;
};
struct FunctionalBound {
  double centre = 0;
  double error = 0;  // |its value in any execution − centre|, and |exact − centre|, are at most this
};

// Elements whose radius was bounded by their own functionals: the hints that make a certificate.
struct Refinement {
  Id node = 0;
  std::vector<int64_t> elements;
};

class ErrorPropagation {
 public:
  // Keeps what does not follow from the inputs, so use one for many inputs. `m` must outlive it.
  explicit ErrorPropagation(const Module& m);
  ~ErrorPropagation();

  // Exact inputs in the order of main's parameters. Replaces the run before.
  void run(std::vector<Value> inputs, const PropagationOptions& options = {});
  // Runs again with the radii of doubtful elements refined, at most `limit` of a node. Returns what was
  // refined; empty: nothing was doubtful, so another run would say the same.
  std::vector<Refinement> refine(size_t limit = 64);
  // The first node whose radii exceed its values: from there on bounds say little. "": none.
  std::string lost() const;

  const Module& module() const;
  const Tensor& centre(size_t output) const;  // f64
  // |δ| of each element of an output; empty: exact.
  std::span<const double> radius(size_t output) const;
  std::vector<FunctionalBound> bound(std::span<const Functional> functionals) const;
  // The derivative of g by each element of these nodes' results, at the centres; empty where g does not depend
  // on a node, as far as error rules know how.
  std::vector<std::vector<double>> gradient(const Functional& g, std::span<const Id> nodes) const;
  // The bound of every element of an output, by one functional each; their radii alone where there are more
  // elements than `at_most`: a functional costs a backward pass.
  std::vector<double> output_error(size_t output, size_t at_most = 1024) const;

  // Of a node's only result, for certificates and tests; the radius is empty where it is exact.
  const Tensor& node_centre(Id id) const;
  std::span<const double> node_radius(Id id) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tauto
