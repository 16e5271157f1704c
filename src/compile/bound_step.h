// The steps of a bound function: what bind.cpp makes and run_bound.cpp runs.
#pragma once

#include "compile/bound.h"

namespace tauto {

struct BoundFunction::Step {
  enum class Kind : uint8_t { Kernel, If, Call, Scan, Loop, Reference };
  Kind kind = Kind::Kernel;
  size_t group = 0;                       // of the function
  Id node = -1;                           // not of kernels
  std::vector<uint32_t> inputs, outputs;  // slots; of control flow and references

  std::vector<BoundKernel> kernels;  // one, or a chain that runs band by band
  int64_t handed_over = 0;           // bytes of one band, in a chain

  std::vector<TensorType> given, results;  // of a reference

  // Control flow: what is called; an If's branches in the order then, else (null: not bound).
  std::unique_ptr<BoundFunction> bodies[2];
  size_t states = 0;             // of a scan or loop: carried values
  std::vector<uint32_t> spare;   // the second place of each of them
  std::vector<uint32_t> own;     // of a loop: counter, condition, and the condition that the body gives
  std::vector<int64_t> strides;  // bytes between elements: of a scan's sequences, then of what is stacked
  std::vector<bool> backwards;   // the same order
  int64_t length = -1;           // of a scan, and of a loop that stacks
  bool counted = false;          // a loop whose body does not end it
};

}  // namespace tauto
