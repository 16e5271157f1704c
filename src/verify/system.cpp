// Our own systems, and the reading of what is to be compared; outside ones are in outside_system.cpp.
#include "verify/system.h"

#include <charconv>
#include <set>

#include "compile/faults.h"
#include "compile/pipeline.h"
#include "quantize/load.h"
#include "verify/legal_execution.h"
#include "verify/outside_system.h"

namespace tauto::equivalence {
namespace {

// Keeps what main's sources computed.
std::function<void(const Function&, Id, const Value&)> collect(const Module& m,
                                                               const std::vector<std::string>& nodes,
                                                               NodeValues& found) {
  return [&m, wanted = std::set<std::string>(nodes.begin(), nodes.end()), &found](const Function& f, Id id,
                                                                                  const Value& v) {
    if (&f != &m.main()) return;
    for (const int s : f.provenance[static_cast<size_t>(id)])
      if (const std::string& name = m.sources[static_cast<size_t>(s)]; wanted.count(name))
        found[name] = v;  // the last of a source's nodes has its result
  };
}

class ModelSystem final : public System {
 public:
  ModelSystem(const std::string& spec, ModelOptions o)
      : System(spec), o_(std::move(o)), model_(load_model(o_, "same")) {}

  std::string describe() const override {
    if (o_.interpret) return "interpreter";
    std::string s = cat(isa_name(o_.isa.value_or(native_isa())), ", ", o_.threads,
                        o_.threads == 1 ? " thread" : " threads");
    if (!o_.precision.empty()) s += cat(", in ", o_.precision);
    if (!o_.load.allowed.empty()) s += cat(", with ", o_.load.allowed.text());
    if (!o_.fault.empty()) s += cat(", with a mistake: ", o_.fault);
    for (size_t i = 0; i < o_.off.size(); ++i) s += cat(i == 0 ? ", without " : ",", o_.off[i]);
    return s;
  }
  const NamedTypes& inputs() const override { return model_.inputs(); }
  const NamedTypes& outputs() const override { return model_.outputs(); }
  const LoadedModel& model() const override { return model_; }
  const ModelOptions* options() const override { return &o_; }

  std::vector<Value> run(const std::vector<Value>& inputs) override {
    RunInputs in = model_.order(inputs);
    if (o_.interpret) return model_.run(std::move(in));
    ExecuteOptions options;
    options.threads = o_.threads;
    if (!o_.isa && o_.off.empty() && o_.fault.empty()) return model_.execute(std::move(in), options);
    std::vector<Type> types;
    for (const Value& v : inputs) types.push_back(type_of(v));
    if (!made_ || types != types_) {
      made_ = compile_for(model_, in, o_);
      types_ = std::move(types);
    }
    return made_->run(std::move(in.values), options);
  }

  // Machine code has the interpreter's bits (which the bitwise level checks), so these are its values too.
  NodeValues values(const std::vector<Value>& inputs, const std::vector<std::string>& nodes,
                    std::vector<Value>* results) override {
    const RunInputs in = model_.order(inputs);
    const std::shared_ptr<const Module> m = model_.module(in);
    NodeValues found;
    InterpretOptions options;
    options.watch = collect(*m, nodes, found);
    std::vector<Value> out = interpret(*m, in.values, options);
    if (results) *results = std::move(out);
    return found;
  }

 private:
  ModelOptions o_;
  LoadedModel model_;
  std::shared_ptr<const Executable> made_;
  std::vector<Type> types_;
};

// Random legal executions in the place of somebody else's implementation: of each input one, which follows
// from the seed and the input.
class LegalSystem final : public System {
 public:
  LegalSystem(const std::string& spec, uint64_t seed, ModelOptions o)
      : System(spec), seed_(seed), model_(LoadedModel::load(o.path, o.load)) {}
  std::string describe() const override { return "a random legal execution"; }
  const NamedTypes& inputs() const override { return model_.inputs(); }
  const NamedTypes& outputs() const override { return model_.outputs(); }
  const LoadedModel& model() const override { return model_; }
  std::vector<Value> run(const std::vector<Value>& inputs) override {
    return legal_execution(*model_.module(model_.order(inputs)), inputs, seed_of(inputs));
  }
  NodeValues values(const std::vector<Value>& inputs, const std::vector<std::string>& nodes,
                    std::vector<Value>* results) override {
    const std::shared_ptr<const Module> m = model_.module(model_.order(inputs));
    NodeValues found;
    std::vector<Value> out = legal_execution(*m, inputs, seed_of(inputs), nullptr, collect(*m, nodes, found));
    if (results) *results = std::move(out);
    return found;
  }

 private:
  uint64_t seed_of(const std::vector<Value>& inputs) const {
    uint64_t h = seed_ * 0x9e3779b97f4a7c15u + 1;
    for (const Value& v : inputs)
      for (int64_t i = 0; v.is_tensor() && !v.tensor.type().is_string() && i < v.tensor.bytes(); ++i)
        h = (h ^ static_cast<const uint8_t*>(v.tensor.raw())[i]) * 0x100000001b3u;  // FNV-1a
    return h | 1;
  }

  uint64_t seed_;
  LoadedModel model_;
};

}  // namespace

std::shared_ptr<const Executable> compile_for(const LoadedModel& m, const RunInputs& inputs,
                                              const ModelOptions& o, const ProbeOptions* probes) {
  CompileOptions how;
  how.probes = probes;
  how.isa = o.isa.value_or(native_isa());
  how.off = o.off;
  const std::shared_ptr<const Module> module = m.module(inputs);
  Env sizes;
  for (size_t i = 0; i < inputs.values.size(); ++i)
    if (const Node& n = module->main().nodes[i]; n.type.is_tensor() && inputs.values[i].is_tensor())
      unify(n.type, type_of(inputs.values[i]), sizes);
  how.sizes = &sizes;
  if (o.fault.empty()) return tauto::compile(module, how);
  how.probes = nullptr;
  const Fault fault{fault_named(o.fault), o.fault_seed,
                    groups_run(*tauto::compile(module, how), inputs.values)};
  how.probes = probes;
  how.fault = &fault;
  return tauto::compile(module, how);
}

std::unique_ptr<System> open_system(const std::string& spec, const OutsideOptions& outside) {
  const std::vector<std::string> words = split_words(spec, "same");
  for (const std::string runtime : {"onnxruntime", "openvino"})
    if (!words.empty() && words[0].starts_with(runtime + ":"))
      return open_outside(spec, runtime, words[0].substr(runtime.size() + 1),
                          {words.begin() + 1, words.end()}, outside);
  if (!words.empty() && words[0].starts_with("legal:")) {
    const size_t colon = words[0].find(':', 6);
    uint64_t seed = 0;
    const char *from = words[0].data() + 6, *to = words[0].data() + std::min(colon, words[0].size());
    const auto [end, status] = std::from_chars(from, to, seed);
    if (colon == std::string::npos || status != std::errc() || end != to)
      fail("same: required legal:SEED:model.onnx, got \"", words[0], "\"");
    return std::make_unique<LegalSystem>(
        spec, seed, parse_model_options(spec.substr(spec.find(':', spec.find(':') + 1) + 1), "same"));
  }
  return std::make_unique<ModelSystem>(spec, parse_model_options(spec, "same"));
}

}  // namespace tauto::equivalence
