// Values against rules and intervals.
#include "verify/node_check.h"

#include <cmath>
#include <map>

#include "ops/number.h"
#include "ops/small_float.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

const Tensor* part_of(const Value& v, size_t k) {
  if (v.is_tensor()) return k == 0 ? &v.tensor : nullptr;
  return k < v.parts.size() && v.parts[k].is_tensor() ? &v.parts[k].tensor : nullptr;
}
size_t parts_of(const Value& v) { return v.is_tensor() ? 1 : v.parts.size(); }

double float_at(const Tensor& t, int64_t i) {
  if (t.rep() == Rep::Ideal || t.type() == f64) return t.data<double>()[i];
  if (t.type() == f16) return static_cast<double>(static_cast<float>(t.data<Half>()[i]));
  if (t.type() == bf16) return static_cast<double>(static_cast<float>(t.data<BFloat>()[i]));
  return static_cast<double>(t.data<float>()[i]);
}

class Reference {
 public:
  Reference(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Env env)
      : m_(m), f_(f), id_(id), in_(in), env_(std::move(env)) {}

  Value evaluate(Rep rep) const {
    const FloatEnvironment environment;
    std::vector<Value> in;
    for (const Value& v : in_) in.push_back(to_rep(v, rep));
    InterpretOptions o;
    o.rep = rep;
    const FunctionCall call = [&](const std::string& name, std::vector<Value> arguments) {
      Module inner = m_;
      inner.functions["main"] = m_.functions.at(name);
      return interpret(inner, std::move(arguments), o);
    };
    Env env = env_;
    return evaluate_node(m_, f_, id_, std::move(in), env, o, call);
  }

  // `own` of the node's rule at points; nothing where there is no rule.
  std::vector<double> by_rule(const Value& ideal, Order order) const {
    const FloatEnvironment environment;
    const Node& n = f_.node(id_);
    if (!n.op->error || !ideal.is_tensor() || !ideal.tensor.type().is_float()) return {};
    std::vector<Value> in;
    std::vector<std::vector<double>> magnitudes(in_.size());
    for (const Value& v : in_) {
      if (!v.is_tensor()) return {};
      in.push_back(to_rep(v, Rep::Ideal));
    }
    std::vector<ErrorRule::Operand> operands;
    for (size_t k = 0; k < in.size(); ++k) {
      const Tensor& t = in[k].tensor;
      for (int64_t i = 0; t.type().is_float() && i < t.count(); ++i)
        magnitudes[k].push_back(std::fabs(t.data<double>()[i]));
      operands.push_back({&t, magnitudes[k], {}});
    }
    const Attributes bound = substitute(n.attributes, env_);
    const Type type = type_of(ideal);
    ErrorRule r(*n.op, bound, operands, type, ideal.tensor, order);
    n.op->error(r);
    if (r.own.empty()) r.own.assign(r.count(), 0);
    return std::move(r.own);
  }

 private:
  const Module& m_;
  const Function& f_;
  Id id_;
  const std::vector<Value>& in_;
  Env env_;
};

void note(NodeCheck& c, size_t part, int64_t i, double value, double ideal, double error, double bound) {
  const double ratio = error == 0 ? 0 : !(error <= bound * 1e300) || bound == 0 ? num::kInf : error / bound;
  if (c.index >= 0 && !(ratio > c.ratio)) return;
  c.ratio = ratio, c.error = error, c.bound = bound, c.value = value, c.ideal = ideal;
  c.part = static_cast<int64_t>(part), c.index = i;
}

// Value v against the legal interval [lo, hi] around the ideal value c.
void note_interval(NodeCheck& out, size_t part, int64_t i, double v, double c, FInterval<double> legal) {
  if (v != v || std::isinf(v) || !std::isfinite(c)) {
    const bool fits =
        v != v ? num::is_nan_surely(legal) || num::is_anything(legal) : v >= legal.lo && v <= legal.hi;
    return note(out, part, i, v, c, fits ? 0 : num::kInf, 0);
  }
  if (num::is_nan_surely(legal)) return note(out, part, i, v, c, num::kInf, 0);
  const double error = std::fabs(v - c);
  note(out, part, i, v, c, error, v >= c ? legal.hi - c : c - legal.lo);
}

}  // namespace

NodeBound node_bound(const Module& m, const Function& f, Id id, const std::vector<Value>& in, Order order,
                     Env env) {
  const Reference reference(m, f, id, in, std::move(env));
  NodeBound b{reference.evaluate(Rep::Ideal), {}};
  b.bound.resize(parts_of(b.ideal));
  if (std::vector<double> own = reference.by_rule(b.ideal, order); !own.empty()) {
    b.bound[0] = std::move(own);
    return b;
  }
  const Value legal = reference.evaluate(Rep::Interval);
  for (size_t k = 0; k < b.bound.size(); ++k) {
    const Tensor *c = part_of(b.ideal, k), *l = part_of(legal, k);
    if (!c || !l || !c->type().is_float()) continue;
    for (int64_t i = 0; i < c->count(); ++i) {
      const FInterval<double> x = l->data<FInterval<double>>()[i];
      const double v = c->data<double>()[i], r = std::max(x.hi - v, v - x.lo);
      b.bound[k].push_back(x.lo == v && x.hi == v ? 0 : r >= 0 ? above(r) : num::kInf);
    }
  }
  return b;
}

