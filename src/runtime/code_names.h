// Names of generated kernels for the tools that look at a running process.
//
// gdb: every mapping is announced through gdb's JIT interface (gdb manual, "JIT Compilation Interface") by an
// ELF file in memory that holds nothing but a symbol table. It costs a few hundred bytes and no system call,
// so it is always there, also for a debugger that attaches later. gdb unwinds kernels that begin with push
// rbp; mov rbp, rsp by looking at their code.
//
// perf: with TAUTO_PERF=1 the kernels are appended to /tmp/perf-PID.map, where `perf report` looks for the
// names of code without a file. perf's format knows no removal: after a model is freed its names stay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace tauto {

struct NamedCode {
  std::string name;
  const uint8_t* code;
  size_t size;
};

// Registered while it lives. Movable; an empty one registers nothing.
class CodeNames {
 public:
  CodeNames();
  CodeNames(std::span<const NamedCode> kernels, const uint8_t* base, size_t size);
  CodeNames(CodeNames&&) noexcept;
  CodeNames& operator=(CodeNames&&) noexcept;
  ~CodeNames();

 private:
  struct Entry;
  std::unique_ptr<Entry> entry_;
};

// The symbol file: a 64-bit ELF of this machine's kind with .text (no bytes) at `base` and a function symbol
// per kernel.
std::string symbol_file(std::span<const NamedCode> kernels, const uint8_t* base, size_t size);

// The lines of perf's map for these kernels. Spaces are part of a name there; line ends become '?'.
std::string perf_map_lines(std::span<const NamedCode> kernels);

}  // namespace tauto
