// Buffers get made-up addresses far apart, so that an address says which buffer it belongs to.
#include "verify/vector_terms.h"

#include <algorithm>

#include "codegen/rules.h"
#include "support/error.h"
#include "verify/algebra.h"
#include "verify/trips.h"

namespace tauto::proof {
namespace {

using loops::Function;
using vec::Instr;
using vec::Lane;
using vec::Reg;
using vec::VecOp;

constexpr int kSpace = 40;     // bits of the address space of one buffer
constexpr int64_t kTrips = 5;  // of a shortened loop

ElementType type_of(Lane l) {
  constexpr ElementType kTypes[] = {i32, i64, f32, f64};
  return kTypes[static_cast<size_t>(l)];
}

class Evaluation {
 public:
  Evaluation(const vec::Program& p, std::vector<SymbolicBuffer>& buffers, const std::vector<uint64_t>& values,
             int64_t workspace)
      : p_(p),
        buffers_(buffers),
        lanes_(static_cast<size_t>(p.lanes)),
        registers_{std::vector<int64_t>(static_cast<size_t>(p.scalars)),
                   std::vector<Term>(static_cast<size_t>(p.scalars), SparseTerms::kNone),
                   std::vector<Term>(static_cast<size_t>(p.masks) * lanes_, SparseTerms::kNone),
                   std::vector<Term>(p.vectors.size() * lanes_, SparseTerms::kNone)},
        own_bytes_{workspace, p.scratch} {
    for (size_t k = 0; k < buffers.size(); ++k) arguments_.push_back((k + 1) << kSpace);
    arguments_.insert(arguments_.end(), values.begin(), values.end());
    arguments_.push_back((buffers.size() + 1) << kSpace);
    loops_ = loops_of(p);
  }

  Walk run(const Trips& trips) {
    trips_ = trips;
    if (!trips.all) alike_ = alike_loops(p_, loops_, trips.careful, buffers_.size(), arguments_.size());
    choose_lanes();
    block(0, p_.code.size());
    return std::move(walk_);
  }

 private:
  // ---- registers ----
  int64_t& scalar(Reg r) { return registers_.scalars[static_cast<size_t>(r.id)]; }
  // What is added to it that follows from elements: an i64, or kNone.
  Term& symbolic(Reg r) { return registers_.symbolic[static_cast<size_t>(r.id)]; }
  bool is_symbolic(Reg r) { return r.cls == vec::Class::Scalar && symbolic(r) != SparseTerms::kNone; }
  int64_t number(Reg r) {
    if (is_symbolic(r)) undecided("a scalar that follows from elements");
    return scalar(r);
  }
  // A scalar as one term.
  static Term index_of(int64_t number, Term rest) {
    const auto n = literal(i64, static_cast<uint64_t>(number));
    return rest == SparseTerms::kNone ? n : in_linear_form(rest, number);
  }
  Term index(Reg r) { return index_of(scalar(r), symbolic(r)); }
  void set_index(Reg r, Term t) {
    const auto n = known(t);
    scalar(r) = n.value_or(0);
    symbolic(r) = n ? SparseTerms::kNone : t;
  }
  Term* mask(Reg r) { return &registers_.masks[static_cast<size_t>(r.id) * lanes_]; }
  Term* vector(Reg r) { return &registers_.vectors[static_cast<size_t>(r.id) * lanes_]; }

  void choose_lanes() {
    std::set<size_t> chosen;
    for (size_t l = 0; l < lanes_; ++l) chosen.insert(l);
    if (trips_.few_lanes && lanes_ > 4 && has_like_lanes(p_)) {
      chosen = {0, 1, lanes_ - 1};
      for (const int64_t n : trips_.tails)
        if (n > 0 && n < p_.lanes) chosen.insert({static_cast<size_t>(n) - 1, static_cast<size_t>(n)});
    }
    on_.assign(chosen.begin(), chosen.end());
    walk_.whole = on_.size() == lanes_;
  }
  Lane lane(Reg r) const { return p_.vectors[static_cast<size_t>(r.id)]; }

