// The text form of modules: print → parse → the same module (grammar: graph/graph.h).
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace tauto {

// Constants above this many elements print as a content hash; their bytes go to the side file.
inline constexpr int64_t kInlineElements = 16;

struct ModuleText {
  std::string text;
  std::string side;  // the bytes of all `const` lines, in their order, each starting at a multiple of 64
};

ModuleText print(const Module& m);
std::string text_of(const Function& f, const Module& m);  // one function; big constants as hashes

// Parses and verifies. Throws Error with the line. `side` may be empty when no `const` line stands in the
// text.
Module parse_module(std::string_view text, std::string_view side = {});

// Content hash of a tensor: its type, shape and elements.
std::string content_hash(const Tensor& t);
// Structural hash of a module: names of constants and provenance do not count.
std::string structural_hash(const Module& m);

}  // namespace tauto
