// A recursive parser, the program of a non-deterministic automaton, and its simulation (Thompson, "Regular
// expression search algorithm", CACM 11 (6), 1968).
#include "ops/regex.h"

#include <algorithm>

#include "support/error.h"

namespace tauto {
namespace {

constexpr uint32_t kLast = 0x10FFFF;
constexpr size_t kMaxProgram = 100000;
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

struct Expression {
  enum class Kind { Step, Sequence, Alternatives, Repeat } kind = Kind::Sequence;
  Regex::Code code = Regex::Code::Match;  // Step
  Ranges set;                             // Step of code Set
  std::vector<Expression> parts;
  int least = 0, most = 0;  // Repeat; most < 0: without end
};

class Emitter {
 public:
  explicit Emitter(std::string_view pattern) : pattern_(pattern) {}

  void emit(const Expression& e) {
    if (++work_ > kMaxProgram) fail("regular expression \"", pattern_, "\": too large");
    switch (e.kind) {
      case Expression::Kind::Step:
        step(e.code, e.set);
        return;
      case Expression::Kind::Sequence:
        for (const Expression& p : e.parts) emit(p);
        return;
      case Expression::Kind::Alternatives: {
        std::vector<int> ends;
        for (size_t i = 0; i + 1 < e.parts.size(); ++i) {
          const int split = step(Regex::Code::Split);
          emit(e.parts[i]);
          ends.push_back(step(Regex::Code::Jump));
          at(split).other = here();
        }
        emit(e.parts.back());
        for (int end : ends) at(end).next = here();
        return;
      }
      case Expression::Kind::Repeat: {
        const Expression& part = e.parts[0];
        for (int i = 0; i < e.least; ++i) emit(part);
        if (e.most < 0) {
          const int split = step(Regex::Code::Split);
          emit(part);
          at(step(Regex::Code::Jump)).next = split;
          at(split).other = here();
          return;
        }
        std::vector<int> splits;
        for (int i = e.least; i < e.most; ++i) {
          splits.push_back(step(Regex::Code::Split));
          emit(part);
        }
        for (int split : splits) at(split).other = here();
        return;
      }
    }
  }
  std::vector<Regex::Step> finish() {
    step(Regex::Code::Match);
    return std::move(program_);
  }

 private:
  int here() const { return static_cast<int>(program_.size()); }
  Regex::Step& at(int i) { return program_[static_cast<size_t>(i)]; }
  int step(Regex::Code code, const Ranges& set = {}) {
    program_.push_back({code, set, here() + 1, here() + 1});
    return here() - 1;
  }

  std::string_view pattern_;
  size_t work_ = 0;
  std::vector<Regex::Step> program_;
};

class Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), text_(code_points(pattern)) {}

  Expression run() {
    Expression e = alternatives(0);
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
  static Expression step(Regex::Code code) {
    Expression e;
    e.kind = Expression::Kind::Step;
    e.code = code;
    return e;
  }
  Expression set(Ranges r) const {
    Expression e = step(Regex::Code::Set);
    r = normal(std::move(r));
    e.set = flags_.fold ? fold_case(std::move(r)) : std::move(r);
    return e;
  }

  // Flags set inside a group end with it.
  Expression alternatives(int depth) {
    if (depth > kMaxDepth) error("nested too deeply");
    const Flags outer = flags_;
    Expression e;
    e.kind = Expression::Kind::Alternatives;
    do e.parts.push_back(sequence(depth));
    while (accept('|'));
    flags_ = outer;
    return e;
  }

  Expression sequence(int depth) {
    Expression all;
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      bool repeatable = true;
      Expression e = atom(depth, repeatable);
      int least = 0, most = 0;
      if (repetition(least, most)) {
        if (!repeatable) error("nothing to repeat");
        Expression r;
        r.kind = Expression::Kind::Repeat;
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

  Expression atom(int depth, bool& repeatable) {
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

  Expression finish_group(int depth) {
    Expression e = alternatives(depth + 1);
    if (!accept(')')) error("missing )");
    return e;
  }

  Expression group(int depth, bool& repeatable) {
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
          Expression e = finish_group(depth);
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

  Expression escape(bool& repeatable) {
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
      Expression all;
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

Regex::Regex(std::string_view pattern) {
  Emitter emitter(pattern);
  emitter.emit(Parser(pattern).run());
  program_ = emitter.finish();
}

bool Regex::full_match(std::string_view utf8) const {
  const std::vector<uint32_t> text = code_points(utf8);
  std::vector<int> now, next, todo;
  std::vector<size_t> seen(program_.size(), SIZE_MAX);
  // All states reachable at position `at` without reading a character.
  const auto enter = [&](int state, size_t at, std::vector<int>& states) {
    todo.push_back(state);
    while (!todo.empty()) {
      const int s = todo.back();
      todo.pop_back();
      if (seen[static_cast<size_t>(s)] == at) continue;
      seen[static_cast<size_t>(s)] = at;
      const Step& step = program_[static_cast<size_t>(s)];
      const bool word = (at > 0 && is_word(text[at - 1])) != (at < text.size() && is_word(text[at]));
      switch (step.code) {
        case Code::Split:
          todo.push_back(step.other);
          todo.push_back(step.next);
          break;
        case Code::Jump:
          todo.push_back(step.next);
          break;
        case Code::Begin:
          if (at == 0) todo.push_back(step.next);
          break;
        case Code::End:
          if (at == text.size()) todo.push_back(step.next);
          break;
        case Code::LineBegin:
          if (at == 0 || text[at - 1] == '\n') todo.push_back(step.next);
          break;
        case Code::LineEnd:
          if (at == text.size() || text[at] == '\n') todo.push_back(step.next);
          break;
        case Code::Word:
          if (word) todo.push_back(step.next);
          break;
        case Code::NotWord:
          if (!word) todo.push_back(step.next);
          break;
        case Code::Set:
        case Code::Match:
          states.push_back(s);
      }
    }
  };
  enter(0, 0, now);
  for (size_t at = 0; at < text.size(); ++at) {
    next.clear();
    for (int s : now) {
      const Step& step = program_[static_cast<size_t>(s)];
      if (step.code != Code::Set) continue;
      const auto r = std::upper_bound(step.set.begin(), step.set.end(), text[at],
                                      [](uint32_t c, const Range& x) { return c < x.lo; });
      if (r != step.set.begin() && text[at] <= std::prev(r)->hi) enter(step.next, at + 1, next);
    }
    now.swap(next);
    if (now.empty()) return false;
  }
  return std::any_of(now.begin(), now.end(),
                     [&](int s) { return program_[static_cast<size_t>(s)].code == Code::Match; });
}

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
