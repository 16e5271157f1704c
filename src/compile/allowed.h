// Which rewrites that are not exact a user allows: `--allow winograd,reassociate`, load(path, allow=[…]).
//
// With what is allowed a model becomes another program, as exactly defined as the first: the allowed rewrites
// are applied to its graph (`rewritten`, compile/pipeline.h) before anything is specialised to sizes, so what
// the interpreter evaluates, what is compiled for any size and what an artifact holds is that one graph.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tauto {

class Allowed {
 public:
  Allowed() = default;  // only what is exact
  // Error, beginning with `where`: a name that is not in rounding_passes() (compile/pipeline.h).
  static Allowed of(std::span<const std::string> names, std::string_view where);
  static Allowed parse(std::string_view list, std::string_view where);  // names between commas

  bool empty() const { return names_.empty(); }
  bool has(std::string_view name) const;
  std::string text() const;  // "winograd,reassociate", in the order in which they are applied
  friend bool operator==(const Allowed&, const Allowed&) = default;

 private:
  std::vector<std::string> names_;  // in the order of rounding_passes()
};

}  // namespace tauto
