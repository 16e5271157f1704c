// What is compared: something that maps a model's inputs to its outputs. Ours under some options, or an
// outside implementation in a process of its own.
//
//   model.onnx                 a model, an artifact or the text of a graph, compiled for this CPU
//   "model.onnx --isa avx2"    how it is compiled and run (compile/model_options.h)
//   onnxruntime:model.onnx     ONNX Runtime; "onnxruntime:model.onnx --threads 2 --optimise none"
//   openvino:model.onnx        OpenVINO with f32
//   legal:SEED:model.onnx      random legal executions, as if somebody else ran it
//
// An outside implementation runs under Python (python/tauto/outside.py) in the interpreter that TAUTO_PYTHON3
// names, in the tree's .venv, or else in python3.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "compile/model_options.h"

namespace tauto::equivalence {

// Where outside implementations are found; empty: as the head of this file says.
struct OutsideOptions {
  std::string python;  // the interpreter
  std::string script;  // outside.py
};

// Values inside a model, by the name of the source's node (its first output's where it has none).
using NodeValues = std::map<std::string, Value>;

class System {
 public:
  virtual ~System() = default;
  // As the user wrote it, and what that is: "avx512, 1 thread", "onnxruntime 1.32.0".
  const std::string& spec() const { return spec_; }
  virtual std::string describe() const = 0;
  virtual const NamedTypes& inputs() const = 0;
  virtual const NamedTypes& outputs() const = 0;
  // In the order of inputs() and outputs().
  virtual std::vector<Value> run(const std::vector<Value>& inputs) = 0;
  // The model's meaning; of outside implementations what we make of the same file.
  virtual const LoadedModel& model() const = 0;
  virtual const ModelOptions* options() const { return nullptr; }  // null: outside
  bool is_outside() const { return options() == nullptr; }
  // What it computed at these nodes, where it can say; `results` (may be null) gets its outputs of that run,
  // which for an outside implementation may differ from those of a run that was not asked.
  virtual NodeValues values(const std::vector<Value>& inputs, const std::vector<std::string>& nodes,
                            std::vector<Value>* results) = 0;

 protected:
  explicit System(std::string spec) : spec_(std::move(spec)) {}

 private:
  std::string spec_;
};

// Error: "same: …: required …, got …"; a package is missing.
std::unique_ptr<System> open_system(const std::string& spec, const OutsideOptions& outside = {});

// Machine code for these inputs under these options; compiled here, with probes if there are any.
std::shared_ptr<const Executable> compile_for(const LoadedModel& m, const RunInputs& inputs,
                                              const ModelOptions& o, const ProbeOptions* probes = nullptr);

}  // namespace tauto::equivalence
