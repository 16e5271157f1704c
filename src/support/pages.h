// Memory of mapped files.
#pragma once

#include <cstdint>
#include <span>

namespace tauto {

// Gives back the memory of pages of mapped files that lie within these bytes; they are read again when they
// are touched. Anything else, and little, is left alone.
void release_pages(std::span<const uint8_t> bytes);

}  // namespace tauto
