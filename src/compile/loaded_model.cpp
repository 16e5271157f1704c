// Loading, the check of inputs, and the graphs made for the values of inputs.
#include "compile/loaded_model.h"

#include <list>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>

#include "compile/programs.h"
#include "graph/text.h"
#include "onnx/import.h"

namespace tauto {
namespace {

constexpr size_t kKeptModules = 16;

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

// Where the graphs come from, and those that are made.
struct LoadedModel::Source {
  std::string name = "model";  // the file
  NamedTypes inputs, defaults, outputs;
  std::shared_ptr<const Module> all;  // null if the graph depends on values of `needed`
  onnx::Model onnx;                   // without storage: the graph was given as text

  std::mutex mutex;  // guards what follows, and importing
  std::set<std::string> needed;
  std::string reason;  // why they are needed, with file and node
  std::list<std::pair<std::string, std::shared_ptr<const Module>>> kept;  // latest first
  std::list<Programs> compiled;                                           // latest first
  std::vector<Lease> idle;  // of programs in `compiled`; latest last

  // The latest idle one that `fits`, or an empty one.
  template <class F>
  Lease take(F fits) {
    const std::lock_guard lock(mutex);
    for (size_t i = idle.size(); i-- > 0;) {
      if (!fits(idle[i])) continue;
      Lease l = std::move(idle[i]);
      idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
      return l;
    }
    return {};
  }
  void give_back(Lease l) {
    const std::lock_guard lock(mutex);
    for (const Programs& p : compiled) {
      if (!p.has(*l.executable)) continue;
      l.by_sizes = l.by_sizes && p.settled(*l.executable);
      return idle.push_back(std::move(l));
    }
  }

  void take_types(const Module& m) {
    const Function& f = m.main();
    const std::vector<Type> parameters = f.parameter_types(), results = f.result_types();
    for (size_t i = 0; i < parameters.size(); ++i) inputs.emplace_back(f.parameters[i], parameters[i]);
    for (size_t i = 0; i < results.size(); ++i) outputs.emplace_back(f.result_names[i], results[i]);
  }

  // A run: its errors name the file too.
  template <class F>
  auto located(F run) const {
    try {
      return run();
    } catch (const Cancelled&) {
      throw;
    } catch (const Error& e) {
      throw Error(cat(name, ": ", e.what()));
    } catch (const std::bad_alloc&) {
      throw Error(cat(name, ": required more memory than there is"));
    } catch (const std::length_error&) {
      throw Error(cat(name, ": required more memory than there can be"));
    }
  }

  void require(const onnx::NeedsValues& e) {
    const size_t before = needed.size();
    needed.insert(e.inputs.begin(), e.inputs.end());
    reason = e.what();
    if (needed.size() == before) throw Error(e.what());
  }

  std::shared_ptr<const Module> specialised(const RunInputs& given, const std::function<bool()>* cancelled) {
    const std::lock_guard lock(mutex);
    while (true) {
      onnx::ImportOptions options;
      options.cancelled = cancelled;
      options.values = given.replaced;
      for (size_t i = 0; i < inputs.size(); ++i)
        if (needed.count(inputs[i].first)) options.values[inputs[i].first] = given.values[i].tensor;
      std::string key;
      for (const auto& [name, tensor] : options.values) key += cat(name, "\n", content_hash(tensor), "\n");
      for (auto i = kept.begin(); i != kept.end(); ++i) {
        if (i->first != key) continue;
        kept.splice(kept.begin(), kept, i);
        return kept.front().second;
      }
      try {
        auto m = std::make_shared<const Module>(onnx::import_model(onnx, options));
        kept.emplace_front(std::move(key), m);
        if (kept.size() > kKeptModules) kept.pop_back();
        return m;
      } catch (const onnx::NeedsValues& e) {
        require(e);
      }
    }
  }
};

bool LoadedModel::is_text(const Bytes& file) {
  constexpr std::string_view kText = "module ";
  return file.text().substr(0, kText.size()) == kText;
}

LoadedModel LoadedModel::load(const std::string& path, const std::function<bool()>* cancelled) {
  Bytes bytes = map_file(path);
  if (!is_text(bytes)) {
    const size_t slash = path.rfind('/');
    return from_bytes(std::move(bytes), path, slash == std::string::npos ? "." : path.substr(0, slash + 1),
                      cancelled);
  }
  try {
    Bytes side;
    if (bytes.text().find("\nconst @") != std::string_view::npos) side = map_file(path + ".side");
    LoadedModel m = from_text(bytes.text(), side.text());
    m.source_->name = path;
    return m;
  } catch (const Error& e) {
    fail(path, ": ", e.what());
  }
}

LoadedModel LoadedModel::from_bytes(Bytes bytes, std::string name, std::string folder,
                                    const std::function<bool()>* cancelled) {
  auto s = std::make_shared<Source>();
  s->name = name;
  s->onnx = onnx::read_model(std::move(bytes), std::move(name), std::move(folder));
  try {
    onnx::Signature signature = onnx::signature_of(s->onnx);
    s->defaults = std::move(signature.defaults);
    try {
      onnx::ImportOptions options;
      options.cancelled = cancelled;
      s->all = std::make_shared<const Module>(onnx::import_model(s->onnx, options));
      s->take_types(*s->all);
    } catch (const onnx::NeedsValues& e) {
      s->require(e);
      s->inputs = std::move(signature.inputs);
      s->outputs = std::move(signature.outputs);
    }
  } catch (const InternalError& e) {
    throw InternalError(cat(s->onnx.storage->name, ": ", e.what()));
  }
  return LoadedModel(std::move(s));
}

LoadedModel LoadedModel::from_text(std::string_view text, std::string_view side) {
  auto s = std::make_shared<Source>();
  s->all = std::make_shared<const Module>(parse_module(text, side));
  s->take_types(*s->all);
  return LoadedModel(std::move(s));
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
  if (source_->all && inputs.replaced.empty()) return source_->all;
  return source_->specialised(inputs, cancelled);
}

std::shared_ptr<const Module> LoadedModel::module() const {
  if (source_->all) return source_->all;
  const std::lock_guard lock(source_->mutex);
  fail(source_->reason);
}

std::shared_ptr<const Executable> LoadedModel::executable(const RunInputs& inputs,
                                                          const std::function<bool()>* cancelled) const {
  const std::shared_ptr<const Module> m = module(inputs, cancelled);
  const std::lock_guard lock(source_->mutex);
  auto& compiled = source_->compiled;
  for (auto i = compiled.begin(); i != compiled.end(); ++i)
    if (i->module() == m) {
      compiled.splice(compiled.begin(), compiled, i);
      return compiled.front().get(inputs.values);
    }
  compiled.emplace_front(m);
  if (compiled.size() > kKeptModules) {
    std::erase_if(source_->idle, [&](const Lease& l) { return compiled.back().has(*l.executable); });
    compiled.pop_back();
  }
  return compiled.front().get(inputs.values);
}

std::vector<Value> LoadedModel::execute(RunInputs inputs, const ExecuteOptions& options) const {
  const std::shared_ptr<const Executable> e = executable(inputs, options.cancelled);
  Lease lease = source_->take([&](const Lease& l) { return l.executable == e; });
  lease.executable = e;
  lease.by_sizes = source_->all && inputs.replaced.empty();
  if (!lease.context) lease.context = std::make_unique<ExecutionContext>();
  std::vector<Value> results =
      source_->located([&] { return e->run(std::move(inputs.values), options, *lease.context); });
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
