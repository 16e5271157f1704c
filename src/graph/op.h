// struct Op: everything the rest of the compiler knows about one operator. Each is defined in one file of
// src/ops.
//
// A type rule is the one place where an operator's demands on its inputs are written: the builder runs it on
// types with symbols, the interpreter runs it again on the actual shapes before it evaluates. So a wrong
// shape is refused with the same words at import and at run time, and a reference may rely on what the type
// rule checked.
#pragma once

#include <functional>
#include <optional>
#include <span>

#include "graph/attribute.h"

namespace tauto {

struct Op;
class Lowering;   // ops/lowering.h
class Gradient;   // autodiff
class ErrorRule;  // ops/error_rule.h
namespace loops {
class Expr;
}

enum Trait : uint32_t {
  kElementwise = 1u << 0,  // out[i] depends on in[i] only (after broadcasting); inputs broadcast as in numpy
  kMonotone = 1u << 1,     // non-decreasing in each input
  kCommutative = 1u << 2,  // the two inputs may be exchanged, to the bit
  kView = 1u << 3,         // moves or renames elements, computes nothing
  kControl = 1u << 4,      // calls functions (attributes of kind FunctionName)
  kEffect = 1u << 5,       // must not be merged or folded (random numbers without a seed)
  kComparison = 1u << 6,   // gives bool
};

// What a type rule sees: the types of the inputs, and their values where they are known before run time.
class TypeContext {
 public:
  const Op& op;
  const Attributes& attributes;
  std::span<const Type> inputs;

  TypeContext(const Op& op, const Attributes& attributes, std::span<const Type> inputs, FreshSymbols& symbols)
      : op(op), attributes(attributes), inputs(inputs), symbols_(symbols) {}

  int count() const { return static_cast<int>(inputs.size()); }
  bool has(int i) const { return i < count(); }
  const Type& type(int i) const;     // fails when input i is missing
  ElementType element(int i) const;  // of a tensor (fails on sequences …)
  // Shape of a ranked tensor. On an unranked one it throws Unranked, and the builder falls back to unranked
  // results with the element types of Op::elements.
  const Dims& dims(int i) const;
  int64_t rank(int i) const { return static_cast<int64_t>(dims(i).size()); }
  Dim dim(int i, int64_t d) const { return dims(i)[static_cast<size_t>(d)]; }
  // The value of an integer input, flattened, when it is known before run time (perhaps with symbols).
  std::optional<Dims> value(int i) const { return value_ ? value_(i) : std::nullopt; }
  std::optional<Ints> literal_value(int i) const;
  Dim fresh() const { return symbols_.fresh(); }
  FreshSymbols& symbols() const { return symbols_; }
  // The type of a named function, for control flow.
  std::function<Type(const std::string&)> function_type;
  void set_value_source(std::function<std::optional<Dims>(int)> f) { value_ = std::move(f); }

  void require_arity() const;
  int64_t axis(int64_t axis, int64_t rank) const;  // -rank ≤ axis < rank → 0 ≤ axis; fails otherwise
  void require(bool ok, const std::string& what) const {
    if (!ok) refuse(what);
  }
  void require_equal(const Dim& a, const Dim& b, const char* what) const;  // fails if certainly different
  void require_rank(int i, int64_t rank) const;
  void require_element(int i, ElementType e) const;
  void require_same_element(int i, int j) const;
  Dims broadcast(std::span<const Type> types) const;        // numpy's rule over all of them
  [[noreturn]] void refuse(const std::string& what) const;  // "op(f32[2], f32[3]): what"

 private:
  FreshSymbols& symbols_;
  std::function<std::optional<Dims>(int)> value_;
};

struct Unranked {};  // thrown by TypeContext::dims
struct Unknown {};   // thrown by references when a value is not known in this Rep (Dims, an undecided branch)

// The bits of element i of symbolic terms when that is a literal (src/ops/term.cpp).
std::optional<uint64_t> literal_bits(const Tensor& terms, int64_t i);

// What a reference sees. It reads `in` and sets `out`; all types are literal.
class EvalContext {
 public:
  const Op& op;
  const Attributes& attributes;
  std::span<const Value> in;
  const Type& type;  // of the result, all dims literal (fresh symbols, e.g. the count of nonzero, excepted)
  Rep rep = Rep::Exact;
  Value out;
  // Runs a function of the module (control flow).
  std::function<std::vector<Value>(const std::string& function, std::vector<Value> arguments)> call;
  const std::function<bool()>* cancelled = nullptr;

  EvalContext(const Op& op, const Attributes& attributes, std::span<const Value> in, const Type& type,
              Rep rep)
      : op(op), attributes(attributes), in(in), type(type), rep(rep) {}

  int count() const { return static_cast<int>(in.size()); }
  const Tensor& tensor(int i) const {
    CHECK(i < count() && in[static_cast<size_t>(i)].is_tensor());
    return in[static_cast<size_t>(i)].tensor;
  }
  // An input that steers (indices, axes, shapes): exact integers in every Rep, else Unknown.
  std::vector<int64_t> ints(int i) const;
  int64_t scalar_int(int i) const;
  // A new tensor for the result (or for part i of a tuple result), of its literal type and in this Rep.
  Tensor make() const { return make(type); }
  Tensor make(const Type& t) const { return Tensor(t.element, static_shape(t), rep); }
  void poll() const;  // throws Cancelled when the caller asked to stop
  [[noreturn]] void refuse(const std::string& what) const;
};

struct Cancelled : Error {
  Cancelled() : Error("cancelled") {}
};

inline constexpr int kVariadic = -1;

struct Op {
  const char* name;
  int arity = 1;      // number of inputs; kVariadic: min_arity or more
  int min_arity = 0;  // for kVariadic
  uint32_t traits = 0;
  Type (*type)(const TypeContext&) = nullptr;
  // Result type when an input is unranked; default: unranked with input 0's element (bool for kComparison).
  Type (*unranked_type)(const TypeContext&) = nullptr;
  void (*eval)(EvalContext&) = nullptr;
  // The flattened elements of an integer result where the types of the inputs decide them (shape_of), else
  // nothing.
  std::optional<Dims> (*known)(const TypeContext&) = nullptr;
  // The result's element at `index` (one i64 expression per dim) as an expression over elements of the
  // inputs. Null: elementwise operators lower by their reference on terms, others run their reference.
  loops::Expr (*lower)(Lowering&, const std::vector<loops::Expr>& index) = nullptr;
  void (*gradient)(Gradient&) = nullptr;
  // How errors of the inputs, and its own roundings, reach the result. Null: known by intervals only.
  void (*error)(ErrorRule&) = nullptr;

  bool is(Trait t) const { return (traits & t) != 0; }
  bool operator==(const Op& o) const { return this == &o; }
};

// The table of all operators (src/ops/table.cpp); sorted by name.
std::span<const Op* const> all_ops();
const Op* find_op(std::string_view name);

// Common type rules.
Type same_as_input(const TypeContext& c);   // of input 0
Type broadcast_type(const TypeContext& c);  // equal element types; kComparison: bool

}  // namespace tauto
