// A regular expression as a tree.
#pragma once

#include "ops/regex.h"

namespace tauto {

struct RegexTree {
  enum class Kind { Step, Sequence, Alternatives, Repeat } kind = Kind::Sequence;
  Regex::Code code = Regex::Code::Match;  // Step
  std::vector<Regex::Range> set;          // Step of code Set
  std::vector<RegexTree> parts;
  int least = 0, most = 0;  // Repeat; most < 0: without end
};

RegexTree parse_regex(std::string_view pattern);  // throws Error with the pattern and the place
bool is_word_character(uint32_t code_point);      // ASCII letters, digits, _

}  // namespace tauto
