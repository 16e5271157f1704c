// The table of terms of one thread.
#include "ops/term.h"

#include <cstring>
#include <map>
#include <memory>
#include <tuple>

#include "graph/op.h"
#include "support/error.h"

namespace tauto {
namespace {

struct Entry {
  std::string function;  // "" for a literal; ends with '[' for an input
  ElementType type;
  std::vector<uint32_t> arguments;
  uint64_t bits = 0;  // of a literal; index of an input
};

struct Table {
  std::vector<Entry> entries;
  std::map<std::tuple<std::string, uint8_t, uint8_t, std::vector<uint32_t>, uint64_t>, uint32_t> index;

  Term intern(Entry e) {
    auto key =
        std::make_tuple(e.function, static_cast<uint8_t>(e.type.kind), e.type.bits, e.arguments, e.bits);
    const auto [at, added] = index.try_emplace(std::move(key), static_cast<uint32_t>(entries.size()));
    if (added) entries.push_back(std::move(e));
    return Term{at->second};
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
  return table().intern({std::string(name) + "[", type, {}, static_cast<uint64_t>(index)});
}
Term term_literal(ElementType type, uint64_t bits) { return table().intern({"", type, {}, bits}); }
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
  std::vector<uint32_t> ids;
  for (Term t : arguments) ids.push_back(t.id);
  return table().intern({std::string(function), type, std::move(ids), 0});
}
ElementType term_type(Term t) { return table().entries.at(t.id).type; }
std::optional<uint64_t> term_literal_of(Term t) {
  const Entry& e = table().entries.at(t.id);
  return e.function.empty() ? std::optional(e.bits) : std::nullopt;
}
std::string_view term_function(Term t) { return table().entries.at(t.id).function; }
std::vector<Term> term_arguments(Term t) {
  std::vector<Term> r;
  for (uint32_t id : table().entries.at(t.id).arguments) r.push_back(Term{id});
  return r;
}
int64_t term_input_index(Term t) {
  const Entry& e = table().entries.at(t.id);
  CHECK(!e.function.empty() && e.function.back() == '[');
  return static_cast<int64_t>(e.bits);
}
std::optional<uint64_t> literal_bits(const Tensor& terms, int64_t i) {
  CHECK(terms.rep() == Rep::Term);
  return term_literal_of(terms.data<Term>()[i]);
}
size_t term_count() { return table().entries.size(); }

std::string text_of(Term t) {
  const Entry& e = table().entries.at(t.id);
  if (e.function.empty()) {
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
  if (e.function.back() == '[') return e.function + std::to_string(e.bits) + "]";
  std::string s = e.function + "(";
  for (size_t i = 0; i < e.arguments.size(); ++i) s += (i ? ", " : "") + text_of(Term{e.arguments[i]});
  return s + ")";
}

namespace num {

Term like(Term x, double v) { return term_number(term_type(x), v); }

}  // namespace num
}  // namespace tauto
