// Forward: centres, rules, radii; backward: verify/adjoints.
#include "verify/error_propagation.h"

#include <algorithm>
#include <cmath>

#include "ops/number.h"
#include "ops/ops.h"
#include "ops/storage.h"
#include "support/float_environment.h"
#include "verify/adjoints.h"

namespace tauto {

using propagation::Adjoints;
using propagation::kLanes;
using propagation::NodeState;
using propagation::Part;

namespace {

constexpr double kAdjointSlack = 0x1p-30;          // of the f64 roundings in adjoints, see the header
constexpr double kMostIntervalProducts = 1 << 24;  // of integers, one by one

const Tensor& part_of(const Value& v, size_t k) { return v.is_tensor() ? v.tensor : v.parts[k].tensor; }
size_t parts_of(const Value& v) { return v.is_tensor() ? 1 : v.parts.size(); }

bool has_error(const NodeState& s) {
  return std::any_of(s.parts.begin(), s.parts.end(), [](const Part& p) { return !p.is_exact(); });
}

}  // namespace

struct ErrorPropagation::State {
  const Module& m;
  const Function& f;
  std::vector<NodeState> nodes;
  std::vector<Value> inputs;
  std::vector<Shape> shapes;  // of the inputs, for which constants and movements are kept
  PropagationOptions options;
  size_t limit = 0;                            // of refined elements of a node; 0: none are
  std::map<Id, std::vector<int64_t>> refined;  // sorted
  Id lost = -1;                                // the first node whose radii exceed its values
  Env env;

  explicit State(const Module& m) : m(m), f(m.main()), nodes(f.nodes.size()) {}

  NodeState& at(Id id) { return nodes[static_cast<size_t>(id)]; }
  const NodeState& at(Id id) const { return nodes[static_cast<size_t>(id)]; }

  std::string where(Id id) const {
    const Sources& s = f.provenance[static_cast<size_t>(id)];
    return s.empty()
               ? cat("node %", id, " (", f.node(id).op->name, ")")
               : cat("node \"", m.sources[static_cast<size_t>(*s.begin())], "\" (", f.node(id).op->name, ")");
  }

  void forward() {
    const FloatEnvironment environment;
    env = Env();
    refined.clear();
    lost = -1;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (options.cancelled && (*options.cancelled)()) throw Cancelled{};
      const auto id = static_cast<Id>(i);
      if (i < f.parameter_count())
        parameter(id);
      else if (!nodes[i].constant || nodes[i].parts.empty())
        node(id);
      if (lost < 0 && is_lost(id)) lost = id;
    }
  }

  // Values that cancel (a mask of zeros: 1 - 1) are small beside what they were made of, and no loss.
  bool is_lost(Id id) const {
    constexpr double kCancelled = 0x1p-20;
    const auto largest = [](const std::vector<double>& v) {
      return v.empty() ? 0 : *std::max_element(v.begin(), v.end());
    };
    double operands = 0;
    for (const Id in : f.node(id).inputs)
      for (const Part& p : at(in).parts) operands = std::max(operands, largest(p.magnitude));
    const NodeState& s = at(id);
    return std::any_of(s.parts.begin(), s.parts.end(), [&](const Part& p) {
      return largest(p.radius) > std::max(largest(p.magnitude), operands * kCancelled);
    });
  }

  void parameter(Id id) {
    NodeState& s = at(id);
    const auto i = static_cast<size_t>(id);
    if (std::string why = unify(f.node(id).type, type_of(inputs[i]), env); !why.empty())
      fail("input \"", f.parameters[i], "\": ", why);
    s.value = to_rep(inputs[i], Rep::Ideal);
    s.parts.clear();
    finish(s);
    if (i >= options.box.size() || options.box[i].empty()) return;
    if (s.parts[0].magnitude.size() != options.box[i].size())
      fail("box of input \"", f.parameters[i], "\": required ", s.parts[0].magnitude.size(), " radii, got ",
           options.box[i].size());
    s.parts[0].radius = s.parts[0].noise = options.box[i];
  }

