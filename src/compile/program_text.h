// An executable as text beside its graph's, its constants and its machine code: what an artifact
// (compile/artifact.h) holds so that loading it needs no scheduling, generation or encoding.
//
//   constant 0 sum:…                         one of the graph's
//   data f32[64, 147] sum:…                  a packed one; the bytes of both are in a file beside
//   kernel "contract_3_Conv_12" 1834 scratch 0 step 6     bytes of code; what it is called with
//     sizes [N]  bounds [0, 64, 0]             the parallel loop's, and the bytes of its workspace
//   function main block 16 blocked %3 %5
//   compute %12 of %9 %10 %12 by 0 …           a group, and its kernel's number
//     arguments %3 @graph 0 @data 0 result  …
//   view %13 of %13 from %12  …
//   reference %14 of %14  …
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "compile/executable.h"
#include "support/file.h"

namespace tauto {

// How contents of constants are known again: by SHA-256, or by a checksum ten times as fast that nobody has
// tried to deceive.
enum class Trust : uint8_t { Content, Checksum };

struct ProgramText {
  std::string text;
  std::vector<Tensor> data;                    // of the `data` lines
  std::vector<std::span<const uint8_t>> code;  // of the `kernel` lines
};

// `constants`: those of the graph's `const` lines (graph/text.h).
ProgramText text_of(const Executable& e, const std::vector<Tensor>& constants, Trust trust);

// `data` and `code` lie one after the other as side_offsets (graph/text.h) has it. Constants that kernels
// read are compared with what the text says of their contents, others later (Executable::before_constants).
// Error: the text is not of this module, or contents differ.
std::shared_ptr<const Executable> parse_executable(std::string_view text,
                                                   std::shared_ptr<const Module> module,
                                                   const std::vector<Tensor>& constants, const Bytes& data,
                                                   const Bytes& code, Isa isa);

}  // namespace tauto
