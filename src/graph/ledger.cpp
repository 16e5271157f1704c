// Ledgers as text.
#include "graph/ledger.h"

#include "graph/scanner.h"
#include "support/error.h"

namespace tauto {
namespace {

constexpr const char* kKinds[] = {"exact", "rounding", "quantizing"};

std::string text_of(const Contract& c) {
  const std::string kind = kKinds[static_cast<int>(c.kind)];
  return c.kind == ContractKind::Exact ? kind : cat(kind, "(", c.statement, ")");
}

// As it stands behind the @: in quotes unless it is a word.
std::string function_text(const std::string& name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  bool word = !name.empty() && is_letter(name[0]);
  for (char c : name) word = word && (is_letter(c) || (c >= '0' && c <= '9') || c == '.');
  return word ? name : quote(name);
}

// Splits s at the first, or last, `mark`; Error where there is none.
std::pair<std::string_view, std::string_view> cut(std::string_view s, std::string_view mark, bool last,
                                                  int line) {
  const size_t at = last ? s.rfind(mark) : s.find(mark);
  if (at == s.npos) fail("ledger: line ", line, ": required \"", mark, "\", got \"", s, "\"");
  return {s.substr(0, at), s.substr(at + mark.size())};
}

LedgerEntry parse_entry(std::string_view text, int line) {
  LedgerEntry e;
  const auto [pass, after_pass] = cut(text, " @", false, line);
  e.pass = pass;
  Scanner s(after_pass);
  e.function = s.peek("\"") ? s.quoted() : s.word("the function's name");
  while (s.peek("\"")) e.sources.push_back(s.quoted());
  s.expect(":");
  const auto [nodes, contract] = cut(after_pass.substr(s.mark()), "  ", true, line);
  const auto [before, after] = cut(nodes, " => ", false, line);
  e.before = before;
  e.after = after;
  for (int kind = 0; kind < 3; ++kind) {
    const std::string head = cat(kKinds[kind], kind == 0 ? "" : "(");
    if (contract.substr(0, head.size()) != head) continue;
    e.contract.kind = static_cast<ContractKind>(kind);
    if (kind > 0) e.contract.statement = contract.substr(head.size(), contract.size() - head.size() - 1);
    return e;
  }
  fail("ledger: line ", line, ": required exact, rounding(…) or quantizing(…), got \"", contract, "\"");
}

}  // namespace

std::string text_of(const LedgerEntry& e) {
  std::string s = cat(e.pass, " @", function_text(e.function));
  for (const std::string& name : e.sources) s += " " + quote(name);
  return cat(s, ": ", e.before, " => ", e.after, "  ", text_of(e.contract));
}

std::string text_of(const Ledger& ledger) {
  std::string s;
  for (const LedgerEntry& e : ledger) s += text_of(e) + "\n";
  return s;
}

Ledger parse_ledger(std::string_view text) {
  Ledger r;
  for (int line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    r.push_back(parse_entry(text.substr(0, end), line));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return r;
}

}  // namespace tauto
