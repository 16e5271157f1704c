// Files as bytes. A file is mapped read-only rather than read: weights are paged in when a kernel first
// touches them and are shared between processes. `Bytes` is a span with a shared owner (a mapping, a vector,
// a string, a whole model ...), so that a slice of a file outlives whoever opened it.
//
// Only regular files are mapped: a pipe or a device would block, or never end. A file that somebody truncates
// while it is mapped raises SIGBUS on access; no reader of mapped files can prevent that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tauto {

struct Bytes {
  std::shared_ptr<const void> owner;
  std::span<const uint8_t> span;

  const uint8_t* data() const { return span.data(); }
  size_t size() const { return span.size(); }
  bool empty() const { return span.empty(); }
  std::string_view text() const { return {reinterpret_cast<const char*>(span.data()), span.size()}; }
  // The part [offset, offset + length), which must lie inside.
  Bytes slice(size_t offset, size_t length) const;
};

Bytes own(std::vector<uint8_t> bytes);
Bytes own(std::string bytes);
// The same bytes at an address that is a multiple of `alignment` (at most 64): itself, or a copy.
Bytes aligned(const Bytes& bytes, size_t alignment);

// What the system says of a file without reading it: which file it is, its size, when it was changed. A file
// whose stamp is the same has the same bytes, unless it was changed within the clock's grain.
struct FileStamp {
  uint64_t device = 0, inode = 0, size = 0;
  int64_t modified = 0, changed = 0;  // nanoseconds since 1970: of its bytes; of its bytes, name or rights
};

// Maps a regular file. Error: it does not exist, cannot be read, is a directory or another special file.
Bytes map_file(const std::string& path, FileStamp* stamp = nullptr);

// Maps `relative`, a path that a file in `folder` names and that need not be trusted. Error also: it is
// absolute, contains "..", or leaves the folder through a symbolic link.
Bytes map_file_inside(const std::string& folder, std::string_view relative);

// Writes a file as a whole: through a temporary neighbour, so that nobody sees half of it. Its name ends in
// ".part".
void write_file(const std::string& path, std::string_view bytes);
void write_file(const std::string& path, std::span<const std::string_view> parts);  // one after the other

}  // namespace tauto
