// Maps whose lanes read elements that lie apart: a transposition, what comes out of blocks of channels.
#pragma once

#include <string>

#include "schedule/schedule.h"

namespace tauto {

// The axis along which what is read lies side by side. It goes inside the lanes, so that one piece of memory
// after the other is used up. "": there is none.
std::string axis_of_neighbours(const Nest& n, const std::string& lanes);

}  // namespace tauto
