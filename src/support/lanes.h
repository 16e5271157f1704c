// Vectors of lanes, 32 bytes, with which GCC and clang compute as with numbers; in memory at any address. (A type
// that says so itself, by attributes, keeps its word in GCC only: clang 14 forgets them where a reference is returned.)
#pragma once

#include <cstring>

namespace tauto {

template <class C>
struct LanesOf {
  typedef C Type __attribute__((vector_size(32)));
};
template <class C>
using Lanes = typename LanesOf<C>::Type;

template <class C>
Lanes<C> load_lanes(const C* p) {
  Lanes<C> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class C>
void store_lanes(Lanes<C> v, C* p) {
  std::memcpy(p, &v, sizeof v);
}

}  // namespace tauto