  // Magnitudes of a value's float parts.
  void finish(NodeState& s) const {
    s.parts.resize(parts_of(s.value));
    for (size_t k = 0; k < s.parts.size(); ++k) {
      const Tensor& t = part_of(s.value, k);
      if (!t.type().is_float()) continue;
      s.parts[k].magnitude.resize(static_cast<size_t>(t.count()));
      const double* v = t.data<double>();
      for (size_t i = 0; i < s.parts[k].magnitude.size(); ++i) s.parts[k].magnitude[i] = std::fabs(v[i]);
    }
  }

  void node(Id id) {
    const Node& n = f.node(id);
    NodeState& s = at(id);
    s.parts.clear(), s.linear.clear();
    s.contracts = s.item = false;
    s.roundings = 0;
    bool exact = true;
    // A size that is known at run time only must be bound in each run.
    s.constant = n.op != &ops::dims && !n.op->is(kControl) && !n.op->is(kEffect) && n.type.is_static();
    std::vector<Value> in;
    for (Id k : n.inputs) {
      exact = exact && !has_error(at(k));
      s.constant = s.constant && at(k).constant;
      in.push_back(at(k).value);
    }
    if (n.op == &ops::constant && s.constant) {
      s.value = evaluate(id, in, Rep::Ideal);
      return finish(s);
    }
    s.value = evaluate(id, in, Rep::Ideal);
    for (size_t k = 0; k < parts_of(s.value); ++k)
      if (!s.value.is_tensor() && !s.value.parts[k].is_tensor())
        throw Unbounded(cat(where(id), ": sequences and optionals have no bound"));
    if (s.value.tag == Value::Tag::Sequence || s.value.tag == Value::Tag::Optional)
      throw Unbounded(cat(where(id), ": sequences and optionals have no bound"));
    finish(s);
    if (n.op == &ops::item) {
      const Part& from = at(n.inputs[0]).parts[static_cast<size_t>(n.attributes.get<int64_t>("index"))];
      s.parts[0].radius = from.radius;
      s.parts[0].range = from.range;
      s.item = true;
    } else if (n.op->error && s.value.is_tensor() && s.value.tensor.type().is_float() && steers_exactly(n)) {
      by_rule(id, n);
    } else if (!exact || has_floats(s)) {
      by_interval(id, exact);
    }
  }

  static bool has_floats(const NodeState& s) {
    return std::any_of(s.parts.begin(), s.parts.end(), [](const Part& p) { return !p.magnitude.empty(); });
  }
  bool steers_exactly(const Node& n) const {
    for (Id k : n.inputs)
      if (at(k).value.is_tensor() ? !at(k).value.tensor.type().is_float() && has_error(at(k)) : true)
        return false;
    return true;
  }

  bool steered_by_constants(const Node& n) const {
    for (Id k : n.inputs)
      if (!at(k).value.tensor.type().is_float() && !at(k).constant) return false;
    return true;
  }

  Value evaluate(Id id, std::vector<Value> in, Rep rep) {
    InterpretOptions o;
    o.rep = rep;
    o.cancelled = options.cancelled;
    const FunctionCall call = [&](const std::string& name, std::vector<Value> arguments) {
      Module inner = m;
      inner.functions["main"] = m.functions.at(name);
      return interpret(inner, std::move(arguments), o);
    };
    return evaluate_node(m, f, id, std::move(in), env, o, call);
  }

  void by_rule(Id id, const Node& n) {
    NodeState& s = at(id);
    Attributes bound;
    const bool symbolic = n.attributes.has_symbols();
    if (symbolic) bound = substitute(n.attributes, env);
    const Type type = type_of(s.value);
    const auto apply = [&](bool retry) {
      std::vector<ErrorRule::Operand> operands;
      for (Id k : n.inputs) {
        const Part& p = at(k).parts[0];
        operands.push_back({&at(k).value.tensor, p.magnitude, p.radius});
      }
      ErrorRule r(*n.op, symbolic ? bound : n.attributes, operands, type, s.value.tensor, options.order);
      r.linear = true;
      if (steered_by_constants(n)) r.sources = s.sources;
      n.op->error(r);
      if (options.order == Order::Any) count_roundings(n, s, r);
      if (retry && limit > 0 && !r.doubtful.empty() && refine(n, r.doubtful)) return false;
      s.sources = r.sources;
      take(s, r);
      return true;
    };
    if (!apply(true)) apply(false);
  }

