// Evaluates nodes whose inputs are all constants. Contract: exact (the interpreter itself does it).
//
// With a budget: a result larger than its inputs together and than `small_bytes` stays a node. So int8
// weights that a model widens before use (Cast → Mul → MatMul) stay int8 in memory, and a bomb (expand of a
// scalar to 2^60 elements) stays a type.
#pragma once

#include "graph/graph.h"

namespace tauto {

struct FoldOptions {
  int64_t small_bytes = 1 << 16;
};

Module fold_constants(const Module& m, const FoldOptions& options = {});

}  // namespace tauto
