// Random small cases of every operator that has a lowering.
#pragma once

#include <vector>

#include "ops/run_op.h"

namespace tauto::testing {

struct OpCase {
  const Op* op = nullptr;
  std::vector<Tensor> in;
  Attributes attributes;
  std::vector<bool> fixed;  // which inputs are constants of the graph
  std::string text() const;
};

// What is known of extents: their values; which are equal; nothing.
enum class Sizes { Literal, Shared, Apart };

int64_t value_of(const std::string& symbol);  // that such a symbol stands for

// The node of a case; inputs that are not fixed are parameters.
Id build(Builder& b, const OpCase& c, Sizes sizes);

// Some cases of op; none for operators that cannot be lowered.
std::vector<OpCase> lowering_cases(const Op& op, uint64_t seed);

}  // namespace tauto::testing
