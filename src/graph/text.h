// The text form of modules: print → parse → the same module (grammar: graph/graph.h).
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"
#include "support/file.h"

namespace tauto {

// Constants above this many elements print as a content hash; their bytes go to the side file.
inline constexpr int64_t kInlineElements = 16;

struct ModuleText {
  std::string text;
  std::string side;  // the bytes of all `const` lines, in their order, each starting at a multiple of 64
};

ModuleText print(const Module& m);
// The text alone; `constants` gets the tensors of its `const` lines, @c0 the first.
std::string text_of(const Module& m, std::vector<Tensor>& constants);
// Where each of them lies in the side file; last its size.
std::vector<size_t> side_offsets(const std::vector<Tensor>& constants);
std::string text_of(const Function& f, const Module& m);  // one function; big constants as hashes

// Parses and verifies. Throws Error with the line. `side` may be empty when no `const` line stands in the
// text.
Module parse_module(std::string_view text, std::string_view side = {});
// The same; constants lie in the memory of `side`, which begins at a multiple of 64. `constants` gets those
// of the `const` lines. Where `check` is false, contents are not compared with their hashes; but those are
// that type rules may look at.
Module parse_module(std::string_view text, const Bytes& side, std::vector<Tensor>& constants,
                    bool check = true);

// Content hash of a tensor: its type, shape and elements.
std::string content_hash(const Tensor& t);
// Structural hash of a module: names of constants and provenance do not count.
std::string structural_hash(const Module& m);

}  // namespace tauto
