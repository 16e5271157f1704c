// What a legal execution of a node may give on the inputs that it really consumed, as intervals, and how a
// given value lies in them.
//
// Of a float result with an error rule (ops/error_rule.h) it is the f64 value and its bound, for the order of
// additions that is asked for; of everything else, and where something is not finite, what the reference
// gives on intervals. So one comparison serves floats, integers and truth values.
#pragma once

#include "interpret/interpret.h"
#include "ops/error_rule.h"

namespace tauto::equivalence {

// In Rep::Interval. `in`: exact values. Errors are those of the reference.
Value legal_values(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Order order,
                   Env& env);

struct Deviation {
  double ratio = 0;  // |value - middle| by half the width, of the worst element; more than 1: illegal
  double error = 0, bound = 0;  // of that element, row-major
  double value = 0, middle = 0;
  int64_t at = -1;
  double largest = 0, scale = 0;  // the largest error of all elements, and the largest |middle|
  int64_t elements = 0, outside = 0, unbounded = 0;  // unbounded: anything is legal there
  std::string reason;                                // another type or shape
  bool legal() const { return outside == 0 && reason.empty(); }
};
// `computed`: elements that count (bool, of the value's shape); undefined: all.
Deviation deviation(const Tensor& legal, const Tensor& given, const Tensor& computed = {});

// Intervals that are points, as exact values; nothing where one is not.
std::optional<Value> points_of(const Value& intervals);

}  // namespace tauto::equivalence
