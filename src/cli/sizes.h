// --dim SYMBOL=SIZE: sizes of the symbols in a model's inputs.
#pragma once

#include <string>
#include <vector>

#include "compile/loaded_model.h"

namespace tauto::cli {

// Error, beginning with the command: no such symbol, no size, given twice.
Env sizes_of(const std::vector<std::string>& dims, const LoadedModel& m, const std::string& command);

// "NAME=VALUE" at the last '=' that leaves a value; of a literal at the last one before its '{'.
std::pair<std::string, std::string> split_option(const std::string& option, const std::string& s,
                                                 const char* form);

}  // namespace tauto::cli