  [[noreturn]] void wrong(const std::string& what) const {
    if (supposed_ > 0) undecided("an access that would be wrong, if elements ever led there");
    fail("program ", p_.name, ", line ", at_ + 2, ": ", vec::text_of(p_.code[at_]), ": ", what);
  }
  [[noreturn]] void undecided(const char* what) const {
    throw Undecided{cat("line ", at_ + 2, ": ", vec::text_of(p_.code[at_]), ": ", what)};
  }

  // ---- control ----
  void block(size_t from, size_t to) {
    for (at_ = from; at_ < to; ++at_) {
      const Instr& i = p_.code[at_];
      if (i.op == VecOp::Loop) {
        const size_t begin = at_;
        loop(begin);
        at_ = loops_.end[begin];
      } else if (i.op == VecOp::If) {
        const auto compare = static_cast<vec::Compare>(i.immediate);
        const Term c = compared(compare, index(i.operand[0]), index(i.operand[1]));
        const size_t begin = at_, other = loops_.other[begin], end = loops_.end[begin];
        const size_t end_of_then = other != 0 ? other : end, otherwise = other != 0 ? other + 1 : end;
        if (const auto holds = known(c))
          *holds != 0 ? block(begin + 1, end_of_then) : block(otherwise, end);
        else
          both_ways(c, {begin + 1, end_of_then}, {otherwise, end});
        at_ = end;
      } else {
        step(i);
      }
    }
  }

  // A condition that follows from elements: each register becomes a choice of what the two sides leave in it.
  // Stores, which would be made on one side only, are not followed. Registers are written before they are
  // read (vec::check), so what only one side has written is read only where that side was taken.
  using Range = std::pair<size_t, size_t>;
  void both_ways(Term c, Range then, Range otherwise) {
    for (const auto& [from, to] : {then, otherwise})
      for (size_t k = from; k < to; ++k)
        if (p_.code[k].op == VecOp::Store || p_.code[k].op == VecOp::StoreOne)
          undecided("a store where elements decide whether it is reached");
    const Registers before = registers_;
    ++supposed_;
    block(then.first, then.second);
    const Registers yes = std::exchange(registers_, before);
    block(otherwise.first, otherwise.second);
    --supposed_;
    const auto choose = [&](std::vector<Term>& to, const std::vector<Term>& from) {
      for (size_t k = 0; k < to.size(); ++k) {
        if (to[k] == from[k]) continue;
        const bool both = to[k] != SparseTerms::kNone && from[k] != SparseTerms::kNone;
        to[k] = both ? apply(Function::Choose, c, from[k], to[k]) : SparseTerms::kNone;
      }
    };
    choose(registers_.masks, yes.masks);
    choose(registers_.vectors, yes.vectors);
    for (size_t k = 0; k < registers_.scalars.size(); ++k) {
      int64_t& number = registers_.scalars[k];
      Term& term = registers_.symbolic[k];
      if (number == yes.scalars[k] && term == yes.symbolic[k]) continue;
      term = apply(Function::Choose, c, index_of(yes.scalars[k], yes.symbolic[k]), index_of(number, term));
      number = 0;
    }
  }

  void loop(size_t begin) {
    const Instr& i = p_.code[begin];
    const size_t end = loops_.end[begin];
    const int64_t from = number(i.operand[0]), to = number(i.operand[1]), step = i.immediate;
    const int64_t count = to > from ? (to - from + step - 1) / step : 0;
    const auto trip = [&](int64_t k) {
      scalar(i.result) = from + k * step;
      symbolic(i.result) = SparseTerms::kNone;
      block(begin + 1, end);
    };
    if (trips_.all || count <= kTrips || !alike_[begin]) {
      for (int64_t k = 0; k < count; ++k) trip(k);
      return;
    }
    walk_.whole = false;
    struct Pointer {
      Reg reg;
      int64_t start, stride;
    };
    std::vector<Pointer> pointers;
    for (const Reg r : loops_.carried.at(begin)) pointers.push_back({r, scalar(r), stride(begin, r)});
    const auto go_to = [&](int64_t k) {
      for (const Pointer& p : pointers) scalar(p.reg) = p.start + k * p.stride;
    };
    for (const int64_t k : {int64_t{0}, int64_t{1}, int64_t{2}, count - 2, count - 1}) {
      const bool deviates = k != 0 && k != count - 1;
      if (deviates && deviating_ >= trips_.deviating) continue;
      const Side side = k == 0 ? Side::First : Side::Last, outer = side_;
      if (trips_.deviating < 0 && outer != Side::Any && side != outer) continue;
      go_to(k);
      side_ = side;
      deviating_ += deviates;
      trip(k);
      deviating_ -= deviates;
      side_ = outer;
    }
    go_to(count);
  }

