// Makes kernels smaller without changing a bit: the rules of rules.h and affine forms of indices over the
// ranges of loop variables, conversions and literals folded, conditions and bounds that are decided resolved,
// loops of one trip (but parallel ones) opened. Equal subexpressions become one node.
#pragma once

#include "loops/affine.h"
#include "loops/loops.h"

namespace tauto::loops {

Expr simplify(const Expr& e, const Ranges& ranges = {});
Stmt simplify(const Stmt& s, const Ranges& ranges = {});
Kernel simplify(Kernel k);

}  // namespace tauto::loops
