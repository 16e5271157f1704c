// A long way from bytes to bytes becomes one step: a look-up in a table of 256. Contract: exact, for every input.
//
//   cast<u8>(add(round(div(mul(x', sigmoid(x')), s)), z))   with x' = mul(cast<f32>(sub(cast<i32>(x), zx)), sx)
//
// is a function of the byte x alone, whatever its steps are called, if all else on the way is constants of one element.
// It has 256 values, which are the old nodes' references on all 256 bytes, bit for bit as the interpreter computes
// them. Networks with QuantizeLinear and DequantizeLinear around each operator are full of such ways, and activations
// such as SiLU and hardswish cost as much as a ReLU. A short way stays as it is: a look-up costs about ten
// instructions (codegen/x64/memory.cpp).
#pragma once

#include "graph/graph.h"

namespace tauto {

Module tables(const Module& m);

}  // namespace tauto
