// Running both sides, and comparing them.
#include "verify/replay.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include "compile/pipeline.h"
#include "graph/symbols.h"
#include "interpret/interpret.h"
#include "passes/specialise.h"

namespace tauto {
namespace {

double number_at(const Tensor& t, int64_t i) {
  const auto at = static_cast<size_t>(i);
  if (t.type() == f32 && t.rep() == Rep::Exact) return static_cast<double>(t.values<float>()[at]);
  return t.values<double>()[at];  // f64, and everything in Rep::Ideal
}

bool same_bits(const Tensor& a, const Tensor& b, int64_t i) {
  const auto bytes = static_cast<size_t>(a.element_bytes());
  const auto at = static_cast<size_t>(i) * bytes;
  return std::memcmp(static_cast<const char*>(a.raw()) + at, static_cast<const char*>(b.raw()) + at, bytes) ==
         0;
}

int64_t count_of(const Value& v) {
  if (v.is_tensor()) return v.tensor.count();
  int64_t n = 0;
  for (const Value& part : v.parts) n += count_of(part);
  return n;
}

void compare_exact(const Value& before, const Value& after, Replay& r) {
  const int64_t n = std::max(count_of(before), count_of(after));
  r.elements += n;
  const bool comparable = before.is_tensor() && after.is_tensor() && !before.tensor.type().is_string() &&
                          before.tensor.type() == after.tensor.type() &&
                          before.tensor.shape() == after.tensor.shape();
  int64_t differing = before == after ? 0 : n;
  if (comparable && differing > 0) {
    differing = 0;
    for (int64_t i = 0; i < n; ++i) differing += !same_bits(before.tensor, after.tensor, i);
  }
  r.differing += differing;
  r.beyond += differing;
}

void compare_bound(const Tensor& before, const Tensor& after, const Tensor& bound, Replay& r) {
  CHECK(before.shape() == after.shape() && bound.shape() == before.shape());
  r.elements += before.count();
  for (int64_t i = 0; i < before.count(); ++i) {
    if (same_bits(before, after, i)) continue;
    ++r.differing;
    const double limit = number_at(bound, i);
    if (!(limit < std::numeric_limits<double>::infinity())) {
      ++r.unbound;
      continue;
    }
    const double difference = std::fabs(number_at(before, i) - number_at(after, i));
    if (!(difference <= limit)) ++r.beyond;
    if (limit > 0) r.worst = std::max(r.worst, difference / limit);
  }
}

double largest_of(const Tensor& t) {
  double largest = 0;
  for (int64_t i = 0; i < t.count(); ++i) largest = std::max(largest, std::fabs(number_at(t, i)));
  return largest;
}

double error_of(const Tensor& t, const Tensor& ideal) {
  double worst = 0;
  for (int64_t i = 0; i < t.count(); ++i)
    worst = std::max(worst, std::fabs(number_at(t, i) - number_at(ideal, i)));
  const double largest = largest_of(ideal);
  return largest > 0 ? worst / largest : 0;
}

// Why the program has no meaning by itself for these inputs: a size in it was bound outside of the sub-graph.
std::string unbound(const Module& m, const std::vector<Value>& inputs) {
  const std::vector<Type> types = m.main().parameter_types();
  Env env;
  for (size_t i = 0; i < types.size(); ++i)
    if (std::string why = unify(types[i], type_of(inputs[i]), env); !why.empty()) return why;
  for (const Node& n : m.main().nodes) {
    const Type t = substitute(n.type, env);
    if (substitute(n.attributes, env).has_symbols() || (t.is_tensor() && t.ranked && !t.is_static()))
      return "a size that its inputs do not decide";
  }
  return "";
}

}  // namespace

Replay replay(const LedgerEntry& e, const std::vector<Value>& inputs) {
  Replay r;
  if (!e.consumed || !e.produced) {
    r.why_not = "its sub-graphs were not kept";
    return r;
  }
  try {
    for (const auto& program : {e.consumed, e.produced, e.contract.bound})
      if (program && r.ran()) r.why_not = unbound(*program, inputs);
    if (!r.ran()) return r;
    const std::vector<Value> before = interpret(*e.consumed, inputs), after = interpret(*e.produced, inputs);
    if (before.size() != after.size()) {
      r.beyond = r.elements = 1;
      return r;
    }
    if (e.contract.kind == ContractKind::Exact) {
      for (size_t i = 0; i < before.size(); ++i) compare_exact(before[i], after[i], r);
      return r;
    }
    CHECK(e.contract.bound);
    const std::vector<Value> bound = interpret(*e.contract.bound, inputs);
    InterpretOptions ideal;
    ideal.rep = Rep::Ideal;
    const std::vector<Value> exact = interpret(*e.consumed, inputs, ideal);
    std::vector<Value> ranges;
    for (const Value& v : inputs) ranges.push_back(range_of(v));
    const std::vector<Value> of_ranges = interpret(*e.contract.bound, ranges);
    for (size_t i = 0; i < before.size(); ++i) {
      compare_bound(before[i].tensor, after[i].tensor, bound[i].tensor, r);
      r.consumed_error = std::max(r.consumed_error, error_of(before[i].tensor, exact[i].tensor));
      r.produced_error = std::max(r.produced_error, error_of(after[i].tensor, exact[i].tensor));
      const double largest = largest_of(exact[i].tensor);
      if (!(largest > 0)) continue;
      r.bound = std::max(r.bound, largest_of(bound[i].tensor) / largest);
      r.range_bound = std::max(r.range_bound, largest_of(of_ranges[i].tensor) / largest);
    }
  } catch (const InternalError&) {
    throw;
  } catch (const Error& error) {
    r.why_not = error.what();
  }
  return r;
}

std::vector<std::optional<Captured>> capture(std::span<const LedgerEntry> entries,
                                             const std::vector<Value>& model_inputs) {
  struct Run {
    std::map<std::pair<std::string, Id>, std::optional<Value>> wanted;
    std::map<std::string, Env> sizes;  // by function
  };
  std::map<const Module*, Run> runs;
  for (const LedgerEntry& e : entries)
    if (e.origin)
      for (Id id : e.inputs) runs[e.origin.get()].wanted[{e.function, id}] = std::nullopt;
  for (auto& [origin, run] : runs) {
    const auto see = [&, &run = run](const Function& f, Id id, const Value& v) {
      const auto at = run.wanted.find({f.name, id});
      if (at != run.wanted.end() && !at->second) at->second = v;
      const Type& t = f.node(id).type;
      if (t.is_tensor() && v.is_tensor() && v.tensor.defined()) unify(t, type_of(v), run.sizes[f.name]);
    };
    for (size_t i = 0; i < model_inputs.size(); ++i) see(origin->main(), static_cast<Id>(i), model_inputs[i]);
    InterpretOptions options;
    options.watch = see;
    interpret(*origin, model_inputs, options);
  }
  std::vector<std::optional<Captured>> r;
  for (const LedgerEntry& e : entries) {
    std::optional<Captured> captured(std::in_place);
    if (e.origin && !e.inputs.empty()) captured->sizes = runs.at(e.origin.get()).sizes[e.function];
    for (Id id : e.inputs) {
      const std::optional<Value>& v = runs.at(e.origin.get()).wanted.at({e.function, id});
      if (v && captured)
        captured->inputs.push_back(*v);
      else
        captured.reset();
    }
    r.push_back(std::move(captured));
  }
  return r;
}

LedgerEntry for_sizes(const LedgerEntry& e, const Env& sizes) {
  LedgerEntry r = e;
  if (sizes.values().empty()) return r;
  for (auto* program : {&r.consumed, &r.produced, &r.contract.bound})
    if (*program) *program = std::make_shared<const Module>(specialise(**program, sizes));
  return r;
}

Value range_of(const Value& v) {
  if (!v.is_tensor() || !(v.tensor.type() == f32)) return v;
  const Tensor& t = v.tensor;
  Tensor r(f32, t.shape());
  const int64_t channels = t.rank() > 2 ? t.dim(1) : 1;
  int64_t inner = 1;
  for (int64_t d = 2; d < t.rank(); ++d) inner *= t.dim(d);
  const auto channel = [&](int64_t i) {
    return static_cast<size_t>(channels > 1 ? i / inner % channels : 0);
  };
  std::vector<float> largest(static_cast<size_t>(channels));
  for (int64_t i = 0; i < t.count(); ++i)
    largest[channel(i)] = std::max(largest[channel(i)], std::fabs(t.data<float>()[i]));
  for (int64_t i = 0; i < t.count(); ++i) r.data<float>()[i] = largest[channel(i)];
  return Value(std::move(r));
}

const char* name_of(Adversary a) {
  constexpr const char* kNames[] = {"cancelling", "ranging", "tiny", "large"};
  return kNames[static_cast<int>(a)];
}

Value adversarial(const Value& v, Adversary a, uint64_t seed) {
  if (!v.is_tensor() || !(v.tensor.type() == f32)) return v;
  std::mt19937_64 random(seed);
  const auto uniform = [&](double from, double to) {
    return from + (to - from) * static_cast<double>(random() >> 11) * 0x1p-53;
  };
  const auto spread = [&](double from, double to) {
    return std::ldexp(uniform(1, 2), static_cast<int>(std::floor(uniform(from, to)))) *
           (random() & 1 ? 1 : -1);
  };
  Tensor t(f32, v.tensor.shape());
  const double size = uniform(1, 1000);
  for (int64_t i = 0; i < t.count(); ++i) {
    double x = 0;
    switch (a) {
      case Adversary::Cancelling:
        x = (i % 2 ? -size : size) * (1 + uniform(0, 0x1p-18));
        break;
      case Adversary::Ranging:
        x = spread(-60, 30);
        break;
      case Adversary::Tiny:
        x = spread(-149, -120);
        break;
      case Adversary::Large:
        x = spread(100, 127.9);
        break;
    }
    t.data<float>()[i] = static_cast<float>(x);
  }
  return Value(std::move(t));
}

std::vector<ReplayedEntry> replay_all(Module m, const Allowed& allowed, const std::vector<Value>& inputs,
                                      uint64_t seed) {
  m.keeps_replays = true;
  const Flags flags = compile_flags();
  const Module program = rewritten(m, allowed, flags);
  Env sizes;
  const std::vector<Type> types = program.main().parameter_types();
  for (size_t i = 0; i < types.size(); ++i) unify(types[i], type_of(inputs[i]), sizes);
  const Ledger ledger = run_passes(program, "", flags, sizes).ledger;
  const auto captured = capture(ledger, inputs);
  std::vector<ReplayedEntry> r;
  for (size_t k = 0; k < ledger.size(); ++k) {
    const LedgerEntry& e = ledger[k];
    if (!captured[k]) {
      r.push_back({e, "captured", {}});
      r.back().replay.why_not = "the run does not reach it";
      r.back().replay.reached = false;
      continue;
    }
    const LedgerEntry sized = for_sizes(e, captured[k]->sizes);
    r.push_back({e, "captured", replay(sized, captured[k]->inputs)});
    if (e.contract.kind == ContractKind::Exact) continue;
    for (Adversary a : kAdversaries) {
      std::vector<Value> made;
      for (const Value& v : captured[k]->inputs) made.push_back(adversarial(v, a, seed + made.size()));
      r.push_back({e, name_of(a), replay(sized, made)});
    }
  }
  return r;
}

}  // namespace tauto
