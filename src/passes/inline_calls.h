// Puts the bodies of calls where they are called: of `call`, of an `if` whose condition is known, of a `loop`
// or `scan` of one iteration. What is known at the call is then known inside, so that more calls are decided
// and more constants are folded; functions that nobody calls any more are dropped. Contract: exact.
#pragma once

#include "graph/graph.h"

namespace tauto {

Module inline_calls(const Module& m);

}  // namespace tauto
