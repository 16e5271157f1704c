// The algebra of terms in which two programs are compared: the functions of the loops IR, uninterpreted, and
// few rules that hold for all inputs.
//
// Both sides of a proof, loops and vector programs, build their values by these functions, so that equal
// terms mean equal bits (NaNs counted as equal). Each rule is one of: literals are computed; a + b, a · b and
// fma(a, b, c) do not depend on the order of a and b; what the vector program spells out in several
// instructions is the one function that it spells (a sign bit flipped: negate; a NaN test around `greater2`:
// max; limits around a truncation: a saturating conversion; shifts there and back: a narrow integer). Narrow
// integers are computed in their own type; numbers that are added to an integer are added up; limits of
// integers stand in one order, and one that is no limit is left out, as is a conversion there and back, by the
// interval that a value must lie in; additions of +0 are gathered into one at the end of a sum; the identities
// of max and min are left out; in a selection's sides its condition is known. One rule holds only up to the
// sign of a zero sum, which the order of contractions (docs/semantics.md) hides: fma(±0, w, acc) is acc where
// w is an input known to be finite, whose name ends in '!'.
#pragma once

#include "loops/loops.h"
#include "ops/term.h"

namespace tauto::proof {

Term apply(loops::Function f, Term a, Term b = {}, Term c = {});
Term converted(Term x, ElementType to);         // as loops::Convert
Term truncated(Term x, ElementType to);         // as vec::VecOp::Convert: INT_MIN where out of range
Term same_bits(Term x, ElementType to);         // as loops::Bits
Term literal(ElementType type, uint64_t bits);  // bits of the type, zero-extended
inline Term truth(bool b) { return literal(boolean, b); }

// x with other arguments, as many as it has.
Term with_arguments(Term x, const Term* arguments);

// Four bytes of memory, the lowest first, and two bytes each widened to 16 bits, as one i32. Elements of 8
// bits; what a dot product takes apart again.
Term bytes_together(const std::vector<Term>& bytes);
Term words_together(Term low, Term high);
Term pair_together(Term low, Term high);  // two bf16 as an f32

// Byte `i` of an i32 that was put together by shifts and `or` from bytes; nothing where that is not seen.
std::optional<Term> byte_of(Term word, int i);

// A byte made of two numbers of 4 bits or four of 2, the lowest first.
Term slices_together(const std::vector<Term>& slices);

// An i64 that is a sum of numbers times others, in one order: equal for equal sums. Divided by `by`; nothing
// where a part cannot be.
std::optional<Term> in_linear_form(Term index, int64_t plus, int64_t by);
inline Term in_linear_form(Term index, int64_t plus) { return *in_linear_form(index, plus, 1); }

// An integer or truth value that is known.
std::optional<int64_t> known(Term x);

}  // namespace tauto::proof
