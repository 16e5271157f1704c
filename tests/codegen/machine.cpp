// Mappings of memory: code that can run, data that must not be left.
#include "codegen/machine.h"

#include <sys/mman.h>

#include <cstring>

#include "support/error.h"

namespace tauto::testing {
namespace {

constexpr size_t kPage = 4096;
size_t pages(size_t bytes) { return (bytes + kPage - 1) / kPage * kPage; }

uint8_t* map(size_t bytes) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED);
  return static_cast<uint8_t*>(p);
}

}  // namespace

Machine::Machine(std::span<const uint8_t> code) : memory_(nullptr), size_(pages(code.size())) {
  memory_ = map(size_);
  std::memcpy(memory_, code.data(), code.size());
  CHECK(mprotect(memory_, size_, PROT_READ | PROT_EXEC) == 0);
}
Machine::~Machine() { munmap(memory_, size_); }

Guarded::Guarded(size_t bytes, bool at_end) : bytes_(bytes), mapped_(pages(bytes) + 2 * kPage) {
  base_ = map(mapped_);
  CHECK(mprotect(base_, kPage, PROT_NONE) == 0);
  CHECK(mprotect(base_ + mapped_ - kPage, kPage, PROT_NONE) == 0);
  data_ = at_end ? base_ + mapped_ - kPage - bytes : base_ + kPage;
}
Guarded::Guarded(Guarded&& other) noexcept
    : base_(other.base_), data_(other.data_), bytes_(other.bytes_), mapped_(other.mapped_) {
  other.base_ = nullptr;
}
Guarded::~Guarded() {
  if (base_) munmap(base_, mapped_);
}

}  // namespace tauto::testing
