// Dimensions as text: the printer, and the parser of the same grammar (dim.h).
#include <cstring>

#include "graph/dim_form.h"
#include "support/error.h"

namespace tauto {
namespace {

struct FunctionName {
  DimKind kind;
  std::string_view name;
};
constexpr FunctionName kFunctions[] = {{DimKind::kFloor, "floor"},
                                       {DimKind::kMod, "mod"},
                                       {DimKind::kMax, "max"},
                                       {DimKind::kMin, "min"},
                                       {DimKind::kBcast, "bcast"}};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '?'; }
bool continues_name(char c) { return starts_name(c) || is_digit(c) || c == '.'; }

const FunctionName* function_of(std::string_view name) {
  for (const FunctionName& f : kFunctions) {
    if (f.name == name) return &f;
  }
  return nullptr;
}

std::string name_text(std::string_view name) {
  bool plain = !name.empty() && starts_name(name[0]) && !function_of(name);
  for (char c : name) plain &= continues_name(c);
  if (plain) return std::string(name);
  std::string s = "\"";
  for (char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      s += {'\\', 'x', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    } else {
      if (c == '"' || c == '\\') s += '\\';
      s += c;
    }
  }
  return s + '"';
}

std::string atom_text(const DimAtom& atom) {
  if (atom.kind == DimKind::kSymbol) return name_text(atom.name);
  std::string s;
  for (const FunctionName& f : kFunctions) {
    if (f.kind == atom.kind) s = cat(f.name, '(');
  }
  if (atom.kind == DimKind::kFloor) {
    const Dim &a = atom.args[0], &b = atom.args[1];
    const bool plain_a =
        a.is_literal() ? a.literal() >= 0 : a.poly()->terms.size() == 1 && a.poly()->terms[0].coeff > 0;
    const bool plain_b = b.is_literal() ? b.literal() >= 0
                                        : b.poly()->terms.size() == 1 && b.poly()->terms[0].coeff == 1 &&
                                              b.poly()->terms[0].atoms.size() == 1;
    s += plain_a ? text_of(a) : cat('(', text_of(a), ')');
    s += '/';
    s += plain_b ? text_of(b) : cat('(', text_of(b), ')');
  } else {
    for (size_t i = 0; i < atom.args.size(); ++i) s += cat(i ? ", " : "", text_of(atom.args[i]));
  }
  return s + ')';
}

// Reads one dimension from the front of a text.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Dim sum() {
    // A dimension that was printed is at most two brackets deep per level.
    if (++nesting_ > 4 * Dim::kMaxDepth) throw Error("dimension expression too large");
    bool negative = take('-');
    Dim result = product(negative);
    while ((negative = take('-')) || take('+')) result += product(negative);
    --nesting_;
    return result;
  }

  size_t position() {
    skip_space();
    return at_;
  }
  bool at_end() { return position() == text_.size(); }

  [[noreturn]] void expected(std::string_view what) {
    skip_space();
    const std::string_view rest = text_.substr(at_, 20);
    fail("dimension \"", text_.substr(0, 60), text_.size() > 60 ? "..." : "", "\": at ", at_, ": required ",
         what, ", got ", rest.empty() ? "the end" : cat('"', rest, '"'));
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void require(char c) {
    if (!take(c)) expected(cat('"', c, '"'));
  }

  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  Dim product(bool negative) {
    // The sign belongs to the number, or the lowest integer could not be read.
    const bool number = is_digit(peek());
    Dim result = number ? integer(negative) : negative ? -factor() : factor();
    while (take('*')) result *= factor();
    return result;
  }

  Dim integer(bool negative) {
    int64_t value = 0;
    for (skip_space(); at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      const int digit = text_[at_] - '0';
      if (__builtin_mul_overflow(value, int64_t{10}, &value) ||
          __builtin_add_overflow(value, int64_t{negative ? -digit : digit}, &value)) {
        throw Error("dimension arithmetic overflows");
      }
    }
    return value;
  }

  Dim factor() {
    const char c = peek();
    if (is_digit(c)) return integer(false);
    if (c == '"') return Dim::symbol(quoted());
    if (take('(')) {
      Dim inner = sum();
      require(')');
      return inner;
    }
    if (!starts_name(c)) expected("a number, a symbol or a function");
    const size_t begin = at_;
    while (at_ < text_.size() && continues_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    const FunctionName* f = function_of(name);
    if (!f) return Dim::symbol(std::string(name));
    require('(');
    Dim result = call(f->kind);
    require(')');
    return result;
  }

  Dim call(DimKind kind) {
    if (kind == DimKind::kFloor) {
      if (++nesting_ > 4 * Dim::kMaxDepth) throw Error("dimension expression too large");
      const Dim a = product(take('-'));
      require('/');
      const Dim b = factor();
      --nesting_;
      return floor_div(a, b);
    }
    std::vector<Dim> args = {sum()};
    require(',');
    args.push_back(sum());
    while (kind != DimKind::kMod && take(',')) {
      if (args.size() == Dim::kMaxArgs) throw Error("dimension expression too large");
      args.push_back(sum());
    }
    return apply_function(kind, args);
  }

  std::string quoted() {
    std::string s;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        s += text_[at_];
        continue;
      }
      const char* hex = "0123456789abcdef";
      const auto digit = [&](size_t i) -> int {
        const char* p = i < text_.size() && text_[i] ? std::strchr(hex, text_[i]) : nullptr;
        return p ? static_cast<int>(p - hex) : -1;
      };
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\\')) {
        s += text_[at_];
      } else if (at_ < text_.size() && text_[at_] == 'x' && digit(at_ + 1) >= 0 && digit(at_ + 2) >= 0) {
        s += static_cast<char>(digit(at_ + 1) * 16 + digit(at_ + 2));
        at_ += 2;
      } else {
        expected("one of \\\" \\\\ \\xHH in a quoted name");
      }
    }
    if (at_ == text_.size()) expected("the closing quote of a name");
    ++at_;
    return s;
  }

  std::string_view text_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

std::string text_of(const Dim& dim) {
  if (dim.is_literal()) return text_of(dim.literal());
  std::string s;
  for (const DimTerm& term : dim.poly()->terms) {
    // Written without a sign first: the sign of the lowest integer cannot be dropped.
    std::string product = text_of(term.coeff);
    const bool negative = product[0] == '-';
    if (negative) product.erase(0, 1);
    if (product == "1" && !term.atoms.empty()) product.clear();
    for (const DimAtomPtr& atom : term.atoms) product += cat(product.empty() ? "" : "*", atom_text(*atom));
    s += s.empty() ? (negative ? "-" : "") : (negative ? " - " : " + ");
    s += product;
  }
  return s;
}

Dim parse_dim(std::string_view text) {
  Parser parser(text);
  Dim dim = parser.sum();
  if (!parser.at_end()) parser.expected("the end");
  return dim;
}

Dim parse_dim_prefix(std::string_view& text) {
  Parser parser(text);
  Dim dim = parser.sum();
  text.remove_prefix(parser.position());
  return dim;
}

}  // namespace tauto
