// Machine code made callable, and buffers with forbidden pages on both sides, for tests of encoders.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tauto::testing {

class Machine {  // never writable and executable at once
 public:
  explicit Machine(std::span<const uint8_t> code);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void call(const uint64_t* arguments, void* scratch = nullptr) const {
    reinterpret_cast<void (*)(const uint64_t*, void*)>(memory_)(arguments, scratch);
  }

 private:
  void* memory_;
  size_t size_;
};

// `bytes` bytes that end at a forbidden page (at_end) or begin after one: one byte too far faults.
class Guarded {
 public:
  Guarded(size_t bytes, bool at_end);
  ~Guarded();
  Guarded(Guarded&& other) noexcept;
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return bytes_; }
  uint64_t address() const { return reinterpret_cast<uint64_t>(data_); }

 private:
  uint8_t *base_, *data_;
  size_t bytes_, mapped_;
};

}  // namespace tauto::testing
