// Rules are tried in the order in which they stand; what none of them changes becomes a term.
#include "verify/algebra.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "loops/arithmetic.h"
#include "loops/values.h"
#include "support/error.h"

namespace tauto::proof {
namespace {

using loops::Function;

constexpr const char* kTexts[] = {
#define TAUTO_X(name, text, arity) text,
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
};
constexpr size_t kFunctions = std::size(kTexts);

// The names of terms, by function.
TermName name_of(Function f) {
  static const std::array<TermName, kFunctions> kNames = [] {
    std::array<TermName, kFunctions> all;
    std::transform(std::begin(kTexts), std::end(kTexts), all.begin(), term_name);
    return all;
  }();
  return kNames[static_cast<size_t>(f)];
}
TermName convert_name() {
  static const TermName kName = term_name("convert");
  return kName;
}
TermName truncate_name() {
  static const TermName kName = term_name("truncate_to");
  return kName;
}
TermName bits_name() {
  static const TermName kName = term_name("bits");
  return kName;
}
TermName bytes_name() {  // see bytes_together
  static const TermName kName = term_name("bytes");
  return kName;
}
TermName words_name() {
  static const TermName kName = term_name("words");
  return kName;
}

TermName slices_name() {  // see slices_together
  static const TermName kName = term_name("slices");
  return kName;
}
TermName pairs_name() {
  static const TermName kName = term_name("pairs");
  return kName;
}

bool is(Term x, Function f) { return term_name_of(x) == name_of(f); }
Term argument(Term x, size_t i) { return term_argument(x, i); }
bool is_narrow(ElementType t) { return t.is_integer() && t.bits < 32; }
uint64_t sign_bit(ElementType t) { return uint64_t{1} << (t.bits - 1); }
bool is_literal(Term x, uint64_t bits) { return term_literal_of(x) == bits; }

double number_of(Term x, uint64_t bits) {
  return term_type(x) == f32 ? static_cast<double>(loops::as<float>(bits)) : loops::as<double>(bits);
}
bool is_nan_literal(Term x) {
  const auto bits = term_literal_of(x);
  return bits && term_type(x).is_float() && std::isnan(number_of(x, *bits));
}

bool is_zero(Term x, std::optional<uint64_t> bits) { return bits && number_of(x, *bits) == 0; }
bool is_finite_input(Term x) {
  const std::string_view f = term_function(x);
  return f.size() > 2 && f[f.size() - 2] == '!' && (f.back() == '[' || f.back() == '@');
}

// x of x + (+0), which is x but for the sign of zero.
std::optional<Term> without_zero(Term sum) {
  if (!is(sum, Function::Add)) return std::nullopt;
  if (is_literal(argument(sum, 0), 0)) return argument(sum, 1);
  if (is_literal(argument(sum, 1), 0)) return argument(sum, 0);
  return std::nullopt;
}
// A sum is -0 only if both of its parts are.
bool never_minus_zero(Term x) {
  const auto plain = [](Term t) {
    const auto bits = term_literal_of(t);
    return (bits && *bits != sign_bit(term_type(t))) || is(t, Function::Abs);
  };
  return plain(x) || (is(x, Function::Add) && (plain(argument(x, 0)) || plain(argument(x, 1))));
}

// The identity of max or min as the left operand (either, of integers): the other one comes out.
bool is_identity(Function f, Term x) {
  const auto bits = term_literal_of(x);
  if (!bits) return false;
  const bool most = f == Function::Max || f == Function::Greater2;
  const ElementType t = term_type(x);
  if (t == f32 || t == f64) return number_of(x, *bits) == (most ? -__builtin_inf() : __builtin_inf());
  if (!t.is_integer()) return false;
  return x == literal(t, most ? static_cast<uint64_t>(t.min_value()) : t.max_value());
}

template <Function F>
Term computed(ElementType t, const uint64_t* bits) {
  return loops::visit_type(t, [&](auto zero) -> Term {
    using T = decltype(zero);
    if constexpr (F != Function::Choose && loops::is_defined(F, kElementOf<T>)) {
      auto v = loops::value<F, T>(loops::as<T>(bits[0]), loops::as<T>(bits[1]), loops::as<T>(bits[2]));
      return literal(loops::gives_bool(F) ? boolean : t, loops::bits_of(v));
    }
    CHECK(false, loops::text_of(F), " of ", t);
    return {};
  });
}
Term computed(Function f, ElementType t, const uint64_t* bits) {
  switch (f) {
#define TAUTO_X(name, text, arity) \
  case Function::name:             \
    return computed<Function::name>(t, bits);
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
  }
  return {};
}

Term made(Function f, Term a, Term b, Term c) {
  const ElementType t = f == Function::Choose ? term_type(b) : loops::gives_bool(f) ? boolean : term_type(a);
  switch (loops::arity_of(f)) {
    case 1:
      return term_apply(name_of(f), t, {a});
    case 2:
      return term_apply(name_of(f), t, {a, b});
    default:
      return term_apply(name_of(f), t, {a, b, c});
  }
}

std::optional<Function> function_called(TermName name) {
  for (size_t f = 0; f < kFunctions; ++f)
    if (name_of(static_cast<Function>(f)) == name) return static_cast<Function>(f);
  return std::nullopt;
}

bool is_one(Term x) {
  const auto bits = term_literal_of(x);
  if (!bits) return false;
  const ElementType t = term_type(x);
  return t == f32 || t == f64 ? number_of(x, *bits) == 1 : t.is_integer() && *bits == 1;
}

// x where c is known to hold, or not to: a selection by c is what it selects. What is older than c has none.
// Inside of a selection by another condition c is what it is where that one holds.
class Under {
 public:
  Under(Term c, bool holds, int& looks) : c_(c), holds_(holds), looks_(looks) {}
  Term operator()(Term x) {
    if (x.id < c_.id || looks_ <= 0) return x;
    if (x == c_) return truth(holds_);
    if (term_arguments(x).empty()) return x;
    if (const auto at = done_.find(x.id); at != done_.end()) return at->second;
    --looks_;
    const Term y = rebuilt(x);
    done_.emplace(x.id, y);
    return y;
  }

