// Symbols of dimensions in attributes and types: which there are, and putting something else in their place.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/attribute.h"

namespace tauto {

void symbols_of(const Attributes& a, std::vector<std::string>& out);  // of Dims and Access
Attributes substitute(const Attributes& a, const std::map<std::string, Dim>& map);
Type substitute(const Type& t, const std::map<std::string, Dim>& map);

}  // namespace tauto
