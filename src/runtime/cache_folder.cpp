// The cache's folder, see cache_folder.h.
#include "runtime/cache_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "support/error.h"

namespace tauto {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kAbandoned{1};  // a half-written file of a process that died

}  // namespace

std::optional<CacheFolder> CacheFolder::of_environment() {
  const char* given = std::getenv("TAUTO_CACHE");
  const std::string folder = given ? given : "";
  if (folder == "off") return std::nullopt;
  const char* home = std::getenv("HOME");
  const bool in_home = folder.empty() || folder == "~" || folder.starts_with("~/");
  if (in_home && (!home || home[0] != '/')) return std::nullopt;
  if (folder.empty()) return CacheFolder(cat(home, "/.cache/tauto/programs"));
  return CacheFolder(in_home ? cat(home, folder.substr(1), "/programs") : cat(folder, "/programs"));
}

std::optional<Bytes> CacheFolder::find(const std::string& name) const {
  const std::string file = path_ + "/" + name;
  try {
    Bytes bytes = map_file(file);
    ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
    return bytes;
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::string CacheFolder::store(const std::string& name, std::span<const std::string_view> parts) const {
  std::error_code status;
  if (fs::create_directories(path_, status)) ::chmod(path_.c_str(), 0700);
  try {
    write_file(path_ + "/" + name, parts);
  } catch (const Error& e) {
    return e.what();
  }
  make_room();
  return "";
}

void CacheFolder::remove(const std::string& name) const { ::unlink((path_ + "/" + name).c_str()); }

// Other processes may do the same at this moment, so files vanish under its eyes.
void CacheFolder::make_room() const {
  struct File {
    fs::file_time_type used;
    uint64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  uint64_t total = 0;
  std::error_code status;
  const auto abandoned = fs::file_time_type::clock::now() - kAbandoned;
  for (fs::directory_iterator i(path_, status), end; !status && i != end; i.increment(status)) {
    std::error_code gone;
    File f{i->last_write_time(gone), 0, i->path()};
    if (!gone) f.bytes = i->file_size(gone);
    if (gone) continue;
    if (f.path.extension() == ".part" && f.used < abandoned) {
      fs::remove(f.path, gone);
      continue;
    }
    total += f.bytes;
    files.push_back(std::move(f));
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& f : files) {
    if (total <= limit_) break;
    fs::remove(f.path, status);
    total -= f.bytes;
  }
}

}  // namespace tauto
