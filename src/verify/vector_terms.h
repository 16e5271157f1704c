// Vector programs on terms instead of numbers: what a kernel's code computes for all values of its elements,
// its sizes given.
//
// Scalars are numbers: addresses, sizes, loop variables. Lanes and elements in memory are terms. An access
// outside the buffers, or of part of an element, is an error of the program and refused; what depends on the
// values of elements in a way that terms do not follow (a branch on them, an address) is undecided.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "codegen/vector.h"
#include "ops/term.h"

namespace tauto::proof {

// Terms by number, of which few are there.
class SparseTerms {
 public:
  static constexpr Term kNone{~uint32_t{0}};
  Term get(int64_t i) const {
    const auto page = static_cast<size_t>(i) / kPage;
    return page < pages_.size() && pages_[page] ? pages_[page][static_cast<size_t>(i) % kPage] : kNone;
  }
  void set(int64_t i, Term t) {
    const auto page = static_cast<size_t>(i) / kPage;
    if (page >= pages_.size()) pages_.resize(page + 1);
    if (!pages_[page]) {
      pages_[page] = std::make_unique<Term[]>(kPage);
      std::fill_n(pages_[page].get(), kPage, kNone);
    }
    pages_[page][static_cast<size_t>(i) % kPage] = t;
  }

 private:
  static constexpr size_t kPage = 1024;
  std::vector<std::unique_ptr<Term[]>> pages_;
};

// Elements are made when they are asked for: of a large buffer a proof looks at few.
struct SymbolicBuffer {
  std::string name;
  ElementType type;
  int64_t count = 0;
  std::function<Term(int64_t)> given;  // what lies there before; none: nothing does
  std::unordered_map<int64_t, Term> written;
  std::vector<bool> marks;  // as long as the buffer: only what is written is noted, not the terms
  bool looked_up = true;    // may be read at places that follow from elements: nobody writes or packed it

  std::optional<Term> read(int64_t element) const {
    if (const auto at = written.find(element); at != written.end()) return at->second;
    return given ? std::optional(given(element)) : std::nullopt;
  }
  // The element at an i64 that is a term: a function of it.
  std::optional<Term> read_at(Term index) const {
    if (!looked_up || !given || !written.empty()) return std::nullopt;
    if (const auto number = term_literal_of(index)) {  // it does not follow from elements after all
      const auto i = static_cast<int64_t>(*number);
      return i >= 0 && i < count ? read(i) : std::nullopt;
    }
    return term_apply(term_name(name + "@"), type, {index});
  }
  void write(int64_t element, Term t) {
    if (marks.empty())
      written[element] = t;
    else
      marks[static_cast<size_t>(element)] = true;
  }
};
SymbolicBuffer symbolic_input(std::string name, ElementType type, int64_t count);  // name[0], name[1] …

struct Undecided {
  std::string reason;
};

// Which trips of a loop are run. A loop is shortened only if its trips are alike (verify/trips.h): then trip
// k is trip 0 with addresses moved by k steps, and the trips 0, 1, 2 and the last two stand for all.
struct Trips {
  bool all = true;
  // How many loops at once may be at a trip other than their first and last. -1: all are at their first trip,
  // or all at their last.
  int deviating = 8;
  bool careful = false;  // see verify/trips.h
  // Lanes, too, are run like trips: the first two, the last, and those at the ends of these tails, where all
  // that tells lanes apart is where they load and store, and such a tail. Else all lanes.
  bool few_lanes = false;
  std::set<int64_t> tails;
  size_t most_terms = SIZE_MAX;  // Undecided beyond
};

// `values`: what follows the addresses of the buffers among the arguments; then the address of `workspace`
// bytes. Throws Undecided; Error for a program that leaves its buffers or reads what was never written.
bool has_like_lanes(const vec::Program& p);  // as few_lanes needs them
struct Walk {
  bool looked_up = false;   // it read where an element says
  bool whole = true;        // all trips of all loops were run, in all lanes
  std::set<int64_t> tails;  // how many lanes were on, where not all were
};
Walk evaluate_terms(const vec::Program& p, std::vector<SymbolicBuffer>& buffers,
                    const std::vector<uint64_t>& values, int64_t workspace, const Trips& trips = {});

}  // namespace tauto::proof