  // What a trip adds to a register that it hands on.
  int64_t stride(size_t begin, Reg r) {
    for (size_t k = begin + 1;; ++k) {
      const Instr& i = p_.code[k];
      if (!(i.result == r)) continue;
      return i.op == VecOp::AddI ? i.immediate : number(i.operand[i.operand[0] == r ? 1 : 0]);
    }
  }

  // ---- memory ----
  struct Place {
    SymbolicBuffer* buffer = nullptr;  // or in memory of its own:
    size_t own = 0;
    int64_t offset = 0;  // an element of the buffer, a byte of own memory
  };
  int64_t address(const Instr& i) {
    const vec::Address& a = i.address;
    return scalar(a.base) + (a.index ? a.scale * scalar(a.index) : 0) + a.offset;
  }
  Place place(int64_t address, ElementType t) {
    const int64_t k = (address >> kSpace) - 1, byte = address & ((int64_t{1} << kSpace) - 1);
    const auto count = static_cast<int64_t>(buffers_.size());
    if (k >= count && k < count + 2) {
      const auto own = static_cast<size_t>(k - count);
      if (byte + t.bytes() > own_bytes_[own])
        wrong(cat("byte ", byte, " of ", own_bytes_[own], " of its own memory"));
      return {nullptr, own, byte};
    }
    if (k < 0 || k >= count) wrong("an address outside all buffers");
    SymbolicBuffer& b = buffers_[static_cast<size_t>(k)];
    if (b.type != t) wrong(cat("buffer ", b.name, " holds ", b.type, ", accessed as ", t));
    const int64_t e = byte / t.bytes();
    if (byte % t.bytes() != 0) wrong(cat("part of an element of buffer ", b.name));
    if (e >= b.count) wrong(cat("element ", e, " of buffer ", b.name, " with ", b.count, " elements"));
    return {&b, 0, e};
  }
  Term read(int64_t address, ElementType t) {
    const Place at = place(address, t);
    if (at.buffer) {
      const std::optional<Term> e = at.buffer->read(at.offset);
      if (!e) wrong(cat("element ", at.offset, " of buffer ", at.buffer->name, " was never written"));
      return *e;
    }
    const Term e = own_[at.own].get(at.offset);
    if (e == SparseTerms::kNone || term_type(e) != t)
      wrong(cat("byte ", at.offset, " of its own memory was never written as ", t));
    return e;
  }
  // An i32 as four bytes of a buffer (schedule/words.h).
  bool stores_bytes(int64_t address, ElementType t) const {
    const int64_t k = (address >> kSpace) - 1;
    return t == i32 && k >= 0 && k < static_cast<int64_t>(buffers_.size()) &&
           buffers_[static_cast<size_t>(k)].type.bits == 8;
  }
  void write(int64_t address, ElementType t, Term v) {
    if (stores_bytes(address, t)) {
      for (int i = 0; i < 4; ++i) {
        const ElementType e = buffers_[static_cast<size_t>((address >> kSpace) - 1)].type;
        const std::optional<Term> byte = byte_of(v, i);
        if (!byte) undecided("four bytes stored at once");
        write(address + i, e, converted(*byte, e));
      }
      return;
    }
    const Place at = place(address, t);
    if (at.buffer) {
      at.buffer->write(at.offset, v);
      return;
    }
    // Elements that this one overlaps are gone.
    SparseTerms& memory = own_[at.own];
    const Term before = memory.get(at.offset);
    if (before == SparseTerms::kNone || term_type(before) != t)
      for (int64_t e = std::max<int64_t>(0, at.offset - 7); e < at.offset + t.bytes(); ++e) {
        const Term there = memory.get(e);
        if (there != SparseTerms::kNone && e + term_type(there).bytes() > at.offset)
          memory.set(e, SparseTerms::kNone);
      }
    memory.set(at.offset, v);
  }

