// Reductions as loops over accumulators, in the order of docs/semantics.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "loops/affine.h"
#include "loops/reduction_order.h"
#include "schedule/schedule.h"

namespace tauto {

// Steps of the outermost of a contraction's ordered axes in a block (axes of extent 1 left out); NotScheduled
// where the cut is known only at run time. A step of `f` may be two terms.
int64_t block_steps(const std::vector<loops::Axis>& axes, loops::Function f);

// Replaces reductions in an expression by what was computed in `statements` before it.
//
// A reduction that depends on the variable of a lanes loop runs inside it, one accumulator vector per partial
// result (*vertical*). Any other lies its own terms over the lanes (*horizontal*), 16 partial results in one
// or more vectors, and gives one value for all lanes.
class SpellOut {
 public:
  using Fresh = std::function<std::string(const std::string&)>;
  // `lanes` is the variable of the lanes loop around, "" if there is none; where `guard` (undefined: always)
  // does not hold, memory may not be read.
  SpellOut(const loops::Ranges& ranges, const Target& target, Fresh fresh,
           std::vector<loops::BufferPtr>& scratch, std::string lanes = "", loops::Expr guard = {})
      : ranges_(ranges),
        target_(target),
        fresh_(std::move(fresh)),
        scratch_(scratch),
        lanes_(std::move(lanes)),
        guard_(std::move(guard)) {}

  std::vector<loops::Stmt> statements;

  loops::Expr all(const loops::Expr& e);
  // Only those that do not mention `variable`.
  loops::Expr without(const loops::Expr& e, const std::string& variable);
  // s inside the allocations that the statements need.
  loops::Stmt allocated(loops::Stmt s) const;

 private:
  loops::Expr walk(const loops::Expr& e, const std::string& skip);
  loops::Expr spell(const loops::Reduce& r, ElementType type);
  loops::Expr blocks(const loops::Reduce& r, ElementType type);
  loops::Expr chain(const loops::Reduce& r, ElementType type);
  loops::Expr partials(const loops::Reduce& r, ElementType type);
  loops::Expr across(const loops::Reduce& r, ElementType type);
  bool has_partials_in_lanes(const loops::Reduce& r) const;
  loops::Expr partials_in_lanes(const loops::Reduce& r, ElementType type);
  bool lies_side_by_side(const loops::Expr& e, const std::string& variable) const;
  loops::Stmt over_lanes(const loops::Expr& from, int64_t count, const loops::Expr& end,
                         const std::function<loops::Stmt(const loops::Expr&, const loops::Expr&)>& body);
  loops::Expr fold_lanes(loops::Function f, const loops::BufferPtr& partials);
  loops::Expr kept(loops::Expr e);
  // The statement `to[at] = f(to[at], operands…)`, with what the operands need before it, where r's guard
  // holds.
  loops::Stmt accumulate(const loops::Reduce& r, const loops::BufferPtr& to, const loops::Expr& at);
  bool lies_over_lanes(const loops::Expr& e, const std::string& variable) const;
  loops::BufferPtr buffer(const std::string& stem, ElementType type, int64_t count, loops::Scope scope);

  const loops::Ranges& ranges_;
  const Target& target_;
  Fresh fresh_;
  std::vector<loops::BufferPtr>& scratch_;
  std::string lanes_;
  loops::Expr guard_;
  std::vector<loops::BufferPtr> allocations_;
};

}  // namespace tauto
