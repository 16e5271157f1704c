// The page of a comparison, see report.h.
#include "verify/report.h"

namespace tauto::equivalence {
namespace {

std::string escaped(const std::string& s) {
  std::string r;
  for (const char c : s) r += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return r;
}

}  // namespace

std::string report_page(const std::string& json, const Samples&, const NamedTypes&, const SameResult& r) {
  return cat("<!doctype html><meta charset=utf-8><title>", escaped(r.a), " and ", escaped(r.b),
             "</title><pre>\n", escaped(text_of(r)), "</pre><pre>", escaped(json), "</pre>\n");
}

}  // namespace tauto::equivalence
