// One argument for each kind of place, see prove_fault.h.
#include "verify/prove_fault.h"

#include <algorithm>
#include <cstring>

#include "compile/faults.h"
#include "compile/profile.h"
#include "support/error.h"
#include "verify/check_binding.h"
#include "verify/compare_kernel.h"
#include "verify/prove_executable.h"

namespace tauto::equivalence {
namespace {

using proof::Proof;
using proof::ProofOptions;

constexpr size_t kMostTerms = 6'000'000;
constexpr uint64_t kDraws = 200;

uint64_t bits_of(const Tensor& t, int64_t i) {
  uint64_t bits = 0;
  const int64_t size = t.element_bytes();
  std::memcpy(&bits, static_cast<const char*>(t.raw()) + i * size, static_cast<size_t>(size));
  return bits;
}

class FaultProver {
 public:
  FaultProver(const Executable& e, const std::vector<Value>& inputs)
      : e_(e),
        inputs_(inputs),
        at_(*e.fault()),
        c_(e.functions().at(at_.function)),
        g_(c_.groups.at(at_.group)) {
    ExecuteOptions options;
    options.profile = &run_;
    e.run(inputs, options);
    const Env* found = sizes_of(&c_, at_.group);
    if (found) sizes_ = *found;
  }

  FaultProof run() {
    const std::string stage = stage_of(at_.fault.kind);
    if (stage == "memory" || stage == "threads") return memory();
    if (!at_.defined) return {false, "its kernel has other arguments than the right one", ""};
    FaultProof p = stage == "registers" ? registers() : stage == "packing" ? constant() : program();
    if (!p.proved) p.differs = on_numbers();
    return p;
  }

 private:
  const Env* sizes_of(const CompiledFunction* c, size_t group) const {
    for (const Profile::Event& event : run_.events)
      if (event.function == c && event.group == group) return &run_.envs[event.env];
    return nullptr;
  }

  static FaultProof from(const Proof& p, const std::string& by) {
    if (p.verdict == Proof::Verdict::Proved) return {true, by, ""};
    return {false, cat(proof::text_of(p.verdict), ": ", p.reason), ""};
  }

  FaultProof program() const {
    return from(proof::prove_group(e_, c_, g_, sizes_), "the kernel computes the same terms");
  }

  FaultProof registers() const {
    if (at_.registers.empty()) return {true, "every read finds the value that it is to find", ""};
    return {false, at_.registers, ""};
  }

  Proof prove(const CompiledGroup& g, const Env& sizes, ProofOptions o) const {
    o.trips.most_terms = kMostTerms;
    return proof::prove_kernel(g.group.kernel, g.built->scheduled, g.built->generated, sizes, o);
  }

  FaultProof constant() const {
    const Tensor &right = at_.packed, &wrong = g_.group.arguments[at_.argument].constant;
    if (right.bytes() == wrong.bytes() &&
        std::memcmp(right.raw(), wrong.raw(), static_cast<size_t>(right.bytes())) == 0)
      return {true, "the constant has the same bits", ""};
    const Tensor& original = at_.constants[at_.argument];
    Tensor numbers(i64, original.shape());
    for (int64_t i = 0; i < numbers.count(); ++i) numbers.data<int64_t>()[i] = i + 1;
    for (const Packing& p : g_.built->scheduled.packings) {
      if (p.buffer != at_.argument) continue;
      if (p.parts.count != 1) return {false, "a constant that is packed in parts", ""};
      numbers = packed(numbers, p);
    }
    if (numbers.count() != right.count() || original.type() != right.type())
      return {false, "a constant that is packed otherwise", ""};
    ProofOptions o;
    o.pieces = true;
    ProofOptions::Known& known = o.known[at_.argument];
    const bool zeros_alike = is_only_contracted();
    for (int64_t i = 0; i < right.count(); ++i) {
      if (bits_of(right, i) == bits_of(wrong, i)) continue;
      if (zeros_alike && is_zero(right, i) && is_zero(wrong, i)) continue;
      known.code[i] = bits_of(wrong, i);
      if (const int64_t from = numbers.data<int64_t>()[i]; from > 0)
        known.definition[from - 1] = bits_of(original, from - 1);
    }
    return from(prove(g_, sizes_, o), "the kernel computes the same terms with the other numbers");
  }

  // A factor ±0 adds ±0 or NaN whatever its sign: a sum of the chain is another one by the sign of a zero at
  // most, and so until its end, where +0 + … hides it (docs/semantics.md, contraction).
  bool is_only_contracted() const {
    const loops::Buffer* b = g_.group.kernel.buffers[at_.argument].get();
    int64_t loads = 0, inside = 0;
    loops::each_node(
        g_.group.kernel.body,
        [&](const loops::Expr& e) {
          if (const auto* l = e.as<loops::Load>()) loads += l->buffer.get() == b;
          const auto* r = e.as<loops::Reduce>();
          if (!r || r->order != loops::Order::Blocks) return;
          for (const loops::Expr& x : r->operands)
            if (const auto* l = x.as<loops::Load>()) inside += l->buffer.get() == b;
        },
        [](const loops::Stmt&) {});
    return b->type.is_float() && loads == inside;
  }
  static bool is_zero(const Tensor& t, int64_t i) {
    return (bits_of(t, i) << (65 - t.type().bits)) == 0;  // all but the sign
  }

  FaultProof memory() const {
    const BindingCheck binding = check_binding(e_, inputs_, true);
    if (!binding.problem.empty()) return {false, binding.problem, ""};
    // A branch that could not be bound is what it is without the fault.
    const bool seen = std::find(binding.walked.begin(), binding.walked.end(), &c_) != binding.walked.end();
    if (!seen) return {false, "its calls were not looked at", ""};
    std::string over;
    for (size_t i = 0; i < binding.overlaps.size();) {
      const BindingCheck::Overlap& first = binding.overlaps[i];
      const CompiledGroup& g = first.function->groups[first.group];
      ProofOptions o;
      for (; i < binding.overlaps.size() && binding.overlaps[i].function == first.function &&
             binding.overlaps[i].group == first.group;
           ++i)
        o.over_result[binding.overlaps[i].argument] = binding.overlaps[i].bytes;
      const Env* sizes = sizes_of(first.function, first.group);
      if (!sizes) return {false, cat(g.group.kernel.name, " did not run"), ""};
      FaultProof p = from(prove(g, *sizes, o), "");
      if (!p.proved) return {false, cat(g.group.kernel.name, " over its argument: ", p.reason), ""};
      over += cat(over.empty() ? "" : ", ", g.group.kernel.name);
    }
    return {true,
            over.empty() ? "every argument holds what it is to hold"
                         : cat("computes the same terms over its argument: ", over),
            ""};
  }

  std::string on_numbers() const {
    for (uint64_t seed = 0; seed < kDraws; ++seed) try {
        const std::string differs = proof::compare_code(e_, g_, sizes_, at_.constants, seed);
        if (!differs.empty()) return cat(differs, ", draw ", seed);
      } catch (const Error&) {
        return "";
      }
    return "";
  }

  const Executable& e_;
  const std::vector<Value>& inputs_;
  const InjectedFault& at_;
  const CompiledFunction& c_;
  const CompiledGroup& g_;
  Profile run_;
  Env sizes_;
};

}  // namespace

FaultProof prove_fault(const Executable& faulty, const std::vector<Value>& inputs) {
  if (!faulty.fault()) fail("prove_fault: required a program with a fault, got one without");
  return FaultProver(faulty, inputs).run();
}

}  // namespace tauto::equivalence
