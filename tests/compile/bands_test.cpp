// Chains that run band by band: the interpreter's bits for every shape, mask and size of bands; found where
// scores do not stay in the cache, whatever they are computed by; not where a row needs another one.
#include "compile/bands.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "compile/artifact.h"
#include "compile/bound.h"
#include "compile/compiled_model.h"
#include "compile/faults.h"
#include "compile/own_folders.h"
#include "compile/profile.h"
#include "compile/stages.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/error.h"
#include "verify/check_binding.h"
#include "verify/locate_stage.h"
#include "verify/prove_executable.h"

namespace tauto {
namespace {

using testing::random_floats;

struct Attention {
  int64_t batch = 1, heads = 2, queries = 10, keys = 24, width = 8;
  int mask = 1;             // 0: none, 1: of keys, 2: of queries and keys, 3: of everything, 4: a constant
  bool keys_last = true;    // k as [b, h, width, keys]
  bool joined = false;      // batch and heads are one axis for the second product
  bool to_rows = true;      // the result as [b, queries, heads, width]
  bool shown = false;       // the scores are a result too
  bool by_columns = false;  // normalised along the queries: a row needs all others
  bool node_by_node = false;
};

struct Program {
  std::string text;
  std::vector<Value> inputs;
  std::shared_ptr<const Module> module;
};

// With a softmax as exporters write it, operator by operator.
Program program_of(const Attention& a, uint64_t seed = 1) {
  const auto dims = [](std::vector<int64_t> d) {
    std::string s;
    for (const int64_t n : d) s += cat(s.empty() ? "" : ", ", n);
    return cat("f32[", s, "]");
  };
  const int64_t b = a.batch, h = a.heads, q = a.queries, k = a.keys, d = a.width;
  const Shape mask_shape = a.mask == 1   ? Shape{b, 1, 1, k}
                           : a.mask == 2 ? Shape{1, 1, q, k}
                           : a.mask == 3 ? Shape{b, h, q, k}
                                         : Shape{1, 1, q, k};
  const std::string scores = dims({b, h, q, k}), mask = dims(mask_shape);
  Program p;
  p.inputs = {random_floats({b, h, q, d}, seed),
              random_floats(a.keys_last ? Shape{b, h, d, k} : Shape{b, h, k, d}, seed + 1),
              random_floats({b, h, k, d}, seed + 2), random_floats(mask_shape, seed + 3)};
  const Tensor constant = random_floats(mask_shape, seed + 4);
  std::string s = cat("module bands semantics ", kSemanticsVersion, "\nconst @c0 : ", type_of(constant),
                      " sha256:", content_hash(constant), "\n");
  s += cat("func main(%0 \"q\": ", dims({b, h, q, d}),
           ", %1 \"k\": ", a.keys_last ? dims({b, h, d, k}) : dims({b, h, k, d}),
           ", %2 \"v\": ", dims({b, h, k, d}), ", %3 \"m\": ", mask, ") -> (\"y\"", a.shown ? ", \"s\"" : "",
           a.node_by_node ? ", \"n\"" : "", ") {\n");
  s += "  %4 = @c0\n  %5 = f32[] {2.5}\n";
  s += cat("  %6 = contract(%0, %1) {access: over {b: ", b, ", h: ", h, ", i: ", q, ", j: ", k, " | c: ", d,
           "} [b, h, i, c] ", a.keys_last ? "[b, h, c, j]" : "[b, h, j, c]", "} : ", scores, "\n");
  s += cat("  %7 = div(%6, %5) : ", scores, "\n");
  s += a.mask == 0 ? cat("  %8 = relu(%7) : ", scores, "\n")
                   : cat("  %8 = add(%7, ", a.mask == 4 ? "%4" : "%3", ") : ", scores, "\n");
  const std::string axis = a.by_columns ? "2" : "3";
  const std::string one = a.by_columns ? dims({b, h, 1, k}) : dims({b, h, q, 1});
  s += cat("  %9 = reduce_max(%8) {axes: [", axis, "], keepdims: 1} : ", one, "\n");
  s += cat("  %10 = sub(%8, %9) : ", scores, "\n  %11 = exp(%10) : ", scores, "\n");
  s += cat("  %12 = reduce_sum(%11) {axes: [", axis, "], keepdims: 1} : ", one, "\n");
  s += cat("  %13 = div(%11, %12) : ", scores, "\n");
  if (a.joined) {
    s += cat("  %14 = i64[3] {", b * h, ", ", q, ", ", k,
             "}\n  %15 = reshape(%13, %14) : ", dims({b * h, q, k}), "\n");
    s += cat("  %16 = i64[3] {", b * h, ", ", k, ", ", d,
             "}\n  %17 = reshape(%2, %16) : ", dims({b * h, k, d}), "\n");
    s += cat("  %18 = contract(%15, %17) {access: over {x: ", b * h, ", i: ", q, ", j: ", d, " | c: ", k,
             "} [x, i, c] [x, c, j]} : ", dims({b * h, q, d}), "\n");
    s += cat("  %19 = i64[4] {", b, ", ", h, ", ", q, ", ", d,
             "}\n  %20 = reshape(%18, %19) : ", dims({b, h, q, d}), "\n");
  } else {
    s += cat(
        "  %14 = f32[] {0.5}\n  %15 = f32[] {0.25}\n  %16 = add(%14, %15) : f32[]\n  %17 = f32[] {1.5}\n");
    s += cat("  %18 = contract(%13, %2) {access: over {b: ", b, ", h: ", h, ", i: ", q, ", j: ", d,
             " | c: ", k, "} [b, h, i, c] [b, h, c, j]} : ", dims({b, h, q, d}), "\n");
    s += cat("  %19 = mul(%18, %17) : ", dims({b, h, q, d}), "\n  %20 = relu(%19) : ", dims({b, h, q, d}),
             "\n");
  }
  s += a.to_rows ? cat("  %21 = transpose(%20) {perm: [0, 2, 1, 3]} : ", dims({b, q, h, d}), "\n")
                 : cat("  %21 = exp(%20) : ", dims({b, h, q, d}), "\n");
  if (a.node_by_node) s += "  %22 = nonzero(%0) : i64[4, ?1]\n";
  s += cat("  return %21", a.shown ? ", %8" : "", a.node_by_node ? ", %22" : "", "\n}\n");
  std::string side(static_cast<const char*>(constant.raw()), static_cast<size_t>(constant.bytes()));
  p.text = s;
  p.module = std::make_shared<const Module>(parse_module(s, side));
  return p;
}

std::vector<Isa> isas() {
  std::vector<Isa> all{Isa::Avx2};
  if (this_cpu().features.avx512) all.push_back(Isa::Avx512);
  return all;
}

size_t banded(const Executable& e) {
  size_t n = 0;
  for (const CompiledGroup& g : e.functions().at("main").groups) n += g.group.bands.has_value();
  return n;
}

// In bands of so many rows, whatever the size.
std::shared_ptr<const Executable> in_bands_of(const Program& p, int rows, CompileOptions options = {}) {
  options.off = {"bands"};
  const auto whole = compile(p.module, options);
  options.off = {};
  Schedules s;
  const CompiledFunction& f = whole->functions().at("main");
  for (const CompiledGroup& g : f.groups) {
    const std::vector<Id>& nodes = g.group.nodes;
    const bool contracts = std::any_of(nodes.begin(), nodes.end(), [&](Id id) {
      return std::string(f.function->node(id).op->name) == "contract";
    });
    if (g.group.kind != Group::Kind::Kernel || !contracts) continue;
    Plan& plan = s[{"main", g.group.kernel.name}];
    plan.lanes = "i3";
    plan.band = rows;
    break;
  }
  options.schedules = &s;
  return compile(p.module, options);
}

Attention drawn(std::mt19937& random) {
  const auto between = [&](int64_t from, int64_t to) {
    return from + static_cast<int64_t>(random() % static_cast<uint64_t>(to - from + 1));
  };
  Attention a;
  a.batch = between(1, 3), a.heads = between(1, 4), a.queries = between(2, 23), a.keys = between(2, 40);
  a.width = between(2, 20);
  a.mask = static_cast<int>(between(0, 4));
  a.keys_last = random() % 2, a.joined = random() % 2, a.to_rows = random() % 2;
  a.node_by_node = random() % 4 == 0;
  return a;
}

TEST(Bands, ChangeNoBit) {
  const unsigned seed = 7;
  std::mt19937 random(seed);
  SCOPED_TRACE(cat("seed ", static_cast<int64_t>(seed)));
  int chains = 0, tails = 0;
  for (int i = 0; i < 60; ++i) {
    const Attention a = drawn(random);
    const Program p = program_of(a, random());
    const int rows = 1 + static_cast<int>(random() % static_cast<uint64_t>(a.queries));
    const std::vector<Value> want = interpret(*p.module, p.inputs);
    for (const Isa isa : isas()) {
      CompileOptions options;
      options.isa = isa;
      std::shared_ptr<const Executable> e;
      try {
        e = in_bands_of(p, rows, options);
      } catch (const Error& error) {  // one band for everything: nothing to be cut
        EXPECT_EQ(rows, a.queries) << error.what() << "\n" << p.text;
        EXPECT_EQ(a.batch * a.heads, 1) << error.what() << "\n" << p.text;
        continue;
      }
      EXPECT_GE(banded(*e), 3u) << p.text;
      ++chains;
      tails += a.queries % rows != 0;
      for (const int threads : {1, 2, 3}) {
        ExecutionContext context;
        ExecuteOptions o;
        o.threads = threads;
        for (int again = 0; again < 2; ++again)
          EXPECT_TRUE(e->run(p.inputs, o, context) == want)
              << isa_name(isa) << ", bands of " << rows << ", " << threads << " threads\n"
              << p.text;
      }
    }
  }
  EXPECT_GE(chains, 50 * static_cast<int>(isas().size()));
  EXPECT_GE(tails, 20);
}

// As many heads as make the scores twice as large as the second-level cache.
Attention large() {
  Attention a;
  a.queries = a.keys = 256, a.width = 8;
  a.heads = 2 * this_cpu().l2 / (a.queries * a.keys * 4) + 1;
  return a;
}

int64_t memory_of(const Executable& e, const std::vector<Value>& inputs) {
  std::vector<TensorType> types;
  for (const Value& v : inputs) types.push_back({v.tensor.type(), v.tensor.shape()});
  return BoundFunction(e, e.functions().at("main"), types, {}).bytes();
}

TEST(Bands, AreForScoresThatDoNotStayInTheCache) {
  const Program p = program_of(large());
  const auto e = compile(p.module, {});
  EXPECT_EQ(banded(*e), 4u);  // products, rows, products, and the transposition
  EXPECT_TRUE(e->run(p.inputs, {}) == interpret(*p.module, p.inputs));
  CompileOptions off;
  off.off = {"bands"};
  const auto whole = compile(p.module, off);
  EXPECT_EQ(banded(*whole), 0u);
  EXPECT_LT(4 * memory_of(*e, p.inputs), memory_of(*whole, p.inputs));
  Attention small = large();
  small.heads = 1;
  EXPECT_EQ(banded(*compile(program_of(small).module, {})), 0u);
}

TEST(Bands, AreNotForRowsThatNeedOthersOrAreAskedFor) {
  Attention columns = large(), shown = large();
  columns.by_columns = true;
  shown.shown = true;
  for (const Attention& a : {columns, shown}) {
    const Program p = program_of(a);
    const auto e = compile(p.module, {});
    EXPECT_EQ(banded(*e), 0u) << p.text;
    EXPECT_TRUE(e->run(p.inputs, {}) == interpret(*p.module, p.inputs));
  }
}

// The text of a schedule makes the same program; one that asks for what cannot be is refused.
TEST(Bands, AreReplayedFromASchedule) {
  const Program p = program_of(large());
  const auto e = compile(p.module, {});
  std::string text;
  for (const CompiledGroup& g : e->functions().at("main").groups)
    text += text_of(e->functions().at("main"), g, Stage::Schedule);
  const auto emitted = [&](const std::string& t) {
    const Schedules s = parse_schedules(t);
    CompileOptions options;
    options.schedules = &s;
    const auto again = compile(p.module, options);
    std::string r;
    for (const CompiledGroup& g : again->functions().at("main").groups)
      r += text_of(again->functions().at("main"), g, Stage::Schedule);
    return r;
  };
  EXPECT_EQ(emitted(text), text);
  const size_t first = text.find("band ");
  ASSERT_NE(first, std::string::npos);
  const std::string line = text.substr(first, text.find('\n', first) + 1 - first);
  std::string other = text;
  for (size_t at = 0; (at = other.find(line, at)) != std::string::npos; at += 8)
    other.replace(at, line.size(), "band 40\n");
  ASSERT_NE(other, text);
  EXPECT_NE(emitted(other).find("band 40\n"), std::string::npos);
  other = text.substr(0, first) + "band 32\n" + text.substr(first + line.size());
  try {
    emitted(other);
    ADD_FAILURE() << "a chain with bands of 32 and of 64 rows";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("required band 32, got band "), std::string::npos)
        << error.what();
  }
}

// A value that is handed on is stored whole for who asks for it.
TEST(Bands, ProbesGetWholeValues) {
  Attention a;
  a.batch = 2, a.queries = 11;
  const Program p = program_of(a);
  const auto plain = in_bands_of(p, 4);
  std::map<Id, Value> want;
  InterpretOptions o;
  o.watch = [&](const Function&, Id id, const Value& v) { want[id] = v; };
  interpret(plain->module(), p.inputs, o);
  for (const bool all : {true, false}) {
    ProbeOptions probes;
    probes.all = all;
    for (const CompiledGroup& g : plain->functions().at("main").groups)  // inside: the chain stays one
      if (g.group.bands && !all) probes.nodes["main"].insert(g.group.nodes.begin(), --g.group.nodes.end());
    CompileOptions options;
    options.probes = &probes;
    const auto e = in_bands_of(p, 4, options);
    for (const int threads : {1, 2}) {
      ExecuteOptions run;
      run.threads = threads;
      const ProbedRun got = run_probed(*e, p.inputs, run);
      EXPECT_GE(banded(*e), 3u);
      EXPECT_TRUE(got.results == interpret(*p.module, p.inputs));
      EXPECT_GE(got.values.size(), all ? 10u : 1u);
      for (const ProbedValue& v : got.values) {
        if (v.computed.defined()) continue;
        EXPECT_TRUE(Value(v.value) == want.at(v.node)) << "%" << v.node;
      }
    }
  }
}

TEST(Bands, AreSavedWithTheProgram) {
  const testing::OwnFolders folders;
  Attention a;
  a.heads = 3, a.joined = true;
  const Program p = program_of(a);
  const auto e = in_bands_of(p, 3);
  ASSERT_GE(banded(*e), 3u);
  std::string bytes;
  for (std::string_view part : artifact_of(*e, ArtifactKind::File, "").parts) bytes += part;
  const Artifact back = read_artifact(own(bytes), ArtifactKind::File, true);
  ASSERT_TRUE(back.executable) << back.why_not;
  EXPECT_EQ(banded(*back.executable), banded(*e));
  for (size_t k = 0; k < e->functions().at("main").groups.size(); ++k)
    EXPECT_EQ(back.executable->functions().at("main").groups[k].group.bands,
              e->functions().at("main").groups[k].group.bands);
  EXPECT_TRUE(back.executable->run(p.inputs, {}) == interpret(*p.module, p.inputs));
  EXPECT_EQ(equivalence::check_binding(*back.executable, p.inputs).problem, "");
}

TEST(Bands, EveryKernelIsProvedAndProfiled) {
  Attention a;
  a.queries = 13, a.keys = 40;
  const Program p = program_of(a);
  const auto e = in_bands_of(p, 5), whole = compile(p.module, {});
  for (const int threads : {1, 2}) {
    Profile run, other;
    ExecuteOptions o;
    o.threads = threads;
    o.profile = &run;
    e->run(p.inputs, o);
    o.profile = &other;
    whole->run(p.inputs, o);
    EXPECT_EQ(run.events.size(), other.events.size());
    double flops = 0, all = 0;
    for (const ProfileLine& l : lines_of(*e, {run})) flops += l.work.flops;
    for (const ProfileLine& l : lines_of(*whole, {other})) all += l.work.flops;
    EXPECT_EQ(flops, all);
    int64_t took = 0;
    for (const Profile::Event& event : run.events) took += event.self;
    EXPECT_LE(took, run.end - run.start);
    if (threads > 1) continue;
    for (const proof::KernelProof& k :
         proof::prove_kernels(*e, run, [](const std::string&) { return true; })) {
      EXPECT_EQ(k.proof.verdict, proof::Proof::Verdict::Proved) << k.name << ": " << k.proof.reason;
      EXPECT_EQ(k.compared.differs, "") << k.name;
    }
  }
}

// A program for bands of five rows is none for bands of four: it writes what is another band's.
TEST(Bands, WritingBesideABandIsRefuted) {
  const Program p = program_of(Attention());
  const auto e = in_bands_of(p, 5);
  int refuted = 0;
  for (const CompiledGroup& g : e->functions().at("main").groups) {
    if (!g.group.bands) continue;
    Group whole = g.group;
    whole.kernel = whole_kernel(g.group);
    Bands less = *g.group.bands;
    less.rows = 4;
    const proof::Proof proof =
        proof::prove_kernel(in_bands(whole, less).kernel, g.built->scheduled, g.built->generated, {});
    EXPECT_EQ(proof.verdict, proof::Proof::Verdict::Refuted) << g.group.kernel.name;
    EXPECT_NE(proof.reason.find("] is written"), std::string::npos) << proof.reason;
    ++refuted;
  }
  EXPECT_GE(refuted, 3);
}

TEST(Bands, WhatIsWrongAboutTheirCallsIsFound) {
  Attention a;
  a.heads = 3;
  const Program p = program_of(a);
  const auto e = in_bands_of(p, 4);
  std::vector<TensorType> types;
  for (const Value& v : p.inputs) types.push_back({v.tensor.type(), v.tensor.shape()});
  const CompiledFunction& c = e->functions().at("main");
  const BoundFunction f(*e, c, types, Env());
  ASSERT_TRUE(f.complete());
  const auto check = [&](const std::vector<BoundFunction::Call>& calls) {
    return equivalence::check_calls(*e, c, f.groups(), calls, f.result_places(), f.own_bytes());
  };
  const std::vector<BoundFunction::Call> right = f.calls();
  const equivalence::BindingCheck good = check(right);
  EXPECT_EQ(good.problem, "");
  EXPECT_NE(good.checked.find(" run band by band"), std::string::npos) << good.checked;
  using Kind = BoundFunction::Place::Kind;
  int tried = 0;
  const auto wrong = [&](const std::function<void(std::vector<BoundFunction::Call>&)>& change) {
    std::vector<BoundFunction::Call> calls = right;
    change(calls);
    EXPECT_NE(check(calls).problem, "");
    ++tried;
  };
  for (size_t i = 0; i < right.size(); ++i) {
    if (!right[i].bands) continue;
    for (size_t k = 0; k < right[i].reads.size(); ++k) {
      if (right[i].reads[k].kind != Kind::Band && right[i].reads[k].kind != Kind::Block) continue;
      for (const int64_t by : {-64, 4, 64}) wrong([&](auto& calls) { calls[i].reads[k].at += by; });
    }
    for (size_t d = 0; d < right[i].bands->extents.size(); ++d) {
      Bands other = *right[i].bands;
      ++other.extents[d];
      wrong([&](auto& calls) { calls[i].bands = &other; });
    }
    wrong([&](auto& calls) { calls[i].bands = nullptr; });
    if (right[i].goes_on) {
      wrong([&](auto& calls) { calls[i].goes_on = false; });
      wrong([&](auto& calls) { std::swap(calls[i], calls[i + 1]); });
      wrong([&](auto& calls) { calls[i].handed_over = 64; });
    }
  }
  EXPECT_GE(tried, 20);
}

// Faults of a kernel in a chain are made, and change bits.
TEST(Bands, FaultsAreMadeInThem) {
  Attention a;
  a.heads = 3, a.queries = 13, a.keys = 40, a.mask = 4;
  const Program p = program_of(a);
  const std::vector<Value> want = interpret(*p.module, p.inputs);
  const auto plain = in_bands_of(p, 5);
  GroupNames among;
  const CompiledFunction& c = plain->functions().at("main");
  for (size_t k = 0; k < c.groups.size(); ++k)
    if (c.groups[k].group.bands) among.emplace("main", k);
  int made = 0, changed = 0;
  for (const FaultKind kind : all_faults()) {
    Fault fault{kind, 3, among};
    CompileOptions options;
    options.fault = &fault;
    try {
      const auto e = in_bands_of(p, 5, options);
      ++made;
      EXPECT_EQ(banded(*e), among.size());
      changed += !(e->run(p.inputs, {}) == want);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("required a program with a place"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_GE(made, 15);
  EXPECT_GE(changed, made - 4);
}

// Every level of the kernel of a band is run for all bands.
TEST(Bands, TheStageOfAFaultIsNamed) {
  Attention a;
  a.heads = 3, a.queries = 13, a.keys = 40;
  const Program p = program_of(a);
  const auto plain = in_bands_of(p, 5);
  GroupNames among;
  const CompiledFunction& c = plain->functions().at("main");
  for (size_t k = 0; k < c.groups.size(); ++k)
    if (c.groups[k].group.bands) among.emplace("main", k);
  int located = 0;
  for (const FaultKind kind : {FaultKind::LostTerm, FaultKind::SwappedOperands, FaultKind::LostTrip,
                               FaultKind::LostFma, FaultKind::StaleRegister, FaultKind::SharedRegister}) {
    const Fault fault{kind, 5, among};
    ProbeOptions probes;
    probes.all = true;
    CompileOptions options;
    options.fault = &fault;
    const auto faulty = in_bands_of(p, 5, options);
    options.probes = &probes;
    const auto probed = in_bands_of(p, 5, options);
    const ProbedRun run = run_probed(*probed, p.inputs, {});
    equivalence::RunChecks checks(probed->module(), Order::Ours);
    const std::vector<equivalence::ValueCheck> values = checks.check(p.inputs, run.values, true);
    const auto bad = std::find_if(values.begin(), values.end(),
                                  [](const equivalence::ValueCheck& v) { return !v.worst.legal(); });
    if (bad == values.end()) continue;
    ++located;
    const equivalence::StageFound found = equivalence::locate_stage(*faulty, *bad, checks, Order::Ours);
    EXPECT_EQ(found.stage, stage_of(kind)) << text_of(kind) << ": " << found.what;
  }
  EXPECT_GE(located, 4);
}

// Rows of a perceptron: weights are packed once for all bands.
Program perceptron(int64_t rows, bool per_head) {
  const auto constant = [](const Tensor& t, const std::string& name) {
    return cat("const ", name, " : ", type_of(t), " sha256:", content_hash(t), "\n");
  };
  const int64_t heads = per_head ? 3 : 1;
  const Tensor w = random_floats({heads, 16, 24}, 5), v = random_floats({heads, 24, 10}, 6);
  std::string side(static_cast<const char*>(w.raw()), static_cast<size_t>(w.bytes()));
  side.resize((side.size() + 63) / 64 * 64);
  side.append(static_cast<const char*>(v.raw()), static_cast<size_t>(v.bytes()));
  const auto type = [&](int64_t width) { return cat("f32[", heads, ", ", rows, ", ", width, "]"); };
  const auto over = [&](int64_t width, int64_t terms) {
    return cat("{access: over {h: ", heads, ", i: ", rows, ", j: ", width, " | k: ", terms,
               "} [h, i, k] [h, k, j]} : ", type(width), "\n");
  };
  Program p;
  p.inputs = {random_floats({heads, rows, 16}, 7)};
  p.text =
      cat("module bands semantics ", kSemanticsVersion, "\n", constant(w, "@c0"), constant(v, "@c1"),
          "func main(%0 \"x\": ", type(16), ") -> (\"y\") {\n  %1 = @c0\n  %2 = @c1\n",
          "  %3 = contract(%0, %1) ", over(24, 16), "  %4 = relu(%3) : ", type(24), "\n",
          "  %5 = contract(%4, %2) ", over(10, 24), "  %6 = tanh(%5) : ", type(10), "\n  return %6\n}\n");
  p.module = std::make_shared<const Module>(parse_module(p.text, side));
  return p;
}

TEST(Bands, AreForAnyChainOfRows) {
  const int64_t rows = 2 * this_cpu().l2 / (24 * 4) + 33;
  const Program one = perceptron(rows, false);
  const auto e = compile(one.module, {});
  EXPECT_EQ(banded(*e), 2u);
  for (const int threads : {1, 2}) {
    ExecuteOptions o;
    o.threads = threads;
    EXPECT_TRUE(e->run(one.inputs, o) == interpret(*one.module, one.inputs));
  }
  // Weights of their own for each head would have to be packed for each: such a chain runs whole.
  const Program many = perceptron(rows, true);
  const auto whole = compile(many.module, {});
  EXPECT_EQ(banded(*whole), 0u);
  EXPECT_TRUE(whole->run(many.inputs, {}) == interpret(*many.module, many.inputs));
}

// Of the program for all sizes no kernel is cut.
TEST(Bands, NeedSizes) {
  const auto m = std::make_shared<const Module>(parse_module(cat("module bands semantics ", kSemanticsVersion,
                                                                 R"(
func main(%0 "q": f32[N, 8], %1 "k": f32[8, N], %2 "v": f32[N, 8]) -> ("y") {
  %3 = contract(%0, %1) {access: over {i: N, j: N | c: 8} [i, c] [c, j]} : f32[N, N]
  %4 = exp(%3) : f32[N, N]
  %5 = reduce_sum(%4) {axes: [1], keepdims: 1} : f32[N, 1]
  %6 = div(%4, %5) : f32[N, N]
  %7 = contract(%6, %2) {access: over {i: N, j: 8 | c: N} [i, c] [c, j]} : f32[N, 8]
  return %7
}
)")));
  const int64_t n = 16 * static_cast<int64_t>(std::sqrt(static_cast<double>(this_cpu().l2) / 512) + 1);
  const std::vector<Value> in{random_floats({n, 8}, 1), random_floats({8, n}, 2), random_floats({n, 8}, 3)};
  const std::vector<Value> want = interpret(*m, in);
  const auto all = compile(m, {});
  EXPECT_EQ(banded(*all), 0u);
  EXPECT_TRUE(all->run(in, {}) == want);
  Env sizes;
  sizes.bind("N", n);
  CompileOptions options;
  options.sizes = &sizes;
  const auto one = compile(m, options);
  EXPECT_EQ(banded(*one), 3u);
  EXPECT_TRUE(one->run(in, {}) == want);
}

}  // namespace
}  // namespace tauto
