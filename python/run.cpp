// Runs of a model, see run.h. Every call that computes lets other Python threads run, and looks for Ctrl-C a few
// times a second.
#include "python/run.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <optional>

#include "python/array_view.h"
#include "python/interrupts.h"

namespace nb = nanobind;

namespace tauto::python {
namespace {

constexpr size_t kMostArrays = 16;  // inputs, and results, of the short way
constexpr int64_t kShort =
    1 << 17;  // element operations: too short to let other threads run, or to interrupt

// The value that `given` has for each input of the model, in their order; false if it is not just that.
bool find_inputs(const LoadedModel& m, PyObject* given, PyObject** values) {
  const NamedTypes& inputs = m.inputs();
  if (inputs.size() > kMostArrays) return false;
  const auto count = static_cast<Py_ssize_t>(inputs.size());
  if (PyTuple_Check(given) || PyList_Check(given)) {
    if (PySequence_Size(given) != count) return false;
    for (Py_ssize_t i = 0; i < count; ++i)
      values[i] = PyTuple_Check(given) ? PyTuple_GetItem(given, i) : PyList_GetItem(given, i);
    return true;
  }
  if (!PyDict_CheckExact(given) || PyDict_Size(given) != count) return false;
  std::fill_n(values, inputs.size(), nullptr);
  Py_ssize_t at = 0;
  for (PyObject *key, *value; PyDict_Next(given, &at, &key, &value);) {
    Py_ssize_t size = 0;
    const char* name = PyUnicode_Check(key) ? PyUnicode_AsUTF8AndSize(key, &size) : nullptr;
    if (!name) return PyErr_Clear(), false;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].first == std::string_view(name, static_cast<size_t>(size))) values[i] = value;
  }
  return std::find(values, values + inputs.size(), nullptr) == values + inputs.size();
}

RunInputs in_order(const LoadedModel& m, nb::handle arguments) {
  std::vector<Value> values;
  const size_t count = nb::len(arguments);
  for (size_t i = 0; i < count && count == m.inputs().size(); ++i) {
    const auto& [name, type] = m.inputs()[i];
    values.push_back(value_of(arguments[i], type, cat("run: input \"", name, "\"")));
  }
  values.resize(count);
  return m.order(std::move(values));
}

}  // namespace

nb::object evaluate_ready(const LoadedModel& m, nb::handle given, int threads, nb::handle out) {
  PyObject* arrays[kMostArrays];
  if (!find_inputs(m, given.ptr(), arrays)) return {};
  ArrayView open[kMostArrays];
  TensorView views[kMostArrays];
  const void* inputs[kMostArrays];
  const size_t count = m.inputs().size();
  for (size_t i = 0; i < count; ++i) {
    if (!open[i].open(arrays[i])) return {};
    views[i] = open[i].view();
    inputs[i] = views[i].data;
  }
  std::optional<ReadyRun> ready = m.ready({views, count});
  if (!ready || ready->function().results().size() > kMostArrays) return {};
  nb::list list;
  void* results[kMostArrays];
  ArrayView own[kMostArrays];
  if (!out.is_none() && nb::len(out) != ready->function().results().size()) return {};
  for (const TensorType& t : ready->function().results()) {
    const size_t k = list.size();
    nb::object array = out.is_none() ? new_array(t, &results[k]) : nb::object(out[k]);
    if (!array.is_valid()) return {};
    if (!out.is_none()) {
      if (!own[k].open(array.ptr(), true)) return {};
      const TensorView v = own[k].view();
      if (v.type != t.type || !std::equal(v.shape.begin(), v.shape.end(), t.shape.begin(), t.shape.end()))
        return {};
      for (size_t i = 0; i < count; ++i)
        if (own[k].overlaps(open[i])) return {};
      for (size_t i = 0; i < k; ++i)
        if (own[k].overlaps(own[i])) return {};
      results[k] = const_cast<void*>(v.data);
    }
    list.append(std::move(array));
  }
  ExecuteOptions options;
  options.threads = threads;
  const auto run = [&](const std::function<bool()>* cancelled) {
    options.cancelled = cancelled;
    return ready->run(inputs, results, options);
  };
  if (!(ready->function().work() < kShort ? run(nullptr) : interruptible(run))) return {};
  return list;
}

