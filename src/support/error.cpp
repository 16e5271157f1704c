// Numbers as text, and the message of a broken invariant.
#include "support/error.h"

#include <fmt/format.h>

namespace tauto {

std::string text_of(int64_t v) { return std::to_string(v); }
std::string text_of(uint64_t v) { return std::to_string(v); }
std::string text_of(double v) { return fmt::format("{}", v); }
std::string text_of(float v) { return fmt::format("{}", v); }

std::string text_of(std::span<const int64_t> v) {
  std::string s = "[";
  for (size_t i = 0; i < v.size(); ++i) s += (i ? ", " : "") + std::to_string(v[i]);
  return s + "]";
}

void check_failed(const char* file, int line, const char* condition, const std::string& message) {
  const std::string_view path(file);
  const size_t src = path.rfind("src/");
  throw InternalError(cat("internal error: ", src == path.npos ? path : path.substr(src), ":", line,
                          ": CHECK(", condition, ") failed", message.empty() ? "" : ": ", message));
}

}  // namespace tauto
