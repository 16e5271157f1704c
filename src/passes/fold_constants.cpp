// Constant folding.
#include "passes/fold_constants.h"

#include <algorithm>

#include "graph/unaligned.h"
#include "passes/rewrite.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

// The bytes of a static tensor type; -1 when it has none (symbols, more than 2^63 elements, no tensor).
int64_t bytes_of(const Type& t) {
  if (!t.is_tensor() || !t.is_static()) return -1;
  int64_t n = t.element.bytes();
  for (const Dim& d : t.dims)
    if (__builtin_mul_overflow(n, d.literal(), &n)) return -1;
  return n;
}

Id fold(Rewrite& w, Id old, const FoldOptions& options) {
  const Node& n = w.node(old);
  const Id copied = w.copy(old);
  const int64_t result = bytes_of(n.type);
  if (constant_value(w.b.node(copied)) || n.inputs.empty() || !n.op->eval || n.op->is(kEffect) ||
      n.op->is(kControl) || result < 0)
    return copied;
  int64_t given = 0;
  std::vector<Value> in;
  for (size_t i = 0; i < n.inputs.size(); ++i) {
    const Tensor* t = constant_value(w.moved_input(old, i));
    if (!t) return copied;
    const auto before = n.inputs.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(n.inputs.begin(), before, n.inputs[i]) == before) given += t->bytes() + t->string_bytes();
    in.emplace_back(*t);
  }
  if (result > given && result > options.small_bytes) return copied;
  for (Value& v : in) v = aligned(v.tensor);
  EvalContext c(*n.op, n.attributes, in, w.b.type(copied), Rep::Exact);
  try {
    n.op->eval(c);
  } catch (const Error&) {
    return copied;  // it will be reported when it is run, if it is
  }
  if (!c.out.is_tensor()) return copied;
  const int64_t made = c.out.tensor.bytes() + c.out.tensor.string_bytes();  // of strings no type tells
  if (made > given && made > options.small_bytes) return copied;
  const Id folded = w.b.constant(canonical_nan(c.out.tensor));
  w.record(old, folded);
  return folded;
}

}  // namespace

Module fold_constants(const Module& m, const FoldOptions& options) {
  const FloatEnvironment environment;
  return rewrite(m, "fold_constants", [&](Rewrite& w, Id old) { return fold(w, old, options); });
}

}  // namespace tauto
