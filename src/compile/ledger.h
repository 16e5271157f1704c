// The ledger of a whole compilation: what the passes over graphs did, and what fusion, layouts and schedules
// did to each kernel. These are exact, by construction and by the law (docs/contracts.md).
//
//   fuse @main "Conv_0" "Relu_1": contract, relu => kernel relu_7_Relu_1  exact
//   layouts @main: %7 : f32[1, 64, 56, 56] => [1, 4, 56, 56, 16]  exact
//   schedule @main "Conv_0" "Relu_1": kernel relu_7_Relu_1 => lanes i1 x 2; rows i3 14  exact
#pragma once

#include "compile/executable.h"
#include "graph/ledger.h"

namespace tauto {

// Of an executable that was read from a file: what the file says.
Ledger ledger_of(const Executable& e);

}  // namespace tauto
