// How often memory was asked for, by anybody in the process.
#pragma once

#include <cstdint>

namespace tauto {

bool counts_allocations();  // not with a sanitizer, which has its own malloc
int64_t allocations();      // calls of malloc, calloc, realloc, aligned_alloc …, by any thread, so far

}  // namespace tauto
