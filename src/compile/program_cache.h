// Programs that were compiled before, in a folder that all processes of a user share
// (runtime/cache_folder.h).
//
//   NAME.tauto   an artifact. NAME is a hash of the program's identity and of the environment that it is for
//                (compile/artifact.h); the identity stands in the artifact too
//   NAME.stat    the hash of a model file's content, and the model's signature. NAME is a hash of what the
//                system says of the file, and of the environment: a file loaded before is known unread
//
// The identity of a program is what it was made from: the hash of a file's content and of those values of
// inputs that decide its graph, or the graph's structural hash; and the sizes that it is for. What is found
// is signed by this user's key; what is not, or is damaged, counts as not found.
#pragma once

#include <optional>
#include <string>

#include "compile/artifact.h"
#include "runtime/cache_folder.h"

namespace tauto {

struct KnownFile {
  std::string content;    // SHA-256, hexadecimal
  std::string signature;  // any text
};

class ProgramCache {
 public:
  // Nothing with TAUTO_CACHE=off, without a folder or a key, and where the environment asks to see stages or
  // to leave them out: then all of it is done.
  static std::optional<ProgramCache> of_environment();
  explicit ProgramCache(CacheFolder folder) : folder_(std::move(folder)) {}

  // What was said of the file with this stamp, if anything.
  std::optional<KnownFile> known(const FileStamp& stamp, const Bytes& file) const;
  void remember(const FileStamp& stamp, const KnownFile& file) const;

  std::optional<Artifact> find(const std::string& identity) const;
  void store(const std::string& identity, const Executable& e) const;

 private:
  CacheFolder folder_;
};

}  // namespace tauto
