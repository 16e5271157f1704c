// A compiled program as a file: the graph, its constants, and machine code for one kind of CPU.
//
//   header      magic, version of the format, what it is for, where the sections lie, digests, a signature
//   graph       as text (graph/text.h), what the passes made of it
//   ledger      as text (graph/ledger.h): what rewrites did on the way; empty in the cache
//   program     which kernels there are and what they are called with (compile/program_text.h)
//   code        of the kernels, position-independent
//   constants   of the graph; packed ones: both begin at a multiple of 64 and are used where they are mapped
//
// A file may come from anywhere. Its graph is checked like any graph. Its machine code runs only if the key
// of this user (runtime/user_key.h) signed it, or the caller trusts it, and if it was made by this version of
// the compiler for a CPU like this one; otherwise the graph is compiled again. What is damaged is refused
// (the graph) or made anew (the rest): every byte is covered by a digest, and digests come before use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compile/executable.h"
#include "support/file.h"

namespace tauto {

// What was asked for when it was made; part of the signature.
enum class ArtifactKind : uint32_t {
  File,   // by its owner: contents by SHA-256
  Cache,  // by the cache, which finds it again: contents of constants by checksum
};

bool is_artifact(const Bytes& file);

// Compiler, semantics, instruction set, CPU: machine code is for those that have the same.
std::string environment_of(Isa isa);

// The parts of the file, one after the other; `owner` keeps them. Unsigned where there is no key.
struct ArtifactParts {
  std::vector<std::string_view> parts;
  std::shared_ptr<const void> owner;
};
// `note`: a line that comes back with it. At most 4096 bytes without a line's end.
ArtifactParts artifact_of(const Executable& e, ArtifactKind kind, const std::string& note = "");

struct Artifact {
  std::shared_ptr<const Module> module;
  std::shared_ptr<const Executable> executable;  // null: `why_not`
  std::string why_not;
  std::string note;
  std::string graph_hash;  // of the graph's text, which has the hashes of its constants
};
// Error: no artifact, or the graph cannot be read. Of kind Cache: constants that no kernel reads are checked
// when they are first looked at by the executable, so `module` is for nothing else.
Artifact read_artifact(const Bytes& file, ArtifactKind kind, bool trust);

}  // namespace tauto
