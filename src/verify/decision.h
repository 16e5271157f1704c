// What a model's output is used for, and when two outputs are used alike.
//
//   top1            the class with the largest score, along the last axis; of equal ones the first
//   topk:K          the set of the K classes with the largest scores; of equal ones the first
//   argmin          the class with the smallest score; of equal ones the first
//   threshold:T     whether each score is T or more
//   sequence        the class with the largest score at each step, repetitions and class 0 (the blank) left
//   out:
//                   how CTC models are read
//   boxes:IOU       each box of the one has a partner in the other with at least this intersection over
//   union,
//                   the same class, and both a score of 1/2 or more: boxes (x1, y1, x2, y2), scores and,
//                   if there are integers, classes
//   FILE.py         decide(outputs: {name: array}) -> integers, one row for each input; TIES, a text, says
//   how
//                   ties are broken. Runs in a process of its own (python/tauto/outside.py).
//
// A sample's decision is made from the outputs of that sample alone. `margin` is how far the scores are from
// another decision (the least of a difference of two scores, or of a score and T); NaN where there is none to
// be had. A tie is a margin of exactly 0 where the rule had to choose.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "compile/loaded_model.h"

namespace tauto::equivalence {

struct DecisionRule {
  enum class Kind : uint8_t { Top1, TopK, ArgMin, Threshold, Sequence, Boxes, Custom } kind = Kind::Top1;
  int64_t k = 1;
  double threshold = 0;  // Threshold, Boxes
  std::string program;   // Custom: the file
};

// Error: --decision: required …, got "…".
DecisionRule parse_decision(const std::string& text);
std::string text_of(const DecisionRule& rule);
std::string tie_rule(const DecisionRule& rule);  // in words

// Error: the outputs are not of the sort that the rule is about (top 5 of 3 classes). `chosen`: the output
// that is meant, "": the first of floats. Returns its number (for boxes that of the boxes).
size_t require_fit(const DecisionRule& rule, const NamedTypes& outputs, const std::string& chosen);

struct Decided {
  std::vector<int64_t> what;
  double margin = 0;
  bool tied = false, nan = false;
  friend bool operator==(const Decided& a, const Decided& b) { return a.what == b.what; }
};

// One sample's outputs, their batch axis removed or of size 1. Not for boxes and custom rules.
Decided decide(const DecisionRule& rule, const Tensor& scores);

// Boxes are alike by pairs, not by what each says.
bool same_boxes(const DecisionRule& rule, const NamedTypes& types, const std::vector<Tensor>& a,
                const std::vector<Tensor>& b);

// Float elements as doubles.
std::vector<double> as_doubles(const Tensor& t);

}  // namespace tauto::equivalence
