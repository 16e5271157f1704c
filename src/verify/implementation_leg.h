// Is the machine code the program? By proof, kernel by kernel, and by one hash over every way to run it.
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

// Adds its line, the hash matrix and the proofs.
void implementation_leg(const System& s, const Samples& samples, const SameOptions& o, SameResult& r);

}  // namespace tauto::equivalence
