// Runs one operator by itself: its type rule on the actual types, then its reference.
#pragma once

#include <random>
#include <vector>

#include "graph/op.h"
#include "ops/number.h"

namespace tauto::testing {

Tensor evaluate(const Op& op, std::vector<Tensor> inputs, Attributes attributes = {}, Rep rep = Rep::Exact);

// The result type alone; throws Error when the operator refuses.
Type result_type(const Op& op, const std::vector<Type>& inputs, const Attributes& attributes = {});

// Elements of a type, half of them special: zeros, infinities, NaN, denormals, extremes, small integers.
Tensor random_tensor(ElementType type, Shape shape, std::mt19937_64& random);

// An exact tensor as points, or as f64.
Tensor in_rep(const Tensor& t, Rep rep);

// One float (small ones too), integer or bool element as f64 or i64 (a u64 above 2^63 - 1 is not asked for).
double real_at(const Tensor& t, int64_t i);
int64_t whole_at(const Tensor& t, int64_t i);

// Whether element i of the exact tensor lies in element i of the tensor of intervals.
bool encloses(const Tensor& intervals, const Tensor& exact, int64_t i);
std::string element_text(const Tensor& t, int64_t i);

// The element types with arithmetic, and bool.
const std::vector<ElementType>& arithmetic_types();

}  // namespace tauto::testing
