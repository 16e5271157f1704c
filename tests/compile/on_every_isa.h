// The law for one program: compiled for every instruction set that this CPU has, with and without dot products of
// narrow numbers, on 1 and 3 threads, it gives the interpreter's bits.
#pragma once

#include <functional>

#include "compile/executable.h"

namespace tauto::testing {

// Equal for equal types, shapes and bits.
std::string bits_of(const std::vector<Value>& tensors);

// `look` is shown what was compiled.
void expect_interpreted(const std::shared_ptr<const Module>& m, const std::vector<Value>& inputs,
                        const std::function<void(const Executable&, Isa)>& look = {});

}  // namespace tauto::testing
