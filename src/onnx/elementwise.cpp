// Elementwise operators that map to one of ours.
#include "onnx/conversion.h"

namespace tauto::onnx::convert {

void Add(Conversion& c) { c.out(c.add(ops::add, {c.in(0), c.in(1)})); }
void Relu(Conversion& c) { c.out(c.add(ops::relu, {c.in(0)})); }

}  // namespace tauto::onnx::convert