  // A bias or residual may also be where the accumulators of its contraction start: then it goes through the
  // roundings of all the terms that come after it.
  void count_roundings(const Node& n, NodeState& s, ErrorRule& r) {
    if (n.op == &ops::contract) {
      const Access& a = r.attributes.get<Access>("access");
      s.roundings = 2;
      double terms = 1;
      for (size_t i = static_cast<size_t>(a.outputs); i < a.extents.size(); ++i)
        terms *= static_cast<double>(a.extents[i].literal());
      s.roundings += terms;
    }
    if (n.op != &ops::add && n.op != &ops::sub) return;
    for (size_t k = 0; k < 2; ++k) {
      const double roundings = at(n.inputs[k]).roundings;
      if (roundings == 0) continue;
      s.roundings = std::max(s.roundings, roundings + 1);
      const double g = gamma(roundings, rounding_of(r.type.element).unit);
      const ErrorRule::Operand& addend = r.in[1 - k];
      for_each_broadcast<1>(
          r.centre.shape(), {addend.value}, [&](int64_t i, const std::array<int64_t, 1>& from) {
            r.own[static_cast<size_t>(i)] +=
                above(g * (addend.magnitude[static_cast<size_t>(from[0])] + addend.radius_at(from[0])));
          });
    }
  }

  void take(NodeState& s, ErrorRule& r) {
    Part& p = s.parts[0];
    s.linear = std::move(r.parts);
    s.contracts = r.contracts;
    const bool moves = !r.all_exact();
    if (r.own.empty() && !moves) return;
    const size_t n = r.count();
    p.radius.assign(n, 0);
    p.noise.assign(n, 0);
    const double largest = rounding_of(r.type.element).largest;
    for (size_t i = 0; i < n; ++i) {
      const double own = r.own.empty() ? 0 : r.own[i], bend = r.bend.empty() ? 0 : r.bend[i],
                   spread = r.spread.empty() ? 0 : r.spread[i];
      double reach = 0;
      r.add_reach(i, reach);
      p.noise[i] = own + bend + kAdjointSlack * spread;
      p.radius[i] = above(own + reach);
      if (!(p.magnitude[i] + p.radius[i] < largest)) p.radius[i] = p.noise[i] = num::kInf;
    }
  }

  // All its legal results over the region, as an error of its own.
  void by_interval(Id id, bool exact) {
    const Node& n = f.node(id);
    std::vector<Value> in;
    for (Id k : n.inputs) in.push_back(region(at(k)));
    if (!exact && n.op == &ops::contract && work_of(n) > kMostIntervalProducts)
      throw Unbounded(cat(where(id), ": integers that are not decided, in too large a product"));
    Value out;
    try {
      out = evaluate(id, std::move(in), Rep::Interval);
    } catch (const Error& e) {
      throw Unbounded(cat(where(id), ": ", e.what()));
    }
    NodeState& s = at(id);
    for (size_t k = 0; k < s.parts.size(); ++k) {
      const Tensor &c = part_of(s.value, k), &o = part_of(out, k);
      Part& p = s.parts[k];
      if (!c.type().is_float()) {
        if (exact || c.type().is_string()) continue;
        if (!c.type().is_integer() && !c.type().is_bool())
          throw Unbounded(cat(where(id), ": elements ", c.type(), " have no bound"));
        const auto centre = c.as_ints();
        for (size_t i = 0; i < centre.size() && !p.range.defined(); ++i) {
          const IInterval v = o.data<IInterval>()[i];
          if (v.lo != v.hi || v.lo != centre[i]) p.range = o;
        }
        continue;
      }
      p.radius.resize(p.magnitude.size());
      for (size_t i = 0; i < p.radius.size(); ++i) {
        const FInterval<double> v = o.data<FInterval<double>>()[i];
        const double c0 = c.data<double>()[i], r = std::max(v.hi - c0, c0 - v.lo);
        p.radius[i] = r >= 0 ? above(r) : num::kInf;
        if (c0 == v.lo && c0 == v.hi) p.radius[i] = 0;
      }
      p.noise = p.radius;
    }
  }

  double work_of(const Node& contraction) const {
    const Attributes bound = substitute(contraction.attributes, env);
    double points = 1;
    for (const Dim& d : bound.get<Access>("access").extents) points *= static_cast<double>(d.literal());
    return points;
  }

