// A model, ready to run: what the command, the Python module and the C++ API (include/tauto/model.h) stand
// on.
//
//   const LoadedModel m = LoadedModel::load("m.onnx");   ONNX, the text of a graph, or an artifact
//   std::vector<Value> out = m.run(m.order(named));      results in the order of m.outputs()
//
// The graph is made when the model is loaded. Where the values of some inputs decide shapes or axes (a
// Reshape to a shape that is an input), no one graph exists: the model loads all the same, and a run imports
// it for the values it is given. The last 16 graphs so made are kept. The same is done when a run gives a
// value to an initializer that the file also lists as an input (its default).
//
// What is compiled is kept in the cache (compile/program_cache.h). A file that was compiled before is not
// even read when it is loaded: its graph is imported when a run needs a program that is not there, or when
// somebody asks for it.
//
// A LoadedModel is a handle, cheap to copy; all members may be called from several threads at once.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "compile/allowed.h"
#include "compile/bound.h"
#include "passes/precision.h"
#include "support/file.h"

namespace tauto {

using NamedValues = std::vector<std::pair<std::string, Value>>;
using NamedTypes = std::vector<std::pair<std::string, Type>>;

// The values of a run: one for each of LoadedModel::inputs(), and those initializers that it replaces.
struct RunInputs {
  std::vector<Value> values;
  std::map<std::string, Tensor> replaced;
};

class ReadyRun;

struct LoadOptions {
  const std::function<bool()>* cancelled = nullptr;  // asked at each node of the file; then throws Cancelled
  bool trust = false;                                // run an artifact's machine code whoever wrote it
  Allowed allowed;                                   // rewrites that are not exact
  PrecisionPlan precision;                           // number systems of contractions; empty: as they are
};

class LoadedModel {
 public:
  // A graph's text is recognised by its first word, "module"; the bytes of its big constants are in
  // path + ".side". Throws Error naming the file, and the node if there is one.
  static LoadedModel load(const std::string& path, const LoadOptions& options = {});
  static bool is_text(const Bytes& file);  // the text of a graph, not ONNX
  // An ONNX model. `name` is how errors call the bytes, `folder` where external data lie ("": nowhere).
  static LoadedModel from_bytes(Bytes bytes, std::string name, std::string folder = "",
                                const LoadOptions& options = {});
  static LoadedModel from_text(std::string_view text, std::string_view side = {},
                               const LoadOptions& options = {});
  static LoadedModel of(Module m);

  const NamedTypes& inputs() const;    // without those that have a default
  const NamedTypes& defaults() const;  // initializers that are inputs too: given or not, as one likes
  const NamedTypes& outputs() const;

  // Checks names, element types, ranks and dimensions. Throws Error: run: input "x": required …, got …
  RunInputs order(NamedValues named) const;
  RunInputs order(std::vector<Value> in_order) const;

  // By the interpreter.
  std::vector<Value> run(RunInputs inputs, const InterpretOptions& options = {}) const;
  // By machine code: the same bits.
  std::vector<Value> execute(RunInputs inputs, const ExecuteOptions& options = {}) const;

  // The short way to the same bits: nothing unless an earlier `execute` had inputs of these types and sizes
  // and all of the model follows from them. The views' data are not read.
  std::optional<ReadyRun> ready(std::span<const TensorView> inputs) const;

  // The graph that a run with these inputs evaluates.
  std::shared_ptr<const Module> module(const RunInputs& inputs,
                                       const std::function<bool()>* cancelled = nullptr) const;
  // Writes the graph and a program for all sizes as an artifact (compile/artifact.h), signed with the user's
  // key. Error: there is no one graph.
  void save(const std::string& path) const;

  // What `execute` runs for these inputs: out of the cache, or compiled at the first call.
  std::shared_ptr<const Executable> program(const RunInputs& inputs,
                                            const std::function<bool()>* cancelled = nullptr) const;
  // The same with all its stages, so compiled here; the cache gets it again.
  std::shared_ptr<const Executable> executable(const RunInputs& inputs,
                                               const std::function<bool()>* cancelled = nullptr) const;
  // The values inside a run, see compile/probes.h: of the program that runs these inputs, whose graph is
  // program(inputs)->module(), compiled with probes.
  ProbedRun probe(const RunInputs& inputs, const ProbeOptions& probes,
                  const ExecuteOptions& options = {}) const;
  std::shared_ptr<const Executable> probed(const RunInputs& inputs, const ProbeOptions& probes,
                                           const std::function<bool()>* cancelled = nullptr) const;
  // The graph for all inputs. Error: there is none, see above.
  std::shared_ptr<const Module> module() const;

 private:
  friend class ReadyRun;
  struct Source;
  // An executable with a context that no other run is using.
  struct Lease {
    std::shared_ptr<const Executable> executable;
    std::unique_ptr<ExecutionContext> context;
    bool by_sizes = false;  // sizes alone decide that it is run
  };
  std::vector<Value> execute(const std::shared_ptr<const Executable>& e, bool by_sizes,
                             std::vector<Value> inputs, const ExecuteOptions& options) const;
  explicit LoadedModel(std::shared_ptr<Source> source) : source_(std::move(source)) {}
  std::shared_ptr<Source> source_;
};

// A run with sizes that were run before, for which all is made: see LoadedModel::ready.
class ReadyRun {
 public:
  ~ReadyRun();
  ReadyRun(ReadyRun&&) noexcept = default;
  const BoundFunction& function() const { return *function_; }
  // As Executable::run on a bound main.
  bool run(const void* const* inputs, void* const* results, const ExecuteOptions& options);

 private:
  friend class LoadedModel;
  ReadyRun(std::shared_ptr<LoadedModel::Source> source, LoadedModel::Lease lease, BoundFunction* function);
  std::shared_ptr<LoadedModel::Source> source_;
  LoadedModel::Lease lease_;
  BoundFunction* function_;
};

}  // namespace tauto
