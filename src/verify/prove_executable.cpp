// Which sizes a kernel is proved for, and how much of its loops is run.
#include "verify/prove_executable.h"

#include <time.h>

#include <algorithm>
#include <map>
#include <set>

#include "codegen/tidy.h"
#include "codegen/x64/encode.h"
#include "compile/legality.h"
#include "loops/structure.h"
#include "schedule/dots.h"
#include "support/cpu.h"
#include "support/error.h"
#include "support/sha256.h"
#include "verify/shrink.h"

namespace tauto::proof {
namespace {

constexpr int64_t kWholeWork = 300'000;    // operations of the tensor expression that are run one and all
constexpr int64_t kSampledWork = 600'000;  // or of as many trips as this allows
constexpr char kTooMany[] = "too many terms";
constexpr double kMostValues = 1e5;       // of one element of the result
constexpr int64_t kMostWork = 2'000'000;  // at all sizes of the symbols but the first
constexpr size_t kMostTerms = 4'000'000;  // at about 60 bytes

std::vector<std::string> symbols_of(const CompiledGroup& g) {
  std::vector<std::string> all;
  for (const loops::BufferPtr& b : g.group.kernel.buffers) {
    for (const Dim& d : b->dims) tauto::symbols_of(d, all);
    tauto::symbols_of(b->layout.elements, all);
  }
  for (const Dim& d : g.built->generated.sizes) tauto::symbols_of(d, all);
  for (const Dim& d : g.group.extents) tauto::symbols_of(d, all);
  for (const auto& [x, y] : g.group.equal) tauto::symbols_of(x, all), tauto::symbols_of(y, all);
  return all;
}

// What the executable asks before it runs the kernel.
bool is_possible(const Function& f, const CompiledGroup& g, const Env& sizes, int64_t& work) {
  work = 1;
  try {
    for (const auto& [x, y] : g.group.equal)
      if (evaluate(x, sizes) != evaluate(y, sizes)) return false;
    for (const Id id : g.group.unsure)
      if (!is_legal(f, id, sizes)) return false;
    for (const Dim& d : g.group.extents) {
      const auto v = evaluate(d, sizes);
      if (!v || *v <= 0) return false;
      if (work < (int64_t{1} << 50) / *v) work *= *v;
    }
    for (const Dim& d : g.built->generated.sizes) evaluate(d, sizes);
    for (const loops::BufferPtr& b : g.group.kernel.buffers) {
      for (const Dim& d : b->dims) {
        const auto v = evaluate(d, sizes);
        if (!v || *v < 0) return false;
      }
      evaluate(b->layout.elements, sizes);
      for (const loops::Layout::Part& p : b->layout.parts) evaluate(p.stride, sizes);
    }
  } catch (const Error&) {
    return false;
  }
  return true;
}

class Prover {
 public:
  Prover(const Function& f, const CompiledGroup& g, Isa isa)
      : f_(f), g_(g), isa_(isa), generated_(g.built->generated) {
    scheduled_ = g.built->scheduled;
    lanes_ = generated_.program.lanes;
    generated_.program = vec::tidy(generated_.program, is_avx512(isa) ? 32 : 16);
    loops::each_node(
        g.group.kernel.body,
        [&](const loops::Expr& e) {
          operations_ += e.as<loops::Apply>() && e.type() != i64 && !e.type().is_bool();
        },
        [](const loops::Stmt&) {});
  }

  // False: it never runs, a size is 0.
  bool run(const Env& env, Proof& last) {
    if (std::string why = vec::check_registers(g_.built->generated.program, vec::x64_features_of(isa_));
        !why.empty()) {
      last = {Proof::Verdict::Refuted, why, 0, 0, false};
      return true;
    }
    const std::vector<std::string> symbols = symbols_of(g_);
    std::string shapes;
    bool runs = false;
    int64_t work = 0, spent = 0;
    for (const Env& sizes : sizes_of(symbols, env)) {
      if (!is_possible(f_, g_, sizes, work)) continue;
      runs = true;
      spent += work * operations_;
      if (!shapes.empty() && spent > kMostWork) continue;
      last = at(sizes, work);
      std::string text;
      for (const std::string& s : symbols)
        text += cat(text.empty() ? "" : ", ", s, " = ", sizes.lookup(s).value_or(-1));
      // What sizes demand of each other is known of those of a run only.
      const bool had = std::all_of(symbols.begin(), symbols.end(), [&](const std::string& s) {
        return env.lookup(s) && env.lookup(s) == sizes.lookup(s);
      });
      if (last.verdict == Proof::Verdict::Refuted && !had) {
        last.verdict = Proof::Verdict::Undecided;
        last.reason = "at sizes that no run had: " + last.reason;
      }
      if (last.verdict > Proof::Verdict::ProvedOnShapes) {
        if (!text.empty()) last.reason += cat(" (", text, ")");
        return true;
      }
      shapes += cat(shapes.empty() ? "" : "; ", text);
    }
    if (!runs && !symbols.empty()) last.reason = "no sizes to prove it for";
    if (!symbols.empty() && last.verdict == Proof::Verdict::Proved) {
      last.verdict = Proof::Verdict::ProvedOnShapes;
      last.reason = "sizes: " + shapes;
    }
    return runs || !symbols.empty();
  }

