// Machine code as text, for `--emit=asm` and for reading what the encoder made (by Zydis).
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace tauto::vec {

// One instruction a line, "L1:" before the targets of jumps, up to the `ret` that ends the kernel; then how
// many bytes of constants follow, and the constants as 32-bit words where the code mentions them.
std::string disassemble(std::span<const uint8_t> code);

}  // namespace tauto::vec
