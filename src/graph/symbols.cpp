// Walking the dimensions of attributes and types.
#include "graph/symbols.h"

#include <algorithm>

namespace tauto {
namespace {

// Calls f on every Dim.
template <class A, class F>
void each_dim(A& access, const F& f) {
  for (auto& d : access.extents) f(d);
  for (auto& operand : access.operands)
    for (auto& index : operand) {
      f(index.offset);
      for (auto& t : index.terms) f(t.coefficient);
    }
}

}  // namespace

void symbols_of(const Attributes& attributes, std::vector<std::string>& out) {
  const auto one = [&](const Dim& d) { symbols_of(d, out); };
  for (const auto& [name, value] : attributes.all()) {
    if (const Dims* d = std::get_if<Dims>(&value)) std::for_each(d->begin(), d->end(), one);
    if (const Access* a = std::get_if<Access>(&value)) each_dim(*a, one);
  }
}

Attributes substitute(const Attributes& attributes, const std::map<std::string, Dim>& map) {
  if (map.empty()) return attributes;
  Attributes r;
  const auto one = [&](Dim& d) { d = substitute(d, map); };
  for (const auto& [name, value] : attributes.all()) {
    Attribute v = value;
    if (Dims* d = std::get_if<Dims>(&v)) std::for_each(d->begin(), d->end(), one);
    if (Type* t = std::get_if<Type>(&v)) *t = substitute(*t, map);
    if (Access* a = std::get_if<Access>(&v)) each_dim(*a, one);
    r.set(name, std::move(v));
  }
  return r;
}

Type substitute(const Type& t, const std::map<std::string, Dim>& map) {
  Type r = t;
  for (Dim& d : r.dims) d = substitute(d, map);
  for (Type& p : r.parts) p = substitute(p, map);
  return r;
}

}  // namespace tauto