 private:
  // Those of the run, and small ones around the lanes of a vector.
  std::vector<Env> sizes_of(const std::vector<std::string>& symbols, const Env& env) const {
    if (symbols.empty()) return {env};
    std::vector<Env> all;
    const auto add = [&](int64_t n, bool from_run) {
      Env e;
      int64_t k = 0;
      for (const std::string& s : symbols) {
        const auto known = from_run ? env.lookup(s) : std::nullopt;
        e.bind(s, known.value_or(n + k++ % 2));
      }
      if (std::find(all.begin(), all.end(), e) == all.end()) all.push_back(e);
    };
    add(3, true);
    for (const int64_t n : {int64_t{1}, int64_t{2}, lanes_ - 1, lanes_ + 1, 2 * lanes_ + 3}) add(n, false);
    return all;
  }

  Proof at(const Env& sizes, int64_t work) {
    ProofOptions o;
    o.trips.most_terms = kMostTerms;
    work *= operations_;
    if (work <= kWholeWork) {
      o.pieces = true;
      return prove(sizes, o);
    }
    // Of a sum that is too long, the ends of shorter ones.
    if (values_in(g_.built->nest.store.value, sizes) > kMostValues) return on_smaller_extents();
    o.trips.all = false;
    o.trips.few_lanes = has_like_lanes(generated_.program);
    Proof p = with_few_trips(sizes, o, work);
    if (p.reason == kTooMany) return on_smaller_extents();
    if (p.verdict > Proof::Verdict::ProvedOnShapes && !p.whole) {
      o.trips.careful = true;
      o.trips.few_lanes = false;
      p = with_few_trips(sizes, o, work);
    }
    return p;
  }

  Proof on_smaller_extents() {
    Proof p;
    p.reason = kTooMany;
    if (!generated_.sizes.empty()) return p;
    const BuiltKernel& built = *g_.built;
    const Nest small = shrunk(built.nest, built.plan, static_cast<int>(lanes_));
    try {
      const Target target{static_cast<int>(lanes_),
                          is_avx512(isa_) ? 32 : 16,
                          this_cpu().l1,
                          this_cpu().l2,
                          has_vnni(isa_, this_cpu().features),
                          has_bf16(isa_, this_cpu().features)};
      const Scheduled s = carry_out(small, &built.plan, target).scheduled;
      ProofOptions o;
      o.pieces = true;
      o.trips.most_terms = kMostTerms;
      p = prove_kernel(expression_of(small), s, generate(s.kernel, target.lanes, target.registers), {}, o);
      if (p.verdict == Proof::Verdict::Refuted) p.verdict = Proof::Verdict::Undecided;
      if (p.verdict == Proof::Verdict::Proved) {
        p.verdict = Proof::Verdict::ProvedOnShapes;
        p.reason = "sums too long to write down: shorter ones of the same plan";
      }
    } catch (const NotScheduled& e) {
      p.reason += cat("; on smaller extents: ", e.reason);
    } catch (const NotGenerated& e) {
      p.reason += cat("; on smaller extents: ", e.reason);
    }
    return p;
  }

  Proof with_few_trips(const Env& sizes, ProofOptions o, int64_t work) {
    const int64_t each = work / std::max<int64_t>(1, elements_of_result(sizes));
    for (const int deviating : {8, 1, 0, -1}) {
      o.trips.deviating = deviating;
      StoreCount count = count_stores(g_.group.kernel, generated_, sizes, o.trips);
      o.trips.tails = std::move(count.tails);
      int64_t lanes = lanes_;
      if (o.trips.few_lanes) lanes = std::min(lanes, 3 + 2 * static_cast<int64_t>(o.trips.tails.size()));
      if (count.elements * lanes / lanes_ * each <= kSampledWork) break;
    }
    return prove(sizes, o);
  }

