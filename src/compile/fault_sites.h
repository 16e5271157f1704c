// The places for a fault in the forms of a kernel: each function finds them in a fixed order, and makes the
// fault at the one with the given number.
#pragma once

#include <optional>

#include "codegen/allocate_registers.h"
#include "compile/faults.h"

namespace tauto::faults {

// The number of places; with `at` in 0 … that number - 1, `made` and `what` say what was done there.
template <class T>
struct Made {
  size_t places = 0;
  std::optional<T> made;
  std::string what;
};
inline constexpr size_t kCount = SIZE_MAX;  // as `at`: only count

// Lowering: the tensor expression. `constants`: buffers that hold constants.
Made<loops::Stmt> in_expression(FaultKind kind, const loops::Stmt& body,
                                const std::set<const loops::Buffer*>& constants, size_t at);
// Schedule: the scheduled loops.
Made<loops::Stmt> in_loops(FaultKind kind, const loops::Stmt& body, size_t at);
// Codegen: what is made passes vec::check; nothing made: it would not.
Made<vec::Program> in_program(FaultKind kind, const vec::Program& p, size_t at);
// Registers.
size_t in_registers(FaultKind kind, const vec::Demands& d, vec::Allocation& a, size_t at, std::string& what);
// Packing: a constant as its kernel reads it; `tile`: elements side by side of one term, 1: not packed.
Made<Tensor> in_constant(FaultKind kind, const Tensor& t, int64_t tile, size_t at);

}  // namespace tauto::faults
