// Our own systems, and the reading of what is to be compared; outside ones are in outside_system.cpp.
#include "verify/system.h"

#include "compile/pipeline.h"
#include "verify/outside_system.h"

namespace tauto::equivalence {
namespace {

class ModelSystem final : public System {
 public:
  ModelSystem(const std::string& spec, ModelOptions o)
      : System(spec), o_(std::move(o)), model_(LoadedModel::load(o_.path, o_.load)) {}

  std::string describe() const override {
    if (o_.interpret) return "interpreter";
    std::string s = cat(isa_name(o_.isa.value_or(native_isa())), ", ", o_.threads,
                        o_.threads == 1 ? " thread" : " threads");
    if (!o_.load.allowed.empty()) s += cat(", with ", o_.load.allowed.text());
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
    if (!o_.isa && o_.off.empty()) return model_.execute(std::move(in), options);
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
    const std::set<std::string> wanted(nodes.begin(), nodes.end());
    const RunInputs in = model_.order(inputs);
    const std::shared_ptr<const Module> m = model_.module(in);
    const Function* main = &m->main();
    NodeValues found;
    InterpretOptions options;
    options.watch = [&](const Function& f, Id id, const Value& v) {
      if (&f != main) return;
      for (const int s : f.provenance[static_cast<size_t>(id)])
        if (const std::string& name = m->sources[static_cast<size_t>(s)]; wanted.count(name))
          found[name] = v;  // the last of a source's nodes has its result
    };
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

}  // namespace

std::shared_ptr<const Executable> compile_for(const LoadedModel& m, const RunInputs& inputs,
                                              const ModelOptions& o) {
  CompileOptions how;
  how.isa = o.isa.value_or(native_isa());
  how.off = o.off;
  const std::shared_ptr<const Module> module = m.module(inputs);
  Env sizes;
  for (size_t i = 0; i < inputs.values.size(); ++i)
    if (const Node& n = module->main().nodes[i]; n.type.is_tensor() && inputs.values[i].is_tensor())
      unify(n.type, type_of(inputs.values[i]), sizes);
  how.sizes = &sizes;
  return tauto::compile(module, how);
}

std::unique_ptr<System> open_system(const std::string& spec, const OutsideOptions& outside) {
  const std::vector<std::string> words = split_words(spec, "same");
  for (const std::string runtime : {"onnxruntime", "openvino"})
    if (!words.empty() && words[0].starts_with(runtime + ":"))
      return open_outside(spec, runtime, words[0].substr(runtime.size() + 1),
                          {words.begin() + 1, words.end()}, outside);
  return std::make_unique<ModelSystem>(spec, parse_model_options(spec, "same"));
}

}  // namespace tauto::equivalence