 private:
  Term rebuilt(Term x) {
    const TermArguments a = term_arguments(x);
    if (is(x, Function::Choose) && a[0] == c_) return (*this)(a[holds_ ? 1 : 2]);
    Term b[TermArguments::kMost];
    for (size_t i = 0; i < a.size(); ++i) b[i] = (*this)(a[i]);
    if (is(x, Function::Choose))
      for (const size_t i : {size_t{1}, size_t{2}}) {
        const Term inside = Under(a[0], i == 1, looks_)(c_);
        if (inside != c_ && !term_literal_of(inside)) b[i] = Under(inside, holds_, looks_)(b[i]);
      }
    if (std::equal(a.begin(), a.end(), b)) return x;
    return with_arguments(x, b);
  }

  const Term c_;
  const bool holds_;
  int& looks_;
  std::unordered_map<uint32_t, Term> done_;
};

Term choose(Term c, Term a, Term b) {
  const ElementType t = term_type(a);
  if (const auto known_c = known(c)) return *known_c != 0 ? a : b;
  if (is(c, Function::Not)) return choose(argument(c, 0), b, a);
  int looks = 1000, others = 1000;
  a = Under(c, true, looks)(a);
  b = Under(c, false, others)(b);
  if (a == b) return a;
  if (t.is_bool())
    return apply(Function::Or, apply(Function::And, c, a), apply(Function::And, apply(Function::Not, c), b));
  const auto x = term_literal_of(a), y = term_literal_of(b);
  if (x && y && *y == 0 && converted(truth(true), t) == a) return converted(c, t);
  if (x && y && *x == 0 && converted(truth(true), t) == b) return converted(apply(Function::Not, c), t);
  if (is(c, Function::Less) && t.is_float()) {  // x < y ? x : y, x < y ? y : x
    const Term p = argument(c, 0), q = argument(c, 1);
    if (a == p && b == q) return apply(Function::Lesser2, p, q);
    if (a == q && b == p) return apply(Function::Greater2, q, p);
  }
  if (is(c, Function::IsNan)) {
    const Term p = argument(c, 0);
    if (a == p && is(b, Function::Greater2) && argument(b, 0) == p)
      return apply(Function::Max, p, argument(b, 1));
    if (a == p && is(b, Function::Lesser2) && argument(b, 0) == p)
      return apply(Function::Min, p, argument(b, 1));
    // convert: NaN gives 0, what lies above the largest value that value.
    if (x == uint64_t{0} && t.is_signed()) {
      if (is(b, Function::Choose) && is(argument(b, 0), Function::LessEqual)) {
        const Term above = argument(b, 0);
        const Term power = term_number(term_type(p), std::ldexp(1.0, t.bits - 1));
        if (argument(above, 0) == power && argument(above, 1) == p &&
            is_literal(argument(b, 1), t.max_value()) && argument(b, 2) == truncated(p, t))
          return converted(p, t);
      }
      for (const ElementType n : {i8, u8, i16, u16}) {
        const Term low = term_number(term_type(p), static_cast<double>(n.min_value())),
                   high = term_number(term_type(p), static_cast<double>(n.max_value()));
        if (b == truncated(apply(Function::Lesser2, apply(Function::Greater2, p, low), high), t))
          return converted(converted(p, n), t);
      }
    }
  }
  return made(Function::Choose, c, a, b);
}

// The parts of an i32 that was put together; none where it was not.
std::vector<Term> parts_of(Term x, bool bytes) {
  if (term_name_of(x) == (bytes ? bytes_name() : words_name())) {
    const TermArguments a = term_arguments(x);
    return {a.begin(), a.end()};
  }
  const auto bits = term_literal_of(x);
  std::vector<Term> parts;
  if (bits)
    for (int s = 0; s < 32; s += bytes ? 8 : 16) parts.push_back(literal(bytes ? u8 : i16, *bits >> s));
  return parts;
}

// Which values an integer can have, by how it is made; not of u64, whose values an i64 does not hold.
struct Interval {
  int64_t lo, hi;
  bool lies_in(ElementType t) const {
    return t.is_integer() && lo >= t.min_value() && (hi < 0 || static_cast<uint64_t>(hi) <= t.max_value());
  }
};
bool has_interval(ElementType t) { return t.is_bool() || (t.is_integer() && t != u64); }
Interval interval_of(Term x, int& looks) {
  const ElementType t = term_type(x);
  if (t.is_bool()) return {0, 1};
  CHECK(has_interval(t), t);
  const Interval all{t.min_value(), static_cast<int64_t>(t.max_value())};
  if (const auto n = known(x)) return {*n, *n};
  if (--looks < 0) return all;
  const auto of = [&](size_t i) { return interval_of(argument(x, i), looks); };
  const bool greater = is(x, Function::Greater2), lesser = is(x, Function::Lesser2);
  if (greater || lesser || is(x, Function::Choose)) {
    const size_t first = greater || lesser ? 0 : 1;
    const Interval p = of(first), q = of(first + 1);
    return {lesser || !greater ? std::min(p.lo, q.lo) : std::max(p.lo, q.lo),
            greater || !lesser ? std::max(p.hi, q.hi) : std::min(p.hi, q.hi)};
  }
  if ((is(x, Function::Add) || is(x, Function::Sub)) && t.bits <= 32) {
    const Interval p = of(0), q = of(1);
    const Interval sum =
        is(x, Function::Add) ? Interval{p.lo + q.lo, p.hi + q.hi} : Interval{p.lo - q.hi, p.hi - q.lo};
    if (sum.lies_in(t)) return sum;  // what leaves the type wraps
  }
  if (term_name_of(x) == convert_name()) {
    const Interval p = has_interval(term_type(argument(x, 0))) ? of(0) : all;
    if (p.lies_in(t)) return p;
  }
  return all;
}

Interval interval_of(Term x) {
  int looks = 4096;  // a maximum of very many has that of its type
  return interval_of(x, looks);
}

// The words of an i32 whose upper one is 0.
std::vector<Term> lower_word(Term x) {
  const Interval i = interval_of(x);
  if (!i.lies_in(u16)) return {};
  return {i.lies_in(i16) ? x : converted(converted(x, i16), i32), literal(i32, 0)};
}

// c + Σ of products, spelled out; as it stands where an operand is not made of parts.
Term dot(Function f, Term a, Term b, Term c) {
  const bool bytes = f == Function::DotBytes;
  std::vector<Term> p = parts_of(a, bytes), q = parts_of(b, bytes);
  if (!bytes && (p.empty() || q.empty())) {  // the upper words do not count where one of them is 0
    if (p.empty()) p = lower_word(a);
    if (q.empty()) q = lower_word(b);
    for (const auto& [own, x] : {std::pair(&p, a), std::pair(&q, b)})
      if (own->empty() && interval_of(x).lies_in(i16)) *own = {x, x};
    if (p.empty() || q.empty() || (!is_literal(p[1], 0) && !is_literal(q[1], 0)))
      return term_apply(name_of(f), i32, {a, b, c});
    return apply(Function::Add, apply(Function::Mul, converted(p[0], i32), converted(q[0], i32)), c);
  }
  if (p.empty() || q.empty()) return term_apply(name_of(f), i32, {a, b, c});
  const auto part = [&](Term x, ElementType as) { return converted(bytes ? converted(x, as) : x, i32); };
  for (size_t i = 0; i < p.size(); ++i)
    c = apply(Function::Add, apply(Function::Mul, part(p[i], u8), part(q[i], i8)), c);
  return c;
}

// The two steps of a product of pairs of bf16; as it stands where an operand is not made of pairs.
Term dot_pairs(Term a, Term b, Term c) {
  const auto parts = [](Term x) -> std::vector<Term> {
    if (term_name_of(x) == pairs_name()) return {argument(x, 0), argument(x, 1)};
    const auto bits = term_literal_of(x);
    if (!bits) return {};
    return {literal(bf16, *bits), literal(bf16, *bits >> 16)};
  };
  const std::vector<Term> p = parts(a), q = parts(b);
  if (p.empty() || q.empty()) return term_apply(name_of(Function::DotPairs), f32, {a, b, c});
  for (const size_t i : {size_t{1}, size_t{0}})
    c = apply(Function::FmaFlush, converted(p[i], f32), converted(q[i], f32), c);
  return c;
}

// Bytes in even places, or in odd ones moved down, as words.
std::optional<Term> words_of(Term x) {
  size_t first = 0;
  if (is(x, Function::ShiftRightLogical) && is_literal(argument(x, 1), 8)) x = argument(x, 0), first = 1;
  if (term_name_of(x) != bytes_name()) return std::nullopt;
  return words_together(converted(argument(x, first), u8), converted(argument(x, first + 2), u8));
}

// The same bits of each byte, moved down and alone.
std::optional<Term> slices_of(Term x, int64_t bits) {
  int64_t down = 0;
  if (is(x, Function::ShiftRightLogical)) {
    const auto by = known(argument(x, 1));
    if (!by || *by % bits != 0) return std::nullopt;
    down = *by / bits;
    x = argument(x, 0);
  }
  if (term_name_of(x) != bytes_name()) return std::nullopt;
  std::vector<Term> bytes;
  for (const Term b : term_arguments(x)) {
    const TermArguments slices = term_arguments(b);
    if (term_name_of(b) != slices_name() || static_cast<int64_t>(slices.size()) != 8 / bits ||
        down >= static_cast<int64_t>(slices.size()))
      return std::nullopt;
    bytes.push_back(converted(slices[static_cast<size_t>(down)], u8));
  }
  return bytes_together(bytes);
}

// Functions of truth values.
Term logical(Function f, Term a, Term b, Term c) {
  const auto x = known(a);
  std::optional<int64_t> y;
  if (loops::arity_of(f) > 1) y = known(b);
  const auto negated = [](Term t) { return apply(Function::Not, t); };
  switch (f) {
    case Function::Not:
      if (x) return truth(*x == 0);
      return is(a, Function::Not) ? argument(a, 0) : made(f, a, b, c);
    case Function::And:
      if (x) return *x != 0 ? b : a;
      if (y) return *y != 0 ? a : b;
      if (a == b) return a;
      break;
    case Function::Or:
      if (x) return *x != 0 ? a : b;
      if (y) return *y != 0 ? b : a;
      if (a == b) return a;
      break;
    case Function::Xor:
      if (x) return *x != 0 ? negated(b) : b;
      if (y) return *y != 0 ? negated(a) : a;
      if (a == b) return truth(false);
      break;
    case Function::Max:
    case Function::Greater2:
      return apply(Function::Or, a, b);
    case Function::Min:
    case Function::Lesser2:
      return apply(Function::And, a, b);
    case Function::Equal:
      return negated(apply(Function::Xor, a, b));
    case Function::Less:
      return apply(Function::And, negated(a), b);
    case Function::LessEqual:
      return apply(Function::Or, negated(a), b);
    default:
      return made(f, a, b, c);
  }
  if (b.id < a.id) std::swap(a, b);
  return made(f, a, b, c);
}

// a == b where that says less than it seems to.
std::optional<Term> equal(Term a, Term b) {
  const ElementType t = term_type(a);
  for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)}) {
    const auto number = term_literal_of(p);
    // Of p ^ c = q ^ c, and of n = q ^ c: flipping bits twice gives what was there.
    if (is(q, Function::BitXor))
      for (const size_t i : {size_t{0}, size_t{1}}) {
        const Term c = argument(q, i);
        if (!term_literal_of(c)) continue;
        if (number) return apply(Function::Equal, apply(Function::BitXor, p, c), argument(q, 1 - i));
        if (is(p, Function::BitXor))
          for (const size_t j : {size_t{0}, size_t{1}})
            if (argument(p, j) == c) return apply(Function::Equal, argument(p, 1 - j), argument(q, 1 - i));
      }
    // A truth value as a number is 0 or 1.
    if (number && term_name_of(q) == convert_name() && term_type(argument(q, 0)).is_bool()) {
      const Term x = argument(q, 0);
      if (p == literal(t, 0)) return apply(Function::Not, x);
      if (p == converted(truth(true), t)) return x;
      if (!t.is_float()) return truth(false);
    }
  }
  return std::nullopt;
}

