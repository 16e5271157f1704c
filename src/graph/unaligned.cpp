// Who owns which bytes: a Tensor knows its memory's address, and by it the copy is found again.
#include "graph/unaligned.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "support/pages.h"

namespace tauto {
namespace {

constexpr int64_t kSmallBytes = 1 << 16;  // are copied at once

struct Unaligned;

std::mutex& guard() {
  static std::mutex m;
  return m;
}
std::map<const void*, std::weak_ptr<Unaligned>>& known() {
  static auto* k = new std::map<const void*, std::weak_ptr<Unaligned>>();  // outlives every tensor
  return *k;
}

struct Unaligned {
  Bytes bytes, copy;
  explicit Unaligned(Bytes b) : bytes(std::move(b)) {}
  ~Unaligned() {
    const std::lock_guard lock(guard());
    const auto at = known().find(bytes.data());
    if (at != known().end() && at->second.expired()) known().erase(at);
  }
};

size_t alignment_of(ElementType type) { return static_cast<size_t>(std::min<int64_t>(type.bytes(), 8)); }

bool is_aligned(const void* p, ElementType type) {
  return reinterpret_cast<uintptr_t>(p) % alignment_of(type) == 0;
}

}  // namespace

Tensor tensor_in(const Bytes& bytes, ElementType type, Shape shape) {
  if (is_aligned(bytes.data(), type) || !type.is_float() ||
      static_cast<int64_t>(bytes.size()) < kSmallBytes) {
    const Bytes here = aligned(bytes, alignment_of(type));
    return Tensor(type, std::move(shape), here.owner, here.data());
  }
  std::shared_ptr<Unaligned> owner;
  {
    const std::lock_guard lock(guard());
    std::weak_ptr<Unaligned>& at = known()[bytes.data()];
    owner = at.lock();
    if (owner && owner->bytes.size() != bytes.size()) {  // another tensor over a part of it
      const Bytes here = aligned(bytes, alignment_of(type));
      return Tensor(type, std::move(shape), here.owner, here.data());
    }
    if (!owner) at = owner = std::make_shared<Unaligned>(bytes);
  }
  const void* data = owner->bytes.data();
  return Tensor(type, std::move(shape), std::move(owner), data);
}

Tensor aligned(const Tensor& t) {
  if (!t.type().is_float() || t.rep() != Rep::Exact || is_aligned(t.raw(), t.type())) return t;
  const std::lock_guard lock(guard());
  const auto at = known().find(t.raw());
  const std::shared_ptr<Unaligned> owner = at == known().end() ? nullptr : at->second.lock();
  CHECK(owner && owner->bytes.size() == static_cast<size_t>(t.bytes()), "a tensor at an odd address");
  if (owner->copy.empty()) {
    owner->copy = aligned(owner->bytes, 64);
    release_pages(owner->bytes.span);
  }
  return Tensor(t.type(), t.shape(), owner, owner->copy.data());
}

}  // namespace tauto
