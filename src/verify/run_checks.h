// The numeric level of a whole run: every value that a program computed (compile/probes.h), against what is
// legal on the inputs that its node really consumed. Nothing is compared bit by bit and nothing of the
// interpreter's own run is used, so the program may be anybody's.
//
// The graph is walked as it was run, bodies of control flow too, with the program's own values put in place.
// A value that it does not tell (inside a kernel that stores only its result) is carried on as the interval of
// all that is legal there. So an illegal value is found where it arises and nowhere after.
#pragma once

#include <map>

#include "compile/probes.h"
#include "verify/legal_values.h"

namespace tauto::equivalence {

struct ValueCheck {
  std::string function;
  Id node = -1;
  Deviation worst;  // of all its trips
  int64_t trips = 0;
  std::string skipped;  // why nothing was compared; empty if something was
};

// Adds what another run showed.
void merge(std::vector<ValueCheck>& into, const std::vector<ValueCheck>& more);

class RunChecks {
 public:
  // `m` must outlive it: the graph that the program was compiled from. Order::Ours holds a program to the
  // order of additions of docs/semantics.md.
  RunChecks(const Module& m, Order order) : m_(m), order_(order) {}

  // In the order in which nodes were come to. With `stop`: up to the first one that is illegal; in any case
  // until `enough` is true. Only values that the program told are listed.
  std::vector<ValueCheck> check(const std::vector<Value>& inputs, const std::vector<ProbedValue>& values,
                                bool stop = false, const std::function<bool()>* enough = nullptr);

  // Of the run checked last: what stood at a node when it was come to last, exact values; nothing if it was
  // not known as points. For whoever looks into the kernel at which it stopped (verify/locate_stage.h).
  std::optional<Value> value(const std::string& function, Id id) const;
  const Env& env() const { return env_; }  // of the function in which it stopped

 private:
  friend class RunWalk;
  const Module& m_;
  Order order_;
  Env env_;
  std::map<std::pair<std::string, Id>, Value> last_;
  // What was found of values that were seen before: by node and checksums of all that decides it.
  std::map<std::vector<uint64_t>, Deviation> known_;
};

}  // namespace tauto::equivalence