// The larger or lesser of integers where it is known which, and of two limits one after the other.
std::optional<Term> limited(Function f, Term a, Term b) {
  if (term_type(a) == u64) return std::nullopt;
  const Interval p = interval_of(a), q = interval_of(b);
  const bool larger = f == Function::Greater2;
  if (larger ? p.lo >= q.hi : p.hi <= q.lo) return a;
  if (larger ? q.lo >= p.hi : q.hi <= p.lo) return b;
  for (const auto& [limit, x] : {std::pair(a, b), std::pair(b, a)}) {
    if (!term_literal_of(limit) || !is(x, f)) continue;
    for (const size_t i : {size_t{0}, size_t{1}})
      if (term_literal_of(argument(x, i)))
        return apply(f, argument(x, 1 - i), apply(f, argument(x, i), limit));
  }
  return std::nullopt;
}

// Integers of 8 and 16 bits where the vector program has them in 32: by what that computes.
std::optional<Term> narrow(Function f, Term a, Term b) {
  const ElementType t = term_type(a);
  const auto wide = [](Term x) { return converted(x, i32); };
  switch (f) {
    case Function::Less:
    case Function::LessEqual:
    case Function::Equal:
      return apply(f, wide(a), wide(b));
    case Function::Max:
    case Function::Min:
    case Function::Greater2:
    case Function::Lesser2:
      return converted(apply(f, wide(a), wide(b)), t);
    case Function::Abs:
      return t.is_signed() ? converted(apply(f, wide(a)), t) : a;
    case Function::CountBits: {
      const Term bits =
          t.is_signed() ? apply(Function::BitAnd, wide(a), literal(i32, (1u << t.bits) - 1)) : wide(a);
      return converted(apply(f, bits), t);
    }
    case Function::ShiftLeft:
      if (const auto n = known(b); n && *n < t.bits)
        return std::nullopt;  // what `converted` makes of the wide one
      [[fallthrough]];
    case Function::ShiftRightLogical:
      // Counts are small enough not to wrap; bits beyond the type are cut off again.
      return t.is_signed() ? std::nullopt : std::optional(converted(apply(f, wide(a), wide(b)), t));
    case Function::ShiftRight:
      if (!t.is_signed()) return apply(Function::ShiftRightLogical, a, b);
      if (const auto n = known(b); n && *n >= 0 && *n < t.bits)
        return converted(apply(f, wide(a), wide(b)), t);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

bool is_ring(Function f) {
  using enum Function;
  return f == Add || f == Sub || f == Mul || f == BitAnd || f == BitOr || f == BitXor;
}
constexpr Function kRing[] = {Function::Add,    Function::Sub,   Function::Mul,
                              Function::BitAnd, Function::BitOr, Function::BitXor};

// Unsigned integers of 32 and 64 bits where the vector program has signed ones: what does not see the sign.
std::optional<Term> unsigned_as_signed(Function f, Term a, Term b) {
  const ElementType t = term_type(a), s = t.bits == 64 ? i64 : i32;
  if (f == Function::Equal) return apply(f, converted(a, s), converted(b, s));
  // With the sign bit flipped the order is that of signed integers.
  const auto flipped = [&](Term x) {
    return apply(Function::BitXor, literal(s, sign_bit(s)), converted(x, s));
  };
  if (f == Function::Less || f == Function::LessEqual) return apply(f, flipped(a), flipped(b));
  if (f == Function::Max || f == Function::Min || f == Function::Greater2 || f == Function::Lesser2) {
    const Function g = f == Function::Max ? Function::Greater2 : f == Function::Min ? Function::Lesser2 : f;
    return converted(apply(Function::BitXor, literal(s, sign_bit(s)), apply(g, flipped(a), flipped(b))), t);
  }
  if (f == Function::CountBits) return converted(apply(f, converted(a, s)), t);
  if (f == Function::ShiftRight) f = Function::ShiftRightLogical;
  if (!is_ring(f) && f != Function::ShiftLeft && f != Function::ShiftRightLogical) return std::nullopt;
  return converted(apply(f, converted(a, s), converted(b, s)), t);
}

}  // namespace

Term literal(ElementType t, uint64_t bits) {
  if (t.bits < 64) bits &= (uint64_t{1} << (t.is_bool() ? 1 : t.bits)) - 1;
  return term_literal(t, bits);
}

Term bytes_together(const std::vector<Term>& b) {
  return term_apply(bytes_name(), i32, {b[0], b[1], b[2], b[3]});
}
Term slices_together(const std::vector<Term>& s) {
  return s.size() == 2 ? term_apply(slices_name(), u8, {s[0], s[1]})
                       : term_apply(slices_name(), u8, {s[0], s[1], s[2], s[3]});
}
Term pair_together(Term low, Term high) { return term_apply(pairs_name(), f32, {low, high}); }
std::optional<Term> byte_of(Term word, int i) {
  const Term none = literal(u8, 0);
  if (const auto bits = term_literal_of(word)) return literal(u8, *bits >> 8 * i);
  if (term_name_of(word) == convert_name() && term_type(argument(word, 0)) == u8)
    return i == 0 ? argument(word, 0) : none;
  if (is(word, Function::ShiftLeft)) {
    const auto n = known(argument(word, 1));
    if (!n || *n < 0 || *n > 24 || *n % 8 != 0) return std::nullopt;
    const int by = static_cast<int>(*n / 8);
    return i < by ? none : byte_of(argument(word, 0), i - by);
  }
  if (!is(word, Function::BitOr)) return std::nullopt;
  const auto a = byte_of(argument(word, 0), i), b = byte_of(argument(word, 1), i);
  return !a || !b ? std::nullopt : *a == none ? b : *b == none ? a : std::nullopt;
}
Term words_together(Term low, Term high) { return term_apply(words_name(), i32, {low, high}); }

std::optional<int64_t> known(Term x) {
  const auto bits = term_literal_of(x);
  const ElementType t = term_type(x);
  if (!bits || (!t.is_integer() && !t.is_bool())) return std::nullopt;
  if (t.is_bool() || !t.is_signed() || t.bits == 64) return static_cast<int64_t>(*bits);
  const int shift = 64 - t.bits;
  return static_cast<int64_t>(*bits << shift) >> shift;
}

Term apply(Function f, Term a, Term b, Term c) {
  const ElementType t = term_type(a);
  const int arity = loops::arity_of(f);
  if (f == Function::Choose) return choose(a, b, c);
  if (f == Function::DotBytes || f == Function::DotWords) return dot(f, a, b, c);
  if (f == Function::DotBits)
    return apply(Function::Add, apply(Function::CountBits, apply(Function::BitXor, a, b)), c);
  if (f == Function::DotPairs) return dot_pairs(a, b, c);
  if (t.is_bool()) return logical(f, a, b, c);
  const auto x = term_literal_of(a), y = arity > 1 ? term_literal_of(b) : 0,
             z = arity > 2 ? term_literal_of(c) : 0;
  if (x && y && z && loops::is_defined(f, t)) {
    const uint64_t bits[] = {*x, *y, *z};
    return computed(f, t, bits);
  }
  const bool floats = t.is_float();
  if (is_narrow(t))
    if (const auto n = narrow(f, a, b)) return *n;
  if (t.is_integer() && !t.is_signed() && t.bits >= 32)
    if (const auto n = unsigned_as_signed(f, a, b)) return *n;
  switch (f) {
    case Function::Fma:
      if (!floats) return apply(Function::Add, apply(Function::Mul, a, b), c);
      // A term that is left out: of a contraction, whose sum ends with +0 + … and so has no sign of zero.
      if (is_zero(a, x) && is_finite_input(b)) return c;
      if (is_zero(b, y) && is_finite_input(a)) return c;
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::FmaFlush:
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::Add:
      if (!floats)  // numbers of a sum are added up
        for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)})
          if (term_literal_of(p) && is(q, Function::Add))
            for (const size_t i : {size_t{0}, size_t{1}})
              if (term_literal_of(argument(q, i)))
                return apply(f, argument(q, 1 - i), apply(f, argument(q, i), p));
      if (x == uint64_t{0} && (!floats || never_minus_zero(b))) return b;
      if (y == uint64_t{0} && (!floats || never_minus_zero(a))) return a;
      if (floats && x != uint64_t{0} && y != uint64_t{0}) {
        const Term zero = literal(t, 0);
        if (const auto s = without_zero(a)) return apply(f, apply(f, *s, b), zero);
        if (const auto s = without_zero(b)) return apply(f, apply(f, a, *s), zero);
      }
      [[fallthrough]];
    case Function::Mul:
      if (f == Function::Mul && !floats && (x == uint64_t{0} || y == uint64_t{0})) return literal(t, 0);
      if (f == Function::Mul && is_one(a)) return b;
      if (f == Function::Mul && is_one(b)) return a;
      [[fallthrough]];
    case Function::Equal:
      if (f == Function::Equal)
        if (const auto simpler = equal(a, b)) return *simpler;
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::Sub:
      if (!floats && y) return apply(Function::Add, a, apply(f, literal(t, 0), b));
      break;
    case Function::BitAnd:
      if (a == b) return a;
      for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)})
        if (t == i32 && is_literal(p, 0x00ff00ff))
          if (const auto words = words_of(q)) return *words;
      for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)})
        for (const int64_t bits : {4, 2})
          if (t == i32 && is_literal(p, bits == 4 ? 0x0f0f0f0f : 0x03030303))
            if (const auto slices = slices_of(q, bits)) return *slices;
      if (t == i32)  // zero-extended again
        for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)})
          for (const ElementType n : {u8, u16})
            if (is_literal(p, n.max_value())) return converted(converted(q, n), t);
      if (t == i64)  // u32 in i64
        for (const auto& [p, q] : {std::pair(a, b), std::pair(b, a)})
          if (is_literal(p, 0xffffffffu)) return converted(converted(q, u32), t);
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::BitOr:
    case Function::BitXor:
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::BitNot:
      return apply(Function::BitXor, a, literal(t, ~uint64_t{0}));
    case Function::Negate:
      if (!floats) return apply(Function::Sub, literal(t, 0), a);
      if (is(a, Function::Negate)) return argument(a, 0);
      break;
    case Function::Abs:
      if (!floats) return t.is_signed() ? apply(Function::Greater2, a, apply(Function::Negate, a)) : a;
      break;
    case Function::Max:
    case Function::Min: {
      if (is_identity(f, a)) return b;
      if (is_identity(f, b)) return a;
      const Function simple = f == Function::Max ? Function::Greater2 : Function::Lesser2;
      if (!floats || (x && !is_nan_literal(a))) return apply(simple, a, b);
      break;
    }
    case Function::Greater2:
    case Function::Lesser2:
      if (is_identity(f, a)) return b;
      if (floats) break;
      if (is_identity(f, b)) return a;
      if (const auto simpler = limited(f, a, b)) return *simpler;
      if (b.id < a.id) std::swap(a, b);
      break;
    case Function::ShiftRight:
      if (!t.is_signed()) return apply(Function::ShiftRightLogical, a, b);
      if (const auto n = known(b); n && t == i32 && is(a, Function::ShiftLeft) && argument(a, 1) == b)
        for (const ElementType e : {i8, i16})
          if (*n == 32 - e.bits) return converted(converted(argument(a, 0), e), t);
      [[fallthrough]];
    case Function::ShiftLeft:
    case Function::ShiftRightLogical:
      if (y == uint64_t{0}) return a;
      break;
    default:
      break;
  }
  return made(f, a, b, c);
}

