// A small scanner for the text forms of types, attributes and graphs: words, punctuation, numbers, quoted
// strings. Errors name the line, what was expected and what stands there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tauto {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { skip(); }

  bool at_end() const { return at_ == text_.size(); }
  bool peek(std::string_view token) const { return text_.substr(at_, token.size()) == token; }
  bool peek_word() const;               // [A-Za-z_]
  bool peek_number() const;             // digit, '-', 'inf', 'nan' are not included
  bool accept(std::string_view token);  // eats it when it stands here (a word only as a whole)
  void expect(std::string_view token);
  void expect_end();
  std::string word(std::string_view what);    // [A-Za-z_][A-Za-z0-9_.]*
  std::string name(std::string_view what);    // [A-Za-z0-9_.?:/-]+ or a quoted string
  std::string quoted();                       // "…" with \n \" \\ \xHH
  std::string number(std::string_view what);  // the text of a number: 1, -2.5e-7, inf, -inf, nan
  int64_t integer(std::string_view what);
  std::string line_comment();  // the rest of this line, when it starts with '#', without it; or ""
  // The raw text up to (not including) the line's end or one of `stops` at bracket depth zero, quotes
  // respected.
  std::string_view balanced_until(std::string_view stops);
  [[noreturn]] void error(std::string_view required, std::string_view given) const;
  [[noreturn]] void error(std::string_view required) const;  // given = what stands here
  int line() const;
  size_t mark() const { return at_; }
  void reset(size_t mark) { at_ = mark; }

 private:
  void skip();  // white space
  std::string_view text_;
  size_t at_ = 0;
};

std::string quote(std::string_view s);

}  // namespace tauto
