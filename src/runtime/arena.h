// Scratch memory for the intermediate tensors of one run: one aligned block that grows to what is asked and
// then stays, so that a model that runs again and again allocates nothing.
//
// Blocks come straight from the system. From 2 MiB on they are aligned for huge pages and ask for them: a
// network walks through all of its scratch in each run, and small pages would cost it the TLB.
//
// GuardedBuffers is the same for tests: each tensor stands alone and ends at the border of a page that
// cannot be touched, so that reading or writing one lane too many faults, and the bytes before it are
// watched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace tauto {

class Arena {
 public:
  static constexpr size_t kAlignment = 64;

  Arena() = default;
  Arena(Arena&& other) noexcept;
  Arena& operator=(Arena&& other) noexcept;
  ~Arena();

  // A block of at least that many bytes, aligned to kAlignment; the same address as before unless it had to
  // grow. What earlier runs left in it is lost when it grows. Error: the system gives no memory.
  uint8_t* require(size_t bytes);

  size_t capacity() const { return capacity_; }
  // Gives all memory back to the system.
  void release();

 private:
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
  size_t mapped_ = 0;  // with what alignment costs
  void* mapping_ = nullptr;
};

class GuardedBuffers {
 public:
  // One buffer per size. Each begins at a multiple of its alignment (a power of two up to 4096), as near to
  // the page's end as that allows: with 1 it ends exactly there. The contents are 0xff: NaN in every float
  // type.
  explicit GuardedBuffers(std::span<const size_t> sizes, size_t alignment = 1);
  ~GuardedBuffers();
  GuardedBuffers(const GuardedBuffers&) = delete;
  GuardedBuffers& operator=(const GuardedBuffers&) = delete;

  size_t size() const { return buffers_.size(); }
  uint8_t* operator[](size_t i) const { return buffers_[i].data; }
  // Makes later access to the buffer fault: it is dead.
  void retire(size_t i);
  // True if nobody wrote into the bytes beside the buffer that no guard page covers.
  bool intact(size_t i) const;

 private:
  struct Buffer {
    uint8_t* data;
    size_t size;
    uint8_t* pages;  // what may be touched
    size_t room;
  };
  std::vector<Buffer> buffers_;
  uint8_t* mapping_ = nullptr;
  size_t mapped_ = 0;
};

}  // namespace tauto