Term converted(Term x, ElementType to) {
  const ElementType from = term_type(x);
  if (from == to) return x;
  if (const auto bits = term_literal_of(x)) return literal(to, loops::converted(*bits, from, to));
  if (to.is_bool() && from.is_integer())
    return apply(Function::Not, apply(Function::Equal, x, literal(from, 0)));
  if (to.is_bool() && from.is_float() && from.bits == 16) return converted(converted(x, f32), to);
  if (to.is_bool() && from.is_float())
    return apply(Function::Not, apply(Function::Equal, x, literal(from, 0)));
  if (term_name_of(x) == convert_name()) {
    const Term inner = argument(x, 0);
    const ElementType first = term_type(inner);
    // Nothing was lost on the way; but a float ends at the limits of an integer, where an integer wraps.
    const bool wraps = from.is_float() && !first.is_float() && to.is_integer() && !loops::widens(first, to);
    if (loops::widens(first, from) && !wraps) return converted(inner, to);
    if (has_interval(first) && interval_of(inner).lies_in(from)) return converted(inner, to);  // nor here
    // Integers modulo 2^n: only the last, narrowest cut counts.
    if (first.is_integer() && from.is_integer() && to.is_integer() && to.bits <= from.bits)
      return converted(inner, to);
  }
  if (is(x, Function::Choose))
    return apply(Function::Choose, argument(x, 0), converted(argument(x, 1), to),
                 converted(argument(x, 2), to));
  if (from.is_integer() && to.is_integer() && to.bits <= from.bits) {
    for (const Function f : kRing)
      if (is(x, f) && is_ring(f) && is_narrow(to))
        return apply(f, converted(argument(x, 0), to), converted(argument(x, 1), to));
    if (is(x, Function::ShiftLeft) && is_narrow(to)) {
      const auto n = known(argument(x, 1));
      if (n && *n >= 0 && *n < to.bits)
        return apply(Function::ShiftLeft, converted(argument(x, 0), to),
                     literal(to, static_cast<uint64_t>(*n)));
    }
  }
  return term_apply(convert_name(), to, {x});
}

