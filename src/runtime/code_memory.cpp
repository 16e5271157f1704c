// See code_memory.h.
#include "runtime/code_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "support/error.h"

namespace tauto {
namespace {

constexpr size_t kCacheLine = 64;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// Between kernels stand instructions that trap, so that a wild jump ends at once.
#if defined(__aarch64__)
constexpr uint8_t kTrap = 0x00;  // udf #0 is all zeros
#else
constexpr uint8_t kTrap = 0xcc;  // int3
#endif

}  // namespace

CodeMemory::CodeMemory(CodeMemory&& other) noexcept
    : kernels_(std::move(other.kernels_)),
      base_(std::exchange(other.base_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)),
      names_(std::move(other.names_)) {
  other.kernels_.clear();
}

CodeMemory& CodeMemory::operator=(CodeMemory&& other) noexcept {
  std::swap(kernels_, other.kernels_);
  std::swap(base_, other.base_);
  std::swap(mapped_, other.mapped_);
  std::swap(names_, other.names_);
  return *this;
}

CodeMemory::~CodeMemory() {
  names_ = CodeNames();  // a debugger forgets the addresses before they are reused
  if (base_) munmap(base_, mapped_);
}

std::span<const uint8_t> CodeMemory::code(size_t kernel) const {
  CHECK(kernel < kernels_.size(), "kernel ", uint64_t{kernel}, " of ", uint64_t{kernels_.size()});
  return {base_ + kernels_[kernel].offset, kernels_[kernel].size};
}

size_t CodeWriter::add(std::string_view name, std::span<const uint8_t> code) {
  bytes_.resize(round_up(bytes_.size(), kCacheLine), kTrap);
  kernels_.push_back({std::string(name), bytes_.size(), code.size()});
  bytes_.insert(bytes_.end(), code.begin(), code.end());
  return kernels_.size() - 1;
}

CodeMemory CodeWriter::seal() && {
  CodeMemory memory;
  if (kernels_.empty()) return memory;
  const size_t mapped =
      round_up(std::max<size_t>(bytes_.size(), 1), static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  void* base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    fail("code memory: required ", uint64_t{mapped}, " bytes, got: ", std::strerror(errno));
  }
  memory.base_ = static_cast<uint8_t*>(base);
  memory.mapped_ = mapped;
  std::memcpy(base, bytes_.data(), bytes_.size());
  std::memset(memory.base_ + bytes_.size(), kTrap, mapped - bytes_.size());
  if (mprotect(base, mapped, PROT_READ | PROT_EXEC) != 0) {
    fail("code memory: required permission to execute generated code, got: ", std::strerror(errno));
  }
  // AArch64 fetches instructions through a cache that does not see stores; on x86-64 this emits nothing.
  __builtin___clear_cache(reinterpret_cast<char*>(base), reinterpret_cast<char*>(base) + mapped);
  memory.kernels_ = std::move(kernels_);

  std::vector<NamedCode> named;
  for (const CodeMemory::Kernel& k : memory.kernels_)
    named.push_back({k.name, memory.base_ + k.offset, k.size});
  memory.names_ = CodeNames(named, memory.base_, mapped);
  return memory;
}

}  // namespace tauto
