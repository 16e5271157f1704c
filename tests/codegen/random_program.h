// Random vector programs for comparing evaluator and encoders: valid by construction, every access inside the
// buffers that come with them.
//
// NaN bits, which differ between machines, are seen by no instruction: bit operations on floats are applied
// to values whose NaNs were made canonical first. So after a run buffers are equal bit by bit, but for
// elements of floats that are NaN on both sides: `difference`.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "codegen/machine.h"
#include "codegen/vector.h"

namespace tauto::testing {

struct RandomProgram {
  struct Buffer {
    ElementType type;
    int64_t elements = 0;
    bool written = false;  // by the program
  };
  vec::Program program;
  std::vector<Buffer> buffers;  // their addresses are the first arguments …
  std::vector<int64_t> sizes;   // … and these the next; any values in 0 … length are allowed
};

struct RandomOptions {
  int lanes = 16;
  int steps = 60;              // instructions drawn; helpers, loads and stores around them come on top
  int64_t length = 75;         // at most this many elements of each buffer are meant by `sizes`
  bool wide = true;            // lanes of 64 bits
  bool same_at_any_W = false;  // nothing that depends on the number of lanes but masked tails
};

// The same seed and options give the same program; with same_at_any_W programs of all `lanes` correspond.
RandomProgram random_program(uint64_t seed, const RandomOptions& options);

// A value of the type: special ones (±0, denormals, infinities, NaN, bounds of integers, shift counts) often.
uint64_t random_bits(std::mt19937_64& random, ElementType type);

// The memory of one run: buffers with random contents, each ending at a forbidden page.
struct ProgramMemory {
  ProgramMemory(const RandomProgram& p, uint64_t seed);
  std::vector<uint64_t> arguments() const;  // buffers, then sizes
  std::vector<Guarded> buffers;
  std::vector<int64_t> sizes;
};

// The first element that differs, as "buffer 3 (f32) element 17: 0x… and 0x…", or "".
std::string difference(const RandomProgram& p, const ProgramMemory& a, const ProgramMemory& b);

}  // namespace tauto::testing
