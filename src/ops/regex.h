// Regular expressions in RE2's syntax, without captures: does the whole text match?
//
// Linear time in the text (a set of states is moved along it), so no pattern can hang. Characters are UTF-8
// code points; \d \w \s and \b are ASCII, as in RE2. Not supported, and refused by name: \p classes, \C, back
// references, look-around.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tauto {

class Regex {
 public:
  explicit Regex(std::string_view pattern);  // throws Error with the pattern and the place
  bool full_match(std::string_view text) const;

  struct Range {
    uint32_t lo, hi;
  };
  enum class Code : uint8_t { Set, Split, Jump, Begin, End, LineBegin, LineEnd, Word, NotWord, Match };
  struct Step {
    Code code = Code::Match;
    std::vector<Range> set;  // Set: sorted, disjoint
    int next = 0, other = 0;
  };

 private:
  std::vector<Step> program_;
};

// Code points of a UTF-8 text; a byte that is no UTF-8 stands for U+FFFD.
std::vector<uint32_t> code_points(std::string_view text);
void append_utf8(std::string& to, uint32_t code_point);

}  // namespace tauto
