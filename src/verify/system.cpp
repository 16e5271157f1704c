// Our own systems, and the reading of what is to be compared; outside ones are in outside_system.cpp.
#include "verify/system.h"

#include <charconv>

#include "compile/pipeline.h"
#include "verify/outside_system.h"

namespace tauto::equivalence {
namespace {

class ModelSystem final : public System {
 public:
  ModelSystem(const std::string& spec, const std::string& path, ModelOptions o)
      : System(spec), o_(std::move(o)), model_(LoadedModel::load(path, {nullptr, o_.trust})) {}

  std::string describe() const override {
    if (o_.interpret) return "interpreter";
    std::string s = cat(isa_name(o_.isa.value_or(native_isa())), ", ", o_.threads,
                        o_.threads == 1 ? " thread" : " threads");
    return o_.off.empty() ? s : cat(s, ", without ", o_.off);
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

int count_of(const std::string& spec, const std::string& text) {
  int n = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (status != std::errc() || end != text.data() + text.size() || n < 1 || n > 1024)
    fail("same: \"", spec, "\": --threads: required 1 to 1024, got \"", text, "\"");
  return n;
}

}  // namespace

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  bool open = false;  // a word has begun
  char quote = 0;
  for (const char c : text) {
    if (quote ? c == quote : c == '\'' || c == '"') {
      quote = quote ? 0 : c;
      if (!open) words.emplace_back();
      open = true;
    } else if (!quote && (c == ' ' || c == '\t' || c == '\n')) {
      open = false;
    } else {
      if (!open) words.emplace_back();
      open = true;
      words.back() += c;
    }
  }
  if (quote) fail("same: required a closing ", quote, " in ", text);
  return words;
}

std::shared_ptr<const Executable> compile_for(const LoadedModel& m, const RunInputs& inputs,
                                              const ModelOptions& o) {
  CompileOptions how;
  how.isa = o.isa.value_or(native_isa());
  how.off = words_of([&] {
    std::string s = o.off;
    for (char& c : s) c = c == ',' ? ' ' : c;
    return s;
  }());
  const std::shared_ptr<const Module> module = m.module(inputs);
  Env sizes;
  for (size_t i = 0; i < inputs.values.size(); ++i)
    if (const Node& n = module->main().nodes[i]; n.type.is_tensor() && inputs.values[i].is_tensor())
      unify(n.type, type_of(inputs.values[i]), sizes);
  how.sizes = &sizes;
  return tauto::compile(module, how);
}

std::unique_ptr<System> open_system(const std::string& spec, const OutsideOptions& outside) {
  const std::vector<std::string> words = words_of(spec);
  if (words.empty()) fail("same: required a model, got \"", spec, "\"");
  for (const char* runtime : {"onnxruntime", "openvino"})
    if (words[0].starts_with(cat(runtime, ":")))
      return open_outside(spec, runtime, words[0].substr(std::char_traits<char>::length(runtime) + 1),
                          {words.begin() + 1, words.end()}, outside);
  ModelOptions o;
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string& w = words[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == words.size()) fail("same: \"", spec, "\": ", w, ": required a value");
      return words[++i];
    };
    if (w == "--interpret") {
      o.interpret = true;
    } else if (w == "--trust") {
      o.trust = true;
    } else if (w == "--threads") {
      o.threads = count_of(spec, value());
    } else if (w == "--isa") {
      o.isa = choose_isa(this_cpu().features, value().c_str());
    } else if (w == "--off") {
      o.off = value();
    } else {
      fail("same: \"", spec, "\": required --isa, --threads, --off, --interpret or --trust, got \"", w, "\"");
    }
  }
  return std::make_unique<ModelSystem>(spec, words[0], std::move(o));
}

}  // namespace tauto::equivalence
