// The state of an interrupted search as a text file: what it belongs to, what was counted, the boxes that are
// open. Numbers are hexadecimal floats, so nothing is lost.
#pragma once

#include "verify/region.h"

namespace tauto::region {

struct OpenBox {
  Box box;
  int depth = 0;
  double share = 0;          // of the volume of all boxes
  std::vector<uint8_t> off;  // DifferenceBounds::off of the box that it is half of; nothing: unknown
};

struct SearchState {
  Found found;
  std::vector<OpenBox> open;
};

void write_state(const std::string& path, const std::string& identity, const SearchState& s);
// Error: no such file, or of another identity.
SearchState read_state(const std::string& path, const std::string& identity);

}  // namespace tauto::region
