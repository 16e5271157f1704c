// Names of rewrites.
#include "compile/allowed.h"

#include <algorithm>

#include "compile/pipeline.h"

namespace tauto {

Allowed Allowed::of(std::span<const std::string> names, std::string_view where) {
  std::string known;
  Allowed r;
  for (const RoundingPass& p : rounding_passes()) {
    known += cat(known.empty() ? "" : ", ", p.name);
    if (std::find(names.begin(), names.end(), p.name) != names.end()) r.names_.emplace_back(p.name);
  }
  for (const std::string& name : names)
    if (!r.has(name)) fail(where, ": required names of rewrites (", known, "), got \"", name, "\"");
  return r;
}

Allowed Allowed::parse(std::string_view list, std::string_view where) {
  std::vector<std::string> names;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    names.emplace_back(list.substr(at, end - at));
    at = end + 1;
  }
  return of(names, where);
}

bool Allowed::has(std::string_view name) const {
  return std::find(names_.begin(), names_.end(), name) != names_.end();
}

std::string Allowed::text() const {
  std::string s;
  for (const std::string& name : names_) s += (s.empty() ? "" : ",") + name;
  return s;
}

}  // namespace tauto