  static Term widened(Term element, Lane l) { return converted(element, type_of(l)); }
  static Term narrowed(Term v, ElementType t) {
    return t.is_bool() ? apply(Function::Not, apply(Function::Equal, v, literal(i32, 0))) : converted(v, t);
  }

  Term loaded(const Instr& i, int64_t address, Term set) {
    const Term zero = literal(type_of(i.lane), 0);
    if (known(set) == 0) return zero;
    return apply(Function::Choose, set, widened(read(address, i.memory), i.lane), zero);
  }
  Term set(const Instr& i, size_t lane) { return i.mask ? mask(i.mask)[lane] : truth(true); }

  // The buffer that a base belongs to, and how many bytes it lies behind its beginning: or before, where what
  // is added to it is never less than some number.
  static std::pair<int64_t, int64_t> near_buffer(int64_t base) {
    const int64_t k = (base + (int64_t{1} << (kSpace - 1))) >> kSpace;
    return {k - 1, base - (k << kSpace)};
  }

  // An element whose place is a term. That it lies inside follows from the definition, which has the same
  // term for its index (docs/trust.md).
  Term looked_up(const Instr& i, int64_t base, Term index, Term set) {
    if (term_type(index) == i32) index = converted(index, i64);
    const auto [k, byte] = near_buffer(base);
    std::optional<Term> e;
    if (k >= 0 && k < static_cast<int64_t>(buffers_.size()) && term_type(index) == i64 &&
        byte % i.memory.bytes() == 0)
      if (const SymbolicBuffer& b = buffers_[static_cast<size_t>(k)]; b.type == i.memory)
        e = b.read_at(in_linear_form(index, byte / i.memory.bytes()));
    if (!e) undecided("an address that follows from elements");
    walk_.looked_up = true;
    return apply(Function::Choose, set, widened(*e, i.lane), literal(type_of(i.lane), 0));
  }

  // The same by a scalar: its symbolic part is in bytes.
  void looked_up(const Instr& i, int64_t base) {
    const auto part = [&](Reg r, int64_t scale) {
      return is_symbolic(r) ? apply(Function::Mul, symbolic(r), literal(i64, static_cast<uint64_t>(scale)))
                            : literal(i64, 0);
    };
    const Term bytes = apply(Function::Add, part(i.address.base, 1), part(i.address.index, i.address.scale));
    const auto [k, first] = near_buffer(base);
    const int64_t size = i.memory.bytes();
    const bool loads = i.op == VecOp::Load || i.op == VecOp::Broadcast || i.op == VecOp::LoadS;
    if (!loads || k < 0 || k >= static_cast<int64_t>(buffers_.size()) ||
        buffers_[static_cast<size_t>(k)].type != i.memory)
      undecided("an address that follows from elements");
    const auto element = [&, k = k, first = first](size_t lane) {
      const int64_t byte = first + static_cast<int64_t>(lane) * size;
      const std::optional<Term> at = in_linear_form(bytes, byte, size);
      std::optional<Term> e;
      if (at) e = buffers_[static_cast<size_t>(k)].read_at(*at);
      if (!e) undecided("an address that follows from elements");
      walk_.looked_up = true;
      return *e;
    };
    if (i.op == VecOp::LoadS) {
      scalar(i.result) = 0;
      symbolic(i.result) = converted(element(0), i64);
    } else if (i.op == VecOp::Broadcast) {
      std::fill_n(vector(i.result), lanes_, widened(element(0), i.lane));
    } else {
      const Term zero = literal(type_of(i.lane), 0);
      for (const size_t l : on_) {
        const Term on = set(i, l);
        vector(i.result)[l] =
            known(on) == 0 ? zero : apply(Function::Choose, on, widened(element(l), i.lane), zero);
      }
    }
  }

