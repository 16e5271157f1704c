// Contractions that the benchmarks draw: their kinds and shapes, their work, and a clock.
#pragma once

#include <algorithm>
#include <ctime>
#include <string>

#include "graph/graph.h"
#include "graph/scanner.h"

namespace tauto {

// Of this thread's processor time: other jobs on the machine cost less of it than of the clock's.
inline double seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Case {
  std::string name, access;
  Shape a, b;
  ElementType type = f32;
};

inline Case matmul(const char* name, int64_t m, int64_t k, int64_t n, bool transposed = false,
                   ElementType t = f32) {
  return {name,
          cat("over {m: ", m, ", n: ", n, " | k: ", k, "} [m, k] ", transposed ? "[n, k]" : "[k, n]"),
          {m, k},
          transposed ? Shape{n, k} : Shape{k, n},
          t};
}

struct Conv {
  int64_t c, o, size, kernel, stride = 1, dilation = 1, groups = 1, batch = 1;
};

inline Case conv(const char* name, Conv v, ElementType t = f32) {
  const int64_t pad = v.dilation * (v.kernel - 1) / 2,
                out = (v.size + 2 * pad - v.dilation * (v.kernel - 1) - 1) / v.stride + 1,
                in = v.c / v.groups, per = v.o / v.groups;
  const auto at = [&](const char* y, const char* k) {
    return cat(v.stride, "*", y, " + ", v.dilation, "*", k, pad ? cat(" - ", pad) : "");
  };
  const bool grouped = v.groups > 1;
  return {name,
          cat("over {n: ", v.batch, grouped ? cat(", g: ", v.groups) : "", ", o: ", per, ", y: ", out,
              ", x: ", out, " | c: ", in, ", ky: ", v.kernel, ", kx: ", v.kernel, "} [n, ",
              grouped ? cat(in, "*g + c") : "c", ", ", at("y", "ky"), ", ", at("x", "kx"), "] [",
              grouped ? cat(per, "*g + o") : "o", ", c, ky, kx]"),
          {v.batch, v.c, v.size, v.size},
          {v.o, in, v.kernel, v.kernel},
          t};
}

inline Case conv1d(const char* name, int64_t c, int64_t o, int64_t length, int64_t kernel, int64_t dilation) {
  return {name,
          cat("over {n: 1, o: ", o, ", x: ", length, " | c: ", c, ", k: ", kernel, "} [n, c, x + ", dilation,
              "*k - ", dilation * (kernel - 1) / 2, "] [o, c, k]"),
          {1, c, length},
          {o, c, kernel}};
}

inline Case transposed(const char* name, int64_t c, int64_t o, int64_t size, int64_t kernel, int64_t stride,
                       int64_t pad) {
  const int64_t out = stride * (size - 1) + kernel - 2 * pad;
  return {
      name,
      cat("over {n: 1, o: ", o, ", y: ", out, ", x: ", out, " | c: ", c, ", ky: ", kernel, ", kx: ", kernel,
          "} [n, c, (y - ky + ", pad, ")/", stride, ", (x - kx + ", pad, ")/", stride, "] [c, o, ky, kx]"),
      {1, c, size, size},
      {c, o, kernel, kernel}};
}

inline Access access_of(const Case& c) {
  Scanner s(c.access);
  return scan_access(s);
}

// Terms inside both operands, over all outputs: where indices of different dims share no axis the count of a
// dim's valid pairs is independent of the others, so counts of groups of axes multiply.
inline double macs(const Case& c) {
  const Access a = access_of(c);
  std::vector<int> group(a.extents.size());
  for (size_t i = 0; i < group.size(); ++i) group[i] = static_cast<int>(i);
  const auto join = [&](int from, int to) { std::replace(group.begin(), group.end(), from, to); };
  for (const auto& operand : a.operands)
    for (const AxisIndex& x : operand)
      for (const AxisTerm& t : x.terms)
        join(group[static_cast<size_t>(t.axis)], group[static_cast<size_t>(x.terms[0].axis)]);
  double total = 1;
  for (size_t g = 0; g < group.size(); ++g) {
    std::vector<size_t> axes;
    for (size_t i = 0; i < group.size(); ++i)
      if (group[i] == static_cast<int>(g)) axes.push_back(i);
    if (axes.empty()) continue;
    std::vector<int64_t> at(a.extents.size(), 0);
    double inside = 0;
    for (;;) {
      bool valid = true;
      for (size_t k = 0; k < 2; ++k)
        for (size_t d = 0; d < a.operands[k].size(); ++d) {
          const AxisIndex& x = a.operands[k][d];
          if (x.terms.empty() || group[static_cast<size_t>(x.terms[0].axis)] != static_cast<int>(g)) continue;
          int64_t index = x.offset.literal();
          for (const AxisTerm& t : x.terms)
            index += t.coefficient.literal() * at[static_cast<size_t>(t.axis)];
          valid &= index % x.divisor == 0 && index >= 0 && index / x.divisor < (k ? c.b : c.a)[d];
        }
      inside += valid;
      size_t i = axes.size();
      for (; i-- > 0;) {
        if (++at[axes[i]] < a.extents[axes[i]].literal()) break;
        at[axes[i]] = 0;
      }
      if (i == static_cast<size_t>(-1)) break;
    }
    total *= inside;
  }
  return total;
}

}  // namespace tauto
