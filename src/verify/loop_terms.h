// Loops on terms instead of numbers: tensor expressions and scheduled loops alike, their sizes given.
#pragma once

#include <memory>

#include "graph/dim.h"
#include "loops/loops.h"
#include "verify/vector_terms.h"

namespace tauto::proof {

// Buffers as of the kernel, by their flat element (Layout). Throws Undecided where an index or a condition
// follows from elements; Error for an index outside its buffer and for what was never written.
void evaluate_terms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes);

// A tensor expression (loops around one store of each element of the result), element by element.
class ElementTerms {
 public:
  ElementTerms(const loops::Kernel& k, std::vector<SymbolicBuffer>& buffers, const Env& sizes);
  ~ElementTerms();
  size_t result() const;  // number of the buffer that it stores to
  // Of an element that is not padding: what is stored there. Nothing for padding.
  std::optional<Term> at(int64_t element);
  bool is_padding(int64_t element) const;
  bool is_beside(int64_t element) const;  // the loops do not come to it: another band's
  int64_t elements() const;               // that are neither

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace tauto::proof