  // Where addresses follow from elements, for some elements.
  Proof prove(const Env& sizes, ProofOptions o) {
    Proof p = prove_kernel(g_.group.kernel, scheduled_, generated_, sizes, o);
    // Looked up elements are the definition's; for drawn places also seen to lie inside of their buffers.
    const bool as_terms = p.verdict == Proof::Verdict::Proved && p.looked_up;
    if ((p.verdict != Proof::Verdict::Undecided && !as_terms) || g_.group.checks.empty()) return p;
    for (const RangeCheck& c : g_.group.checks)
      for (size_t k = 0; k < g_.group.arguments.size(); ++k) {
        const KernelArgument& a = g_.group.arguments[k];
        if (a.kind != KernelArgument::Kind::Value || a.value != c.value) continue;
        const auto least = evaluate(c.least, sizes), end = evaluate(c.end, sizes);
        if (least && end) o.numbers[k] = {std::max<int64_t>(0, *least), *end};
      }
    Proof terms = std::move(p);
    p = prove_kernel(g_.group.kernel, scheduled_, generated_, sizes, o);
    if (p.verdict != Proof::Verdict::Proved) return p;
    if (as_terms) return terms;
    p.verdict = Proof::Verdict::ProvedOnShapes;
    p.reason = cat("addresses follow from elements, which were drawn: ", terms.reason);
    return p;
  }

  int64_t elements_of_result(const Env& sizes) const {
    int64_t n = 1;
    for (size_t k = 0; k < g_.group.arguments.size(); ++k)
      if (g_.group.arguments[k].kind == KernelArgument::Kind::Result)
        for (const Dim& d : g_.group.kernel.buffers[k]->dims) n *= evaluate(d, sizes).value_or(1);
    return n;
  }

  const Function& f_;
  const CompiledGroup& g_;
  const Isa isa_;
  Scheduled scheduled_;
  Generated generated_;
  int64_t lanes_ = 0;
  int64_t operations_ = 1;  // of one element's expression
};

double processor_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

std::string key_of(const CompiledGroup& g, const Env& env) {
  vec::Program program = g.built->generated.program;
  program.name = "k";
  std::string text = cat(loops::structure_of(g.group.kernel), vec::text_of(program));
  for (const KernelArgument& a : g.group.arguments) text += static_cast<char>('0' + static_cast<int>(a.kind));
  for (const std::string& s : symbols_of(g)) text += cat(" ", s, "=", env.lookup(s).value_or(-1));
  return sha256_hex(text.data(), text.size()).substr(0, 24);
}

}  // namespace

Proof prove_group(const Executable& e, const CompiledFunction& f, const CompiledGroup& g, const Env& sizes) {
  Proof p;
  Prover(*f.function, g, e.isa()).run(sizes, p);
  return p;
}

std::vector<KernelProof> prove_kernels(const Executable& e, const Profile& run,
                                       const std::function<bool(const std::string& key)>& wanted) {
  std::vector<KernelProof> all;
  std::set<std::string> seen;
  std::map<std::pair<const CompiledFunction*, size_t>, uint32_t> first;  // sizes
  for (const Profile::Event& event : run.events)
    first.emplace(std::pair(event.function, size_t{event.group}), event.env);
  for (const auto& [name, f] : e.functions())
    for (size_t i = 0; i < f.groups.size(); ++i) {
      const CompiledGroup& g = f.groups[i];
      if (g.group.kind != Group::Kind::Kernel) continue;
      const auto at = first.find({&f, i});
      const Env sizes = at == first.end() ? Env() : run.envs[at->second];
      KernelProof k;
      k.function = name;
      k.name = g.group.kernel.name;
      k.key = key_of(g, sizes);
      if (!seen.insert(k.key).second) continue;
      k.asked = wanted(k.key);
      const double start = processor_seconds();
      if (k.asked) k.asked = Prover(*f.function, g, e.isa()).run(sizes, k.proof);
      if (k.asked && at != first.end()) k.compared = compare_kernel(e, g, sizes);
      k.seconds = processor_seconds() - start;
      all.push_back(std::move(k));
    }
  return all;
}

}  // namespace tauto::proof
