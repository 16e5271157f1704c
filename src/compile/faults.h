// Faults: one mistake, put into a compiled program on purpose, to test what claims to find mistakes.
//
// A fault is made in the data between two stages of one kernel (or in what the memory plan, the pieces of
// parallel work or a packed constant are), as a bug of that stage would make it; the stages after it go their
// way. Where is chosen by the seed: first a kernel among those with a place for the kind, then the place. The
// same program, kind and seed give the same fault. Bounds are only ever narrowed and addresses of stores
// kept, so that a faulty program computes nonsense, but as a rule inside its memory; campaigns run it in a
// process of its own.
//
// Programs with a fault are made by `compile` alone, on demand: they are in no cache and no artifact, and
// without one nothing here runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compile/executable.h"

namespace tauto {

struct BoundGroup;

// X(enumerator, text, stage): in the order in which a program travels.
#define TAUTO_FAULTS(X)                                                                  \
  X(MissingActivation, "missing activation", Lowering) /* a unary node left out … */   \
  X(DoubledActivation, "doubled activation", Lowering) /* … or applied twice */        \
  X(SkippedBias, "skipped bias", Lowering)                                               \
  X(LostTerm, "lost term", Lowering)                    /* a reduction one term short */ \
  X(WrongOrder, "wrong order of an epilogue", Lowering) /* (x + a)·b as x·b + a */     \
  X(WrongStride, "wrong broadcast stride", Lowering)    /* an index left out */          \
  X(WrongPad, "padding off by one", Lowering)                                            \
  X(WrongRounding, "wrong rounding", Lowering)     /* down or to zero, not even */       \
  X(SwappedOperands, "swapped operands", Lowering) /* of a difference, a quotient */     \
  X(WrongSign, "wrong sign of a literal", Lowering)                                      \
  X(LostTail, "lost K tail", Schedule) /* the last trip of a sum */                      \
  X(LostTrip, "lost MAC", Schedule)    /* some trip of a sum */                          \
  X(LostBlock, "lost block sum", Schedule)                                               \
  X(StaleRegister, "stale register", Codegen)                                            \
  X(LostFma, "lost FMA", Codegen)                                                        \
  X(NarrowBf16, "truncation to bf16", Codegen)                                           \
  X(NarrowF16, "truncation to f16", Codegen)                                             \
  X(WrongOffset, "wrong offset of a load", Codegen)                                      \
  X(SwappedLoads, "swapped loads", Codegen)                                              \
  X(WrongMask, "wrong mask", Codegen) /* of a tail, one lane less */                     \
  X(WrongBit, "wrong bit of a constant", Codegen)                                        \
  X(StalePointer, "stale pointer", Codegen) /* that does not step */                     \
  X(LostStore, "lost store", Codegen)                                                    \
  X(SharedRegister, "shared register", Registers) /* two values in one */                \
  X(LostReload, "lost reload", Registers)                                                \
  X(SwappedChannels, "swapped channels", Packing)                                        \
  X(LostWeights, "lost tail of the weights", Packing)                                    \
  X(FlippedWeight, "wrong sign of a weight", Packing)                                    \
  X(NarrowWeights, "weights truncated to bf16", Packing)                                 \
  X(ReusedEarly, "buffer reused too early", Memory)                                      \
  X(WrongPlace, "argument off by an element", Memory)                                    \
  X(DroppedChunk, "dropped last chunk of a thread", Threads)

enum class FaultKind : uint8_t {
#define TAUTO_X(name, text, stage) name,
  TAUTO_FAULTS(TAUTO_X)
#undef TAUTO_X
};
std::vector<FaultKind> all_faults();
const char* text_of(FaultKind k);
const char* stage_of(FaultKind k);               // Lowering …
FaultKind fault_named(const std::string& text);  // Error: the names there are

// The groups that a run with these inputs comes to.
using GroupNames = std::set<std::pair<std::string, size_t>>;  // function, number
GroupNames groups_run(const Executable& e, const std::vector<Value>& inputs);

struct Fault {
  FaultKind kind = FaultKind::LostTerm;
  uint64_t seed = 0;
  GroupNames among = {};  // one of them gets it; none given: any
};

// Where it was put.
struct InjectedFault {
  Fault fault;
  std::string function, kernel;
  size_t group = 0;  // of the function
  std::vector<Id> nodes;
  std::vector<std::string> sources;
  std::string what;
  size_t other = 0;  // ReusedEarly: the group whose result is laid over that of `group`
  // For who asks whether anything changed (verify/prove_fault.h):
  bool defined = true;            // the group's tensor expression is still the right one
  std::vector<Tensor> constants;  // of each argument of its kernel, as the expression reads it
  size_t argument = 0;            // of a fault in packing: which constant
  Tensor packed;                  // and what the kernel should read
  std::string registers;          // of a fault in registers: the rule that the allocation breaks, or ""

  // What binding a group to sizes has to get wrong.
  void distort(const CompiledFunction& c, size_t group, BoundGroup& bound) const;
};

// For compile(): `raw` are the kernels before their constants were packed; `finish` packs the constants of
// one and adds its code. Error: no kernel has a place for the kind.
using KernelGroups = std::map<std::string, std::vector<CompiledGroup>>;
InjectedFault inject(const Fault& fault, const Module& m, std::map<std::string, CompiledFunction>& functions,
                     const KernelGroups& raw, Isa isa, const std::function<void(CompiledGroup&)>& finish);

}  // namespace tauto
