// What a legal execution of a node may give on the inputs that it really consumed, as intervals, and how a
// given value lies in them.
//
// Of a float result with an error rule (ops/error_rule.h) it is the f64 value and its bound, for the order of
// additions that is asked for; of everything else, and where something is not finite, what the reference
// gives on intervals. So one comparison serves floats, integers and truth values.
#pragma once

#include <array>

#include "interpret/interpret.h"
#include "ops/error_rule.h"

namespace tauto::equivalence {

// In Rep::Interval. `in`: exact values. Errors are those of the reference.
Value legal_values(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Order order,
                   Env& env);

// Elements by ulps from the middle: 0, 1, 2, 3-4, 5-8, … and more.
using UlpCounts = std::array<int64_t, 12>;
// Which bin of a histogram over ulps a value falls into, beside another one of its type.
size_t ulp_bin(double value, double other, ElementType e);
double ulp_of(double v, ElementType e);

struct Deviation {
  double ratio = 0;  // |value - middle| by half the width, of the worst element; more than 1: illegal
  double error = 0, bound = 0;  // of that element, row-major
  double value = 0, middle = 0;
  int64_t at = -1;
  double largest = 0, scale = 0;  // the largest error of all elements, and the largest |middle|
  int64_t elements = 0, outside = 0, unbounded = 0;  // unbounded: anything is legal there
  UlpCounts ulps{};                                  // of floats
  std::string reason;                                // another type or shape
  bool legal() const { return outside == 0 && reason.empty(); }
  bool says_nothing() const { return elements == unbounded && reason.empty(); }
  void add(const Deviation& other);  // of other elements
};
// `computed`: elements that count (bool, of the value's shape); undefined: all.
Deviation deviation(const Tensor& legal, const Tensor& given, const Tensor& computed = {});

// Intervals that are points, as exact values; nothing where one is not.
std::optional<Value> points_of(const Value& intervals);

}  // namespace tauto::equivalence
