// One line for the identity, one for the counts, one for each open box.
#include "verify/region_state.h"

#include <cstdio>
#include <cstdlib>

#include "support/error.h"
#include "support/file.h"

namespace tauto::region {
namespace {

constexpr char kFirst[] = "tauto region state 2";

std::string hexadecimal(double v) {
  char text[40];
  std::snprintf(text, sizeof text, " %a", v);
  return text;
}

}  // namespace

void write_state(const std::string& path, const std::string& identity, const SearchState& s) {
  std::string text =
      cat(kFirst, "\n", identity, "\n", s.found.boxes, " ", s.found.leaves, " ", s.found.deepest);
  for (const double v :
       {s.found.closed, s.found.bound, s.found.first_bound, s.found.seen, s.found.cpu_seconds})
    text += hexadecimal(v);
  text += "\n";
  for (const OpenBox& b : s.open) {
    text += cat(b.depth, hexadecimal(b.share), " ");
    for (const uint8_t off : b.off) text += off ? '1' : '0';
    text += ";";
    for (const Range& r : b.box) text += hexadecimal(r.lo) + hexadecimal(r.hi);
    text += "\n";
  }
  write_file(path, text);
}

SearchState read_state(const std::string& path, const std::string& identity) {
  const std::string text(map_file(path).text());
  const std::string head = cat(kFirst, "\n", identity, "\n");
  if (!text.starts_with(head))
    fail(path, ": required the state of a search for this pair, goal and box, got another file");
  SearchState s;
  const char* at = text.c_str() + head.size();
  char* end = nullptr;
  bool good = true;
  const auto number = [&] {
    const double v = std::strtod(at, &end);
    good = good && end != at;
    at = end;
    return v;
  };
  const auto line_ends = [&] { return *at == '\n' || *at == '\0'; };
  s.found.boxes = static_cast<int64_t>(number());
  s.found.leaves = static_cast<int64_t>(number());
  s.found.deepest = static_cast<int>(number());
  for (double* v :
       {&s.found.closed, &s.found.bound, &s.found.first_bound, &s.found.seen, &s.found.cpu_seconds})
    *v = number();
  while (good && *at == '\n') {
    ++at;
    if (*at == '\0') break;
    OpenBox b;
    b.depth = static_cast<int>(number());
    b.share = number();
    while (*at == ' ') ++at;
    for (; *at == '0' || *at == '1'; ++at) b.off.push_back(*at == '1');
    good = good && *at++ == ';';
    if (!good) break;
    while (good && !line_ends()) {
      const double lo = number(), hi = number();
      b.box.push_back({lo, hi});
    }
    s.open.push_back(std::move(b));
  }
  if (!good || *at != '\0') fail(path, ": required a complete state, got one that is cut off");
  return s;
}

}  // namespace tauto::region
