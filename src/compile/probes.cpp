// Running with probes, see probes.h.
#include "compile/probes.h"

#include <cstring>

#include "compile/executable.h"
#include "support/error.h"

namespace tauto {
namespace {

// Which elements are the same in both; undefined: all.
Tensor same_elements(const Tensor& a, const Tensor& b) {
  const int64_t bytes = a.element_bytes();
  const auto *x = static_cast<const char*>(a.raw()), *y = static_cast<const char*>(b.raw());
  if (std::memcmp(x, y, static_cast<size_t>(a.count() * bytes)) == 0) return {};
  Tensor same(boolean, a.shape());
  for (int64_t i = 0; i < a.count(); ++i)
    same.data<bool>()[i] = std::memcmp(x + i * bytes, y + i * bytes, static_cast<size_t>(bytes)) == 0;
  return same;
}

}  // namespace

ProbedRun run_probed(const Executable& e, const std::vector<Value>& inputs, ExecuteOptions options) {
  ProbedRun r;
  ProbeLog first{0x00, {}}, second{0xff, {}};
  options.probes = &first;
  r.results = e.run(inputs, options);
  options.probes = &second;
  e.run(inputs, options);
  CHECK(first.values.size() == second.values.size(), "two runs of one program");
  for (size_t i = 0; i < first.values.size(); ++i) {
    ProbedValue& v = first.values[i];
    if (!v.value.type().is_string()) v.computed = same_elements(v.value, second.values[i].value);
    Value canonical(v.value);
    canonicalise(canonical);
    v.value = canonical.tensor;
  }
  r.values = std::move(first.values);
  return r;
}

}  // namespace tauto