  // A whole vector side by side where only marks are wanted: of results with many millions of elements.
  bool mark_all(const Instr& i, int64_t base) {
    const bool bytes = stores_bytes(base, i.memory);
    const ElementType t = bytes ? buffers_[static_cast<size_t>((base >> kSpace) - 1)].type : i.memory;
    const Place at = place(base, t);
    if (!at.buffer || at.buffer->marks.empty()) return false;
    const int64_t elements = p_.lanes * (bytes ? i.memory.bytes() : 1);
    place(base + (elements - 1) * t.bytes(), t);
    std::fill_n(at.buffer->marks.begin() + at.offset, elements, true);
    return true;
  }

  void memory(const Instr& i) {
    const int64_t base = address(i), bytes = i.memory.bytes();
    if (is_symbolic(i.address.base) || is_symbolic(i.address.index)) return looked_up(i, base);
    switch (i.op) {
      case VecOp::LoadS: {
        const Term e = read(base, i.memory);
        const auto v = known(e);
        scalar(i.result) = v.value_or(0);
        symbolic(i.result) = v ? SparseTerms::kNone : converted(e, i64);
        return;
      }
      case VecOp::Load:
        for (const size_t l : on_)
          vector(i.result)[l] = loaded(i, base + static_cast<int64_t>(l) * bytes, set(i, l));
        return;
      case VecOp::Broadcast:
        std::fill_n(vector(i.result), lanes_, widened(read(base, i.memory), i.lane));
        return;
      case VecOp::Gather:
      case VecOp::Lookup:
        for (const size_t l : on_) {
          const Term at = vector(i.operand[0])[l];
          const auto index = known(at);
          if (!index && known(set(i, l)) != 0) {
            vector(i.result)[l] = looked_up(i, base, at, set(i, l));
            continue;
          }
          vector(i.result)[l] = loaded(i, base + index.value_or(0) * bytes, set(i, l));
        }
        return;
      default:
        if (i.op == VecOp::Store && !i.mask && mark_all(i, base)) return;
        for (const size_t l : on_) {
          if (i.op == VecOp::StoreOne && l > 0) continue;
          const Term on = set(i, l);
          if (known(on) == 0) continue;
          const int64_t a = base + static_cast<int64_t>(l) * bytes;
          const Term v = narrowed(vector(i.operand[0])[l], i.memory);
          write(a, i.memory, known(on) ? v : apply(Function::Choose, on, v, read(a, i.memory)));
        }
        return;
    }
  }

  // ---- scalars and masks ----
  void integers(const Instr& i) {
    const int64_t a = i.operand[0].cls == vec::Class::Scalar ? scalar(i.operand[0]) : 0;
    const int64_t b = i.operand[1].cls == vec::Class::Scalar ? scalar(i.operand[1]) : 0;
    const int64_t v = i.immediate;
    if (is_symbolic(i.operand[0]) || is_symbolic(i.operand[1])) return symbolic_integers(i);
    symbolic(i.result) = SparseTerms::kNone;
    const auto set = [&](uint64_t x) { scalar(i.result) = static_cast<int64_t>(x); };
    const auto u = [](int64_t x) { return static_cast<uint64_t>(x); };
    switch (i.op) {
      case VecOp::Imm:
        return set(u(v));
      case VecOp::Arg:
        if (u(v) >= arguments_.size()) wrong(cat("required one of ", arguments_.size(), " arguments"));
        return set(arguments_[static_cast<size_t>(v)]);
      case VecOp::Scratch:
        return set(((buffers_.size() + 2) << kSpace) + u(v));
      case VecOp::MoveS:
        return set(u(a));
      case VecOp::AddS:
        return set(u(a) + u(b));
      case VecOp::SubS:
        return set(u(a) - u(b));
      case VecOp::MulS:
        return set(u(a) * u(b));
      case VecOp::AddI:
        return set(u(a) + u(v));
      case VecOp::MulI:
        return set(u(a) * u(v));
      case VecOp::MinS:
        return set(u(std::min(a, b)));
      case VecOp::MaxS:
        return set(u(std::max(a, b)));
      case VecOp::DivS:
      case VecOp::ModS: {
        if (b <= 0) wrong(cat("required a divisor > 0, given ", b));
        const int64_t q = a / b - (a % b < 0 ? 1 : 0);
        return set(u(i.op == VecOp::DivS ? q : a - q * b));
      }
      default: {  // Any
        Term any = truth(false);
        for (size_t l = 0; l < lanes_; ++l) any = apply(Function::Or, any, mask(i.operand[0])[l]);
        return set_index(i.result, converted(any, i64));
      }
    }
  }

