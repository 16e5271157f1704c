// Executable memory for generated kernels. Bytes are copied into a mapping that is writable, then the whole
// mapping becomes readable and executable for good: no page is ever writable and executable at once, and a
// thread that runs kernels of one model never sees its pages change because another model is compiled.
//
// All kernels of one compilation share one mapping (each begins at a cache line; the rest is filled with
// traps) and are freed with it. Kernels must be position-independent, constants included, and must not let an
// exception pass: the unwinder knows nothing of them. gdb and perf show them under their names
// (code_names.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/code_names.h"

namespace tauto {

// Immutable, movable; entry points are valid while it lives.
class CodeMemory {
 public:
  CodeMemory() = default;
  CodeMemory(CodeMemory&& other) noexcept;
  CodeMemory& operator=(CodeMemory&& other) noexcept;
  ~CodeMemory();

  size_t size() const { return kernels_.size(); }
  const std::string& name(size_t kernel) const { return kernels_[kernel].name; }
  std::span<const uint8_t> code(size_t kernel) const;
  // F: the kernel's function type, as in memory.function<void(const float*, float*)>(0).
  template <class F>
  F* function(size_t kernel) const {
    return reinterpret_cast<F*>(const_cast<uint8_t*>(code(kernel).data()));
  }
  size_t mapped_bytes() const { return mapped_; }

 private:
  friend class CodeWriter;
  struct Kernel {
    std::string name;
    size_t offset, size;
  };
  std::vector<Kernel> kernels_;
  uint8_t* base_ = nullptr;
  size_t mapped_ = 0;
  CodeNames names_;
};

class CodeWriter {
 public:
  // Returns the kernel's number, counted from 0.
  size_t add(std::string_view name, std::span<const uint8_t> code);
  // Error: the system gives no memory, or forbids to make it executable.
  CodeMemory seal() &&;

 private:
  std::vector<CodeMemory::Kernel> kernels_;
  std::vector<uint8_t> bytes_;
};

}  // namespace tauto
