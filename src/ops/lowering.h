// What an operator's `lower` sees: one node, and the elements of its inputs as expressions.
//
// A lowering is pulled by whoever needs an element: `lower(l, index)` returns the expression of the result's
// element at `index`, asking `l.at(i, index)` for elements of inputs. An input may be a buffer or another
// operator's lowering: so data movement costs nothing and fusion is composition. Nothing here knows of
// vectors, tiles or threads.
//
//   transpose:  return l.at(0, permuted(index));
//   contract:   return loops::reduce(Order::Blocks, Function::Fma, axes, {l.at(0, map0), l.at(1, map1)},
//   guard);
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "loops/loops.h"

namespace tauto {

// Thrown by a lowering that does not cover a case (a size known only at run time …): the node then runs its
// reference. The reason is kept for `--emit=loops`.
struct NotLowered {
  std::string reason;
};

class Lowering {
 public:
  const Node& node;
  explicit Lowering(const Node& n) : node(n) {}

  virtual loops::Expr at(int input, const std::vector<loops::Expr>& index) = 0;
  virtual const Type& type(int input) const = 0;
  // Elements of an integer input as far as they are known before run time, flattened; perhaps with symbols.
  virtual std::optional<Dims> value(int input) const = 0;
  virtual const Tensor* constant(int) const { return nullptr; }  // an input that is one
  virtual std::string fresh(const std::string& stem) = 0;        // a variable's name, unique in the kernel

  // Before the kernel runs, all elements of this integer input are to be in [least, end); `component` is not
  // -1: all that have this index along the last dim. Where one is not, the node's reference runs instead,
  // which raises the error in its own words. So the input has to be a buffer, or known.
  virtual void require_range(int input, int component, const Dim& least, const Dim& end) {
    (void)component;
    refuse("an element of input " + std::to_string(input) + " may be outside [" + text_of(least) + ", " +
           text_of(end) + ")");
  }
  // True: the kernel is for sizes at which a == b; for others the references run.
  virtual bool assume_equal(const Dim&, const Dim&) { return false; }
  // A constant table of the kernel.
  virtual loops::BufferPtr table(const Tensor&) { refuse("no tables here"); }

  const Type& type() const { return node.type; }
  const Attributes& attributes() const { return node.attributes; }
  int count() const { return static_cast<int>(node.inputs.size()); }
  Dims require_value(int input) const {
    const std::optional<Dims> v = value(input);
    if (!v) refuse("input " + std::to_string(input) + " is known only at run time");
    return *v;
  }
  [[noreturn]] void refuse(std::string reason) const { throw NotLowered{std::move(reason)}; }

 protected:
  ~Lowering() = default;
};

// The expression of n's element at `index`: n.op->lower, or, for an elementwise operator without one, its
// reference run on terms of the inputs' elements (broadcast as numpy does), elementary functions written out
// as their published trees. Throws NotLowered.
loops::Expr lower(Lowering& l, const std::vector<loops::Expr>& index);

}  // namespace tauto