  // Sums and multiples; limits; and a comparison as index arithmetic spells it: min(max(x, 0), 1) is x > 0,
  // written -x < 0: the smallest number of all, for which that is another one, is no difference of indices,
  // which are elements that the executable has checked to lie inside of a dim.
  void symbolic_integers(const Instr& i) {
    const Reg p = i.operand[0], q = i.operand[1];
    const Term zero = literal(i64, 0);
    const auto term = [&](Reg r) { return is_symbolic(r) ? symbolic(r) : zero; };
    const auto set = [&](int64_t number, Term rest) {
      rest = in_linear_form(rest, 0);
      scalar(i.result) = number;
      symbolic(i.result) = known(rest) == 0 ? SparseTerms::kNone : rest;
    };
    const auto times = [&](Reg r, int64_t n) {
      set(scalar(r) * n, apply(Function::Mul, term(r), literal(i64, static_cast<uint64_t>(n))));
    };
    switch (i.op) {
      case VecOp::MoveS:
        return set(scalar(p), term(p));
      case VecOp::AddS:
        return set(scalar(p) + scalar(q), apply(Function::Add, term(p), term(q)));
      case VecOp::SubS:
        return set(scalar(p) - scalar(q), apply(Function::Sub, term(p), term(q)));
      case VecOp::AddI:
        return set(scalar(p) + i.immediate, term(p));
      case VecOp::MulI:
        return times(p, i.immediate);
      case VecOp::MulS:
        return is_symbolic(p) ? times(p, number(q)) : times(q, number(p));
      case VecOp::MaxS:
      case VecOp::MinS: {
        const Term v = index(is_symbolic(p) ? p : q), limit = index(is_symbolic(p) ? q : p);
        if (i.op == VecOp::MinS && known(limit) == 1 && term_arguments(v).size() == 2)
          for (const Term x : term_arguments(v)) {
            if (v != apply(Function::Greater2, x, zero)) continue;
            const Term negative = in_linear_form(apply(Function::Mul, x, literal(i64, ~uint64_t{0})), 0);
            return set(0, converted(apply(Function::Less, negative, zero), i64));
          }
        return set_index(i.result,
                         apply(i.op == VecOp::MaxS ? Function::Greater2 : Function::Lesser2, v, limit));
      }
      case VecOp::DivS:
      case VecOp::ModS:
        if (number(q) <= 0) break;
        return set_index(i.result, apply(i.op == VecOp::DivS ? Function::FloorDiv : Function::FloorMod,
                                         index(p), index(q)));
      default:
        break;
    }
    undecided("a scalar that follows from elements");
  }

  Term compared(vec::Compare c, Term a, Term b) {
    if (c == vec::Compare::Less) return apply(Function::Less, a, b);
    if (c == vec::Compare::LessEqual) return apply(Function::LessEqual, a, b);
    if (c == vec::Compare::Equal) return apply(Function::Equal, a, b);
    const Term nan = apply(Function::IsNan, a);
    return a == b ? nan : apply(Function::Or, nan, apply(Function::IsNan, b));
  }

  // l < n where elements decide n; by cases where n is a multiple of a truth value: so a condition of indices
  // is spelled that holds in all lanes or in none.
  Term is_first(size_t l, Term n) {
    if (on_.size() != lanes_) undecided("lanes that follow from elements");
    const Term holds = apply(Function::Less, literal(i64, l), n);
    const std::optional<Term> c = truth_in(n, 3);
    return c ? apply(Function::Choose, *c, holds, holds) : holds;
  }
  static std::optional<Term> truth_in(Term x, int depth) {
    if (term_type(x).is_bool()) return x;
    if (depth > 0)
      for (const Term a : term_arguments(x))
        if (const auto c = truth_in(a, depth - 1)) return c;
    return std::nullopt;
  }

