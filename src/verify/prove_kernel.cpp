// Both programs get the same inputs as terms; constants that were packed are packed as terms too.
#include "verify/prove_kernel.h"

#include <algorithm>
#include <memory>

#include "support/error.h"
#include "verify/addresses.h"
#include "verify/algebra.h"
#include "verify/loop_terms.h"
#include "verify/ring.h"

namespace tauto::proof {
namespace {

using Buffers = std::vector<SymbolicBuffer>;

int64_t number(const Dim& d, const Env& sizes) {
  const auto v = evaluate(d, sizes);
  CHECK(v.has_value(), "size ", text_of(d));
  return *v;
}

size_t stored_by(const loops::Kernel& k) {  // the number of the buffer
  const loops::Buffer* found = nullptr;
  loops::each_node(
      k.body, [](const loops::Expr&) {},
      [&](const loops::Stmt& s) {
        if (const auto* x = s->as<loops::Store>()) found = x->buffer.get();
      });
  size_t i = 0;
  while (i < k.buffers.size() && k.buffers[i].get() != found) ++i;
  return i;
}

Term drawn(int64_t i, const std::pair<int64_t, int64_t>& range, ElementType t) {
  const auto n = static_cast<uint64_t>(range.second - range.first);
  const uint64_t r = (static_cast<uint64_t>(i) + 1) * 0x9e3779b97f4a7c15u >> 20;
  return literal(t, static_cast<uint64_t>(range.first) + (n > 0 ? r % n : 0));
}

Buffers inputs_of(const loops::Kernel& k, const Env& sizes, const ProofOptions& o) {
  Buffers all;
  const size_t stored = stored_by(k);
  for (size_t i = 0; i < k.buffers.size(); ++i) {
    const loops::Buffer& b = *k.buffers[i];
    const int64_t count = number(b.layout.elements, sizes);
    SymbolicBuffer s = symbolic_input(b.name + (b.finite ? "!" : ""), b.type, count);
    if (i == stored) s.given = {};
    if (const auto range = o.numbers.find(i); range != o.numbers.end())
      s.given = [range = range->second, type = b.type](int64_t e) { return drawn(e, range, type); };
    all.push_back(std::move(s));
  }
  return all;
}

// As `packed` does to numbers: the numbers of the elements, from 1, are packed, and say which term goes
// where.
void pack(SymbolicBuffer& b, const Packing& p) {
  Tensor numbers(i64, {b.count});
  for (int64_t i = 0; i < numbers.count(); ++i) numbers.data<int64_t>()[i] = i + 1;
  Packing one = p;
  one.parts = {};
  std::vector<std::function<Term(int64_t)>> parts;
  for (int64_t part = 0; part < p.parts.count; ++part) {
    const auto order = std::make_shared<const Tensor>(packed(numbers, one));
    one.offset += p.parts.stride;
    b.count = order->count();
    parts.push_back([order, type = b.type, before = b.given](int64_t i) {
      const int64_t from = order->data<int64_t>()[i];
      return from == 0 ? term_literal(type, 0) : before(from - 1);
    });
  }
  const bool pairs = p.parts.count > 1 && b.type == bf16;
  if (p.parts.count > 1) b.type = pairs ? f32 : i32;
  b.looked_up = false;
  b.given = [parts, pairs](int64_t i) {
    std::vector<Term> terms;
    for (const auto& part : parts) terms.push_back(part(i));
    if (terms.size() > 4) {  // a few bits of each byte
      std::vector<Term> bytes;
      for (size_t byte = 0; byte < 4; ++byte) {
        std::vector<Term> slices;
        for (size_t k = byte; k < terms.size(); k += 4) slices.push_back(terms[k]);
        bytes.push_back(slices_together(slices));
      }
      return bytes_together(bytes);
    }
    return terms.size() == 1   ? terms[0]
           : pairs             ? pair_together(terms[0], terms[1])
           : terms.size() == 2 ? words_together(terms[0], terms[1])
                               : bytes_together(terms);
  };
}

void set_known(SymbolicBuffer& b, const std::map<int64_t, uint64_t>& bits) {
  b.looked_up = false;
  b.given = [before = b.given, type = b.type, bits](int64_t i) {
    const auto at = bits.find(i);
    return at == bits.end() ? before(i) : literal(type, at->second);
  };
}

void lay_over(SymbolicBuffer& b, const SymbolicBuffer& result, int64_t bytes) {
  if (b.type.bytes() != result.type.bytes() || bytes % b.type.bytes() != 0)
    throw Undecided{cat(b.name, " lies over parts of elements of the result")};
  b.looked_up = false;
  b.given = [before = b.given, &b, &result, by = bytes / b.type.bytes()](int64_t i) {
    const auto at = result.written.find(i + by);
    if (at == result.written.end()) return before(i);
    if (b.type != result.type) throw Undecided{cat(b.name, " is read as another type than was written")};
    return at->second;
  };
}

// Memory of bytes read as i32, of bf16 as f32.
void join_bytes(SymbolicBuffer& b) {
  if (b.type == bf16) {
    b.count /= 2;
    b.type = f32;
    b.looked_up = false;
    b.given = [before = b.given](int64_t i) { return pair_together(before(2 * i), before(2 * i + 1)); };
    return;
  }
  b.count /= 4;
  b.type = i32;
  b.looked_up = false;
  b.given = [before = b.given](int64_t i) {
    return bytes_together({before(4 * i), before(4 * i + 1), before(4 * i + 2), before(4 * i + 3)});
  };
}

// Terms share their parts: written out whole they would never end.
void append_text(Term t, std::string& s) {
  constexpr size_t kMost = 400;
  const TermArguments arguments = term_arguments(t);
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

// The arguments of a kernel: buffers, sizes, the bounds of a piece, the workspace.
vec::Program stores_of(const Generated& g, const Buffers& buffers) {
  return addresses_of(g.program, buffers.size(), buffers.size() + g.sizes.size() + 3);
}

Walk run(const Generated& g, const vec::Program& program, Buffers& buffers, const Env& sizes,
         const ProofOptions& options) {
  std::vector<uint64_t> values;
  for (const Dim& d : g.sizes) values.push_back(static_cast<uint64_t>(number(d, sizes)));
  const int64_t from = number(g.parallel_from, sizes), to = number(g.parallel_to, sizes);
  const auto piece = [&](int64_t a, int64_t b) {
    std::vector<uint64_t> all = values;
    all.push_back(static_cast<uint64_t>(a));
    all.push_back(static_cast<uint64_t>(b));
    return evaluate_terms(program, buffers, all, number(g.workspace, sizes), options.trips);
  };
  const int64_t steps = (to - from + g.parallel_step - 1) / g.parallel_step;
  const int64_t cut = from + (steps + 1) / 2 * g.parallel_step;
  if (!options.pieces || cut >= to) return piece(from, to);
  Walk later = piece(cut, to);
  const Walk first = piece(from, cut);
  later.whole = later.whole && first.whole;
  later.looked_up = later.looked_up || first.looked_up;
  return later;
}

// Down to where two terms differ, along arguments that are made by one function.
void descend(Term& x, Term& y) {
  while (term_name_of(x) == term_name_of(y)) {
    if (std::vector<Term> p = summands(x), q = summands(y); p.size() > 1 && q.size() > 1) {
      const auto sort = [](std::vector<Term>& v) {
        std::sort(v.begin(), v.end(), [](Term s, Term t) { return s.id < t.id; });
      };
      const auto less = [](Term s, Term t) { return s.id < t.id; };
      std::vector<Term> only_x, only_y;
      sort(p), sort(q);
      std::set_difference(p.begin(), p.end(), q.begin(), q.end(), std::back_inserter(only_x), less);
      std::set_difference(q.begin(), q.end(), p.begin(), p.end(), std::back_inserter(only_y), less);
      if (only_x.empty() || only_y.empty()) {
        x = only_x.empty() ? literal(term_type(x), 0) : only_x[0];
        y = only_y.empty() ? literal(term_type(y), 0) : only_y[0];
        return;
      }
      x = only_x[0];
      y = only_y[0];
      continue;
    }
    const TermArguments a = term_arguments(x), b = term_arguments(y);
    if (a.size() != b.size()) return;
    size_t at = a.size(), last = a.size(), count = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      last = i;
      ++count;
      if (at == a.size() && term_name_of(a[i]) == term_name_of(b[i])) at = i;
    }
    if (at == a.size() && count == 1) at = last;
    if (at == a.size()) return;
    x = a[at];
    y = b[at];
  }
}

// Which elements of the result the program writes, in all trips.
constexpr int64_t kMostElements = int64_t{1} << 28;
std::string missing(const Generated& g, const ElementTerms& expected, Buffers buffers, const Env& sizes) {
  SymbolicBuffer& result = buffers[expected.result()];
  if (result.count > kMostElements) return "too many elements to see that all are written";
  result.marks.resize(static_cast<size_t>(result.count));
  run(g, stores_of(g, buffers), buffers, sizes, {});
  for (int64_t i = 0; i < result.count; ++i) {
    if (expected.is_padding(i)) continue;
    const bool is_written = result.marks[static_cast<size_t>(i)], beside = expected.is_beside(i);
    if (is_written == beside) fail(result.name, "[", i, is_written ? "] is written" : "] is not written");
  }
  return "";
}

}  // namespace

const char* text_of(Proof::Verdict v) {
  constexpr const char* kNames[] = {"proved", "proved on shapes", "undecided", "refuted"};
  return kNames[static_cast<size_t>(v)];
}

StoreCount count_stores(const loops::Kernel& expression, const Generated& generated, const Env& sizes,
                        const Trips& trips) {
  const TermScope scope;
  ProofOptions o;
  o.trips = trips;
  Buffers buffers = inputs_of(expression, sizes, o);
  StoreCount count{0, run(generated, stores_of(generated, buffers), buffers, sizes, o).tails};
  for (const SymbolicBuffer& b : buffers) count.elements += static_cast<int64_t>(b.written.size());
  return count;
}

Proof prove_kernel(const loops::Kernel& expression, const Scheduled& scheduled, const Generated& generated,
                   const Env& sizes, const ProofOptions& options) {
  const TermScope scope;
  Proof proof;
  try {
    Buffers inputs = inputs_of(expression, sizes, options);
    for (const auto& [b, known] : options.known) set_known(inputs[b], known.definition);
    Buffers got = inputs;
    for (const Packing& p : scheduled.packings) pack(got[p.buffer], p);
    for (const auto& [b, known] : options.known) set_known(got[b], known.code);
    for (const size_t b : scheduled.words) join_bytes(got[b]);
    const Buffers before = got;
    for (const auto& [b, bytes] : options.over_result) lay_over(got[b], got[stored_by(expression)], bytes);
    const Walk walk = run(generated, generated.program, got, sizes, options);
    proof.whole = walk.whole;
    proof.looked_up = walk.looked_up;
    ElementTerms expected(expression, inputs, sizes);
    const SymbolicBuffer& result = got[expected.result()];
    std::vector<int64_t> written;
    for (const auto& [i, term] : result.written) written.push_back(i);
    std::sort(written.begin(), written.end());
    InRingOrder in_ring_order;
    for (const int64_t i : written) {
      if (expected.is_beside(i)) fail(result.name, "[", i, "] is written");
      std::optional<Term> x = expected.at(i);
      if (!x) continue;
      Term y = result.written.at(i);
      if (term_count() > options.trips.most_terms) throw Undecided{"too many terms"};
      ++proof.elements;
      if (*x == y) continue;
      x = in_ring_order(*x);
      y = in_ring_order(y);
      if (*x == y) continue;
      descend(*x, y);
      proof.reason = cat(result.name, "[", i, "]: required ", shortened(x), ", got ", shortened(y));
      return proof;
    }
    proof.terms = static_cast<int64_t>(term_count());
    if (proof.whole && proof.elements < expected.elements())
      fail(expected.elements() - proof.elements, " elements of the result are not written");
    if (!proof.whole) proof.reason = missing(generated, expected, before, sizes);
    proof.verdict = proof.reason.empty() ? Proof::Verdict::Proved : Proof::Verdict::ProvedOnShapes;
  } catch (const Undecided& u) {
    proof.reason = u.reason;
  } catch (const std::exception& e) {
    proof.verdict = Proof::Verdict::Refuted;
    proof.reason = e.what();
  }
  return proof;
}

}  // namespace tauto::proof
