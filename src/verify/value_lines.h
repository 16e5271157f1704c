// The numeric level of two things that have no leg of their own in the words of others: the values that our
// machine code computes, and how far outputs may be from the exact ones.
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

// Adds a line: every value that the compiled program computes (by probes, which leave its results' bits as
// they are; that too is looked at), against what is legal for its node in the order of docs/semantics.md. If
// one is not: the node, and the stage that made it. False, and no line: the interpreter runs it.
bool check_values(System& s, const Samples& samples, const SameOptions& o, SameResult& r);

// Fills the line: how far from the exact value any legal execution of the source may be, by signed propagation
// of all its nodes' errors (verify/error_propagation.h), and how far the other system's outputs are.
// `must_hold`: beyond the bound it is refuted.
void bound_outputs(const Module& source, System& other, const Samples& samples, const SameOptions& o,
                   bool must_hold, Line& line);

}  // namespace tauto::equivalence