nb::list evaluate(const LoadedModel& model, RunInputs inputs, Rep rep, bool interpret, int threads) {
  // Held until the results are wrapped: an input that is passed through is copied, not shared.
  const std::vector<Value> held = inputs.values;
  std::vector<Value> results = interruptible([&](const std::function<bool()>* cancelled) {
    if (!interpret && rep == Rep::Exact) {
      ExecuteOptions options;
      options.threads = threads;
      options.cancelled = cancelled;
      return model.execute(std::move(inputs), options);
    }
    InterpretOptions options;
    options.rep = rep;
    options.cancelled = cancelled;
    return model.run(std::move(inputs), options);
  });
  nb::list list;
  for (Value& v : results) list.append(object_of(std::move(v), rep));
  return list;
}

RunInputs inputs_of(const LoadedModel& m, nb::handle given) {
  if (nb::isinstance<nb::list>(given) || nb::isinstance<nb::tuple>(given)) return in_order(m, given);
  if (!nb::hasattr(given, "items"))
    throw nb::type_error("run: required {name: array} or a list of arrays in the order of the inputs");
  NamedValues values;
  const nb::object items = given.attr("items")();
  for (nb::handle item : items) {
    std::string name;
    if (!nb::try_cast(item[0], name)) throw nb::type_error("run: required names of inputs that are str");
    const Type* type = nullptr;
    for (const NamedTypes* list : {&m.inputs(), &m.defaults()})
      for (const auto& [n, t] : *list)
        if (n == name) type = &t;
    // order() below refuses an unknown name.
    values.emplace_back(name, type ? value_of(item[1], *type, cat("run: input \"", name, "\"")) : Value());
  }
  return m.order(std::move(values));
}

nb::list into(const LoadedModel& m, nb::list results, nb::list out) {
  if (nb::len(out) != nb::len(results))
    fail("run: out: required ", nb::len(results), " arrays, got ", nb::len(out));
  const auto text = [](nb::handle array, const char* member) {
    return nb::cast<std::string>(array.attr(member).attr("__str__")());
  };
  for (size_t i = 0; i < nb::len(out); ++i) {
    const std::string where = cat("run: out \"", m.outputs()[i].first, "\": required ");
    if (!nb::hasattr(results[i], "dtype")) fail(where, "an output that is a tensor");
    if (!nb::hasattr(out[i], "flags") || !nb::hasattr(out[i], "dtype"))
      fail(where, "an array, got ", nb::cast<std::string>(out[i].type().attr("__name__")));
    if (!results[i].attr("dtype").equal(out[i].attr("dtype")) ||
        !results[i].attr("shape").equal(out[i].attr("shape")))
      fail(where, text(results[i], "dtype"), text(results[i], "shape"), ", got ", text(out[i], "dtype"),
           text(out[i], "shape"));
    if (!nb::object(out[i].attr("flags").attr("writeable")).is(nb::handle(Py_True)))
      fail(where, "an array that may be written");
  }
  const nb::object copy = nb::module_::import_("numpy").attr("copyto");
  for (size_t i = 0; i < nb::len(out); ++i) copy(out[i], results[i]);
  return out;
}

nb::object call(const LoadedModel& m, const nb::args& arguments) {
  nb::object ready = evaluate_ready(m, arguments, 1);
  const nb::list results = ready.is_valid() ? nb::list(std::move(ready))
                                            : evaluate(m, in_order(m, arguments), Rep::Exact, false, 1);
  if (results.size() == 1) return results[0];
  return results;
}

}  // namespace tauto::python
