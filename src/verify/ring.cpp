// From the leaves up, without recursion: sums are thousands of terms deep.
#include "verify/ring.h"

#include <algorithm>

#include "loops/loops.h"
#include "verify/algebra.h"

namespace tauto::proof {
namespace {

bool is_sum(Term x) {
  static const TermName kAdd = term_name(loops::text_of(loops::Function::Add));
  return term_name_of(x) == kAdd && term_type(x).is_integer();
}

}  // namespace

std::vector<Term> summands(Term x) {
  std::vector<Term> found, open{x};
  while (!open.empty()) {
    const Term t = open.back();
    open.pop_back();
    if (!is_sum(t) || term_type(t) != term_type(x)) {
      found.push_back(t);
      continue;
    }
    for (const Term a : term_arguments(t)) open.push_back(a);
  }
  return found;
}

Term InRingOrder::operator()(Term x) {
  std::vector<Term> open{x};
  while (!open.empty()) {
    const Term t = open.back();
    if (done_.count(t.id)) {
      open.pop_back();
      continue;
    }
    const size_t before = open.size();
    const auto want = [&](Term a) {
      if (!done_.count(a.id)) open.push_back(a);
    };
    if (is_sum(t))
      for (const Term a : summands(t)) want(a);
    else
      for (const Term a : term_arguments(t)) want(a);
    if (open.size() > before) continue;
    open.pop_back();
    done_.emplace(t.id, of_done(t));
  }
  return done_.at(x.id);
}

Term InRingOrder::of_done(Term x) {
  if (!is_sum(x)) {
    const TermArguments a = term_arguments(x);
    Term b[TermArguments::kMost];
    for (size_t i = 0; i < a.size(); ++i) b[i] = done_.at(a[i].id);
    return std::equal(a.begin(), a.end(), b) ? x : with_arguments(x, b);
  }
  std::vector<Term> all = summands(x);
  for (Term& t : all) t = done_.at(t.id);
  std::sort(all.begin(), all.end(), [](Term a, Term b) { return a.id < b.id; });
  Term sum = all[0];
  for (size_t i = 1; i < all.size(); ++i) sum = apply(loops::Function::Add, sum, all[i]);
  return sum;
}

}  // namespace tauto::proof
