// The elementary functions as expressions of loops: their published trees, written out.
#pragma once

#include <string_view>
#include <vector>

#include "loops/loops.h"

namespace tauto {

// function(arguments…) for a name of TAUTO_FUNCTIONS (ops/functions.h) or "pow", over f32 or f64; undefined
// for any other.
loops::Expr written_out(std::string_view function, const std::vector<loops::Expr>& arguments);

}  // namespace tauto
