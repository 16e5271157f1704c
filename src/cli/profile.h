// The table of `tauto run --profile`.
#pragma once

#include <string>
#include <vector>

#include "compile/profile.h"

namespace tauto::cli {

std::string profile_table(const Executable& e, const std::vector<Profile>& runs, int threads);

}  // namespace tauto::cli
