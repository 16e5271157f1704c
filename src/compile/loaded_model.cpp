// Loading, the check of inputs, and running.
#include "compile/loaded_model.h"

#include "compile/artifact.h"
#include "compile/model_source.h"
#include "graph/text.h"

namespace tauto {
namespace {

std::string quoted_names(const NamedTypes& list) {
  std::string s;
  for (const auto& [name, type] : list) s += cat(s.empty() ? "\"" : ", \"", name, "\"");
  return s;
}

bool has(const NamedTypes& list, const std::string& name) {
  for (const auto& [n, type] : list)
    if (n == name) return true;
  return false;
}

// Why the value is not of the type, or "". Binds the type's symbols.
std::string mismatch(const Type& required, const Value& v, Env& env) {
  if (required.tag == Type::Tag::Sequence && v.tag == Value::Tag::Sequence) {
    for (size_t i = 0; i < v.parts.size(); ++i) {
      Env own = env;  // elements differ in their dimensions
      if (std::string why = mismatch(required.parts[0], v.parts[i], own); !why.empty())
        return cat("element ", i, ": ", why);
    }
    return "";
  }
  if (required.tag == Type::Tag::Optional && v.tag == Value::Tag::Optional) {
    if (v.parts.empty()) return "";
    return mismatch(required.parts[0], v.parts[0], env);
  }
  return unify(required, type_of(v), env);
}

void check_input(const std::string& name, const Type& type, Value& v, Env& env) {
  if (type.tag == Type::Tag::Optional && v.tag != Value::Tag::Optional) v = Value::optional({std::move(v)});
  if (std::string why = mismatch(type, v, env); !why.empty()) fail("run: input \"", name, "\": ", why);
}

}  // namespace

bool LoadedModel::is_text(const Bytes& file) {
  constexpr std::string_view kText = "module ";
  return file.text().substr(0, kText.size()) == kText;
}

LoadedModel LoadedModel::load(const std::string& path, const LoadOptions& options) {
  FileStamp stamp;
  Bytes bytes = map_file(path, &stamp);
  if (!is_text(bytes) && !is_artifact(bytes)) {
    const size_t slash = path.rfind('/');
    std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    return LoadedModel(Source::from_file(std::move(bytes), path, std::move(folder), stamp, options));
  }
  try {
    if (is_artifact(bytes)) return LoadedModel(Source::from_artifact(bytes, path, options));
    Bytes side;
    if (bytes.text().find("\nconst @") != std::string_view::npos) side = map_file(path + ".side");
    LoadedModel m = from_text(bytes.text(), side.text(), options);
    m.source_->name = path;
    return m;
  } catch (const Error& e) {
    fail(path, ": ", e.what());
  }
}

LoadedModel LoadedModel::from_bytes(Bytes bytes, std::string name, std::string folder,
                                    const LoadOptions& options) {
  if (is_artifact(bytes)) return LoadedModel(Source::from_artifact(bytes, name, options));
  return LoadedModel(Source::from_file(std::move(bytes), std::move(name), std::move(folder), {}, options));
}

LoadedModel LoadedModel::from_text(std::string_view text, std::string_view side, const LoadOptions& options) {
  return LoadedModel(Source::from_module(parse_module(text, side), options));
}

LoadedModel LoadedModel::of(Module m) { return LoadedModel(Source::from_module(std::move(m), {})); }

void LoadedModel::save(const std::string& path) const {
  std::shared_ptr<const Executable> e;
  {
    const std::lock_guard lock(source_->mutex);
    e = compile(source_->whole(nullptr), {});
  }
  write_file(path, artifact_of(*e, ArtifactKind::File).parts);
}

const NamedTypes& LoadedModel::inputs() const { return source_->inputs; }
const NamedTypes& LoadedModel::defaults() const { return source_->defaults; }
const NamedTypes& LoadedModel::outputs() const { return source_->outputs; }

RunInputs LoadedModel::order(NamedValues named) const {
  std::map<std::string, Value> given;
  for (auto& [name, value] : named)
    if (!given.emplace(name, std::move(value)).second) fail("run: input \"", name, "\": given twice");
  for (const auto& [name, value] : given)
    if (!has(inputs(), name) && !has(defaults(), name))
      fail("run: input \"", name, "\": required one of ", quoted_names(inputs()),
           defaults().empty() || inputs().empty() ? "" : ", ", quoted_names(defaults()),
           ", got an unknown name");
  RunInputs r;
  Env env;
  for (const auto& [name, type] : inputs()) {
    const auto at = given.find(name);
    Value v = Value::optional({});
    if (at != given.end()) {
      v = std::move(at->second);
    } else if (type.tag != Type::Tag::Optional) {
      fail("run: input \"", name, "\": required ", type, ", got nothing");
    }
    check_input(name, type, v, env);
    r.values.push_back(std::move(v));
  }
  for (const auto& [name, type] : defaults()) {
    const auto at = given.find(name);
    if (at == given.end()) continue;
    check_input(name, type, at->second, env);
    r.replaced[name] = std::move(at->second.tensor);
  }
  return r;
}

RunInputs LoadedModel::order(std::vector<Value> in_order) const {
  if (in_order.size() != inputs().size())
    fail("run: required ", inputs().size(), inputs().size() == 1 ? " input" : " inputs",
         inputs().empty() ? "" : cat(" (", quoted_names(inputs()), ")"), ", got ", in_order.size());
  NamedValues named;
  for (size_t i = 0; i < in_order.size(); ++i) named.emplace_back(inputs()[i].first, std::move(in_order[i]));
  return order(std::move(named));
}

std::shared_ptr<const Module> LoadedModel::module(const RunInputs& inputs,
                                                  const std::function<bool()>* cancelled) const {
  const std::lock_guard lock(source_->mutex);
  return source_->graph(inputs, cancelled).second;
}

std::shared_ptr<const Module> LoadedModel::module() const {
  const std::lock_guard lock(source_->mutex);
  return source_->whole(nullptr);
}

std::shared_ptr<const Executable> LoadedModel::program(const RunInputs& inputs,
                                                       const std::function<bool()>* cancelled) const {
  const std::lock_guard lock(source_->mutex);
  return source_->program(inputs, cancelled, false);
}

std::shared_ptr<const Executable> LoadedModel::executable(const RunInputs& inputs,
                                                          const std::function<bool()>* cancelled) const {
  const std::lock_guard lock(source_->mutex);
  return source_->program(inputs, cancelled, true);
}

std::shared_ptr<const Executable> LoadedModel::probed(const RunInputs& inputs, const ProbeOptions& probes,
                                                      const std::function<bool()>* cancelled) const {
  const std::lock_guard lock(source_->mutex);
  const Env sizes = source_->program(inputs, cancelled, false)->sizes();
  const std::string& values = source_->graph(inputs, cancelled).first;
  Source::Probed& last = source_->probed;
  if (last.executable && last.values == values && last.executable->sizes() == sizes && last.options == probes)
    return last.executable;
  CompileOptions options;
  options.sizes = &sizes;
  options.probes = &probes;
  last = {values, probes, compile(source_->graph(inputs, cancelled).second, options)};
  return last.executable;
}

ProbedRun LoadedModel::probe(const RunInputs& inputs, const ProbeOptions& probes,
                             const ExecuteOptions& options) const {
  const std::shared_ptr<const Executable> e = probed(inputs, probes, options.cancelled);
  return source_->located([&] { return run_probed(*e, inputs.values, options); });
}

std::vector<Value> LoadedModel::execute(RunInputs inputs, const ExecuteOptions& options) const {
  std::shared_ptr<const Executable> e = program(inputs, options.cancelled);
  const bool by_sizes = source_->general && inputs.replaced.empty();
  if (!e->has_stages()) {
    try {
      return execute(e, by_sizes, inputs.values, options);
    } catch (const Damaged&) {
      e = executable(inputs, options.cancelled);
    }
  }
  return execute(e, by_sizes, std::move(inputs.values), options);
}

std::vector<Value> LoadedModel::execute(const std::shared_ptr<const Executable>& e, bool by_sizes,
                                        std::vector<Value> inputs, const ExecuteOptions& options) const {
  Lease lease = source_->take([&](const Lease& l) { return l.executable == e; });
  lease.executable = e;
  lease.by_sizes = by_sizes;
  if (!lease.context) lease.context = std::make_unique<ExecutionContext>();
  std::vector<Value> results =
      source_->located([&] { return e->run(std::move(inputs), options, *lease.context); });
  source_->give_back(std::move(lease));
  return results;
}

std::optional<ReadyRun> LoadedModel::ready(std::span<const TensorView> inputs) const {
  BoundFunction* function = nullptr;
  Lease lease = source_->take([&](const Lease& l) {
    function = l.by_sizes ? l.context->ready(inputs) : nullptr;
    return function != nullptr;
  });
  if (!function) return std::nullopt;
  return ReadyRun(source_, std::move(lease), function);
}

ReadyRun::ReadyRun(std::shared_ptr<LoadedModel::Source> source, LoadedModel::Lease lease,
                   BoundFunction* function)
    : source_(std::move(source)), lease_(std::move(lease)), function_(function) {}

ReadyRun::~ReadyRun() {
  if (lease_.context) source_->give_back(std::move(lease_));
}

bool ReadyRun::run(const void* const* inputs, void* const* results, const ExecuteOptions& options) {
  return source_->located(
      [&] { return lease_.executable->run(*function_, inputs, results, options, *lease_.context); });
}

std::vector<Value> LoadedModel::run(RunInputs inputs, const InterpretOptions& options) const {
  const std::shared_ptr<const Module> m = module(inputs, options.cancelled);
  return source_->located([&] { return interpret(*m, std::move(inputs.values), options); });
}

}  // namespace tauto
