// A folder of compiled programs that any number of processes share.
//
// A file appears under its name all at once and is never changed afterwards, so readers need no lock; who
// writes the same name twice writes the same content. The folder has a limit: what was used longest ago goes
// first (a file that is mapped stays readable). Whoever reads a file must be able to tell that it is whole:
// the folder promises nothing about contents.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "support/file.h"

namespace tauto {

class CacheFolder {
 public:
  // $TAUTO_CACHE/programs, by default ~/.cache/tauto/programs; nothing with TAUTO_CACHE=off, or without HOME.
  static std::optional<CacheFolder> of_environment();

  explicit CacheFolder(std::string path, uint64_t limit = uint64_t{4} << 30)  // bytes
      : path_(std::move(path)), limit_(limit) {}

  const std::string& path() const { return path_; }
  std::optional<Bytes> find(const std::string& name) const;  // and notes that it was used
  // "", or why it is not stored. Makes room.
  std::string store(const std::string& name, std::span<const std::string_view> parts) const;
  void remove(const std::string& name) const;

 private:
  void make_room() const;
  std::string path_;
  uint64_t limit_;
};

}  // namespace tauto
