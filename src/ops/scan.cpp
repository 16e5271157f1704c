// scan(states…, sequences…, captured…) {body, states, axes, reversed, out_axes, out_reversed} — ONNX's Scan.
//
//   for (i = 0; i < length; ++i)
//     (states…, outs…) = body(states…, element i of each sequence…, captured…)
//
// A sequence is a tensor; its elements lie along its one of `axes`, taken from the last to the first where
// `reversed` says 1. `states` is how many states there are. The result is the tuple (states…, outs…); outs
// are stacked along `out_axes`, from the last to the first where `out_reversed` says 1.
#include "ops/control.h"
#include "ops/ops.h"

namespace tauto::ops {
namespace {

struct Parts {
  size_t states, sequences;
  Ints axes, reversed, out_axes, out_reversed;
};

Parts parts_of(const Attributes& a) {
  Parts p{static_cast<size_t>(a.get<int64_t>("states")),
          0,
          a.get<Ints>("axes"),
          a.get<Ints>("reversed"),
          a.get<Ints>("out_axes"),
          a.get<Ints>("out_reversed")};
  p.sequences = p.axes.size();
  return p;
}

Type scan_type(const TypeContext& c) {
  const Parts p = parts_of(c.attributes);
  const size_t own = p.states + p.sequences;
  c.require(
      p.states < 1000000 && own <= c.inputs.size() && p.sequences > 0 && p.reversed.size() == p.sequences,
      cat("required ", p.states, " states and ", p.sequences, " (at least one) sequences"));
  const Signature f = signature(c, "body");
  std::vector<Type> arguments(c.inputs.begin(), c.inputs.end());
  std::optional<Dim> length;
  for (size_t i = 0; i < p.sequences; ++i) {
    Type& t = arguments[p.states + i];
    c.require(t.is_tensor(), cat("a sequence: required a tensor, got ", t));
    if (!t.ranked) continue;
    const int64_t axis = c.axis(p.axes[i], t.rank());
    const Dim own_length = t.dims[static_cast<size_t>(axis)];
    if (length) c.require_equal(*length, own_length, "lengths of the sequences");
    if (!length || own_length.is_literal()) length = own_length;
    t.dims.erase(t.dims.begin() + axis);
  }
  if (!length) length = c.fresh();
  require_arguments(c, f.parameters, arguments, "body");
  c.require(
      f.results.size() == p.states + p.out_axes.size() && p.out_reversed.size() == p.out_axes.size(),
      cat("the body gives ", f.results.size(), " results, required ", p.states, " + ", p.out_axes.size()));
  std::vector<Type> results;
  for (size_t i = 0; i < p.states; ++i) {
    c.require(may_be(f.parameters[i], f.results[i]),
              cat("state ", i, ": required ", f.parameters[i], ", the body gives ", f.results[i]));
    results.push_back(join(c, c.inputs[i], seen_outside(c, f.results[i])));
  }
  for (size_t i = 0; i < p.out_axes.size(); ++i) {
    Type t = seen_outside(c, f.results[p.states + i]);
    c.require(t.is_tensor(), cat("a scan output: required a tensor, the body gives ", t));
    if (t.ranked) t.dims.insert(t.dims.begin() + c.axis(p.out_axes[i], t.rank() + 1), *length);
    results.push_back(std::move(t));
  }
  return Type::tuple(std::move(results));
}

void scan_eval(EvalContext& c) {
  const Parts p = parts_of(c.attributes);
  const std::string& body = c.attributes.get<FunctionName>("body").name;
  std::vector<Value> state(c.in.begin(), c.in.begin() + static_cast<ptrdiff_t>(p.states));
  const auto sequences = c.in.subspan(p.states, p.sequences), captured = c.in.subspan(p.states + p.sequences);
  Ints axes = p.axes;
  int64_t length = 0;
  for (size_t k = 0; k < p.sequences; ++k) {
    if (axes[k] < 0) axes[k] += sequences[k].tensor.rank();
    length = sequences[k].tensor.dim(axes[k]);
  }
  std::vector<Stack> outs;
  for (size_t k = 0; k < p.out_axes.size(); ++k)
    outs.emplace_back(c.type.parts[p.states + k], p.out_axes[k], p.out_reversed[k] != 0, c.rep);
  for (int64_t i = 0; i < length; ++i) {
    c.poll();
    std::vector<Value> arguments = std::move(state);
    for (size_t k = 0; k < p.sequences; ++k)
      arguments.emplace_back(element_at(sequences[k].tensor, axes[k], p.reversed[k] ? length - 1 - i : i));
    arguments.insert(arguments.end(), captured.begin(), captured.end());
    state = c.call(body, std::move(arguments));
    for (size_t k = 0; k < outs.size(); ++k) outs[k].push(c, state[p.states + k]);
    state.resize(p.states);
  }
  for (Stack& s : outs) state.emplace_back(s.finish());
  c.out = Value::tuple(std::move(state));
}

}  // namespace

constinit const Op scan{
    .name = "scan",
    .arity = kVariadic,
    .min_arity = 1,
    .traits = kControl,
    .type = scan_type,
    .eval = scan_eval,
};

}  // namespace tauto::ops