  Value region(const NodeState& s) const {
    Value v = s.value;
    const auto widen = [](const Tensor& t, const Part& p) {
      if (!t.type().is_float()) {
        Tensor exact(t.type(), t.shape());
        if (t.type().is_string()) return t;
        if (p.range.defined()) return p.range;
        __builtin_memcpy(exact.raw(), t.raw(), static_cast<size_t>(t.bytes()));
        return to_rep(Value(exact), Rep::Interval).tensor;
      }
      Tensor r(t.type(), t.shape(), Rep::Interval);
      for (int64_t i = 0; i < t.count(); ++i) {
        const double c = t.data<double>()[i], d = p.radius.empty() ? 0 : p.radius[static_cast<size_t>(i)];
        r.data<FInterval<double>>()[i] =
            d == 0 ? FInterval<double>{c, c} : FInterval<double>{num::down(c - d), num::up(c + d)};
      }
      return r;
    };
    if (v.is_tensor()) return widen(s.value.tensor, s.parts[0]);
    for (size_t k = 0; k < v.parts.size(); ++k) v.parts[k] = widen(s.value.parts[k].tensor, s.parts[k]);
    return v;
  }

  // Bounds doubtful elements of n's operands each by its own functional. Whether some radius shrank.
  bool refine(const Node& n, const std::vector<std::pair<int, int64_t>>& doubtful) {
    bool shrank = false;
    for (size_t k = 0; k < n.inputs.size(); ++k) {
      const Id from = n.inputs[k];
      std::vector<int64_t>& done = refined[from];
      Part& p = at(from).parts[0];
      std::vector<int64_t> elements;
      for (const auto& [operand, i] : doubtful)
        if (operand == static_cast<int>(k) && !std::binary_search(done.begin(), done.end(), i))
          elements.push_back(i);
      std::sort(elements.begin(), elements.end());
      elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
      if (elements.size() + done.size() > limit) {
        // The widest ones first: they cost the bound most.
        std::sort(elements.begin(), elements.end(), [&](int64_t a, int64_t b) {
          return std::pair(-p.radius[static_cast<size_t>(a)], a) <
                 std::pair(-p.radius[static_cast<size_t>(b)], b);
        });
        elements.resize(limit > done.size() ? limit - done.size() : 0);
      }
      for (size_t first = 0; first < elements.size(); first += kLanes) {
        const size_t count = std::min<size_t>(kLanes, elements.size() - first);
        Adjoints adjoints(f, nodes, env, count);
        for (size_t l = 0; l < count; ++l) adjoints.seed(from, elements[first + l], l, 1);
        const std::vector<double> error = adjoints.backward(from, options.cancelled);
        for (size_t l = 0; l < count; ++l) {
          double& r = p.radius[static_cast<size_t>(elements[first + l])];
          if (error[l] < r) r = error[l], shrank = true;
        }
      }
      done.insert(done.end(), elements.begin(), elements.end());
      std::sort(done.begin(), done.end());
    }
    return shrank;
  }
};

ErrorPropagation::ErrorPropagation(const Module& m) : state_(std::make_unique<State>(m)) {}
ErrorPropagation::~ErrorPropagation() = default;

void ErrorPropagation::run(std::vector<Value> inputs, const PropagationOptions& options) {
  State& s = *state_;
  if (inputs.size() != s.f.parameter_count())
    fail("required ", s.f.parameter_count(), " inputs, got ", inputs.size());
  std::vector<Shape> shapes;
  for (const Value& v : inputs) shapes.push_back(v.is_tensor() ? v.tensor.shape() : Shape{});
  if (shapes != s.shapes || s.options.order != options.order) s.nodes.assign(s.f.nodes.size(), {});
  s.shapes = std::move(shapes);
  s.inputs = std::move(inputs);
  s.options = options;
  s.limit = 0;
  s.forward();
}

std::vector<Refinement> ErrorPropagation::refine(size_t limit) {
  State& s = *state_;
  s.limit = limit;
  s.forward();
  std::vector<Refinement> all;
  for (auto& [id, elements] : s.refined)
    if (!elements.empty()) all.push_back({id, elements});
  return all;
}

