// Terms mean what programs compute: random vector programs are run on terms, the terms are given the values
// of the inputs, and what comes out is what the same programs compute on those values. So every rule of the
// algebra that fires is compared with numbers.
#include "verify/vector_terms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "codegen/random_program.h"
#include "loops/values.h"
#include "support/error.h"
#include "verify/algebra.h"

namespace tauto::proof {
namespace {

using loops::Function;
using tauto::testing::ProgramMemory;
using tauto::testing::random_program;
using tauto::testing::RandomOptions;
using tauto::testing::RandomProgram;

constexpr uint64_t kSeed = 2200;

uint64_t element_bits(const RandomProgram& r, const ProgramMemory& m, size_t buffer, size_t i) {
  const auto bytes = static_cast<size_t>(r.buffers[buffer].type.bytes());
  uint64_t v = 0;
  std::memcpy(&v, m.buffers[buffer].data() + i * bytes, bytes);
  return v;
}

constexpr Function kFunctions[] = {
#define TAUTO_X(name, text, arity) Function::name,
    TAUTO_LOOP_FUNCTIONS(TAUTO_X)
#undef TAUTO_X
};

// A term's value where input "k" [i] is element i of buffer k.
class Values {
 public:
  Values(const RandomProgram& r, const ProgramMemory& m) : r_(r), m_(m) {
    for (const Function f : kFunctions) named_[loops::text_of(f)] = f;
  }

  Term of(Term t) {
    if (term_literal_of(t)) return t;
    if (const auto at = memo_.find(t.id); at != memo_.end()) return at->second;
    const std::string name(term_function(t));
    Term v;
    if (name.back() == '[') {
      const auto buffer = static_cast<size_t>(std::stoi(name));
      v = literal(term_type(t), element_bits(r_, m_, buffer, static_cast<size_t>(term_input_index(t))));
    } else {
      std::vector<Term> a;
      for (const Term x : term_arguments(t)) a.push_back(of(x));
      a.resize(3);
      if (name == "convert")
        v = converted(a[0], term_type(t));
      else if (name == "truncate_to")
        v = truncated(a[0], term_type(t));
      else if (name == "bits")
        v = same_bits(a[0], term_type(t));
      else if (name.back() == '@')
        v = literal(term_type(t), element_bits(r_, m_, static_cast<size_t>(std::stoi(name)),
                                               static_cast<size_t>(known(a[0]).value())));
      else
        v = apply(named_.at(name), a[0], a[1], a[2]);
    }
    return memo_[t.id] = v;
  }

