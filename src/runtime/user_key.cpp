// Reading and making the key, see user_key.h.
#include "runtime/user_key.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "support/error.h"

namespace tauto {
namespace {

std::string key_folder() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config && config[0] == '/') return cat(config, "/tauto");
  const char* home = std::getenv("HOME");
  return home && home[0] == '/' ? cat(home, "/.config/tauto") : "";
}

// Through a temporary neighbour and a link, which fails where another process was first.
bool make(const std::string& path) {
  UserKey key;
  if (::getrandom(key.data(), key.size(), 0) != static_cast<ssize_t>(key.size())) return false;
  const std::string temporary =
      cat(path, ".", static_cast<int64_t>(::getpid()), ".", reinterpret_cast<uintptr_t>(&key), ".part");
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return false;
  const bool written = ::write(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size());
  const bool closed = ::close(fd) == 0;
  const bool linked = written && closed && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
  const int error = errno;
  ::unlink(temporary.c_str());
  errno = error;
  return linked;
}

}  // namespace

std::optional<UserKey> user_key(std::string& reason) {
  const auto refuse = [&](auto... what) {
    reason = cat("no key: ", what...);
    return std::nullopt;
  };
  const std::string folder = key_folder(), path = folder + "/key";
  if (folder.empty()) return refuse("neither HOME nor XDG_CONFIG_HOME is a folder");
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0 && errno == ENOENT) {
    std::error_code status;
    std::filesystem::create_directories(folder, status);
    if (status) return refuse(folder, ": ", status.message());
    if (!make(path)) return refuse(path, ": cannot write: ", std::strerror(errno));
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  }
  if (fd < 0) return refuse(path, ": cannot open: ", std::strerror(errno));
  struct stat status;
  UserKey key;
  uint8_t more = 0;
  const bool known = ::fstat(fd, &status) == 0;
  const bool whole =
      ::read(fd, key.data(), key.size()) == static_cast<ssize_t>(key.size()) && ::read(fd, &more, 1) == 0;
  ::close(fd);
  if (!known || !S_ISREG(status.st_mode) || !whole)
    return refuse(path, ": required a file of ", key.size(), " bytes");
  if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return refuse(path, ": required a file that only its owner may read (mode 600)");
  return key;
}

}  // namespace tauto
