// Several iterations of an outer loop side by side: one statement for i, i + 1, … in which their loops are
// one loop.
//
// A row that is reduced is a chain of dependent additions, then a fold, then a division: most of the time
// nothing of it can run. The rows beside it are independent, so four of them take hardly longer than one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "loops/loops.h"

namespace tauto {

// s for variable = start, start + step, … (so many), which do not depend on each other. `own`: of each buffer
// that s writes and reads again and does not allocate, itself and a copy for each further iteration. Loops
// whose bounds are the same for all iterations, and what is decided inside s, are shared.
loops::Stmt abreast(const loops::Stmt& s, const std::string& variable, const loops::Expr& start,
                    int64_t count, const std::vector<std::vector<loops::BufferPtr>>& own,
                    const std::function<std::string(const std::string&)>& fresh, int64_t step = 1);
// The same buffer under another name.
loops::BufferPtr copy_of(const loops::Buffer& b, const std::function<std::string(const std::string&)>& fresh);

}  // namespace tauto
