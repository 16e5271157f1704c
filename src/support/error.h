// Errors, in the three sorts of the house:
//   tauto::Error   the user's mistake or a file's: where, what was required, what was given.
//   CHECK(cond)    a broken invariant of ours: throws InternalError (the library never aborts on input).
//   a status       on the run path, where nothing may throw (runtime/).
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace tauto {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// text_of: one overload per printable thing; cat() joins them. Other headers add overloads for their types.
inline std::string text_of(std::string_view s) { return std::string(s); }
inline std::string text_of(const char* s) { return s; }
inline std::string text_of(bool b) { return b ? "true" : "false"; }
std::string text_of(int64_t v);
std::string text_of(uint64_t v);
inline std::string text_of(int v) { return text_of(int64_t{v}); }
inline std::string text_of(unsigned v) { return text_of(uint64_t{v}); }
inline std::string text_of(long long v) { return text_of(static_cast<int64_t>(v)); }
inline std::string text_of(unsigned long long v) { return text_of(static_cast<uint64_t>(v)); }
inline std::string text_of(char c) { return std::string(1, c); }
std::string text_of(double v);                    // shortest text that reads back to the same double
std::string text_of(float v);                     // shortest text that reads back to the same float
std::string text_of(std::span<const int64_t> v);  // [1, 2, 3]

template <class... A>
std::string cat(const A&... a) {
  std::string s;
  (s.append(text_of(a)), ...);
  return s;
}

template <class... A>
[[noreturn]] void fail(const A&... a) {
  throw Error(cat(a...));
}

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& message);

#define CHECK(cond, ...)                                                                             \
  do {                                                                                               \
    if (!(cond)) [[unlikely]]                                                                        \
      ::tauto::check_failed(__FILE__, __LINE__, #cond, ::tauto::cat("" __VA_OPT__(, ) __VA_ARGS__)); \
  } while (false)

}  // namespace tauto
