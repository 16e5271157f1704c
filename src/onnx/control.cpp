// If, Loop, Scan: sub-graphs become functions of the module.
//
// The types of what a loop carries are a fix-point: a body is imported for the types of the initial values;
// where its results differ in a dim or in rank the type is made more general and the body imported again.
#include "onnx/conversion.h"

#include <algorithm>
#include <set>

namespace tauto::onnx::convert {
namespace {

// Makes `t` general enough for a value of type `next` too; true when that changed it. Symbols in `open` are
// those of an earlier generalisation: they stand for any size. (Keeping them is what makes rounds end.)
bool widen(Type& t, const Type& next, std::set<std::string>& open, Builder& b) {
  if (t.tag != next.tag || t.parts.size() != next.parts.size() ||
      (t.is_tensor() && t.element != next.element && t.ranked))
    fail("carried value: required ", t, ", the body gives ", next);
  bool changed = false;
  if (t.is_tensor() && t.ranked) {
    if (!next.ranked || t.rank() != next.rank()) {
      t = Type::unranked(t.element);
      return true;
    }
    for (size_t i = 0; i < t.dims.size(); ++i) {
      Dim& d = t.dims[i];
      if (d == next.dims[i] || (d.is_symbol() && open.count(d.symbol_name()))) continue;
      d = b.fresh();
      open.insert(d.symbol_name());
      changed = true;
    }
  }
  for (size_t i = 0; i < t.parts.size(); ++i) {
    // A sequence that starts empty takes the type of what is put into it.
    if (t.parts[i].is_tensor() && t.parts[i].element != next.parts[i].element && !t.parts[i].ranked) {
      t.parts[i] = next.parts[i];
      changed = true;
    } else if (widen(t.parts[i], next.parts[i], open, b)) {
      changed = true;
    }
  }
  return changed;
}

// The body with parameters [first, first + n) carried in results [result, result + n).
Body stable_body(Conversion& c, const GraphProto& graph, std::vector<Type> parameters, size_t first,
                 size_t result, size_t n, const Adapt& adapt) {
  std::set<std::string> open;
  // Each round without an end makes one dim or one rank more general.
  for (;;) {
    Body body = c.body(graph, parameters, adapt);
    if (body.results.size() < result + n)
      c.refuse(cat("the body has ", body.results.size(), " results, required at least ", result + n));
    bool changed = false;
    for (size_t i = 0; i < n; ++i)
      changed = widen(parameters[first + i], body.results[result + i], open, c.b) || changed;
    if (!changed) return body;
    c.drop(body);
  }
}

void give_items(Conversion& c, Id tuple, size_t from = 0) {
  const size_t n = c.type_of(tuple).parts.size();
  for (size_t i = 0; i < n; ++i) c.out(static_cast<int>(from + i), c.b.item(tuple, static_cast<int64_t>(i)));
}

}  // namespace

void If(Conversion& c) {
  const GraphProto &then = c.attr_graph("then_branch"), &otherwise = c.attr_graph("else_branch");
  if (const auto known = c.b.known_ints(c.in(0)); known && known->size() == 1) {
    const std::vector<Id> results = c.inlined((*known)[0] ? then : otherwise, {});
    for (size_t i = 0; i < results.size(); ++i) c.out(static_cast<int>(i), results[i]);
    return;
  }
  const std::vector<Body> branch = c.bodies({&then, &otherwise});
  std::vector<Id> inputs{c.in(0)};
  inputs.insert(inputs.end(), branch[0].captured.begin(), branch[0].captured.end());
  give_items(c,
             c.add(ops::if_, std::move(inputs),
                   {{"then", FunctionName{branch[0].function}}, {"else", FunctionName{branch[1].function}}}));
}

void Loop(Conversion& c) {
  const size_t n = static_cast<size_t>(std::max(0, c.count() - 2));
  const Id trips = c.has(0) ? c.in(0) : c.b.scalar<int64_t>(INT64_MAX);
  const Id go = c.has(1) ? c.in(1) : c.b.scalar<bool>(true);
  std::vector<Id> inputs{trips, go};
  std::vector<Type> parameters{Type::tensor(i64, {}), Type::tensor(boolean, {})};
  for (size_t i = 0; i < n; ++i) {
    inputs.push_back(c.in(static_cast<int>(i) + 2));
    parameters.push_back(c.type_of(inputs.back()));
  }
  // The body ends the loop never if it returns its own condition, or true.
  bool counted = false;
  const Adapt look = [&](Conversion& inside, std::vector<Id>& results) {
    if (results.empty()) c.refuse("the body has no condition");
    const auto known = inside.b.known_ints(results[0]);
    counted = results[0] == 1 || (known && known->size() == 1 && (*known)[0]);
  };
  const Body body = stable_body(c, c.attr_graph("body"), std::move(parameters), 2, 1, n, look);
  const auto limit = c.b.known_ints(trips), start = c.b.known_ints(go);
  if (counted && limit && start && limit->size() == 1 && start->size() == 1 && (*start)[0] &&
      (*limit)[0] >= int64_t{1} << 48)
    c.refuse(cat("required a loop that ends, got ", (*limit)[0], " trips and a condition that stays true"));
  inputs.insert(inputs.end(), body.captured.begin(), body.captured.end());
  Attributes attributes{{"body", FunctionName{body.function}}, {"carried", static_cast<int64_t>(n)}};
  if (counted) attributes.set("counted", int64_t{1});
  give_items(c, c.add(ops::loop, std::move(inputs), std::move(attributes)));
}

void Scan(Conversion& c) {
  if (c.version < 9) c.refuse("version 8 is not supported yet");
  const GraphProto& graph = c.attr_graph("body");
  const int64_t m = c.attr_int("num_scan_inputs");
  if (m < 1 || m > c.count()) c.refuse(cat("num_scan_inputs: required 1..", c.count(), ", got ", m));
  const size_t n = static_cast<size_t>(c.count() - m), sequences = static_cast<size_t>(m);
  std::vector<Id> inputs = c.inputs();
  std::vector<Type> parameters;
  const auto listed = [&](const char* name, size_t size) {
    Ints v = c.attr_ints(name);
    if (v.empty()) v.assign(size, 0);
    if (v.size() != size) c.refuse(cat(name, ": required ", size, " values, got ", v.size()));
    return v;
  };
  const Ints axes = listed("scan_input_axes", sequences);
  for (size_t i = 0; i < inputs.size(); ++i) {
    Type t = c.type_of(inputs[i]);
    if (i >= n && t.is_tensor() && t.ranked) t.dims.erase(t.dims.begin() + c.axis(axes[i - n], t.rank()));
    parameters.push_back(std::move(t));
  }
  const Body body = stable_body(c, graph, std::move(parameters), 0, 0, n, {});
  const size_t outs = body.results.size() - n;
  inputs.insert(inputs.end(), body.captured.begin(), body.captured.end());
  give_items(c, c.add(ops::scan, std::move(inputs),
                      {{"body", FunctionName{body.function}},
                       {"states", static_cast<int64_t>(n)},
                       {"axes", axes},
                       {"reversed", listed("scan_input_directions", sequences)},
                       {"out_axes", listed("scan_output_axes", outs)},
                       {"out_reversed", listed("scan_output_directions", outs)}}));
}

}  // namespace tauto::onnx::convert
