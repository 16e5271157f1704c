// The table of terms of one thread.
#include "ops/term.h"

#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "graph/op.h"
#include "support/error.h"

namespace tauto {
namespace {

// Number 0 is "", of literals. Inputs end with '['.
class Names {
 public:
  Names() { number(""); }
  uint32_t number(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto at = numbers_.find(name); at != numbers_.end()) return at->second;
    names_.emplace_back(name);
    return numbers_[names_.back()] = static_cast<uint32_t>(names_.size()) - 1;
  }
  std::string_view text(uint32_t number) {
    const std::lock_guard lock(mutex_);
    return names_.at(number);
  }

 private:
  std::mutex mutex_;
  std::deque<std::string> names_;  // where they lie does not change
  std::unordered_map<std::string_view, uint32_t> numbers_;
};
Names& names() {
  static Names all;
  return all;
}

struct Entry {
  uint32_t name = 0;
  ElementType type;
  uint8_t count = 0, unused = 0;             // arguments; the entry is hashed by its bytes
  uint32_t word[TermArguments::kMost] = {};  // the arguments; of a literal its bits, of an input its index

  uint64_t bits() const { return word[0] | uint64_t{word[1]} << 32; }
  bool operator==(const Entry&) const = default;
};
static_assert(sizeof(Entry) == 24);

// An entry is found through its last argument, if it is the first that was made with that one last: so are
// almost all steps of a sum, and no other memory is touched than that of the sum so far. The others are found
// by an open hash table of ids, each with a part of its hash, so that few are looked at in vain.
struct Table {
  static constexpr uint32_t kFree = ~uint32_t{0};
  struct alignas(32) Node {
    Entry entry;
    uint32_t child = kFree;
  };
  std::vector<Node> nodes;
  struct Slot {
    uint32_t id = kFree, hash = 0;
  };
  std::vector<Slot> slots = std::vector<Slot>(1024);
  size_t used = 0;  // slots

  const Entry& at(Term t) const { return nodes.at(t.id).entry; }

  static uint64_t hash_of(const Entry& e) {
    uint64_t w[3];
    std::memcpy(w, &e, sizeof e);
    uint64_t h = 0x9e3779b97f4a7c15u;
    for (const uint64_t v : w) {
      h = (h ^ v) * 0xd6e8feb86659fd93u;
      h ^= h >> 32;
    }
    return h * 0xd6e8feb86659fd93u;
  }
  static uint32_t part(uint64_t hash) { return static_cast<uint32_t>(hash); }
  size_t first_slot(uint64_t hash) const { return (hash >> 32) & (slots.size() - 1); }

  Term add(const Entry& e) {
    const Term made{static_cast<uint32_t>(nodes.size())};
    CHECK(made.id != kFree);
    nodes.push_back({e});
    return made;
  }
  Term intern(const Entry& e) {
    if (e.count > 0) {
      const uint32_t last = e.word[e.count - 1];
      const uint32_t child = nodes[last].child;
      if (child == kFree) {
        const Term made = add(e);
        nodes[last].child = made.id;
        return made;
      }
      if (nodes[child].entry == e) return Term{child};
    }
    const uint64_t hash = hash_of(e);
    size_t at = first_slot(hash);
    for (; slots[at].id != kFree; at = (at + 1) & (slots.size() - 1))
      if (slots[at].hash == part(hash) && nodes[slots[at].id].entry == e) return Term{slots[at].id};
    const Term made = add(e);
    slots[at] = {made.id, part(hash)};
    if (++used * 2 > slots.size()) grow();
    return made;
  }
  Term intern(uint32_t name, ElementType type, uint64_t bits) {
    return intern({name, type, 0, 0, {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32), 0, 0}});
  }
  void grow() {
    std::vector<Slot> old(slots.size() * 2);
    slots.swap(old);
    for (const Slot& s : old) {
      if (s.id == kFree) continue;
      size_t at = first_slot(hash_of(nodes[s.id].entry));
      while (slots[at].id != kFree) at = (at + 1) & (slots.size() - 1);
      slots[at] = s;
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

TermName term_name(std::string_view name) { return {names().number(name)}; }
std::string_view text_of(TermName name) { return names().text(name.id); }

Term term_input(std::string_view name, int64_t index, ElementType type) {
  return term_input(term_name(std::string(name) + "["), index, type);
}
Term term_input(TermName name, int64_t index, ElementType type) {
  return table().intern(name.id, type, static_cast<uint64_t>(index));
}
Term term_literal(ElementType type, uint64_t bits) { return table().intern(0, type, bits); }
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
  return term_apply(term_name(function), type, arguments);
}
Term term_apply(TermName function, ElementType type, std::initializer_list<Term> arguments) {
  CHECK(arguments.size() <= TermArguments::kMost);
  Entry e{function.id, type, static_cast<uint8_t>(arguments.size()), 0, {}};
  size_t n = 0;
  for (const Term t : arguments) e.word[n++] = t.id;
  return table().intern(e);
}
ElementType term_type(Term t) { return table().at(t).type; }
std::optional<uint64_t> term_literal_of(Term t) {
  const Entry& e = table().at(t);
  return e.name == 0 ? std::optional(e.bits()) : std::nullopt;
}
TermName term_name_of(Term t) { return {table().at(t).name}; }
std::string_view term_function(Term t) { return text_of(term_name_of(t)); }
TermArguments term_arguments(Term t) {
  const Entry& e = table().at(t);
  return {e.word, e.count};
}
Term term_argument(Term t, size_t i) {
  const Entry& e = table().at(t);
  CHECK(i < e.count);
  return Term{e.word[i]};
}
int64_t term_input_index(Term t) {
  const std::string_view function = term_function(t);
  CHECK(!function.empty() && function.back() == '[');
  return static_cast<int64_t>(table().at(t).bits());
}
std::optional<uint64_t> literal_bits(const Tensor& terms, int64_t i) {
  CHECK(terms.rep() == Rep::Term);
  return term_literal_of(terms.data<Term>()[i]);
}
size_t term_count() { return table().nodes.size(); }

std::string text_of(Term t) {
  const Entry& e = table().at(t);
  const std::string function(term_function(t));
  const uint64_t bits = e.bits();
  if (function.empty()) {
    if (e.type == f32) {
      float f;
      std::memcpy(&f, &bits, sizeof f);
      return text_of(f);
    }
    if (e.type == f64) {
      double d;
      std::memcpy(&d, &bits, sizeof d);
      return text_of(d);
    }
    return text_of(static_cast<int64_t>(bits));
  }
  if (function.back() == '[') return function + std::to_string(bits) + "]";
  std::string s = function + "(";
  const TermArguments arguments = term_arguments(t);
  for (size_t i = 0; i < arguments.size(); ++i) s += (i ? ", " : "") + text_of(arguments[i]);
  return s + ")";
}

namespace num {

Term like(Term x, double v) { return term_number(term_type(x), v); }

}  // namespace num
}  // namespace tauto