 private:
  const RandomProgram& r_;
  const ProgramMemory& m_;
  std::map<std::string, Function> named_;
  std::map<uint32_t, Term> memo_;
};

// NaNs of all bits are one.
bool is_nan(ElementType t, uint64_t bits) {
  if (!t.is_float()) return false;
  if (t == f64) return std::isnan(loops::as<double>(bits));
  return std::isnan(loops::as<float>(t == f32 ? bits : loops::converted(bits, t, f32)));
}

// How many elements of the buffers had a term that is more than an input; nothing if undecided.
std::optional<int> compare(const RandomProgram& r, uint64_t seed, bool integers) {
  const TermScope scope;
  const ProgramMemory before(r, seed);
  std::vector<SymbolicBuffer> buffers;
  for (size_t k = 0; k < r.buffers.size(); ++k) {
    const RandomProgram::Buffer& b = r.buffers[k];
    SymbolicBuffer s = symbolic_input(std::to_string(k), b.type, b.elements);
    if (!b.type.is_float() && !integers)
      s.given = [&r, &before, &b, k](int64_t i) {
        return literal(b.type, element_bits(r, before, k, static_cast<size_t>(i)));
      };
    buffers.push_back(std::move(s));
  }
  try {
    evaluate_terms(r.program, buffers, {r.sizes.begin(), r.sizes.end()}, 0);
  } catch (const Undecided&) {
    return std::nullopt;
  }
  ProgramMemory after(r, seed);
  vec::evaluate(r.program, after.arguments().data());
  Values values(r, before);
  int symbolic = 0;
  for (size_t k = 0; k < buffers.size(); ++k)
    for (size_t i = 0; i < static_cast<size_t>(buffers[k].count); ++i) {
      const Term t = *buffers[k].read(static_cast<int64_t>(i));
      const uint64_t got = *term_literal_of(values.of(t)), expected = element_bits(r, after, k, i);
      const ElementType type = buffers[k].type;
      if (got != expected && !(is_nan(type, got) && is_nan(type, expected))) {
        ADD_FAILURE() << "seed " << seed << ", buffer " << k << " (" << tauto::text_of(type) << ") element "
                      << i << ": the term gives " << got << ", the program " << expected << "\n"
                      << vec::text_of(r.program);
        return symbolic;
      }
      symbolic += !term_literal_of(t) && term_function(t).back() != '[';
    }
  return symbolic;
}

TEST(VectorTerms, MeanWhatTheProgramComputes) {
  int decided = 0, symbolic = 0;
  for (uint64_t seed = kSeed; seed < kSeed + 300 && !HasFailure(); ++seed) {
    RandomOptions o;
    o.lanes = 4;
    o.steps = 10 + static_cast<int>(seed % 40);
    o.length = 20;
    o.same_at_any_W = seed % 4 == 0;
    const RandomProgram r = random_program(seed, o);
    for (const bool integers : {false, true})
      if (const auto n = compare(r, seed, integers)) ++decided, symbolic += *n;
  }
  EXPECT_GT(decided, 150);
  EXPECT_GT(symbolic, 3000);
}

// A rule: v0 and v1 are elements of two inputs; what becomes of v9, as a term, and that it is the same
// number.
struct Rule {
  ElementType in, out;
  const char* body;
  const char* term;
};
const Rule kRules[] = {
    {f32, f32, "v9 = greater.f32 v0, v1 m0 = cmp.f32 v0, v0, unordered v9 = select.f32 m0, v0, v9",
     "max(0[0], 1[0])"},
    {f64, f64, "v9 = lesser.f64 v0, v1 m0 = cmp.f64 v0, v0, unordered v9 = select.f64 m0, v0, v9",
     "min(0[0], 1[0])"},
    {f32, f32, "v2 = const.f32 4286578688 v9 = greater.f32 v2, v0", "0[0]"},  // -inf
    {i32, i32, "v2 = const.i32 2147483647 v9 = lesser.i32 v0, v2", "0[0]"},
    {f32, f32, "v2 = const.f32 2147483648 v9 = xor.f32 v0, v2", "negate(0[0])"},
    {f64, f64, "v2 = const.f64 -9223372036854775808 v9 = andnot.f64 v2, v0", "abs(0[0])"},
    {f32, f32, "v2 = const.f32 2147483648 v3 = andnot.f32 v2, v0 v4 = and.f32 v2, v1 v9 = or.f32 v3, v4",
     "copysign(0[0], 1[0])"},
    {f32, f32, "v2 = const.f32 0 v3 = addv.f32 v2, v0 v4 = addv.f32 v1, v2 v9 = addv.f32 v3, v4",
     "add(0, add(0[0], 1[0]))"},
    {f32, f32, "v2 = const.f32 0 v3 = addv.f32 v2, v0 v9 = addv.f32 v2, v3", "add(0[0], 0)"},
    {f32, f32, "v2 = subv.f32 v1, v0 v3 = mulv.f32 v2, v0 v4 = mulv.f32 v0, v2 v9 = subv.f32 v3, v4",
     "sub(mul(0[0], sub(1[0], 0[0])), mul(0[0], sub(1[0], 0[0])))"},
    {f32, i32,
     "v2 = const.f32 1325400064 m0 = cmp.f32 v0, v0, unordered m1 = cmp.f32 v2, v0, less_equal v3 = "
     "convert.i32 v0 "
     "v4 = const.i32 2147483647 v3 = select.i32 m1, v4, v3 v4 = const.i32 0 v9 = select.i32 m0, v4, v3",
     "convert(0[0])"},
    {f32, i8,
     "m0 = cmp.f32 v0, v0, unordered v2 = const.f32 3271557120 v3 = const.f32 1123942400 v4 = greater.f32 "
     "v0, v2 "
     "v4 = lesser.f32 v4, v3 v5 = convert.i32 v4 v6 = const.i32 0 v9 = select.i32 m0, v6, v5",
     "convert(0[0])"},
    {u8, u8, "v2 = const.i32 255 v3 = mulv.i32 v0, v1 v9 = and.i32 v3, v2", "mul(0[0], 1[0])"},
    {i16, i16, "v2 = subv.i32 v0, v1 v2 = shl.i32 v2, 16 v9 = sar.i32 v2, 16", "sub(0[0], 1[0])"},
    {i8, i8, "v2 = const.i32 0 v2 = subv.i32 v2, v0 v9 = greater.i32 v0, v2",
     "convert(greater2(convert(0[0]), sub(0, convert(0[0]))))"},
    {boolean, boolean,
     "v2 = const.i32 0 m0 = cmp.i32 v0, v2, equal m0 = notm m0 v3 = const.i32 1 v9 = select.i32 m0, v3, v2",
     "0[0]"},
    {f16, f16, "v9 = narrow16.f32 v0, f16", "0[0]"},
    {bf16, bf16, "v2 = mulv.f32 v0, v1 v9 = narrow16.f32 v2, bf16",
     "convert(mul(convert(0[0]), convert(1[0])))"},
    {f32, f32,
     "m0 = cmp.f32 v0, v1, less m1 = notm m0 v2 = select.f32 m1, v1, v0 m2 = andm m0, m0 v9 = select.f32 m2, "
     "v2, v2",
     "lesser2(0[0], 1[0])"},
    {f32, f32, "m0 = cmp.f32 v0, v1, less v9 = select.f32 m0, v1, v0", "greater2(1[0], 0[0])"},
    {i32, i32, "v2 = const.i32 -1 v2 = xor.i32 v0, v2 v9 = and.i32 v2, v1",
     "bit_and(1[0], bit_xor(0[0], 4294967295))"},
    {f32, f32, "v2 = const.f32 1065353216 v9 = mulv.f32 v2, v0", "0[0]"},
    {f32, i32, "v2 = const.i32 1 v3 = const.i32 0 m0 = cmp.f32 v0, v1, less v9 = select.i32 m0, v3, v2",
     "convert(not(less(0[0], 1[0])))"},
    {f32, f32,
     "v2 = const.f32 0 m0 = cmp.f32 v0, v1, less v3 = select.f32 m0, v0, v2 v4 = select.f32 m0, v2, v1 "
     "v3 = mulv.f32 v3, v3 v9 = select.f32 m0, v3, v4",
     "select(less(0[0], 1[0]), mul(0[0], 0[0]), 1[0])"},
    {f32, f32, "v2 = const.f32 2147483648 v2 = and.f32 v2, v0 v3 = const.f32 1065353216 v9 = or.f32 v3, v2",
     "copysign(1, 0[0])"},
    // An element that is read only if a lane wants it.
    {f32, f32,
     "m0 = cmp.f32 v0, v1, less s3 = any m0 s4 = imm 1 v9 = const.f32 0 if s3, s4, equal v9 = bcast.f32:f32 "
     "[s1 + 12] end v9 = select.f32 m0, v9, v0",
     "select(less(0[0], 1[0]), 1[3], 0[0])"},
    {f32, f32,
     "v2 = bcast.f32:f32 [s0] v3 = bcast.f32:f32 [s1] m0 = cmp.f32 v2, v3, less s3 = any m0 s4 = imm 1 "
     "if s3, s4, equal v9 = addv.f32 v0, v1 m1 = notm m0 else v9 = mulv.f32 v0, v1 m1 = andm m0, m0 end "
     "v9 = select.f32 m1, v0, v9",
     "select(less(0[0], 1[0]), add(0[0], 1[0]), mul(0[0], 1[0]))"},
    {u32, u32, "v2 = shr.i32 v0, 3 v9 = shl.i32 v2, 0", "convert(shift_right_logical(convert(0[0]), 3))"},
};

TEST(VectorTerms, RulesHoldAndFire) {
  for (const Rule& rule : kRules) {
    const std::string in = cat(vec::text_of(vec::lane_of(rule.in)), ":", rule.in),
                      out = cat(vec::text_of(vec::lane_of(rule.out)), ":", rule.out);
    RandomProgram r;
    r.program =
        vec::parse_program(cat("program rule lanes 64 { s0 = arg 0 s1 = arg 1 s2 = arg 2\n v0 = load.", in,
                               " [s0] v1 = load.", in, " [s1]\n", rule.body, "\nstore.", out, " v9, [s2] }"));
    r.buffers = {{rule.in, 64, false}, {rule.in, 64, false}, {rule.out, 64, true}};
    for (uint64_t seed = 1; seed < 40; ++seed) EXPECT_TRUE(compare(r, seed, true).has_value());
    const TermScope scope;
    std::vector<SymbolicBuffer> buffers;
    for (size_t k = 0; k < 3; ++k) {
      buffers.push_back(symbolic_input(std::to_string(k), r.buffers[k].type, 64));
      for (int64_t i = 0; i < 64; ++i) buffers[k].read(i);  // terms in this order
    }
    evaluate_terms(r.program, buffers, {}, 0);
    EXPECT_EQ(tauto::text_of(*buffers[2].read(0)), rule.term) << rule.body;
  }
}

std::string error_of(const std::string& body) {
  const TermScope scope;
  std::vector<SymbolicBuffer> buffers{symbolic_input("x", f32, 5), {"y", f32, 5, {}, {}, {}}};
  try {
    evaluate_terms(vec::parse_program("program p lanes 4 {\n s0 = arg 0 s1 = arg 1\n" + body + "\n}"),
                   buffers, {}, 64);
  } catch (const Error& e) {
    return e.what();
  } catch (const Undecided& u) {
    return "undecided: " + u.reason;
  }
  return "";
}

TEST(VectorTerms, AccessesStayInside) {
  EXPECT_EQ(error_of("v0 = load.f32:f32 [s0 + 4] store.f32:f32 v0, [s1]"), "");
  EXPECT_EQ(error_of("v0 = load.f32:f32 [s0 + 8]"),
            "program p, line 4: v0 = load.f32:f32 [s0 + 8]: element 5 of buffer x with 5 elements");
  EXPECT_EQ(error_of("v0 = load.f32:f32 [s0 + -4]"),
            "program p, line 4: v0 = load.f32:f32 [s0 + -4]: an address outside all buffers");
  EXPECT_EQ(error_of("v0 = bcast.f32:f32 [s0 + 2]"),
            "program p, line 4: v0 = bcast.f32:f32 [s0 + 2]: part of an element of buffer x");
  EXPECT_EQ(error_of("v0 = bcast.i32:i32 [s0]"),
            "program p, line 4: v0 = bcast.i32:i32 [s0]: buffer x holds f32, accessed as i32");
  EXPECT_EQ(error_of("v0 = bcast.f32:f32 [s1]"),
            "program p, line 4: v0 = bcast.f32:f32 [s1]: element 0 of buffer y was never written");
  EXPECT_EQ(error_of("s2 = arg 2 v0 = bcast.f32:f32 [s0] store.f32:f32 v0, [s2 + 52]"),
            "program p, line 6: store.f32:f32 v0, [s2 + 52]: byte 64 of 64 of its own memory");
  EXPECT_EQ(
      error_of("v0 = bcast.f32:f32 [s0] m0 = cmp.f32 v0, v0, equal s2 = any m0 s3 = loop s2, s2, 1 end"),
      "undecided: line 7: s3 = loop s2, s2, 1: a scalar that follows from elements");
}

}  // namespace
}  // namespace tauto::proof
