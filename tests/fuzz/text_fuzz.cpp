// Mutates the text of graphs and parses what comes out: every mutant must end as a module that verifies,
// prints and parses back to itself and can be folded, or as one Error (campaign.h says what else is a
// failure).
//
//   text_fuzz --seed S --count N [--only K] [--out DIR] FILE.graph...      texts that parse
//
// Changes are made by words: one is left out, doubled, exchanged with another one of any of the files, a
// number becomes an odd one; some by lines or bytes.
#include <algorithm>
#include <random>

#include "fuzz/campaign.h"
#include "graph/text.h"
#include "passes/fold_constants.h"
#include "support/file.h"

namespace tauto {
namespace {

using Words = std::vector<std::string>;

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

// Runs of letters and digits; every other character alone.
Words words_of(std::string_view text) {
  Words words;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (in_word(text[i]))
      while (end < text.size() && in_word(text[end])) ++end;
    words.emplace_back(text.substr(i, end - i));
    i = end;
  }
  return words;
}

class Mutator {
 public:
  Mutator(const std::vector<Words>& texts, uint64_t seed) : texts_(texts), random_(seed) {}

  std::string mutant(size_t which) {
    words_ = texts_[which];
    for (uint64_t n = 1 + below(3); n > 0; --n) change();
    std::string s;
    for (const std::string& w : words_) s += w;
    if (below(16) == 0 && !s.empty()) s[below(s.size())] = static_cast<char>(random_());
    if (below(32) == 0) s.resize(below(s.size() + 1));
    return s;
  }

 private:
  uint64_t below(uint64_t n) { return n ? random_() % n : 0; }

  // A place of a word that is no space.
  size_t place() {
    size_t at = below(words_.size());
    for (int tries = 0; tries < 8 && (words_[at] == " " || words_[at] == "\n"); ++tries)
      at = below(words_.size());
    return at;
  }

  std::string odd_number() {
    static const char* const kOdd[] = {"0",
                                       "1",
                                       "2",
                                       "-1",
                                       "-2",
                                       "7",
                                       "64",
                                       "1000000000000",
                                       "2147483648",
                                       "4294967296",
                                       "9223372036854775807",
                                       "-9223372036854775808",
                                       "18446744073709551615",
                                       "1e40",
                                       "-0.0",
                                       "nan",
                                       "inf",
                                       "0.5"};
    return kOdd[below(std::size(kOdd))];
  }

  void change() {
    if (words_.size() < 2) return;
    const size_t at = place();
    const auto here = words_.begin() + static_cast<ptrdiff_t>(at);
    switch (below(12)) {
      case 0:
        words_.erase(here);
        return;
      case 1: {
        const std::string copy = *here;
        words_.insert(here, copy);
        return;
      }
      case 2:
        std::swap(*here, words_[place()]);
        return;
      case 3: {
        const Words& other = texts_[below(texts_.size())];
        *here = other[below(other.size())];
        return;
      }
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: {  // the next number
        const auto number = std::find_if(here, words_.end(), [](const std::string& w) {
          return std::isdigit(static_cast<unsigned char>(w[0]));
        });
        if (number != words_.end()) *number = odd_number();
        return;
      }
      case 9: {  // a line is left out or doubled
        const auto begin = std::find(std::make_reverse_iterator(here), words_.rend(), "\n").base();
        auto end = std::find(here, words_.end(), "\n");
        if (end != words_.end()) ++end;
        if (below(2)) {
          words_.erase(begin, end);
        } else {
          const Words line(begin, end);
          words_.insert(begin, line.begin(), line.end());
        }
        return;
      }
      default: {  // a word of the same kind from anywhere
        const Words& other = texts_[below(texts_.size())];
        for (int tries = 0; tries < 16; ++tries) {
          const std::string& w = other[below(other.size())];
          if (in_word(w[0]) == in_word((*here)[0])) {
            *here = w;
            return;
          }
        }
      }
    }
  }

  const std::vector<Words>& texts_;
  Words words_;
  std::mt19937_64 random_;
};

Verdict judge(const std::string& text) {
  Verdict v;
  try {
    const Module module = parse_module(text);
    v.valid = v.accepted = true;
    const ModuleText t = print(module);
    if (!(parse_module(t.text, t.side) == module)) v.problem = "print, parse: another module";
    if (!module.functions.count("main")) return v;
    const Module folded = fold_constants(module);
    if (std::string why = verify(folded); !why.empty()) v.problem = "fold_constants: " + why;
  } catch (const Error& e) {
    if (v.accepted) v.problem = e.what();
  }
  return v;
}

int run(int argc, char** argv) {
  const Campaign campaign(argc, argv);
  std::vector<Words> texts;
  for (const std::string& p : campaign.paths) texts.push_back(words_of(map_file(p).text()));
  return campaign.run(
      ".graph", [&](size_t which, uint64_t seed) { return Mutator(texts, seed).mutant(which); }, judge);
}

}  // namespace
}  // namespace tauto

int main(int argc, char** argv) { return tauto::run(argc, argv); }
