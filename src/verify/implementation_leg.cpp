// The implementation leg, see implementation_leg.h. The matrix: instruction sets x threads x ways to split
// the batch, and the interpreter; all cells have one hash of all outputs, or the machine code is refuted.
#include "verify/implementation_leg.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "compile/profile.h"
#include "support/sha256.h"
#include "verify/check_binding.h"
#include "verify/comparison.h"
#include "verify/prove_executable.h"

namespace tauto::equivalence {
namespace {

void add_to(Sha256& hash, const Value& v) {
  if (!v.is_tensor()) {
    for (const Value& part : v.parts) add_to(hash, part);
    return;
  }
  const std::string head = text_of(type_of(v.tensor));
  hash.add(head.data(), head.size());
  if (v.tensor.type().is_string()) {
    for (const std::string& s : v.tensor.values<std::string>()) hash.add(s.data(), s.size() + 1);
  } else if (v.tensor.count() > 0) {
    hash.add(v.tensor.raw(), static_cast<size_t>(v.tensor.bytes()));
  }
}

// Outputs of several runs of a batch, row by row, so that every split has the same hash.
std::string hash_of(const std::vector<std::vector<Value>>& runs, bool batched) {
  Sha256 hash;
  for (const std::vector<Value>& run : runs) {
    const int64_t rows = batched && !run.empty() && run[0].is_tensor() ? run[0].tensor.dim(0) : 1;
    for (int64_t i = 0; i < rows; ++i)
      for (const Value& v : run) add_to(hash, batched ? Value(rows_of(v.tensor, i, 1)) : v);
  }
  return hex(hash.digest());
}

std::vector<std::vector<int64_t>> splits_of(const Samples& s, int64_t count) {
  if (s.fixed() != 0 || count == 1)
    return {std::vector<int64_t>(static_cast<size_t>(count / std::max<int64_t>(s.fixed(), 1)),
                                 std::max<int64_t>(s.fixed(), 1))};
  std::vector<std::vector<int64_t>> r{{count}, std::vector<int64_t>(static_cast<size_t>(count), 1)};
  if (count > 2) r.push_back({count - 1, 1});
  return r;
}

std::string text_of_split(const std::vector<int64_t>& split) {
  const bool alike = std::all_of(split.begin(), split.end(), [&](int64_t n) { return n == split[0]; });
  if (split.size() == 1) return cat(split[0]);
  if (alike) return cat(split.size(), " x ", split[0]);
  std::string s;
  for (const int64_t n : split) s += cat(s.empty() ? "" : " + ", n);
  return s;
}

}  // namespace

void implementation_leg(const System& s, const Samples& samples, const SameOptions& o, SameResult& r) {
  Line line{"implementation", "Q -> binary", "bitwise", std::nullopt, "", {}, true};
  const ModelOptions base = s.options() ? *s.options() : ModelOptions{};
  const int64_t unit = std::max<int64_t>(samples.fixed(), 1);
  const int64_t count = std::max(unit, std::min(samples.count(), o.deep) / unit * unit);
  std::vector<Isa> isas{Isa::Avx2};
  if (this_cpu().features.avx512) isas.push_back(Isa::Avx512);
  if (const char* forced = std::getenv("TAUTO_ISA"); forced && *forced) isas = {native_isa()};

  const auto add_row = [&](const std::string& isa, const std::string& how, const std::vector<int64_t>& split,
                           int threads, const auto& run) {
    std::vector<std::vector<Value>> results;
    int64_t at = 0;
    for (const int64_t n : split) results.push_back(run(s.model().order(samples.inputs(at, n)))), at += n;
    r.hashes.push_back({isa, how, text_of_split(split), threads, hash_of(results, samples.batched())});
  };
  const std::vector<std::vector<int64_t>> splits = splits_of(samples, count);
  size_t done = 0;
  const auto step = [&] {
    if (o.progress)
      o.progress("hash matrix", static_cast<int64_t>(done++),
                 static_cast<int64_t>(1 + isas.size() * splits.size()));
  };
  step();
  add_row("", "interpreter", splits[0], 1, [&](RunInputs in) { return s.model().run(std::move(in)); });
  std::shared_ptr<const Executable> proved;
  RunInputs proved_inputs;
  for (const Isa isa : isas)
    for (const auto& split : splits) {
      step();
      std::map<int64_t, std::shared_ptr<const Executable>> made;
      ModelOptions how = base;
      how.isa = isa;
      for (const int threads : {1, 2, 3})
        add_row(isa_name(isa), "machine code", split, threads, [&](RunInputs in) {
          const int64_t rows = samples.batched() ? in.values[0].tensor.dim(0) : 1;
          std::shared_ptr<const Executable>& e = made[rows];
          if (!e) e = compile_for(s.model(), in, how);
          if (!proved || (isa == base.isa.value_or(native_isa()) && proved->isa() != isa))
            proved = e, proved_inputs = in;
          ExecuteOptions options;
          options.threads = threads;
          options.cancelled = o.cancelled;
          return e->run(in.values, options);
        });
    }
  std::set<std::string> distinct;
  for (const HashRow& h : r.hashes) distinct.insert(h.sha256);

  // The program that is proved is the one that ran first, with the sizes of its run.
  Profile run;
  ExecuteOptions options;
  options.profile = &run;
  proved->run(proved_inputs.values, options);
  r.binary_sha256 = sha256_of(proved->code());
  const BindingCheck binding = check_binding(*proved, proved_inputs.values);
  const Deadline deadline(o.proof_seconds, o.cancelled);
  std::set<std::string> asked, keys;
  const auto wanted = [&](const std::string& key) {
    keys.insert(key);
    deadline.rethrow();
    if (deadline.is_over()) return false;
    asked.insert(key);
    if (o.progress) o.progress("proofs", static_cast<int64_t>(asked.size()), 0);
    return true;
  };
  using PV = proof::Proof::Verdict;
  std::map<PV, int64_t> verdicts;
  int64_t kernels = 0, late = 0;
  std::string wrong, open;
  for (const proof::KernelProof& p : proof::prove_kernels(*proved, run, wanted)) {
    ++kernels;
    const bool known = p.asked;
    if (!known) {
      ++late;
      r.proofs.emplace_back(p.name, "not tried");
      continue;
    }
    ++verdicts[p.proof.verdict];
    r.proofs.emplace_back(
        p.name, cat(proof::text_of(p.proof.verdict), p.proof.reason.empty() ? "" : ": ", p.proof.reason));
    if (p.proof.verdict == PV::Refuted && wrong.empty()) wrong = cat(p.name, ": ", p.proof.reason);
    if (!p.compared.differs.empty() && wrong.empty()) wrong = cat(p.name, ": ", p.compared.differs);
    if (p.proof.verdict == PV::Undecided && open.empty()) open = cat(p.name, ": ", p.proof.reason);
  }
  int64_t references = 0;
  for (const auto& [name, f] : proved->functions())
    for (const CompiledGroup& g : f.groups) references += g.group.kind == Group::Kind::Reference;
  const int64_t proofs = verdicts[PV::Proved], on_shapes = verdicts[PV::ProvedOnShapes];

  std::string isa_list;
  for (const Isa isa : isas) isa_list += cat(isa_list.empty() ? "" : ", ", isa_name(isa));
  std::string split_list;
  if (splits.size() > 1) split_list = cat(" x ", splits.size(), " splits of ", count);
  line.detail = cat(with_commas(kernels), kernels == 1 ? " kernel, " : " kernels, ",
                    with_commas(proofs + on_shapes), proofs + on_shapes == 1 ? " proof; " : " proofs; ",
                    distinct.size(), distinct.size() == 1 ? " hash" : " hashes", " over ", isa_list,
                    " x 1,2,3 threads", split_list, " and the interpreter");
  if (references > 0)
    line.more.push_back(cat(references, references == 1 ? " node runs its" : " nodes run their",
                            " definition inside the program"));
  if (late > 0)
    line.more.push_back(
        cat(late, " kernels were not tried within ", o.proof_seconds, " s (--proofs SECONDS)"));
  if (!binding.checked.empty()) line.more.push_back(binding.checked);
  if (distinct.size() > 1) {
    for (const HashRow& h : r.hashes)
      if (h.sha256 != r.hashes[0].sha256) {
        line.verdict =
            refuted(cat(h.isa, ", ", h.threads, " threads, batch ", h.split, ": not the interpreter's bits"));
        break;
      }
    r.witness = 0;
  } else if (!wrong.empty()) {
    line.verdict = refuted(wrong);
  } else if (!binding.problem.empty()) {
    line.verdict = refuted(binding.problem);
  } else {
    line.verdict.emplace();
    line.verdict->n = count;
    if (kernels == proofs && binding.complete)
      line.verdict->kind = Verdict::Kind::Proved;
    else if (kernels == proofs + on_shapes && binding.complete)
      line.verdict->kind = Verdict::Kind::ProvedOnShapes;
    else
      line.verdict->kind = Verdict::Kind::ProvedOnSet;
    if (!open.empty()) line.more.push_back(cat("not proved: ", open));
  }
  if (line.verdict->kind == Verdict::Kind::Refuted) line.more.push_back(line.verdict->reason);
  r.lines.push_back(std::move(line));
}

}  // namespace tauto::equivalence
