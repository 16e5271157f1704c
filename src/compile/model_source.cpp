// Making graphs and programs, see model_source.h.
#include "compile/model_source.h"

#include "compile/artifact.h"
#include "compile/pipeline.h"
#include "compile/program_cache.h"
#include "graph/scanner.h"
#include "graph/text.h"
#include "support/sha256.h"

namespace tauto {

Type scan_type(Scanner& s);

namespace {

constexpr size_t kKeptModules = 16;

}  // namespace

std::shared_ptr<LoadedModel::Source> LoadedModel::Source::from_file(Bytes file, std::string name,
                                                                    std::string folder,
                                                                    const FileStamp& stamp,
                                                                    const LoadOptions& options) {
  auto s = std::make_shared<Source>();
  s->name = std::move(name);
  s->file = std::move(file);
  s->folder = std::move(folder);
  s->allowed = options.allowed;
  s->precision = options.precision;
  s->stamp = stamp;
  if (const auto cache = ProgramCache::of_environment(); cache && stamp.size > 0)
    if (const auto known = cache->known(stamp, s->file); known && s->take_signature(known->signature)) {
      s->identity = known->content;
      return s;
    }
  s->import_all(options.cancelled);
  return s;
}

std::shared_ptr<LoadedModel::Source> LoadedModel::Source::from_module(Module m, const LoadOptions& options) {
  auto s = std::make_shared<Source>();
  s->allowed = options.allowed;
  s->precision = options.precision;
  s->all = s->with_allowed(std::move(m));
  s->take_types(*s->all);
  return s;
}

std::shared_ptr<LoadedModel::Source> LoadedModel::Source::from_artifact(const Bytes& file,
                                                                        const std::string& name,
                                                                        const LoadOptions& options) {
  Artifact a = read_artifact(file, ArtifactKind::File, options.trust);
  auto s = std::make_shared<Source>();
  s->name = name;
  s->all = a.module;
  if (!options.allowed.empty() || !options.precision.nodes.empty()) {
    s->allowed = options.allowed;
    s->precision = options.precision;
    s->all = s->with_allowed(*a.module);
    a.executable = nullptr;
    a.why_not = "it was compiled without what is allowed now";
  }
  s->identity = a.graph_hash;
  s->take_types(*s->all);
  const Flags flags = compile_flags();
  if (!flags.off.empty() || !flags.dump.empty()) {
    a.executable = nullptr;
    a.why_not = "TAUTO_OFF and TAUTO_DUMP are for what is compiled here";
  }
  if (a.executable) s->programs({}, nullptr).adopt(a.executable);
  if (!a.executable && flags.debug >= 1) say(cat("tauto: ", name, ": to be compiled again: ", a.why_not));
  return s;
}

void LoadedModel::Source::take_types(const Module& m) {
  const Function& f = m.main();
  const std::vector<Type> parameters = f.parameter_types(), results = f.result_types();
  for (size_t i = 0; i < parameters.size(); ++i) inputs.emplace_back(f.parameters[i], parameters[i]);
  for (size_t i = 0; i < results.size(); ++i) outputs.emplace_back(f.result_names[i], results[i]);
}

std::shared_ptr<const Module> LoadedModel::Source::with_allowed(Module m) const {
  if (!precision.nodes.empty()) m = with_precision(m, precision);
  if (allowed.empty()) return std::make_shared<const Module>(std::move(m));
  return std::make_shared<const Module>(rewritten(m, allowed, compile_flags()));
}

void LoadedModel::Source::import_all(const std::function<bool()>* cancelled) {
  document();
  try {
    onnx::Signature stated = onnx::signature_of(onnx);
    defaults = std::move(stated.defaults);
    try {
      onnx::ImportOptions options;
      options.cancelled = cancelled;
      all = with_allowed(onnx::import_model(onnx, options));
      take_types(*all);
    } catch (const onnx::NeedsValues& e) {
      general = false;
      require(e);
      inputs = std::move(stated.inputs);
      outputs = std::move(stated.outputs);
    }
  } catch (const InternalError& e) {
    throw InternalError(cat(name, ": ", e.what()));
  }
}

const onnx::Model& LoadedModel::Source::document() {
  if (!onnx.storage) onnx = onnx::read_model(file, name, folder);
  return onnx;
}

std::shared_ptr<const Module> LoadedModel::Source::whole(const std::function<bool()>* cancelled) {
  if (!general) fail(reason);
  if (all) return all;
  onnx::ImportOptions options;
  options.cancelled = cancelled;
  return all = with_allowed(onnx::import_model(document(), options));
}

void LoadedModel::Source::require(const onnx::NeedsValues& e) {
  const size_t before = needed.size();
  needed.insert(e.inputs.begin(), e.inputs.end());
  reason = e.what();
  if (needed.size() == before) throw Error(e.what());
}

std::pair<std::string, std::shared_ptr<const Module>> LoadedModel::Source::specialised(
    const RunInputs& given, const std::function<bool()>* cancelled) {
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
      return kept.front();
    }
    try {
      auto m = with_allowed(onnx::import_model(document(), options));
      kept.emplace_front(std::move(key), std::move(m));
      if (kept.size() > kKeptModules) kept.pop_back();
      return kept.front();
    } catch (const onnx::NeedsValues& e) {
      require(e);
    }
  }
}

