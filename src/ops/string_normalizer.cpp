// string_normalizer(x){case, stop_words, case_sensitive}: x [n] or [1, n] without the stop words, in lower or
// upper case; nothing left gives one empty string.
//
// case: "NONE", "LOWER" or "UPPER". Stop words are compared as they are (case_sensitive) or both in lower
// case. Case mapping: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic letters that map to one letter.
#include <algorithm>

#include "ops/ops.h"
#include "ops/regex.h"

namespace tauto::ops {
namespace {

bool in(uint32_t c, uint32_t lo, uint32_t hi) { return c >= lo && c <= hi; }

// Letters in pairs: even is upper case (or odd, from U+0139 to U+0148 and U+0179 to U+017E).
bool even_pairs(uint32_t c) {
  return (in(c, 0x100, 0x137) && c != 0x130 && c != 0x131) || in(c, 0x14A, 0x177) || in(c, 0x460, 0x481) ||
         in(c, 0x48A, 0x4BF) || in(c, 0x4D0, 0x52F);
}
bool odd_pairs(uint32_t c) { return in(c, 0x139, 0x148) || in(c, 0x179, 0x17E); }

uint32_t lower(uint32_t c) {
  if (in(c, 'A', 'Z') || (in(c, 0xC0, 0xDE) && c != 0xD7)) return c + 32;
  if (even_pairs(c)) return c | 1;
  if (odd_pairs(c)) return c + (c & 1);
  if (in(c, 0x391, 0x3AB) && c != 0x3A2) return c + 32;
  if (in(c, 0x410, 0x42F)) return c + 32;
  if (in(c, 0x400, 0x40F)) return c + 80;
  return c;
}
uint32_t upper(uint32_t c) {
  if (in(c, 'a', 'z') || (in(c, 0xE0, 0xFE) && c != 0xF7)) return c - 32;
  if (even_pairs(c)) return c & ~1u;
  if (odd_pairs(c)) return c - !(c & 1);
  if (c == 0xFF) return 0x178;
  if (in(c, 0x3B1, 0x3CB) && c != 0x3C2) return c - 32;
  if (in(c, 0x430, 0x44F)) return c - 32;
  if (in(c, 0x450, 0x45F)) return c - 80;
  return c;
}

std::string mapped(const std::string& s, uint32_t (*f)(uint32_t)) {
  std::string r;
  for (uint32_t c : code_points(s)) append_utf8(r, f(c));
  return r;
}

Type string_normalizer_type(const TypeContext& c) {
  c.require_element(0, text);
  const auto& action = c.attributes.get<std::string>("case");
  c.require(action == "NONE" || action == "LOWER" || action == "UPPER",
            cat("case: required NONE, LOWER or UPPER, got ", action));
  const int64_t rank = c.rank(0);
  c.require(rank == 1 || rank == 2, cat("required rank 1 or 2, got ", c.type(0)));
  if (rank == 1) return Type::tensor(text, {c.fresh()});
  c.require_equal(c.dim(0, 0), 1, "dim 0");
  return Type::tensor(text, {Dim(1), c.fresh()});
}

void string_normalizer_eval(EvalContext& c) {
  const auto& action = c.attributes.get<std::string>("case");
  const bool sensitive = c.attributes.flag("case_sensitive");
  const auto key = [&](const std::string& s) { return sensitive ? s : mapped(s, lower); };
  std::vector<std::string> stop = c.attributes.get_or<std::vector<std::string>>("stop_words", {});
  for (std::string& s : stop) s = key(s);
  std::vector<std::string> left;
  for (const std::string& s : c.tensor(0).values<std::string>()) {
    if (!stop.empty() && std::find(stop.begin(), stop.end(), key(s)) != stop.end()) continue;
    left.push_back(action == "NONE" ? s : mapped(s, action == "LOWER" ? lower : upper));
  }
  if (left.empty()) left.emplace_back();
  const auto n = static_cast<int64_t>(left.size());
  c.out = Tensor::of<std::string>(c.tensor(0).rank() == 1 ? Shape{n} : Shape{1, n}, left);
}

}  // namespace

constinit const Op string_normalizer{
    .name = "string_normalizer",
    .arity = 1,
    .type = string_normalizer_type,
    .unranked_type = [](const TypeContext&) { return Type::unranked(text); },
    .eval = string_normalizer_eval,
};

}  // namespace tauto::ops