  Term mask_lane(const Instr& i, size_t l) {
    const auto in = [&](int k) { return mask(i.operand[k])[l]; };
    switch (i.op) {
      case VecOp::First:
        return is_symbolic(i.operand[0]) ? is_first(l, index(i.operand[0]))
                                         : truth(static_cast<int64_t>(l) < scalar(i.operand[0]));
      case VecOp::FillM:
        return truth(i.immediate != 0);
      case VecOp::AndM:
        return apply(Function::And, in(0), in(1));
      case VecOp::OrM:
        return apply(Function::Or, in(0), in(1));
      case VecOp::XorM:
        return apply(Function::Xor, in(0), in(1));
      case VecOp::NotM:
        return apply(Function::Not, in(0));
      default:
        return compared(static_cast<vec::Compare>(i.immediate), vector(i.operand[0])[l],
                        vector(i.operand[1])[l]);
    }
  }

  // ---- lanes ----
  Term on_bits(Function f, Term a, Term b) {
    const ElementType t = term_type(a), bits = t.bits == 64 ? i64 : i32;
    return same_bits(apply(f, same_bits(a, bits), same_bits(b, bits)), t);
  }
  Term inverted(Term a) {
    const ElementType t = term_type(a), bits = t.bits == 64 ? i64 : i32;
    return same_bits(apply(Function::BitNot, same_bits(a, bits)), t);
  }

  Term vector_lane(const Instr& i, size_t l) {
    const ElementType t = type_of(i.lane);
    const auto in = [&](int k) { return vector(i.operand[k])[l]; };
    const auto count = [&] { return literal(t, static_cast<uint64_t>(i.immediate)); };
    switch (i.op) {
      case VecOp::Const:
        return literal(t, static_cast<uint64_t>(i.immediate));
      case VecOp::Splat:
        return is_symbolic(i.operand[0]) ? converted(index(i.operand[0]), t)
                                         : literal(t, static_cast<uint64_t>(scalar(i.operand[0])));
      case VecOp::Iota:
        return literal(t, l);
      case VecOp::MoveV:
        return in(0);
      case VecOp::Add:
        return apply(Function::Add, in(0), in(1));
      case VecOp::Sub:
        return apply(Function::Sub, in(0), in(1));
      case VecOp::Mul:
        return apply(Function::Mul, in(0), in(1));
      case VecOp::Div:
        return apply(Function::Div, in(0), in(1));
      case VecOp::Sqrt:
        return apply(Function::Sqrt, in(0));
      case VecOp::Fma:
        return apply(Function::Fma, in(0), in(1), in(2));
      case VecOp::FmaFlush:
        return apply(Function::FmaFlush, in(0), in(1), in(2));
      case VecOp::DotPairs:
        return apply(Function::DotPairs, in(0), in(1), in(2));
      case VecOp::DotBytes:
        return apply(Function::DotBytes, in(0), in(1), in(2));
      case VecOp::DotWords:
        return apply(Function::DotWords, in(0), in(1), in(2));
      case VecOp::CountBits:
        return apply(Function::CountBits, in(0));
      case VecOp::Greater:
        return apply(Function::Greater2, in(0), in(1));
      case VecOp::Lesser:
        return apply(Function::Lesser2, in(0), in(1));
      case VecOp::And:
        return on_bits(Function::BitAnd, in(0), in(1));
      case VecOp::Or:
        return on_bits(Function::BitOr, in(0), in(1));
      case VecOp::Xor:
        return on_bits(Function::BitXor, in(0), in(1));
      case VecOp::AndNot:
        return on_bits(Function::BitAnd, inverted(in(0)), in(1));
      case VecOp::Shl:
        return apply(Function::ShiftLeft, in(0), count());
      case VecOp::Shr:
        return apply(Function::ShiftRightLogical, in(0), count());
      case VecOp::Sar:
        return apply(Function::ShiftRight, in(0), count());
      case VecOp::ShlV:
        return apply(Function::ShiftLeft, in(0), in(1));
      case VecOp::ShrV:
        return apply(Function::ShiftRightLogical, in(0), in(1));
      case VecOp::SarV:
        return apply(Function::ShiftRight, in(0), in(1));
      case VecOp::Round: {
        constexpr Function kRoundings[] = {Function::RoundEven, Function::Floor, Function::Ceil,
                                           Function::Truncate};
        return apply(kRoundings[i.immediate], in(0));
      }
      case VecOp::Select:
        return apply(Function::Choose, mask(i.operand[0])[l], in(1), in(2));
      case VecOp::Convert:
        return truncated(in(0), t);
      case VecOp::Reinterpret:
        return same_bits(in(0), t);
      case VecOp::Narrow16:
        return converted(converted(in(0), i.immediate == 0 ? f16 : bf16), f32);
      default: {  // Down
        const size_t from = l + static_cast<size_t>(i.immediate);
        return from < static_cast<size_t>(p_.lanes) ? vector(i.operand[0])[from] : literal(t, 0);
      }
    }
  }