std::pair<std::string, std::shared_ptr<const Module>> LoadedModel::Source::graph(
    const RunInputs& given, const std::function<bool()>* cancelled) {
  if (general && given.replaced.empty()) return {"", whole(cancelled)};
  return specialised(given, cancelled);
}

// The first to need it tells the cache about the file.
const std::string& LoadedModel::Source::identity_of_all() {
  if (!identity.empty()) return identity;
  if (!onnx.storage || onnx.storage->has_external()) {
    if (general) identity = structural_hash(*whole(nullptr));
    return identity;
  }
  identity = sha256_hex(file.data(), file.size());
  if (const auto cache = ProgramCache::of_environment(); cache && stamp.size > 0 && general)
    cache->remember(stamp, {identity, signature()});
  return identity;
}

Programs& LoadedModel::Source::programs(const RunInputs& given, const std::function<bool()>* cancelled) {
  std::string key;
  ProgramOrigin origin;
  if (general && given.replaced.empty()) {
    for (const auto& [name, type] : inputs) origin.parameters.push_back(type);
    origin.module = [this] { return whole(importing); };
    origin.identity = [this] { return identity_of_all() + suffix(); };
  } else {
    std::shared_ptr<const Module> m;
    std::tie(key, m) = specialised(given, cancelled);
    origin.parameters = m->main().parameter_types();
    origin.module = [m] { return m; };
    origin.identity = [this, m, key] {
      const std::string& file_hash = identity_of_all();
      if (file_hash.empty() || onnx.storage->has_external()) return structural_hash(*m);
      return cat(file_hash, suffix(), " ", sha256_hex(key.data(), key.size()));
    };
  }
  for (auto i = compiled.begin(); i != compiled.end(); ++i)
    if (i->first == key) {
      compiled.splice(compiled.begin(), compiled, i);
      return compiled.front().second;
    }
  compiled.emplace_front(std::move(key), Programs(std::move(origin)));
  if (compiled.size() > kKeptModules) {
    std::erase_if(idle, [&](const Lease& l) { return compiled.back().second.has(*l.executable); });
    compiled.pop_back();
  }
  return compiled.front().second;
}

std::shared_ptr<const Executable> LoadedModel::Source::program(const RunInputs& given,
                                                               const std::function<bool()>* cancelled,
                                                               bool with_stages) {
  importing = cancelled;
  struct Reset {
    const std::function<bool()>*& importing;
    ~Reset() { importing = nullptr; }
  } reset{importing};
  return programs(given, cancelled).get(given.values, with_stages);
}

void LoadedModel::Source::give_back(Lease l) {
  const std::lock_guard lock(mutex);
  for (const auto& [key, p] : compiled) {
    if (!p.has(*l.executable)) continue;
    l.by_sizes = l.by_sizes && p.settled(*l.executable);
    return idle.push_back(std::move(l));
  }
}

std::string LoadedModel::Source::suffix() const {
  std::string s;
  if (!precision.nodes.empty()) {
    const std::string plan = text_of(precision);
    s = cat(" precision ", sha256_hex(plan.data(), plan.size()));
  }
  return allowed.empty() ? s : cat(s, " allow ", allowed.text());
}

std::string LoadedModel::Source::signature() const {
  std::string s;
  const std::pair<const char*, const NamedTypes&> lists[] = {
      {"input ", inputs}, {"default ", defaults}, {"output ", outputs}};
  for (const auto& [word, list] : lists)
    for (const auto& [name, type] : list) s += cat(word, quote(name), " ", type, "\n");
  return s;
}

bool LoadedModel::Source::take_signature(std::string_view text) {
  try {
    Scanner s(text);
    const std::pair<const char*, NamedTypes&> lists[] = {
        {"input", inputs}, {"default", defaults}, {"output", outputs}};
    for (const auto& [word, list] : lists)
      while (s.accept(word)) {
        std::string name = s.quoted();
        list.emplace_back(std::move(name), scan_type(s));
      }
    s.expect_end();
    return true;
  } catch (const Error&) {
    inputs.clear(), defaults.clear(), outputs.clear();
    return false;
  }
}

}  // namespace tauto
