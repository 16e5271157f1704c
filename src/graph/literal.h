// Text of tensors: `f32[2, 2] {1.0, -0.5, nan, inf}`, `string[1] {"a"}`, `bool[] {true}`.
#pragma once

#include <string>

#include "graph/tensor.h"

namespace tauto {

class Scanner;

std::string float_text(double v);  // shortest that reads back; always with '.', 'e', "inf" or "nan"
std::string literal_text(const Tensor& t);
Tensor scan_literal(Scanner& s);

}  // namespace tauto
