// Contractions in other number systems, as a plan says: which node in which, with which scales.
//
//   precision plan 1
//   "conv1" int8,channel,affine,minmax x 0.0235 114
//   "conv2" int4,channel,affine,mse,weights=mse x 0.0117 0
//   "fc" f32 its weights are all 0.5
//
// A plan is data: it follows from a model, a precision and calibration data (quantize/make_plan.h), is
// printed, read back, saved, edited, searched for (verify/precision_search.h), and is part of every cache
// key. With it a model becomes another program, exactly defined: the pass is graph → graph, each node an
// entry of the ledger under the contract `quantizing`.
//
//   int8   y = f32(Σ (qx − z) qw + b) · f32(f64(s)·f64(sw)),  qx = sat(rne(x / s) + z),  qw, sw by the rule of
//          weights (passes/weight_rules.h), b the bias of the same node over s·sw: what DequantizeLinear →
//          Conv means in a file (docs/semantics.md), so `tauto quantize` writes the same program as one.
//          dynamic: s and z of each run, as DynamicQuantizeLinear has them; b is added as f32.
//   int4, int2, int1   weights of so many bits; activations of 8, or of fewer: x is clipped to their ends.
//   f16, bf16   operands rounded, products and sums as in f32.
//   bf16.dp     operands rounded, products and sums as AVX512_BF16 has them (passes/bf16_products.h). A value
//               that is an operand is kept as bf16: what else reads it reads it rounded. So is what only such values
//               are moved from, or are the largest or least of: rounding keeps order.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/graph.h"
#include "passes/weight_rules.h"

namespace tauto {

enum class NumberSystem : uint8_t { F32, Integer, F16, BF16, BF16Dp };
enum class RangeRule : uint8_t { MinMax, Percentile, Mse };

// What a user asks for: "int8", "int8,tensor,symmetric", "int4,a8,percentile:99.99", "int8,dynamic", "bf16".
struct Precision {
  NumberSystem system = NumberSystem::Integer;
  int bits = 8, activation_bits = 8;
  bool per_channel = true;
  bool symmetric = false;  // activations are i8 with zero point 0, otherwise u8
  bool dynamic = false;
  RangeRule ranges = RangeRule::MinMax;  // of activations
  double percentile = 99.99;
  WeightRule weights = WeightRule::AbsMax;
  bool needs_data() const { return system == NumberSystem::Integer && !dynamic; }
  friend bool operator==(const Precision&, const Precision&) = default;
};
// Error: WHERE: required int8, …, got …
Precision parse_precision(std::string_view text, std::string_view where);
std::string text_of(const Precision& p);

struct NodePrecision {
  std::string node;  // of the source model
  Precision how;
  std::string reason;  // why it is f32
  float scale = 0;     // of the activations, unless dynamic
  int64_t zero = 0;
  friend bool operator==(const NodePrecision&, const NodePrecision&) = default;
};

struct PrecisionPlan {
  std::vector<NodePrecision> nodes;  // those that are not listed are f32
  friend bool operator==(const PrecisionPlan&, const PrecisionPlan&) = default;
};
std::string text_of(const PrecisionPlan& plan);
PrecisionPlan parse_precision_plan(std::string_view text, std::string_view where);

// A contraction of main that multiplies computed values with constant f32 weights: Conv, MatMul, Gemm and
// their like.
struct Contraction {
  std::string node;  // of the source model; "name#2" is the second that it became
  Id id = -1, x = -1;
  Tensor weights;
  int64_t channels = -1;  // the dim of the weights along which scales may differ; -1: none
  int64_t terms = 0;      // of a sum, at most
  double products = 0;    // in a run, symbols counted as 1
  std::string refused;    // why it can only be f32
  struct Bias {
    Id add = -1, reshape = -1;  // reshape: of groups, between the sum and the addition
    Tensor values;              // f32, one element for each channel
    Dims shape;                 // beside the result that it is added to
  };
  std::optional<Bias> bias;  // that the same operator of the source adds
};
std::vector<Contraction> contractions_of(const Module& m);

// Error, beginning with `where`: the plan names a node that is none of them, or a precision it cannot have.
Module with_precision(const Module& m, const PrecisionPlan& plan, std::string_view where = "precision");

// The ends of integer activations: 0 … 255, −127 … 127, 0 … 15.
std::pair<int64_t, int64_t> ends_of(const Precision& p);

}  // namespace tauto
