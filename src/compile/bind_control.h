// Steps of control flow: branches, calls, scans and loops whose bodies are bound to the sizes that they will see.
#pragma once

#include "compile/bound_step.h"

namespace tauto {

class ControlBinder {
 public:
  // `env`: what the caller has bound; `callers`: what is being bound.
  ControlBinder(const Executable& e, const Function& f, const Env& env,
                const std::vector<const CompiledFunction*>& callers)
      : e_(e), f_(f), env_(env), callers_(callers) {}

  // Makes the step and the types of its results, where `n` takes inputs of the types `given`. False: it runs its
  // reference, and the step has no bodies.
  bool bind(const Node& n, std::vector<TensorType>& given, BoundFunction::Step& s,
            std::vector<TensorType>& results) const;

 private:
  using Step = BoundFunction::Step;
  std::unique_ptr<BoundFunction> body(const Node& n, const char* name,
                                      std::span<const TensorType> inputs) const;
  bool bind_if(const Node& n, std::span<const TensorType> given, Step& s,
               std::vector<TensorType>& results) const;
  bool bind_scan(const Node& n, std::span<const TensorType> given, Step& s,
                 std::vector<TensorType>& results) const;
  bool bind_loop(const Node& n, std::span<const TensorType> given, Step& s,
                 std::vector<TensorType>& results) const;
  static bool refuse(Step& s, std::vector<TensorType>& results);

  const Executable& e_;
  const Function& f_;
  const Env& env_;
  const std::vector<const CompiledFunction*>& callers_;
};

}  // namespace tauto
