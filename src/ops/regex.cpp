// The program of a non-deterministic automaton and its simulation (Thompson, "Regular expression search
// algorithm", CACM 11 (6), 1968).
#include "ops/regex.h"

#include <algorithm>

#include "ops/regex_syntax.h"
#include "support/error.h"

namespace tauto {
namespace {

constexpr size_t kMaxProgram = 100000;

class Emitter {
 public:
  explicit Emitter(std::string_view pattern) : pattern_(pattern) {}

  void emit(const RegexTree& e) {
    if (++work_ > kMaxProgram) fail("regular expression \"", pattern_, "\": too large");
    switch (e.kind) {
      case RegexTree::Kind::Step:
        step(e.code, e.set);
        return;
      case RegexTree::Kind::Sequence:
        for (const RegexTree& p : e.parts) emit(p);
        return;
      case RegexTree::Kind::Alternatives: {
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
      case RegexTree::Kind::Repeat: {
        const RegexTree& part = e.parts[0];
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
  int step(Regex::Code code, const std::vector<Regex::Range>& set = {}) {
    program_.push_back({code, set, here() + 1, here() + 1});
    return here() - 1;
  }

  std::string_view pattern_;
  size_t work_ = 0;
  std::vector<Regex::Step> program_;
};

}  // namespace

Regex::Regex(std::string_view pattern) {
  Emitter emitter(pattern);
  emitter.emit(parse_regex(pattern));
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
      const bool word =
          (at > 0 && is_word_character(text[at - 1])) != (at < text.size() && is_word_character(text[at]));
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

}  // namespace tauto
