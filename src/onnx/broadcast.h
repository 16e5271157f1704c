// Broadcasting before operator set 7: `broadcast` = 0: equal shapes; 1: the second operand's dims stand below
// the first one's from `axis` on (default: at its end).
#pragma once

#include "onnx/conversion.h"

namespace tauto::onnx {

// Operand 1 of a binary operator, shaped so that numpy's broadcasting does the rest.
Id second_operand(Conversion& c);

// x with `after` dims of extent 1 behind its own.
Id with_ones_behind(Conversion& c, Id x, int64_t after);

// The two operands of a binary operator.
inline std::vector<Id> operands(Conversion& c) { return {c.in(0), second_operand(c)}; }

}  // namespace tauto::onnx