  void step(const Instr& i) {
    const VecOp op = i.op;
    if (op == VecOp::Prefetch) return;
    if (term_count() > trips_.most_terms) throw Undecided{"too many terms"};
    if (vec::has_memory(op)) return memory(i);
    if (vec::result_of(op) == 's') return integers(i);
    if (op == VecOp::First && !is_symbolic(i.operand[0]) && scalar(i.operand[0]) > 0 &&
        scalar(i.operand[0]) < p_.lanes)
      walk_.tails.insert(scalar(i.operand[0]));
    // In place: no lane reads one that was computed before it (`down` reads later ones).
    if (vec::result_of(op) == 'm')
      for (const size_t l : on_) mask(i.result)[l] = mask_lane(i, l);
    else
      for (const size_t l : on_) vector(i.result)[l] = vector_lane(i, l);
  }

  const vec::Program& p_;
  std::vector<SymbolicBuffer>& buffers_;
  std::vector<uint64_t> arguments_;
  const size_t lanes_;
  struct Registers {
    std::vector<int64_t> scalars;
    std::vector<Term> symbolic;        // of scalars
    std::vector<Term> masks, vectors;  // lanes of a register side by side
  } registers_;
  int supposed_ = 0;        // on one side of so many conditions that follow from elements
  std::vector<size_t> on_;  // the lanes that are run
  int64_t own_bytes_[2];    // workspace, scratch
  SparseTerms own_[2];      // by byte
  LoopsOf loops_;
  std::vector<bool> alike_;
  Trips trips_;
  int deviating_ = 0;
  enum class Side : uint8_t { Any, First, Last } side_ = Side::Any;  // of the loops around
  Walk walk_;
  size_t at_ = 0;
};

}  // namespace

bool has_like_lanes(const vec::Program& p) {
  return std::none_of(p.code.begin(), p.code.end(), [](const Instr& i) {
    return i.op == VecOp::Iota || i.op == VecOp::Down || i.op == VecOp::Any;
  });
}

SymbolicBuffer symbolic_input(std::string name, ElementType type, int64_t count) {
  SymbolicBuffer b{std::move(name), type, count, {}, {}, {}};
  const auto made = std::make_shared<SparseTerms>();
  b.given = [name = term_name(b.name + "["), type, made](int64_t i) {
    Term t = made->get(i);
    if (t == SparseTerms::kNone) made->set(i, t = term_input(name, i, type));
    return t;
  };
  return b;
}

Walk evaluate_terms(const vec::Program& p, std::vector<SymbolicBuffer>& buffers,
                    const std::vector<uint64_t>& values, int64_t workspace, const Trips& trips) {
  const std::string broken = vec::check(p);
  CHECK(broken.empty(), p.name, ": ", broken);
  return Evaluation(p, buffers, values, workspace).run(trips);
}

}  // namespace tauto::proof
