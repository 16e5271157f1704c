// A recursive parser of RE2's syntax, and UTF-8.
#include "ops/regex_syntax.h"

#include <algorithm>

#include "support/error.h"

namespace tauto {
namespace {

constexpr uint32_t kLast = 0x10FFFF;
constexpr int kMaxDepth = 200, kMaxRepeat = 1000;

using Ranges = std::vector<Regex::Range>;

Ranges normal(Ranges r) {
  std::sort(r.begin(), r.end(), [](auto a, auto b) { return a.lo < b.lo; });
  Ranges out;
  for (const auto& x : r) {
    if (!out.empty() && x.lo <= out.back().hi + 1)
      out.back().hi = std::max(out.back().hi, x.hi);
    else
      out.push_back(x);
  }
  return out;
}

Ranges complement(Ranges r) {
  Ranges out;
  uint32_t at = 0;
  for (const auto& x : normal(std::move(r))) {
    if (x.lo > at) out.push_back({at, x.lo - 1});
    at = x.hi + 1;
  }
  if (at <= kLast) out.push_back({at, kLast});
  return out;
}

Ranges fold_case(Ranges r) {
  Ranges all = r;
  for (const auto& x : r)
    for (uint32_t c = std::max<uint32_t>(x.lo, 'A'); c <= std::min<uint32_t>(x.hi, 'z'); ++c)
      if ((c | 32) >= 'a' && (c | 32) <= 'z') all.push_back({c ^ 32, c ^ 32});
  return normal(std::move(all));
}

bool is_word(uint32_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// The class that a letter after a backslash names, if it does.
bool perl_class(uint32_t letter, Ranges& out) {
  Ranges r;
  switch (letter | 32) {
    case 'd':
      r = {{'0', '9'}};
      break;
    case 'w':
      r = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
      break;
    case 's':
      r = {{'\t', '\n'}, {'\f', '\r'}, {' ', ' '}};
      break;
    default:
      return false;
  }
  out = letter & 32 ? r : complement(r);
  return true;
}

struct NamedClass {
  std::string_view name;
  Ranges ranges;
};
const std::vector<NamedClass>& named_classes() {
  static const std::vector<NamedClass> kClasses = {
      {"alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
      {"alpha", {{'A', 'Z'}, {'a', 'z'}}},
      {"ascii", {{0, 127}}},
      {"blank", {{'\t', '\t'}, {' ', ' '}}},
      {"cntrl", {{0, 31}, {127, 127}}},
      {"digit", {{'0', '9'}}},
      {"graph", {{'!', '~'}}},
      {"lower", {{'a', 'z'}}},
      {"print", {{' ', '~'}}},
      {"punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
      {"space", {{'\t', '\r'}, {' ', ' '}}},
      {"upper", {{'A', 'Z'}}},
      {"word", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}},
      {"xdigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
  };
  return kClasses;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), text_(code_points(pattern)) {}

  RegexTree run() {
    RegexTree e = alternatives(0);
    if (at_ < text_.size()) error("unmatched )");
    return e;
  }

 private:
  struct Flags {
    bool fold = false, dot_all = false, lines = false;
  };

  [[noreturn]] void error(const std::string& what) const {
    fail("regular expression \"", pattern_, "\", character ", static_cast<int64_t>(at_), ": ", what);
  }
  bool more() const { return at_ < text_.size(); }
  bool accept(uint32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool accept(std::string_view s) {
    if (text_.size() - at_ < s.size()) return false;
    for (size_t i = 0; i < s.size(); ++i)
      if (text_[at_ + i] != static_cast<unsigned char>(s[i])) return false;
    at_ += s.size();
    return true;
  }
  static RegexTree step(Regex::Code code) {
    RegexTree e;
    e.kind = RegexTree::Kind::Step;
    e.code = code;
    return e;
  }
  RegexTree set(Ranges r) const {
    RegexTree e = step(Regex::Code::Set);
    r = normal(std::move(r));
    e.set = flags_.fold ? fold_case(std::move(r)) : std::move(r);
    return e;
  }

  // Flags set inside a group end with it.
  RegexTree alternatives(int depth) {
    if (depth > kMaxDepth) error("nested too deeply");
    const Flags outer = flags_;
    RegexTree e;
    e.kind = RegexTree::Kind::Alternatives;
    do e.parts.push_back(sequence(depth));
    while (accept('|'));
    flags_ = outer;
    return e;
  }

  RegexTree sequence(int depth) {
    RegexTree all;
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      bool repeatable = true;
      RegexTree e = atom(depth, repeatable);
      int least = 0, most = 0;
      if (repetition(least, most)) {
        if (!repeatable) error("nothing to repeat");
        RegexTree r;
        r.kind = RegexTree::Kind::Repeat;
        r.least = least;
        r.most = most;
        r.parts.push_back(std::move(e));
        e = std::move(r);
        accept('?');  // a lazy one matches the same texts
        if (repetition(least, most)) error("repeated twice");
      }
      all.parts.push_back(std::move(e));
    }
    return all;
  }

  bool repetition(int& least, int& most) {
    least = 0, most = -1;
    if (accept('*')) return true;
    if (accept('+')) return least = 1, true;
    if (accept('?')) return most = 1, true;
    return counts(least, most);
  }

  bool counts(int& least, int& most) {  // {n} {n,} {n,m}; anything else is a literal brace
    const size_t start = at_;
    const auto number = [&](int& n) {
      const size_t first = at_;
      n = 0;
      while (more() && text_[at_] >= '0' && text_[at_] <= '9') {
        n = std::min(n * 10 + static_cast<int>(text_[at_] - '0'), kMaxRepeat + 1);
        ++at_;
      }
      return at_ > first;
    };
    bool ok = accept('{') && number(least);
    if (ok) {
      most = least;
      if (accept(',') && !number(most)) most = -1;
      ok = accept('}');
    }
    if (!ok) {
      at_ = start;
      return false;
    }
    if (least > kMaxRepeat || most > kMaxRepeat || (most >= 0 && most < least)) error("bad repetition count");
    return true;
  }

  RegexTree atom(int depth, bool& repeatable) {
    const uint32_t c = text_[at_++];
    switch (c) {
      case '(':
        return group(depth, repeatable);
      case '[':
        return set(bracket());
      case '.':
        return set(flags_.dot_all ? Ranges{{0, kLast}} : complement({{'\n', '\n'}}));
      case '^':
        return step(flags_.lines ? Regex::Code::LineBegin : Regex::Code::Begin);
      case '$':
        return step(flags_.lines ? Regex::Code::LineEnd : Regex::Code::End);
      case '\\':
        return escape(repeatable);
      case '*':
      case '+':
      case '?':
        --at_;
        error("nothing to repeat");
      default:
        return set({{c, c}});
    }
  }

  RegexTree finish_group(int depth) {
    RegexTree e = alternatives(depth + 1);
    if (!accept(')')) error("missing )");
    return e;
  }

  RegexTree group(int depth, bool& repeatable) {
    if (!accept('?')) return finish_group(depth);
    if (accept("P<") || (more() && text_[at_] == '<' && at_ + 1 < text_.size() && is_word(text_[at_ + 1]))) {
      while (more() && text_[at_] != '>') ++at_;
      if (!accept('>')) error("missing > of a group's name");
      return finish_group(depth);
    }
    const Flags outer = flags_;
    for (bool on = true; more();) {
      switch (text_[at_++]) {
        case ':': {
          RegexTree e = finish_group(depth);
          flags_ = outer;
          return e;
        }
        case ')':  // flags for the rest of the group around
          repeatable = false;
          return {};
        case '-':
          on = false;
          break;
        case 'i':
          flags_.fold = on;
          break;
        case 's':
          flags_.dot_all = on;
          break;
        case 'm':
          flags_.lines = on;
          break;
        case 'U':
          break;  // greediness does not change what matches
        default:
          --at_;
          error("this group is not supported");
      }
    }
    error("missing )");
  }

  RegexTree escape(bool& repeatable) {
    Ranges r;
    if (more() && perl_class(text_[at_], r)) {
      ++at_;
      return set(std::move(r));
    }
    if (accept('A')) return step(Regex::Code::Begin);
    if (accept('z')) return step(Regex::Code::End);
    if (accept('b')) return step(Regex::Code::Word);
    if (accept('B')) return step(Regex::Code::NotWord);
    if (accept('Q')) {  // literally up to \E
      RegexTree all;
      repeatable = false;
      while (more() && !accept("\\E")) {
        all.parts.push_back(set({{text_[at_], text_[at_]}}));
        ++at_;
      }
      return all;
    }
    const uint32_t c = escaped();
    return set({{c, c}});
  }

  // The character an escape stands for; at_ is behind the backslash.
  uint32_t escaped() {
    if (!more()) error("a backslash at the end");
    const uint32_t c = text_[at_++];
    switch (c) {
      case 'n':
        return '\n';
      case 't':
        return '\t';
      case 'r':
        return '\r';
      case 'f':
        return '\f';
      case 'v':
        return '\v';
      case 'a':
        return '\a';
      case 'x': {
        const bool braces = accept('{');
        uint32_t v = 0;
        for (int i = 0; braces ? more() && text_[at_] != '}' : i < 2; ++i) {
          const uint32_t d = more() ? text_[at_++] : 'z';
          const uint32_t digit = d >= '0' && d <= '9'                 ? d - '0'
                                 : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10
                                                                      : 99;
          if (digit == 99 || (v = v * 16 + digit) > kLast) error("bad hexadecimal escape");
        }
        if (braces && !accept('}')) error("missing }");
        return v;
      }
      case '0':
        return 0;
      default:
        if (is_word(c)) {
          --at_;
          std::string name;
          append_utf8(name, c);
          error(cat("\\", name, " is not supported"));
        }
        return c;
    }
  }

  Ranges bracket() {
    const bool negated = accept('^');
    Ranges r;
    for (bool first = true; first || !more() || text_[at_] != ']'; first = false) {
      if (!more()) error("missing ]");
      if (accept("[:")) {
        const bool except = accept('^');
        bool found = false;
        for (const NamedClass& n : named_classes())
          if (!found && accept(n.name)) {
            const Ranges whole = except ? complement(n.ranges) : n.ranges;
            r.insert(r.end(), whole.begin(), whole.end());
            found = true;
          }
        if (!found || !accept(":]")) error("no such class");
        continue;
      }
      Ranges inner;
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && perl_class(text_[at_ + 1], inner)) {
        at_ += 2;
        r.insert(r.end(), inner.begin(), inner.end());
        continue;
      }
      const auto one = [&]() -> uint32_t {
        if (!more()) error("missing ]");
        if (!accept('\\')) return text_[at_++];
        return escaped();
      };
      const uint32_t lo = one();
      uint32_t hi = lo;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        hi = one();
        if (hi < lo) error("a range that runs backwards");
      }
      r.push_back({lo, hi});
    }
    ++at_;
    if (flags_.fold) r = fold_case(std::move(r));
    return negated ? complement(std::move(r)) : r;
  }

  std::string_view pattern_;
  std::vector<uint32_t> text_;
  size_t at_ = 0;
  Flags flags_;
};

}  // namespace

bool is_word_character(uint32_t c) { return is_word(c); }

RegexTree parse_regex(std::string_view pattern) { return Parser(pattern).run(); }

std::vector<uint32_t> code_points(std::string_view s) {
  std::vector<uint32_t> r;
  for (size_t i = 0; i < s.size();) {
    const auto b = static_cast<unsigned char>(s[i]);
    const size_t n = b < 0x80                ? 1
                     : b >= 0xC2 && b < 0xE0 ? 2
                     : b >= 0xE0 && b < 0xF0 ? 3
                     : b >= 0xF0 && b < 0xF5 ? 4
                                             : 0;
    uint32_t c = n == 1 ? b : n == 0 ? 0xFFFD : b & (0x7Fu >> n);
    bool ok = n > 0 && i + n <= s.size();
    for (size_t k = 1; ok && k < n; ++k) {
      const auto follow = static_cast<unsigned char>(s[i + k]);
      ok = (follow & 0xC0) == 0x80;
      c = c << 6 | (follow & 0x3F);
    }
    r.push_back(ok ? c : 0xFFFD);
    i += ok ? n : 1;
  }
  return r;
}

void append_utf8(std::string& to, uint32_t c) {
  const auto byte = [&](uint32_t b) { to.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | c >> 6), byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | c >> 12), byte(0x80 | (c >> 6 & 0x3F)), byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | c >> 18), byte(0x80 | (c >> 12 & 0x3F)), byte(0x80 | (c >> 6 & 0x3F)),
        byte(0x80 | (c & 0x3F));
  }
}

}  // namespace tauto