Term with_arguments(Term x, const Term* a) {
  const TermName name = term_name_of(x);
  if (name == convert_name()) return converted(a[0], term_type(x));
  if (name == truncate_name()) return truncated(a[0], term_type(x));
  if (name == bits_name()) return same_bits(a[0], term_type(x));
  if (name == bytes_name()) return bytes_together({a[0], a[1], a[2], a[3]});
  if (name == words_name()) return words_together(a[0], a[1]);
  if (name == slices_name())
    return term_arguments(x).size() == 2 ? slices_together({a[0], a[1]})
                                         : slices_together({a[0], a[1], a[2], a[3]});
  if (name == pairs_name()) return pair_together(a[0], a[1]);
  if (const std::string_view text = text_of(name); text.back() == '@') {  // looked up
    if (const auto place = known(a[0]))
      return term_input(text.substr(0, text.size() - 1), *place, term_type(x));
    return term_apply(name, term_type(x), {a[0]});
  }
  const std::optional<Function> f = function_called(name);
  CHECK(f.has_value(), term_function(x));
  const int n = loops::arity_of(*f);
  return apply(*f, a[0], n > 1 ? a[1] : Term{}, n > 2 ? a[2] : Term{});
}

namespace {
Term with_linear_arguments(Term t);
void add_linear(Term t, int64_t factor, std::map<uint32_t, int64_t>& terms, int64_t& constant) {
  if (const auto number = known(t)) {
    constant += factor * *number;
    return;
  }
  const auto literal_of = [&](size_t i) { return known(argument(t, i)); };
  if (is(t, Function::Add) || is(t, Function::Sub)) {
    add_linear(argument(t, 0), factor, terms, constant);
    add_linear(argument(t, 1), is(t, Function::Sub) ? -factor : factor, terms, constant);
  } else if (is(t, Function::Mul) && (literal_of(0) || literal_of(1))) {
    const size_t at = literal_of(0) ? 0 : 1;
    add_linear(argument(t, 1 - at), factor * *literal_of(at), terms, constant);
  } else if (is(t,
                Function::Choose)) {  // of two that lie a number apart: that one, and the number or nothing
    std::map<uint32_t, int64_t> apart;
    int64_t number = 0;
    add_linear(argument(t, 1), 1, apart, number);
    add_linear(argument(t, 2), -1, apart, number);
    if (std::any_of(apart.begin(), apart.end(), [](const auto& x) { return x.second != 0; })) {
      terms[t.id] += factor;
      return;
    }
    add_linear(argument(t, 2), factor, terms, constant);
    terms[converted(argument(t, 0), i64).id] += factor * number;
  } else if (is(t, Function::ShiftLeft) && literal_of(1) && *literal_of(1) < 48) {
    add_linear(argument(t, 0), factor << *literal_of(1), terms, constant);
  } else {
    terms[with_linear_arguments(t).id] += factor;
  }
}

// What limits and quotients are taken of, in one order too.
Term with_linear_arguments(Term t) {
  using enum Function;
  constexpr Function kOfIndices[] = {Greater2, Lesser2, FloorDiv, FloorMod};
  for (const Function f : kOfIndices)
    if (term_type(t) == i64 && is(t, f))
      return apply(f, in_linear_form(argument(t, 0), 0), in_linear_form(argument(t, 1), 0));
  return t;
}
}  // namespace

