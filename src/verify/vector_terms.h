// Vector programs on terms instead of numbers: what a kernel's code computes for all values of its elements,
// its sizes given.
//
// Scalars are numbers: addresses, sizes, loop variables. Lanes and elements in memory are terms. An access
// outside the buffers, or of part of an element, is an error of the program and refused; what depends on the
// values of elements in a way that terms do not follow (a branch on them, an address) is undecided.
#pragma once

#include <string>
#include <vector>

#include "codegen/vector.h"
#include "ops/term.h"

namespace tauto::proof {

struct SymbolicBuffer {
  std::string name;
  ElementType type;
  std::vector<std::optional<Term>> elements;  // nothing: never written
};

struct Undecided {
  std::string reason;
};

// `values`: what follows the addresses of the buffers among the arguments; then the address of `workspace`
// bytes. Throws Undecided; Error for a program that leaves its buffers or reads what was never written.
void evaluate_terms(const vec::Program& p, std::vector<SymbolicBuffer>& buffers,
                    const std::vector<uint64_t>& values, int64_t workspace);

}  // namespace tauto::proof
