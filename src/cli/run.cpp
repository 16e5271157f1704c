// tauto run: evaluates a model on values from files or from a seed.
#include <algorithm>

#include "cli/commands.h"
#include "cli/print_value.h"
#include "cli/profile.h"
#include "cli/progress.h"
#include "cli/random_inputs.h"
#include "cli/sizes.h"
#include "cli/value_files.h"
#include "quantize/load.h"

namespace tauto::cli {
namespace {

const Type* type_named(const LoadedModel& m, const std::string& name) {
  for (const NamedTypes* list : {&m.inputs(), &m.defaults()})
    for (const auto& [n, type] : *list)
      if (n == name) return &type;
  return nullptr;
}

RunInputs gather(const LoadedModel& m, const RunOptions& o) {
  NamedValues values;
  if (!o.all_inputs.empty()) values = read_values(o.all_inputs, m);
  for (const std::string& i : o.inputs) {
    const auto [name, path] = split_option("run: --input", i, "NAME=FILE or NAME=LITERAL");
    const Type* type = type_named(m, name);
    const std::string where = cat("run: input \"", name, "\"");
    // order() below says which names there are.
    values.emplace_back(name, type ? read_value(path, *type, where) : Value());
  }
  Env sizes = sizes_of(o.dims, m, "run");
  if (o.seed) {
    const auto given = [&](const std::string& name) {
      for (const auto& [n, value] : values)
        if (n == name) return true;
      return false;
    };
    for (const auto& [name, value] : values) {  // sizes that the given values decide
      const Type* type = type_named(m, name);
      if (type && type->is_tensor() && value.is_tensor() && value.tensor.defined())
        unify(*type, type_of(value), sizes);
    }
    for (const auto& [name, type] : m.inputs())
      if (!given(name)) values.emplace_back(name, random_value(type, sizes, *o.seed, name));
  }
  return m.order(std::move(values));
}

Rep rep_named(const std::string& name) {
  return name == "ideal" ? Rep::Ideal : name == "interval" ? Rep::Interval : Rep::Exact;
}

LoadedModel load(const RunOptions& o) {
  const Progress progress("loading");
  ModelOptions options = model_options(o.model, o.allow, o.precision, o.calibration, "run");
  options.load.trust = o.trust;
  return load_model(options, "run");
}

void require_machine_code(const RunOptions& o, const char* option) {
  if (o.interpret || o.rep != "exact")
    fail("run: ", option, ": required machine code, got ", o.interpret ? "--interpret" : "--rep " + o.rep);
}

std::shared_ptr<const Executable> executable(const LoadedModel& m, const RunInputs& inputs,
                                             const RunOptions& o) {
  if (o.schedule.empty()) return m.executable(inputs);
  require_machine_code(o, "--schedule");
  const Schedules schedules = parse_schedules(map_file(o.schedule).text());
  tauto::CompileOptions how;
  how.schedules = &schedules;
  const Env sizes = sizes_of(o.dims, m, "run");
  how.sizes = &sizes;
  return tauto::compile(m.module(inputs), how);
}

// One run that warms up, then those that count; prints or writes what they took.
std::vector<Value> profile(const LoadedModel& m, const RunInputs& inputs, const RunOptions& o) {
  require_machine_code(o, o.profile ? "--profile" : "--profile-json");
  const Interruptible interruptible;
  const std::shared_ptr<const Executable> e = executable(m, inputs, o);
  ExecuteOptions options;
  options.threads = o.threads;
  options.cancelled = &interruptible.cancelled;
  ExecutionContext context;
  std::vector<Value> results = e->run(inputs.values, options, context);
  std::vector<Profile> runs(static_cast<size_t>(o.repeat));
  for (Profile& p : runs) {
    options.profile = &p;
    results = e->run(inputs.values, options, context);
  }
  if (!o.profile_json.empty()) write_file(o.profile_json, trace_json(runs.back()));
  if (o.profile) put(profile_table(*e, runs, o.threads));
  return results;
}

std::vector<Value> evaluate(const LoadedModel& m, RunInputs inputs, const RunOptions& o) {
  if (o.profile || !o.profile_json.empty()) return profile(m, inputs, o);
  if (o.repeat != 1) fail("run: --repeat: required --profile or --profile-json with it");
  Progress progress("running");
  const Interruptible interruptible;
  const auto set_total = [&](const Function& main) {
    progress.set_total(static_cast<int64_t>(main.nodes.size() - main.parameter_count()));
  };
  if (!o.interpret && o.rep == "exact") {
    const std::function<void(int64_t)> step = [&](int64_t nodes) {
      while (nodes-- > 0) progress.step();
    };
    ExecuteOptions options;
    options.threads = o.threads;
    options.cancelled = &interruptible.cancelled;
    options.progress = &step;
    const std::shared_ptr<const Executable> e =
        o.schedule.empty() ? m.program(inputs) : executable(m, inputs, o);
    set_total(e->module().main());
    if (o.schedule.empty()) return m.execute(std::move(inputs), options);
    return e->run(std::move(inputs.values), options);
  }
  if (!o.schedule.empty()) require_machine_code(o, "--schedule");
  const std::shared_ptr<const Module> module = m.module(inputs);
  const Function* main = &module->main();
  set_total(*main);
  InterpretOptions options;
  options.rep = rep_named(o.rep);
  options.cancelled = &interruptible.cancelled;
  options.watch = [&](const Function& f, Id, const Value&) {
    if (&f == main) progress.step();
  };
  return m.run(std::move(inputs), options);
}

}  // namespace

int run(const RunOptions& o) {
  const LoadedModel m = load(o);
  const std::vector<Value> results = evaluate(m, gather(m, o), o);
  NamedValues named;
  for (size_t i = 0; i < results.size(); ++i) named.emplace_back(m.outputs()[i].first, results[i]);
  for (const auto& [name, value] : named) {
    put(cat(name, ": ", summary(value), "\n"));
    if (o.print) put(cat(elements_text(value), "\n"));
  }
  if (!o.out.empty())
    for (const std::string& path : write_values(o.out, named, o.as_pb)) put(cat("wrote ", path, "\n"));
  return 0;
}

}  // namespace tauto::cli