std::optional<Term> in_linear_form(Term index, int64_t plus, int64_t by) {
  std::map<uint32_t, int64_t> terms;
  add_linear(index, 1, terms, plus);
  const auto number = [](int64_t v) { return literal(i64, static_cast<uint64_t>(v)); };
  if (plus % by != 0) return std::nullopt;
  Term sum = number(plus / by);
  for (const auto& [id, factor] : terms) {
    if (factor % by != 0) return std::nullopt;
    if (factor != 0) sum = apply(Function::Add, sum, apply(Function::Mul, Term{id}, number(factor / by)));
  }
  return sum;
}

Term truncated(Term x, ElementType to) {
  const ElementType from = term_type(x);
  if (!from.is_float() || !to.is_integer()) return converted(x, to);
  if (const auto bits = term_literal_of(x)) {
    const double v = std::trunc(number_of(x, *bits)), limit = std::ldexp(1.0, to.bits - 1);
    const bool inside = v >= -limit && v < limit;
    return literal(to, inside ? static_cast<uint64_t>(static_cast<int64_t>(v)) : sign_bit(to));
  }
  return term_apply(truncate_name(), to, {x});
}

Term same_bits(Term x, ElementType to) {
  const ElementType from = term_type(x);
  if (from == to) return x;
  if (const auto bits = term_literal_of(x)) return literal(to, *bits);
  if (term_name_of(x) == bits_name()) return same_bits(argument(x, 0), to);
  if (from.is_integer() && to.is_integer() && from.bits == to.bits) return converted(x, to);
  const auto is_sign_only = [&](ElementType u, ElementType v) {
    return u.is_integer() && v.is_integer() && u.bits == v.bits;
  };
  if (term_name_of(x) == convert_name() && is_sign_only(from, term_type(argument(x, 0))))
    return same_bits(argument(x, 0), to);
  if (from.is_float() && (to == u32 || to == u64)) return converted(same_bits(x, to == u32 ? i32 : i64), to);
  // The sign bit alone.
  if (to.is_float() && !from.is_float()) {
    const Term sign = literal(from, sign_bit(from)), rest = literal(from, sign_bit(from) - 1);
    const auto one_of = [&](Term mask) -> std::optional<Term> {
      if (argument(x, 0) == mask) return argument(x, 1);
      if (argument(x, 1) == mask) return argument(x, 0);
      return std::nullopt;
    };
    if (is(x, Function::BitXor))
      if (const auto y = one_of(sign)) return apply(Function::Negate, same_bits(*y, to));
    if (is(x, Function::BitAnd))
      if (const auto y = one_of(rest)) return apply(Function::Abs, same_bits(*y, to));
    if (is(x, Function::BitOr))
      for (const size_t k : {size_t{0}, size_t{1}}) {
        const Term magnitude = same_bits(argument(x, k), to), s = argument(x, 1 - k);
        const auto number = term_literal_of(magnitude);
        const bool positive = is(magnitude, Function::Abs) || (number && *number < sign_bit(to));
        if (!positive || !is(s, Function::BitAnd)) continue;
        const Term size = number ? magnitude : argument(magnitude, 0);
        if (argument(s, 0) == sign) return apply(Function::CopySign, size, same_bits(argument(s, 1), to));
        if (argument(s, 1) == sign) return apply(Function::CopySign, size, same_bits(argument(s, 0), to));
      }
  }
  return term_apply(bits_name(), to, {x});
}

}  // namespace tauto::proof
