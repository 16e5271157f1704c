// The words of a comparison: budgets as they are read, verdict lines as they are printed.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "verify/same.h"

namespace tauto::equivalence {
namespace {

double number_of(const std::string& option, std::string text) {
  const bool percent = text.ends_with('%');
  if (percent) text.pop_back();
  double v = 0;
  const auto [p, status] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (status != std::errc() || p != text.data() + text.size())
    fail("same: --budget: ", option, ": required a number or a percentage, got \"", text, "\"");
  return percent ? v / 100 : v;
}

void pad(std::string& s, size_t width) {
  while (s.size() < width) s += ' ';
}

std::string share_text(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", share * 100);
  return text;
}

}  // namespace

Budget parse_budget(const std::string& text) {
  Budget b;
  for (const std::string& word : split_words(text, "same: --budget")) {
    const size_t at = word.find('=');
    const std::string name = word.substr(0, at), value = at == std::string::npos ? "" : word.substr(at + 1);
    if (name == "flips" || name == "flips<") {
      b.flips = number_of(name, value);
      if (!(*b.flips >= 0 && *b.flips < 1))
        fail("same: --budget: flips: required 0 % to below 100 %, got ", value);
    } else if (name == "confidence" || name == "conf" || name == "conf>") {
      b.confidence = number_of(name, value);
      if (!(b.confidence > 0 && b.confidence < 1))
        fail("same: --budget: confidence: required above 0 % and below 100 %, got ", value);
    } else {
      fail("same: --budget: required flips=RATE and confidence=RATE, got \"", word, "\"");
    }
  }
  return b;
}

std::string with_commas(int64_t n) {
  std::string s = std::to_string(n);
  for (size_t at = s.size(); at > 3 + (s[0] == '-');) s.insert(at -= 3, ",");
  return s;
}

std::string percent(double rate, Round round) {
  const double value = rate * 100;
  const int digits = value >= 10 ? 3 : 2;
  char text[32];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  const double printed = std::strtod(text, nullptr);
  const bool is_wrong = round == Round::Up ? printed < value : round == Round::Down && printed > value;
  if (is_wrong && value > 0) {  // one more, or less, of the last digit
    const double last = std::pow(10.0, std::floor(std::log10(value)) - (digits - 1));
    std::snprintf(text, sizeof text, "%.*g", digits, printed + (round == Round::Up ? last : -last));
  }
  return cat(text, " %");
}

std::string text_of(const SameResult& r) {
  constexpr size_t kLeg = 18, kLevel = 11, kVerdict = 18;
  std::string text, last;
  size_t path = 13;
  for (const Line& l : r.lines) path = std::max(path, l.path.size() + 2);
  for (const Line& l : r.lines) {
    const bool again = l.leg == last;
    std::string line = "  ";
    if (!again) line += l.leg;
    pad(line, kLeg);
    if (!again) line += l.path;
    pad(line, kLeg + path);
    line += l.level;
    pad(line, kLeg + path + kLevel);
    if (l.verdict) line += text_of(l.verdict->kind);
    pad(line, kLeg + path + kLevel + kVerdict);
    text += line + l.detail + "\n";
    for (const std::string& more : l.more) {
      if (more == l.detail) continue;
      std::string below;
      pad(below, kLeg + path + kLevel + kVerdict);
      text += below + more + "\n";
    }
    last = l.leg;
  }
  if (!r.blame.empty()) {
    std::string line = "  to blame";
    pad(line, kLeg);
    double rest = 1;
    for (size_t i = 0; i < r.blame.size() && i < 3; ++i) {
      rest -= r.blame[i].second;
      line += cat(i > 0 ? ", " : "", r.blame[i].first, " ", share_text(r.blame[i].second));
    }
    if (rest > 0.005) line += ", other " + share_text(rest);
    text += line + "\n";
  }
  if (!r.first_illegal.empty()) {
    std::string line = "  they part at";
    pad(line, kLeg);
    text += line + r.first_illegal + "\n";
  }
  return text;
}

}  // namespace tauto::equivalence
