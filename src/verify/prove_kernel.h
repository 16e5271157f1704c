// Translation validation: a kernel's tensor expression and the vector program made of it give the same term
// for every element of the result. That decides all values of the inputs, for the sizes at hand. Loops whose
// trips are alike are shortened (verify/trips.h): what is assumed then, and what is trusted besides, stands
// in docs/trust.md.
#pragma once

#include <map>
#include <string>

#include "codegen/generate.h"
#include "graph/dim.h"
#include "schedule/schedule.h"
#include "verify/vector_terms.h"

namespace tauto::proof {

struct Proof {
  enum class Verdict : uint8_t { Proved, ProvedOnShapes, Undecided, Refuted } verdict = Verdict::Undecided;
  std::string reason;  // the first difference, or what could not be followed; what the shapes are
  int64_t elements = 0, terms = 0;
  bool whole = false;  // all trips of all loops were run
  bool looked_up =
      false;  // places that follow from elements were terms: whether they lie inside was not seen
};
const char* text_of(Proof::Verdict v);

struct ProofOptions {
  bool pieces = false;  // the parallel loop is run in two pieces, the later one first
  Trips trips;
  // Buffers whose elements are numbers in [first, second), drawn: what addresses follow from.
  std::map<size_t, std::pair<int64_t, int64_t>> numbers;
  // Constants of which some elements are numbers: bits, by the element as the definition reads it, and as the
  // program does, packed. Others are terms. Only with all trips: the elements of a loop are no longer alike.
  struct Known {
    std::map<int64_t, uint64_t> definition, code;
  };
  std::map<size_t, Known> known = {};
  // Buffers that lie in the result's memory, and how many bytes behind its beginning: the program reads there
  // what it has written meanwhile. Only with all trips, and in one piece.
  std::map<size_t, int64_t> over_result = {};
};

// Different terms may still be equal: a difference is Undecided. Refuted: the program leaves its buffers,
// does not write an element of the result, or reads what was never written.
Proof prove_kernel(const loops::Kernel& expression, const Scheduled& scheduled, const Generated& generated,
                   const Env& sizes, const ProofOptions& options = {});

// How many elements the program stores in the trips that are run, in all lanes, and in which tails.
struct StoreCount {
  int64_t elements = 0;
  std::set<int64_t> tails;
};
StoreCount count_stores(const loops::Kernel& expression, const Generated& generated, const Env& sizes,
                        const Trips& trips);

}  // namespace tauto::proof
