// tauto.same. Answers with the JSON that `tauto same --json` writes; python/tauto/comparison.py makes tables
// of it.
#include "python/same.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "python/interrupts.h"
#include "python/values.h"
#include "verify/report.h"
#include "verify/same_json.h"

namespace nb = nanobind;
using namespace nanobind::literals;  // "name"_a

namespace tauto::python {
namespace {

namespace eq = equivalence;

// (JSON, page or ""). `options`: the words of the command line, for replays and for what follows from them.
nb::tuple compare(const std::string& a, const std::string& b, const nb::object& data, const std::string& box,
                  const std::string& sample, const std::string& level, const std::string& decision,
                  const std::string& output, const std::string& budget, bool stop_early, int64_t deep,
                  double proofs, uint64_t seed, bool page, const std::string& python,
                  const std::string& script) {
  const eq::OutsideOptions outside{python, script};
  eq::SameOptions o;
  if (!decision.empty()) o.rule = eq::parse_decision(decision);
  if (!budget.empty()) o.budget = eq::parse_budget(budget);
  if (stop_early && !o.budget.flips) fail("same: stop_early: required a budget with flips");
  if (!level.empty() && level != "bitwise" && level != "numeric" && level != "decision")
    fail("same: level: required bitwise, numeric or decision, got \"", level, "\"");
  if (deep < 1) fail("same: deep: required 1 or more, got ", deep);
  o.level = level;
  if (!level.empty()) {
    o.bitwise = level == "bitwise";
    o.numeric = level == "numeric";
    o.decision = level == "decision";
  }
  o.output = output;
  o.stop_early = stop_early;
  o.deep = deep;
  o.proof_seconds = proofs;
  o.seed = seed;
  o.outside = outside;
  const auto x = eq::open_system(a, outside), y = eq::open_system(b, outside);
  eq::require_same_interface(*x, *y);
  if (!data.is_none() && !nb::isinstance<nb::dict>(data))
    throw nb::type_error("same: data: required {name: array}, samples along the first axis");
  if (data.is_none() && box.empty() && sample.empty()) fail("same: required data, box or sample, got none");
  const eq::Samples samples =
      data.is_none()
          ? eq::Samples::drawn(sample.empty() ? "uniform:1000" : sample, box, seed, x->inputs(), x->outputs())
          : eq::Samples::of(arrays_of(nb::cast<nb::dict>(data), x->inputs(), "same"), x->inputs(),
                            x->outputs(), "arrays");
  const eq::SameResult r = interruptible([&](const std::function<bool()>* cancelled) {
    o.cancelled = cancelled;
    return eq::same(*x, *y, samples, o);
  });
  const std::string json = eq::json_of(r, {a, b, {}, ""});
  return nb::make_tuple(json, page ? eq::report_page(json, samples, x->inputs(), r) : "");
}

}  // namespace

NamedValues arrays_of(const nb::dict& data, const NamedTypes& inputs, const char* where) {
  NamedValues values;
  for (const auto& [key, array] : data) {
    const auto name = nb::cast<std::string>(key);
    Type type = Type::unranked(i64);
    for (const auto& [n, t] : inputs)
      if (n == name) type = t.is_tensor() ? Type::unranked(t.element) : t;
    values.emplace_back(name, value_of(array, type, cat(where, ": data \"", name, "\"")));
  }
  return values;
}

void bind_same(nb::module_& m) {
  m.def("same", &compare, "a"_a, "b"_a, "data"_a.none(), "box"_a, "sample"_a, "level"_a, "decision"_a,
        "output"_a, "budget"_a, "stop_early"_a, "deep"_a, "proofs"_a, "seed"_a, "page"_a, "python"_a,
        "script"_a);
}

}  // namespace tauto::python
