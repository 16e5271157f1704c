// Answers become dictionaries here; the work is done without Python's lock.
#include "python/proofs.h"

#include <nanobind/stl/string.h>

#include <algorithm>

#include "support/sha256.h"
#include "verify/prove_executable.h"
#include "verify/rows.h"

namespace nb = nanobind;

namespace tauto::python {

nb::dict program_of(const LoadedModel& m, const RunInputs& inputs) {
  std::shared_ptr<const Executable> e;
  {
    const nb::gil_scoped_release release;
    e = m.program(inputs);
  }
  std::vector<uint8_t> all;
  for (size_t k = 0; k < e->code().size(); ++k) {
    const std::span<const uint8_t> code = e->code().code(k);
    all.insert(all.end(), code.begin(), code.end());
  }
  nb::dict d;
  d["cached"] = !e->has_stages();
  d["kernels"] = e->code().size();
  d["code"] = sha256_hex(all.data(), all.size());
  return d;
}

nb::list proofs_of(const LoadedModel& m, const RunInputs& inputs,
                   const std::optional<std::vector<std::string>>& keys) {
  std::vector<proof::KernelProof> proofs;
  {
    const nb::gil_scoped_release release;
    const std::shared_ptr<const Executable> e = m.executable(inputs);
    Profile run;
    ExecuteOptions options;
    options.profile = &run;
    e->run(inputs.values, options);
    proofs = proof::prove_kernels(*e, run, [&](const std::string& key) {
      return !keys || std::find(keys->begin(), keys->end(), key) != keys->end();
    });
  }
  nb::list list;
  for (const proof::KernelProof& p : proofs) {
    nb::dict d;
    d["function"] = p.function;
    d["name"] = p.name;
    d["key"] = p.key;
    d["verdict"] = p.asked ? proof::text_of(p.proof.verdict) : "";
    d["reason"] = p.proof.reason;
    d["elements"] = p.proof.elements;
    d["terms"] = p.proof.terms;
    d["shrunk"] = p.compared.shrunk;
    d["sampled"] = p.compared.sampled;
    d["differs"] = p.compared.differs;
    d["left"] = p.compared.left;
    d["seconds"] = p.seconds;
    list.append(d);
  }
  return list;
}

nb::list batches(const LoadedModel& m) {
  std::vector<proof::Batch> found;
  {
    const nb::gil_scoped_release release;
    found = proof::batches_of(*m.module());
  }
  const auto named = [](const NamedTypes& names, const std::vector<std::optional<proof::RowAxis>>& rows) {
    nb::dict d;
    for (size_t k = 0; k < rows.size() && k < names.size(); ++k)
      if (rows[k]) d[names[k].first.c_str()] = nb::make_tuple(rows[k]->axis, rows[k]->inner);
    return d;
  };
  nb::list list;
  for (const proof::Batch& b : found) {
    nb::dict d;
    d["symbol"] = b.symbol;
    d["why_not"] = b.why_not;
    d["inputs"] = named(m.inputs(), b.inputs);
    d["outputs"] = named(m.outputs(), b.outputs);
    list.append(d);
  }
  return list;
}

}  // namespace tauto::python