std::string ErrorPropagation::lost() const { return state_->lost < 0 ? "" : state_->where(state_->lost); }

const Module& ErrorPropagation::module() const { return state_->m; }

const Tensor& ErrorPropagation::centre(size_t output) const {
  const NodeState& n = state_->at(state_->f.results.at(output));
  if (!n.value.is_tensor()) throw Unbounded("an output is no tensor");
  return n.value.tensor;
}
std::span<const double> ErrorPropagation::radius(size_t output) const {
  return node_radius(state_->f.results.at(output));
}
const Tensor& ErrorPropagation::node_centre(Id id) const { return state_->at(id).value.tensor; }
std::span<const double> ErrorPropagation::node_radius(Id id) const {
  return state_->at(id).parts.at(0).radius;
}

std::vector<FunctionalBound> ErrorPropagation::bound(std::span<const Functional> functionals) const {
  const FloatEnvironment environment;
  const State& s = *state_;
  std::vector<FunctionalBound> all(functionals.size());
  for (size_t first = 0; first < functionals.size(); first += kLanes) {
    const size_t count = std::min<size_t>(kLanes, functionals.size() - first);
    Adjoints adjoints(s.f, s.nodes, s.env, count);
    Id last = 0;
    std::vector<double> own(count, 0);
    for (size_t l = 0; l < count; ++l) {
      const Functional& g = functionals[first + l];
      const Id id = s.f.results.at(g.output);
      const Tensor& c = centre(g.output);
      if (!c.type().is_float())
        throw Unbounded(cat("output \"", s.f.result_names[g.output], "\": required floats"));
      for (const auto& [i, w] : g.terms) {
        CHECK(i >= 0 && i < c.count());
        all[first + l].centre += w * c.data<double>()[i];
        own[l] += std::fabs(w * c.data<double>()[i]) * 0x1p-50;  // of this sum
        if (s.at(id).parts[0].radius.empty()) continue;
        last = std::max(last, id);
        adjoints.seed(id, i, l, w);
      }
    }
    const std::vector<double> error = adjoints.backward(last, s.options.cancelled);
    for (size_t l = 0; l < count; ++l) all[first + l].error = above(error[l] + own[l]);
  }
  return all;
}

std::vector<std::vector<double>> ErrorPropagation::gradient(const Functional& g,
                                                            std::span<const Id> nodes) const {
  const FloatEnvironment environment;
  const State& s = *state_;
  const Id id = s.f.results.at(g.output);
  std::vector<std::vector<double>> all;
  Adjoints adjoints(s.f, s.nodes, s.env, 1);
  for (const Id k : nodes) adjoints.keep(k);
  if (!s.at(id).parts.at(0).radius.empty()) {
    for (const auto& [i, w] : g.terms) adjoints.seed(id, i, 0, w);
    adjoints.backward(id, s.options.cancelled);
  }
  for (const Id k : nodes) all.push_back(adjoints.kept(k));
  return all;
}

std::vector<double> ErrorPropagation::output_error(size_t output, size_t at_most) const {
  const auto count = static_cast<size_t>(centre(output).count());
  const std::span<const double> r = radius(output);
  std::vector<double> error(count, 0);
  const Part& part = state_->at(state_->f.results.at(output)).parts.at(0);
  if (part.range.defined()) {  // integers: the width on the wider side
    const std::vector<int64_t> c = centre(output).as_ints();
    for (size_t i = 0; i < count; ++i) {
      const IInterval v = part.range.data<IInterval>()[i];
      error[i] = num::is_any(v) ? num::kInf
                                : std::max(static_cast<double>(v.hi) - static_cast<double>(c[i]),
                                           static_cast<double>(c[i]) - static_cast<double>(v.lo));
    }
    return error;
  }
  std::copy(r.begin(), r.end(), error.begin());
  if (r.empty() || count > at_most) return error;
  std::vector<Functional> each;
  for (size_t i = 0; i < count; ++i) each.push_back({output, {{static_cast<int64_t>(i), 1.0}}});
  const std::vector<FunctionalBound> bounds = bound(each);
  for (size_t i = 0; i < count; ++i) error[i] = std::min(error[i], bounds[i].error);
  return error;
}

}  // namespace tauto
