// Attributes of nodes: small immutable values by name, sorted by name.
//
// `Access` is the index map of a contraction or a window reduction:
//
//   over {n: N, o: 256, y: floor((H - 1)/2) + 1 | c: 64, ky: 3}  [n, c, 2*y + ky - 1]  [o, c, ky]
//         output axes, in the order of the output's dims | reduction axes, in theirs;  a map per operand
//
// An operand's index along one dim is (Σ coefficient·axis + offset) / divisor. A point whose index falls
// outside the operand, or is not a multiple of the divisor (a zero inserted by input dilation), contributes
// nothing.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "graph/type.h"

namespace tauto {

struct AxisTerm {
  int axis = 0;
  Dim coefficient = 1;
  friend bool operator==(const AxisTerm&, const AxisTerm&) = default;
};

struct AxisIndex {
  std::vector<AxisTerm> terms;  // by increasing axis
  Dim offset = 0;
  int64_t divisor = 1;
  friend bool operator==(const AxisIndex&, const AxisIndex&) = default;
};

struct Access {
  std::vector<std::string> axes;  // names; the first `outputs` are the output's axes
  Dims extents;                   // one per axis
  int outputs = 0;
  std::vector<std::vector<AxisIndex>> operands;  // operands[i][d] = index of operand i along its dim d
  friend bool operator==(const Access&, const Access&) = default;
};

std::string text_of(const Access& a);
class Scanner;
Access scan_access(Scanner& s);

struct FunctionName {
  std::string name;
  friend bool operator==(const FunctionName&, const FunctionName&) = default;
};

using Ints = std::vector<int64_t>;
using Attribute =
    std::variant<int64_t, double, std::string, Ints, std::vector<double>, std::vector<std::string>,
                 ElementType, Type, Dims, Access, FunctionName, Tensor>;

class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, Attribute>> list);

  const Attribute* find(std::string_view name) const;
  void set(std::string name, Attribute value);
  template <class T>
  const T& get(std::string_view name) const {
    const Attribute* a = find(name);
    CHECK(a && std::holds_alternative<T>(*a), "attribute ", name, a ? " is of another kind" : " is missing");
    return std::get<T>(*a);
  }
  template <class T>
  T get_or(std::string_view name, T otherwise) const {
    return find(name) ? get<T>(name) : otherwise;
  }
  bool flag(std::string_view name) const { return get_or<int64_t>(name, 0) != 0; }
  const std::vector<std::pair<std::string, Attribute>>& all() const { return list_; }
  bool empty() const { return list_.empty(); }
  bool has_symbols() const;  // some Dims, Type or Access mentions a symbol
  friend bool operator==(const Attributes& a, const Attributes& b);  // numbers by their bits

 private:
  std::vector<std::pair<std::string, Attribute>> list_;
};

Attributes substitute(const Attributes& a, const Env& env);
std::string text_of(const Attribute& a);
Attribute scan_attribute(Scanner& s);

}  // namespace tauto
