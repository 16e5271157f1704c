// The table of terms of one thread.
#include "ops/term.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include "graph/op.h"
#include "support/error.h"

namespace tauto {
namespace {

struct Entry {
  uint32_t function = 0;  // index of its name
  ElementType type;
  uint32_t first = 0, count = 0;  // arguments, in Table::arguments
  uint64_t bits = 0;              // of a literal; index of an input
};

// Names: "" for a literal; ends with '[' for an input. Entries are found by an open hash table of their ids.
struct Table {
  std::vector<Entry> entries;
  std::vector<uint32_t> arguments;
  std::deque<std::string> names;
  std::map<std::string_view, uint32_t> name_index;
  std::vector<uint32_t> slots = std::vector<uint32_t>(1024, kFree);
  static constexpr uint32_t kFree = ~uint32_t{0};

  uint32_t name(std::string_view n) {
    if (const auto at = name_index.find(n); at != name_index.end()) return at->second;
    names.emplace_back(n);
    return name_index[names.back()] = static_cast<uint32_t>(names.size()) - 1;
  }
  const std::string& function(Term t) const { return names[entries.at(t.id).function]; }

  static uint64_t mixed(uint64_t h, uint64_t v) {
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    return h ^ (h >> 29);
  }
  uint64_t hash(const Entry& e, const uint32_t* a) const {
    uint64_t h = mixed(e.function, static_cast<uint64_t>(e.type.kind) << 8 | e.type.bits);
    h = mixed(h, e.bits);
    for (uint32_t i = 0; i < e.count; ++i) h = mixed(h, a[i]);
    return h;
  }
  bool same(const Entry& x, const Entry& e, const uint32_t* a) const {
    return x.function == e.function && x.type == e.type && x.bits == e.bits && x.count == e.count &&
           std::equal(a, a + e.count, arguments.begin() + x.first);
  }

  Term intern(std::string_view function, ElementType type, const uint32_t* a, size_t count, uint64_t bits) {
    Entry e{name(function), type, static_cast<uint32_t>(arguments.size()), static_cast<uint32_t>(count),
            bits};
    size_t at = hash(e, a) & (slots.size() - 1);
    for (; slots[at] != kFree; at = (at + 1) & (slots.size() - 1))
      if (same(entries[slots[at]], e, a)) return Term{slots[at]};
    const Term made{static_cast<uint32_t>(entries.size())};
    slots[at] = made.id;
    arguments.insert(arguments.end(), a, a + count);
    entries.push_back(e);
    if (entries.size() * 2 > slots.size()) grow();
    return made;
  }
  void grow() {
    slots.assign(slots.size() * 2, kFree);
    for (uint32_t id = 0; id < entries.size(); ++id) {
      size_t at = hash(entries[id], arguments.data() + entries[id].first) & (slots.size() - 1);
      while (slots[at] != kFree) at = (at + 1) & (slots.size() - 1);
      slots[at] = id;
    }
  }
};

thread_local Table* current = nullptr;

Table& table() {
  CHECK(current, "a TermScope is needed");
  return *current;
}

}  // namespace

TermScope::TermScope() : outer_(current) { current = new Table; }
TermScope::~TermScope() {
  delete current;
  current = static_cast<Table*>(outer_);
}

Term term_input(std::string_view name, int64_t index, ElementType type) {
  return table().intern(std::string(name) + "[", type, nullptr, 0, static_cast<uint64_t>(index));
}
Term term_literal(ElementType type, uint64_t bits) { return table().intern("", type, nullptr, 0, bits); }
Term term_number(ElementType t, double v) {
  uint64_t bits = 0;
  if (t == f32) {
    const float f = static_cast<float>(v);
    std::memcpy(&bits, &f, sizeof f);
  } else if (t == f64) {
    std::memcpy(&bits, &v, sizeof v);
  } else if (t == f16) {
    bits = Half(round_to_odd(v)).bits;
  } else if (t == bf16) {
    bits = BFloat(round_to_odd(v)).bits;
  } else {
    const auto i = static_cast<int64_t>(v);
    std::memcpy(&bits, &i, static_cast<size_t>(t.bytes()));
  }
  return term_literal(t, bits);
}
Term term_apply(std::string_view function, ElementType type, std::initializer_list<Term> arguments) {
  uint32_t ids[8];
  CHECK(arguments.size() <= std::size(ids));
  size_t n = 0;
  for (const Term t : arguments) ids[n++] = t.id;
  return table().intern(function, type, ids, n, 0);
}
ElementType term_type(Term t) { return table().entries.at(t.id).type; }
std::optional<uint64_t> term_literal_of(Term t) {
  return table().function(t).empty() ? std::optional(table().entries[t.id].bits) : std::nullopt;
}
std::string_view term_function(Term t) { return table().function(t); }
std::vector<Term> term_arguments(Term t) {
  const Entry& e = table().entries.at(t.id);
  std::vector<Term> r;
  for (uint32_t i = 0; i < e.count; ++i) r.push_back(Term{table().arguments[e.first + i]});
  return r;
}
int64_t term_input_index(Term t) {
  const std::string& function = table().function(t);
  CHECK(!function.empty() && function.back() == '[');
  return static_cast<int64_t>(table().entries[t.id].bits);
}
std::optional<uint64_t> literal_bits(const Tensor& terms, int64_t i) {
  CHECK(terms.rep() == Rep::Term);
  return term_literal_of(terms.data<Term>()[i]);
}
size_t term_count() { return table().entries.size(); }

std::string text_of(Term t) {
  const Entry& e = table().entries.at(t.id);
  const std::string& function = table().function(t);
  if (function.empty()) {
    if (e.type == f32) {
      float f;
      std::memcpy(&f, &e.bits, sizeof f);
      return text_of(f);
    }
    if (e.type == f64) {
      double d;
      std::memcpy(&d, &e.bits, sizeof d);
      return text_of(d);
    }
    return text_of(static_cast<int64_t>(e.bits));
  }
  if (function.back() == '[') return function + std::to_string(e.bits) + "]";
  std::string s = function + "(";
  const std::vector<Term> arguments = term_arguments(t);
  for (size_t i = 0; i < arguments.size(); ++i) s += (i ? ", " : "") + text_of(arguments[i]);
  return s + ")";
}

namespace num {

Term like(Term x, double v) { return term_number(term_type(x), v); }

}  // namespace num
}  // namespace tauto
