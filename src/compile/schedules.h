// Plans of a program's kernels as text: what `tauto compile --emit=schedule` prints, and `--schedule FILE`
// carries out.
//
//   schedule @main contract_3_Conv_12      the function, the kernel's name; then the lines of its plan
//   lanes i2 2                             (schedule/schedule.h)
//   rows i1 6
//   parallel i0
//
// `#` begins a comment. Kernels that are not named get the default's plan. No plan changes a bit.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "schedule/schedule.h"

namespace tauto {

using ScheduleKey = std::pair<std::string, std::string>;  // function, kernel
using Schedules = std::map<ScheduleKey, Plan>;

Schedules parse_schedules(std::string_view text);  // Error: line, what was required, what stands there
// Error if one of them is not in `used`.
void require_used(const Schedules& s, const std::set<ScheduleKey>& used);

}  // namespace tauto
