// Both programs get the same inputs as terms; constants that were packed are packed as terms too.
#include "verify/prove_kernel.h"

#include <set>

#include "support/error.h"
#include "verify/loop_terms.h"

namespace tauto::proof {
namespace {

using Buffers = std::vector<SymbolicBuffer>;

int64_t number(const Dim& d, const Env& sizes) {
  const auto v = evaluate(d, sizes);
  CHECK(v.has_value(), "size ", text_of(d));
  return *v;
}

void find_stored(const loops::Stmt& s, std::set<std::string>& names) {
  if (const auto* x = s->as<loops::Store>()) names.insert(x->buffer->name);
  if (const auto* x = s->as<loops::For>()) find_stored(x->body, names);
  if (const auto* x = s->as<loops::If>()) find_stored(x->then, names);
  if (const auto* x = s->as<loops::Let>()) find_stored(x->body, names);
  if (const auto* x = s->as<loops::Allocate>()) find_stored(x->body, names);
  if (const auto* x = s->as<loops::Block>())
    for (const loops::Stmt& b : x->stmts) find_stored(b, names);
}

Buffers inputs_of(const loops::Kernel& k, const std::set<std::string>& stored, const Env& sizes) {
  Buffers all;
  for (const loops::BufferPtr& b : k.buffers) {
    SymbolicBuffer s{b->name, b->type, {}};
    s.elements.resize(static_cast<size_t>(number(b->layout.elements, sizes)));
    const std::string name = b->name + (b->finite ? "!" : "");
    if (!stored.count(b->name))
      for (size_t i = 0; i < s.elements.size(); ++i)
        s.elements[i] = term_input(name, static_cast<int64_t>(i), b->type);
    all.push_back(std::move(s));
  }
  return all;
}

// As `packed` does to numbers: the numbers of the elements, from 1, are packed, and say which term goes
// where.
void pack(SymbolicBuffer& b, const Packing& p) {
  Tensor numbers(i64, {static_cast<int64_t>(b.elements.size())});
  for (int64_t i = 0; i < numbers.count(); ++i) numbers.data<int64_t>()[i] = i + 1;
  const Tensor order = packed(numbers, p);
  std::vector<std::optional<Term>> elements;
  for (int64_t i = 0; i < order.count(); ++i) {
    const int64_t from = order.data<int64_t>()[i];
    elements.push_back(from == 0 ? term_literal(b.type, 0) : b.elements[static_cast<size_t>(from - 1)]);
  }
  b.elements = std::move(elements);
}

// Terms share their parts: written out whole they would never end.
void append_text(Term t, std::string& s) {
  constexpr size_t kMost = 400;
  const std::vector<Term> arguments = term_arguments(t);
  if (arguments.empty()) {
    s += text_of(t);
    return;
  }
  s += cat(term_function(t), "(");
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (i > 0) s += ", ";
    if (s.size() > kMost) {
      s += "…";
      break;
    }
    append_text(arguments[i], s);
  }
  s += ")";
}
std::string shortened(const std::optional<Term>& t) {
  std::string s;
  if (t) append_text(*t, s);
  return t ? s : "nothing";
}

void run(const Generated& g, Buffers& buffers, const Env& sizes, bool pieces) {
  std::vector<uint64_t> values;
  for (const Dim& d : g.sizes) values.push_back(static_cast<uint64_t>(number(d, sizes)));
  const int64_t from = number(g.parallel_from, sizes), to = number(g.parallel_to, sizes);
  const auto piece = [&](int64_t a, int64_t b) {
    std::vector<uint64_t> all = values;
    all.push_back(static_cast<uint64_t>(a));
    all.push_back(static_cast<uint64_t>(b));
    evaluate_terms(g.program, buffers, all, number(g.workspace, sizes));
  };
  const int64_t steps = (to - from + g.parallel_step - 1) / g.parallel_step;
  const int64_t cut = from + (steps + 1) / 2 * g.parallel_step;
  if (pieces && cut < to) {
    piece(cut, to);
    piece(from, cut);
  } else {
    piece(from, to);
  }
}

}  // namespace

const char* text_of(Proof::Verdict v) {
  constexpr const char* kNames[] = {"proved", "undecided", "refuted"};
  return kNames[static_cast<size_t>(v)];
}

Proof prove_kernel(const loops::Kernel& expression, const Scheduled& scheduled, const Generated& generated,
                   const Env& sizes, bool pieces) {
  const TermScope scope;
  Proof proof;
  try {
    std::set<std::string> stored;
    find_stored(expression.body, stored);
    Buffers expected = inputs_of(expression, stored, sizes), got = expected;
    for (const Packing& p : scheduled.packings) pack(got[p.buffer], p);
    evaluate_terms(expression, expected, sizes);
    run(generated, got, sizes, pieces);
    proof.verdict = Proof::Verdict::Proved;
    for (size_t k = 0; k < expected.size(); ++k) {
      if (!stored.count(expected[k].name)) continue;
      for (size_t i = 0; i < expected[k].elements.size(); ++i) {
        const auto &x = expected[k].elements[i], &y = got[k].elements[i];
        if (!x) continue;  // padding of the layout
        if (x == y) {
          ++proof.elements;
          continue;
        }
        proof.verdict = y ? Proof::Verdict::Undecided : Proof::Verdict::Refuted;
        proof.reason = cat(expected[k].name, "[", i, "]: required ", shortened(x), ", got ", shortened(y));
        return proof;
      }
    }
    proof.terms = static_cast<int64_t>(term_count());
  } catch (const Undecided& u) {
    proof.reason = u.reason;
  } catch (const Error& e) {
    proof.verdict = Proof::Verdict::Refuted;
    proof.reason = e.what();
  }
  return proof;
}

}  // namespace tauto::proof
