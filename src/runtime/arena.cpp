// See arena.h.
#include "runtime/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "support/error.h"

namespace tauto {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr uint8_t kFresh = 0xff, kWatched = 0xa5;

size_t page_size() {
  static const size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

void* map_pages(size_t bytes, int protection) {
  void* p = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) fail("memory: required ", uint64_t{bytes}, " bytes, got: ", std::strerror(errno));
  return p;
}

}  // namespace

Arena::Arena(Arena&& other) noexcept { *this = std::move(other); }

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  std::swap(mapped_, other.mapped_);
  std::swap(mapping_, other.mapping_);
  return *this;
}

Arena::~Arena() { release(); }

void Arena::release() {
  if (mapping_) munmap(mapping_, mapped_);
  mapping_ = data_ = nullptr;
  capacity_ = mapped_ = 0;
}

uint8_t* Arena::require(size_t bytes) {
  if (bytes <= capacity_ && data_) return data_;
  CHECK(bytes <= SIZE_MAX / 2, "arena of ", uint64_t{bytes}, " bytes");
  release();  // first: the old and the new block together may be more than there is
  const bool huge = bytes >= kHugePage;
  const size_t capacity = round_up(std::max<size_t>(bytes, 1), huge ? kHugePage : page_size());
  const size_t mapped = capacity + (huge ? kHugePage : 0);
  mapping_ = map_pages(mapped, PROT_READ | PROT_WRITE);
  mapped_ = mapped;
  data_ = static_cast<uint8_t*>(mapping_);
  if (huge) {
    data_ += round_up(reinterpret_cast<uintptr_t>(data_), kHugePage) - reinterpret_cast<uintptr_t>(data_);
    madvise(data_, capacity, MADV_HUGEPAGE);  // advice: no error matters
  }
  capacity_ = capacity;
  return data_;
}

GuardedBuffers::GuardedBuffers(std::span<const size_t> sizes, size_t alignment) {
  CHECK(alignment != 0 && (alignment & (alignment - 1)) == 0 && alignment <= 4096, "alignment ",
        uint64_t{alignment});
  const size_t page = page_size();
  mapped_ = page;  // the first guard
  for (size_t size : sizes) mapped_ += round_up(std::max<size_t>(size, 1), page) + page;
  mapping_ = static_cast<uint8_t*>(map_pages(mapped_, PROT_NONE));
  uint8_t* next = mapping_ + page;
  for (size_t size : sizes) {
    const size_t room = round_up(std::max<size_t>(size, 1), page);
    if (mprotect(next, room, PROT_READ | PROT_WRITE) != 0) fail("guarded memory: ", std::strerror(errno));
    std::memset(next, kWatched, room);
    uint8_t* data = next + (room - size) / alignment * alignment;
    std::memset(data, kFresh, size);
    buffers_.push_back({data, size, next, room});
    next += room + page;
  }
}

GuardedBuffers::~GuardedBuffers() {
  if (mapping_) munmap(mapping_, mapped_);
}

void GuardedBuffers::retire(size_t i) { mprotect(buffers_[i].pages, buffers_[i].room, PROT_NONE); }

bool GuardedBuffers::intact(size_t i) const {
  const Buffer& b = buffers_[i];
  const auto watched = [](uint8_t byte) { return byte == kWatched; };
  return std::all_of(b.pages, b.data, watched) && std::all_of(b.data + b.size, b.pages + b.room, watched);
}

}  // namespace tauto