NodeCheck check_node(const Module& m, const Function& f, Id id, const std::vector<Value>& in,
                     const Value& out, Order order, Env env) {
  NodeCheck c;
  const Reference reference(m, f, id, in, std::move(env));
  const Value exact = reference.evaluate(Rep::Exact);
  if (out.tag != exact.tag || parts_of(out) != parts_of(exact)) {
    c.reason = "required another kind of value";
    return c;
  }
  Value ideal, legal;
  std::vector<double> own;
  const auto intervals = [&]() -> const Value& {
    if (legal.is_tensor() && !legal.tensor.defined()) legal = reference.evaluate(Rep::Interval);
    return legal;
  };
  for (size_t k = 0; k < parts_of(exact); ++k) {
    const Tensor *e = part_of(exact, k), *o = part_of(out, k);
    if (!e || !o) {  // sequences and optionals, element by element
      const Value& x = exact.is_tensor() ? exact : exact.parts[k];
      if (!(x == (out.is_tensor() ? out : out.parts[k]))) c.reason = cat("part ", k, " differs");
      continue;
    }
    if (o->type() != e->type() || o->shape() != e->shape()) {
      c.reason = cat("required ", type_of(*e), ", got ", type_of(*o));
      return c;
    }
    if (e->type().is_string() || e->type().is_small_float()) {
      if (!(*o == *e)) c.reason = cat("part ", k, " differs");
      continue;
    }
    if (!e->type().is_float()) {
      if (*o == *e) {
        if (e->count() > 0) note(c, k, 0, 0, 0, 0, 0);
        continue;
      }
      const auto given = o->as_ints(), wanted = e->as_ints();
      const Tensor* l = part_of(intervals(), k);
      for (size_t i = 0; i < given.size(); ++i) {
        const IInterval x = l->data<IInterval>()[i];
        const bool fits = given[i] == wanted[i] || (given[i] >= x.lo && given[i] <= x.hi);
        const auto v = static_cast<double>(given[i]), w = static_cast<double>(wanted[i]);
        note(c, k, static_cast<int64_t>(i), v, w, fits ? 0 : std::max(std::fabs(v - w), 1.0), 0);
      }
      continue;
    }
    if (ideal.is_tensor() && !ideal.tensor.defined()) {
      ideal = reference.evaluate(Rep::Ideal);
      own = reference.by_rule(ideal, order);
    }
    const Tensor& centre = *part_of(ideal, k);
    for (int64_t i = 0; i < e->count(); ++i) {
      const double v = float_at(*o, i), w = centre.data<double>()[i];
      if (!own.empty() && std::isfinite(v) && std::isfinite(w) && std::isfinite(own[static_cast<size_t>(i)]))
        note(c, k, i, v, w, std::fabs(v - w), own[static_cast<size_t>(i)]);
      else if (v == w || (v != v && w != w))
        note(c, k, i, v, w, 0, 0);
      else
        note_interval(c, k, i, v, w, part_of(intervals(), k)->data<FInterval<double>>()[i]);
    }
  }
  return c;
}

std::vector<CheckedNode> check_nodes(const Module& m, std::vector<Value> inputs, Order order) {
  const Function& f = m.main();
  std::vector<Value> values(f.nodes.size());
  Env env;
  for (size_t i = 0; i < f.parameter_count(); ++i) {
    values[i] = inputs[i];
    unify(f.nodes[i].type, type_of(inputs[i]), env);
  }
  InterpretOptions o;
  o.watch = [&](const Function& g, Id id, const Value& v) {
    if (&g == &f) values[static_cast<size_t>(id)] = v;
  };
  interpret(m, std::move(inputs), o);
  std::vector<CheckedNode> all;
  for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i) {
    const Node& n = f.nodes[i];
    if (n.op == &ops::constant || n.op == &ops::dims) continue;
    std::vector<Value> in;
    for (Id k : n.inputs) {
      if (f.node(k).op == &ops::constant) values[static_cast<size_t>(k)] = *constant_value(f.node(k));
      in.push_back(values[static_cast<size_t>(k)]);
    }
    CheckedNode c{static_cast<Id>(i), n.op, {}, {}};
    for (int s : f.provenance[i]) c.sources.push_back(m.sources[static_cast<size_t>(s)]);
    unify(n.type, type_of(values[i]), env);
    c.check = check_node(m, f, c.id, in, values[i], order, env);
    all.push_back(std::move(c));
  }
  return all;
}

}  // namespace tauto
