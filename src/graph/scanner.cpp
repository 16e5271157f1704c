// The scanner: no token list, it reads straight from the text.
#include "graph/scanner.h"

#include <cstdlib>

#include "support/error.h"

namespace tauto {
namespace {

bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

std::string quote(std::string_view s) {
  static const char* kHex = "0123456789abcdef";
  std::string r = "\"";
  for (char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      r += {'\\', c};
    else if (c == '\n')
      r += "\\n";
    else if (u < 32 || u == 127)
      r += {'\\', 'x', kHex[u >> 4], kHex[u & 15]};
    else
      r += c;
  }
  return r + "\"";
}

void Scanner::skip() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r'))
    ++at_;
}

bool Scanner::peek_word() const { return !at_end() && is_alpha(text_[at_]); }
bool Scanner::peek_number() const { return !at_end() && (is_digit(text_[at_]) || text_[at_] == '-'); }

bool Scanner::accept(std::string_view token) {
  if (!peek(token)) return false;
  const size_t end = at_ + token.size();
  if (is_alpha(token.back()) && end < text_.size() && (is_alpha(text_[end]) || is_digit(text_[end])))
    return false;
  at_ = end;
  skip();
  return true;
}

void Scanner::expect(std::string_view token) {
  if (!accept(token)) error(cat("\"", token, "\""));
}

void Scanner::expect_end() {
  if (!at_end()) error("the end of the text");
}

std::string Scanner::word(std::string_view what) {
  if (!peek_word()) error(what);
  const size_t start = at_;
  while (!at_end() && (is_alpha(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
  std::string w(text_.substr(start, at_ - start));
  skip();
  return w;
}

std::string Scanner::name(std::string_view what) {
  if (peek("\"")) return quoted();
  const size_t start = at_;
  while (!at_end() && (is_alpha(text_[at_]) || is_digit(text_[at_]) ||
                       std::string_view(".?:/-").find(text_[at_]) != std::string_view::npos))
    ++at_;
  if (at_ == start) error(what);
  std::string w(text_.substr(start, at_ - start));
  skip();
  return w;
}

std::string Scanner::quoted() {
  if (!peek("\"")) error("a quoted string");
  std::string r;
  for (++at_;; ++at_) {
    if (at_end()) error("the closing quote of a string");
    char c = text_[at_];
    if (c == '"') break;
    if (c == '\\' && at_ + 1 < text_.size()) {
      c = text_[++at_];
      if (c == 'n') {
        c = '\n';
      } else if (c == 'x') {
        const int hi = at_ + 2 < text_.size() ? hex_value(text_[at_ + 1]) : -1;
        const int lo = at_ + 2 < text_.size() ? hex_value(text_[at_ + 2]) : -1;
        if (hi < 0 || lo < 0) error("two hexadecimal digits after \\x");
        c = static_cast<char>(hi * 16 + lo);
        at_ += 2;
      }
    }
    r += c;
  }
  ++at_;
  skip();
  return r;
}

std::string Scanner::number(std::string_view what) {
  const size_t start = at_;
  if (peek("-")) ++at_;
  if (peek("inf") || peek("nan")) {
    at_ += 3;
  } else {
    if (at_end() || !is_digit(text_[at_])) {
      at_ = start;
      error(what);
    }
    while (!at_end() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    if (!at_end() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (peek("-") || peek("+")) ++at_;
      while (!at_end() && is_digit(text_[at_])) ++at_;
    }
  }
  std::string n(text_.substr(start, at_ - start));
  skip();
  return n;
}

int64_t Scanner::integer(std::string_view what) {
  const std::string n = number(what);
  char* end = nullptr;
  errno = 0;
  const int64_t v = std::strtoll(n.c_str(), &end, 10);
  if (*end || errno == ERANGE) error(what, n);
  return v;
}

std::string Scanner::line_comment() {
  if (!peek("#")) return "";
  size_t end = text_.find('\n', at_);
  if (end == std::string_view::npos) end = text_.size();
  std::string c(text_.substr(at_ + 1, end - at_ - 1));
  at_ = end;
  skip();
  return c;
}

std::string_view Scanner::balanced_until(std::string_view stops) {
  const size_t start = at_;
  int depth = 0;
  for (bool in_quotes = false; !at_end(); ++at_) {
    const char c = text_[at_];
    if (in_quotes) {
      if (c == '\\') ++at_;
      if (c == '"') in_quotes = false;
      continue;
    }
    if (c == '\n' || (depth == 0 && stops.find(c) != std::string_view::npos)) break;
    if (c == '"') in_quotes = true;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') --depth;
  }
  if (at_ > text_.size()) at_ = text_.size();
  return text_.substr(start, at_ - start);
}

int Scanner::line() const {
  int n = 1;
  for (char c : text_.substr(0, at_)) n += c == '\n';
  return n;
}

void Scanner::error(std::string_view required, std::string_view given) const {
  fail("line ", line(), ": required ", required, ", got \"", given, "\"");
}

void Scanner::error(std::string_view required) const {
  std::string_view rest = text_.substr(at_, 24);
  rest = rest.substr(0, rest.find('\n'));
  if (rest.empty()) fail("line ", line(), ": required ", required, ", got the end");
  error(required, rest);
}

}  // namespace tauto
