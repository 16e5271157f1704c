// Floats of 8 bits or fewer: formats that only convert. An element is stored as its code, one byte.
//
//                 exponent  fraction  bias  largest       infinity  NaN
//   f8e4m3fn          4         3       7   448           -         0x7f 0xff
//   f8e4m3fnuz        4         3       8   240           -         0x80 (no -0)
//   f8e5m2            5         2      15   57344         0x7c      0x7d-0x7f
//   f8e5m2fnuz        5         2      16   57344         -         0x80 (no -0)
//   f8e8m0            8         0     127   2^127         -         0xff; no sign or zero: c is 2^(c-127)
//   f4e2m1            2         1       1   6             -         -
// (https://onnx.ai/onnx/technical/float8.html, .../float4.html; OCP Microscaling Formats 1.0)
#pragma once

#include "graph/element_type.h"

namespace tauto {

double small_float_value(ElementType t, uint8_t code);

// Which neighbour f8e8m0 takes (ONNX: round_mode); the others always round to nearest even.
enum class PowerRounding : uint8_t { Up, Down, Nearest };

// x rounded to the format. Beyond the largest value: that value with x's sign when `saturate` (infinity too),
// else infinity or, where there is none, NaN. f4e2m1 always saturates; f8e8m0 takes |x|. For NaN f4e2m1 has
// -0, as the onnx package's conversion and test data have it (its page on float4 says 6).
uint8_t small_float_code(ElementType t, double x, bool saturate, PowerRounding rounding = PowerRounding::Up);

}  // namespace tauto
