// Tokens, a recursive reader, and formulas as unions of boxes: `and` intersects them, `or` joins them.
#include "support/vnnlib.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "support/error.h"
#include "support/file.h"

namespace tauto::region {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr size_t kMostBoxes = 100'000;
constexpr int kDeepest = 64;

// What is known of some inputs; of others nothing.
using Bounds = std::map<size_t, Range>;
using Union = std::vector<Bounds>;

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : text_(text), name_(name) {}

  std::vector<Box> read() {
    Union all(1);
    for (;;) {
      const std::string_view token = next();
      if (token.empty()) break;
      if (token != "(") wrong("(", token);
      const std::string_view what = next();
      if (what == "declare-const") {
        declare();
      } else if (what == "assert") {
        if (std::optional<Union> part = formula(0)) all = both(all, *part);
      } else {
        wrong("declare-const or assert", what);
      }
      expect(")");
    }
    return boxes_of(all);
  }

 private:
  [[noreturn]] void wrong(const std::string& required, std::string_view got) const {
    fail(name_, ": line ", line_, ": required ", required, ", got ",
         got.empty() ? "the end of the file" : cat('"', got.substr(0, 40), '"'));
  }

  std::string_view next() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == ';') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '\n' || c == ' ' || c == '\t' || c == '\r') {
        line_ += c == '\n';
        ++at_;
      } else {
        break;
      }
    }
    const size_t from = at_;
    if (from == text_.size()) return {};
    if (text_[at_] == '(' || text_[at_] == ')') return text_.substr(at_++, 1);
    while (at_ < text_.size() && std::string_view("(); \t\r\n").find(text_[at_]) == std::string_view::npos)
      ++at_;
    return text_.substr(from, at_ - from);
  }
  void expect(std::string_view token) {
    if (const std::string_view got = next(); got != token) wrong(std::string(token), got);
  }

  void declare() {
    const std::string_view name = next();
    bool input = false;
    size_t index = 0;
    if (!variable(name, input, index)) wrong("X_i or Y_i", name);
    size_t& count = input ? inputs_ : outputs_;
    if (index != count) wrong(cat(input ? "X_" : "Y_", count), name);
    ++count;
    expect("Real");
  }

  static bool variable(std::string_view token, bool& input, size_t& index) {
    if (token.size() < 3 || (token[0] != 'X' && token[0] != 'Y') || token[1] != '_') return false;
    input = token[0] == 'X';
    const char* end = token.data() + token.size();
    const auto [p, status] = std::from_chars(token.data() + 2, end, index);
    return status == std::errc() && p == end;
  }

  struct Term {
    bool is_input = false, is_output = false;
    size_t index = 0;
    double number = 0;
  };
  Term term() {
    const std::string_view token = next();
    Term t;
    bool input = false;
    if (token == "(") {  // (- 0.5)
      if (const std::string_view sign = next(); sign != "-") wrong("a variable or a number", sign);
      t = term();
      if (t.is_input || t.is_output) wrong("a number after -", "a variable");
      t.number = -t.number;
      expect(")");
    } else if (variable(token, input, t.index)) {
      if (t.index >= (input ? inputs_ : outputs_)) wrong("a declared variable", token);
      (input ? t.is_input : t.is_output) = true;
    } else {
      const char* end = token.data() + token.size();
      const auto [p, status] = std::from_chars(token.data(), end, t.number);
      if (status != std::errc() || p != end || !std::isfinite(t.number))
        wrong("a variable or a number", token);
    }
    return t;
  }

  // Nothing: it says nothing of the inputs.
  std::optional<Union> formula(int depth) {
    expect("(");
    if (depth > kDeepest) fail(name_, ": line ", line_, ": required at most ", kDeepest, " nested formulas");
    const std::string_view op = next();
    if (op == "and" || op == "or") return connected(op == "and", depth);
    if (op != "<=" && op != ">=") wrong("<=, >=, and, or", op);
    Term a = term(), b = term();
    expect(")");
    if (!a.is_input && !b.is_input) return std::nullopt;
    bool upper = op == "<=";  // a <= b
    if (b.is_input) std::swap(a, b), upper = !upper;
    if (b.is_input || b.is_output)
      fail(name_, ": line ", line_, ": required an input compared with a number, got two variables");
    Bounds bounds;
    bounds[a.index] = upper ? Range{-kInf, b.number} : Range{b.number, kInf};
    return Union{bounds};
  }

  std::optional<Union> connected(bool conjunction, int depth) {
    std::optional<Union> all;
    bool silent = false;  // a disjunct without inputs: then any input will do
    for (;;) {
      const size_t before = at_;
      const size_t line = line_;
      const std::string_view token = next();
      if (token == ")") break;
      at_ = before, line_ = line;
      std::optional<Union> part = formula(depth + 1);
      if (!part) {
        silent = true;
      } else if (!all) {
        all = std::move(part);
      } else if (conjunction) {
        all = both(*all, *part);
      } else {
        all->insert(all->end(), part->begin(), part->end());
      }
    }
    return !conjunction && silent ? std::nullopt : all;
  }

  Union both(const Union& a, const Union& b) const {
    if (a.size() * b.size() > kMostBoxes)
      fail(name_, ": line ", line_, ": required at most ", kMostBoxes, " boxes");
    Union r;
    for (const Bounds& x : a)
      for (const Bounds& y : b) {
        Bounds z = x;
        for (const auto& [i, range] : y) {
          Range& into = z.try_emplace(i, Range{-kInf, kInf}).first->second;
          into = {std::max(into.lo, range.lo), std::min(into.hi, range.hi)};
        }
        r.push_back(std::move(z));
      }
    return r;
  }

  std::vector<Box> boxes_of(const Union& all) const {
    if (inputs_ == 0) fail(name_, ": required (declare-const X_0 Real), got no input");
    std::vector<Box> boxes;
    for (const Bounds& bounds : all) {
      Box box;
      for (size_t i = 0; i < inputs_; ++i) {
        const auto at = bounds.find(i);
        const Range r = at == bounds.end() ? Range{-kInf, kInf} : at->second;
        if (!(r.lo > -kInf && r.hi < kInf))
          fail(name_, ": required bounds (<= X_", i, " …) and (>= X_", i, " …), got ",
               at == bounds.end() ? "none"
               : r.lo > -kInf     ? "only the lower one"
                                  : "only the upper one");
        box.push_back(r);
      }
      const bool empty = std::any_of(box.begin(), box.end(), [](const Range& r) { return r.lo > r.hi; });
      if (!empty) boxes.push_back(std::move(box));
    }
    if (boxes.empty()) fail(name_, ": required a box with lower bounds <= upper bounds, got only empty ones");
    return boxes;
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0, line_ = 1, inputs_ = 0, outputs_ = 0;
};

}  // namespace

std::vector<Box> parse_vnnlib(std::string_view text, const std::string& name) {
  return Reader(text, name).read();
}

std::vector<Box> read_vnnlib(const std::string& path) { return parse_vnnlib(map_file(path).text(), path); }

}  // namespace tauto::region
