// Mapping and writing of files with POSIX calls, because a mapping needs them and because errno says why.
#include "support/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <new>

#include "support/error.h"
#include "support/pages.h"

namespace tauto {
namespace {

namespace fs = std::filesystem;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

constexpr uintptr_t kReleased = 1 << 18;  // bytes: less is not worth reading again

struct Mapping {
  void* address;
  size_t size;
  Mapping(void* a, size_t n) : address(a), size(n) {
    const std::lock_guard lock(mapped_guard());
    mapped()[static_cast<const uint8_t*>(a)] = n;
  }
  ~Mapping() {
    const std::lock_guard lock(mapped_guard());
    mapped().erase(static_cast<const uint8_t*>(address));
    ::munmap(address, size);
  }
  Mapping(const Mapping&) = delete;

  // All mappings that there are, by address.
  static std::mutex& mapped_guard() {
    static std::mutex m;
    return m;
  }
  static std::map<const uint8_t*, size_t>& mapped() {
    static auto* m = new std::map<const uint8_t*, size_t>();  // outlives every mapping
    return *m;
  }
};

std::string reason(int error) { return std::strerror(error); }

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

Bytes Bytes::slice(size_t offset, size_t length) const {
  CHECK(offset <= span.size() && length <= span.size() - offset, "slice [", offset, ", +", length, ") of ",
        span.size(), " bytes");
  return {owner, span.subspan(offset, length)};
}

Bytes own(std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  const std::span<const uint8_t> span(*owner);
  return {std::move(owner), span};
}

Bytes own(std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  const std::span<const uint8_t> span(reinterpret_cast<const uint8_t*>(owner->data()), owner->size());
  return {std::move(owner), span};
}

Bytes aligned(const Bytes& bytes, size_t alignment) {
  CHECK(alignment > 0 && alignment <= 64 && 64 % alignment == 0, "alignment ", alignment);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0) return bytes;
  uint8_t* copy = static_cast<uint8_t*>(::operator new (bytes.size(), std::align_val_t{64}));
  std::shared_ptr<const void> owner(
      copy, [](const void* p) { ::operator delete (const_cast<void*>(p), std::align_val_t{64}); });
  std::memcpy(copy, bytes.data(), bytes.size());
  return {std::move(owner), {copy, bytes.size()}};
}

Bytes map_file(const std::string& path, FileStamp* stamp) {
  Descriptor file;
  file.fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file.fd < 0) fail(path, ": cannot open: ", reason(errno));
  struct stat status;
  if (::fstat(file.fd, &status) != 0) fail(path, ": cannot read: ", reason(errno));
  if (!S_ISREG(status.st_mode)) fail(path, ": required a regular file, given ", kind_of(status.st_mode));
  const auto nanoseconds = [](const timespec& t) { return int64_t{t.tv_sec} * 1000000000 + t.tv_nsec; };
  if (stamp)
    *stamp = {status.st_dev, status.st_ino, static_cast<uint64_t>(status.st_size),
              nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
  if (status.st_size == 0) return {};
  const size_t size = static_cast<size_t>(status.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (address == MAP_FAILED) fail(path, ": cannot map ", size, " bytes: ", reason(errno));
  auto owner = std::make_shared<Mapping>(address, size);
  return {std::move(owner), {static_cast<const uint8_t*>(address), size}};
}

void release_pages(std::span<const uint8_t> bytes) {
  const std::lock_guard lock(Mapping::mapped_guard());
  auto at = Mapping::mapped().upper_bound(bytes.data());
  if (at == Mapping::mapped().begin()) return;
  --at;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto last = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (bytes.data() + bytes.size() > at->first + at->second || first + kReleased > last) return;
  ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);  // at worst they stay
}

Bytes map_file_inside(const std::string& folder, std::string_view relative) {
  const auto refuse = [&](const char* why) { fail("path \"", relative, "\" ", why); };
  if (relative.empty()) refuse("is empty");
  if (relative.find('\0') != relative.npos)
    fail("path \"", relative.substr(0, relative.find('\0')), "\" contains a zero byte");
  const fs::path path(relative);
  if (path.is_absolute()) refuse("is absolute; required a path inside the model's folder");
  for (const fs::path& part : path)
    if (part == "..") refuse("contains \"..\"; required a path inside the model's folder");

  std::error_code error;
  const fs::path root = fs::canonical(folder.empty() ? "." : folder, error);
  if (error) fail(folder, ": cannot open: ", error.message());
  const fs::path target = fs::canonical(root / path, error);
  if (error) fail((fs::path(folder) / path).string(), ": cannot open: ", error.message());
  const fs::path inside = target.lexically_relative(root);
  if (inside.empty() || *inside.begin() == "..") refuse("leaves the model's folder through a symbolic link");
  return map_file(target.string());
}

void write_file(const std::string& path, std::string_view bytes) {
  write_file(path, std::span<const std::string_view>(&bytes, 1));
}

void write_file(const std::string& path, std::span<const std::string_view> parts) {
  static std::atomic<unsigned> count{0};
  const std::string temporary = cat(path, ".", static_cast<int64_t>(::getpid()), ".", count++, ".part");
  const auto give_up = [&](int error) {
    ::unlink(temporary.c_str());
    fail(path, ": cannot write: ", reason(error));
  };
  {
    Descriptor file;
    file.fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file.fd < 0) fail(path, ": cannot write: ", reason(errno));
    for (std::string_view bytes : parts)
      while (!bytes.empty()) {
        const ssize_t n = ::write(file.fd, bytes.data(), bytes.size());
        if (n < 0 && errno != EINTR) give_up(errno);
        if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      }
    const int fd = file.fd;
    file.fd = -1;
    if (::close(fd) != 0) give_up(errno);  // a full disk or quota may be reported only here
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up(errno);
}

}  // namespace tauto
