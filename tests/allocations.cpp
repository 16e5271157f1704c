// The test program's own malloc: glibc's, counted.
#include "allocations.h"

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
namespace tauto {
bool counts_allocations() { return false; }
int64_t allocations() { return 0; }
}  // namespace tauto
#else
namespace {
std::atomic<int64_t> count{0};
}

extern "C" {
void* __libc_malloc(size_t);            // NOLINT
void* __libc_calloc(size_t, size_t);    // NOLINT
void* __libc_realloc(void*, size_t);    // NOLINT
void* __libc_memalign(size_t, size_t);  // NOLINT
void* malloc(size_t n) { return ++count, __libc_malloc(n); }
void* calloc(size_t n, size_t size) { return ++count, __libc_calloc(n, size); }
void* realloc(void* p, size_t n) { return ++count, __libc_realloc(p, n); }
void* memalign(size_t a, size_t n) { return ++count, __libc_memalign(a, n); }
void* aligned_alloc(size_t a, size_t n) { return ++count, __libc_memalign(a, n); }
int posix_memalign(void** p, size_t a, size_t n) {
  ++count;
  *p = __libc_memalign(a, n);
  return *p || n == 0 ? 0 : ENOMEM;
}
}

namespace tauto {
bool counts_allocations() { return true; }
int64_t allocations() { return count; }
}  // namespace tauto
#endif
