// Walking a graph with somebody else's values, see run_checks.h.
#include "verify/run_checks.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "graph/unaligned.h"
#include "ops/ops.h"
#include "support/checksum.h"
#include "support/error.h"

namespace tauto::equivalence {
namespace {

constexpr size_t kMostKnown = 1 << 18;

// A value as far as it is known: points, or intervals, or nothing.
struct Held {
  std::optional<Value> exact, interval;
  std::string why;  // nothing is known
};

void add_checksums(const Value& v, std::vector<uint64_t>& to) {
  if (!v.is_tensor()) {
    to.push_back(v.parts.size());
    for (const Value& part : v.parts) add_checksums(part, to);
  } else if (!v.tensor.type().is_string()) {
    for (const int64_t d : v.tensor.shape()) to.push_back(static_cast<uint64_t>(d));
    to.push_back(checksum(v.tensor.raw(), static_cast<size_t>(v.tensor.bytes())));
  }
}

bool has_strings(const Value& v) {
  if (v.is_tensor()) return v.tensor.type().is_string();
  return std::any_of(v.parts.begin(), v.parts.end(), has_strings);
}

}  // namespace

struct Stopped {};  // at the first illegal value, or because it is enough

class RunWalk {
 public:
  RunWalk(RunChecks& c, const std::vector<ProbedValue>& values, bool stop,
          const std::function<bool()>* enough)
      : c_(c), stop_(stop), enough_(enough) {
    for (const ProbedValue& v : values) queues_[{v.function, v.node}].push_back(&v);
  }

  std::vector<ValueCheck> run(const std::vector<Value>& inputs) {
    std::vector<Held> held;
    for (const Value& v : inputs) held.push_back({v, std::nullopt, ""});
    try {
      function(c_.m_.main(), std::move(held), {});
    } catch (const Stopped&) {
    }
    std::vector<ValueCheck> list;
    for (const auto& key : order_) list.push_back(std::move(checks_.at(key)));
    return list;
  }

 private:
  static const Value& interval(Held& h) {
    if (!h.interval) h.interval = to_rep(*h.exact, Rep::Interval);
    return *h.interval;
  }

  std::vector<Held> function(const Function& f, std::vector<Held> arguments, Env env) {
    std::vector<Held> at(f.nodes.size());
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].exact) unify(f.nodes[i].type, type_of(*arguments[i].exact), env);
      if (!arguments[i].exact && arguments[i].interval)
        unify(f.nodes[i].type, type_of(*arguments[i].interval), env);
      at[i] = std::move(arguments[i]);
      if (at[i].exact) c_.last_[{f.name, static_cast<Id>(i)}] = *at[i].exact;
    }
    std::vector<Id> last(f.nodes.size(), -1);
    for (size_t i = 0; i < f.nodes.size(); ++i)
      for (const Id in : f.nodes[i].inputs) last[static_cast<size_t>(in)] = static_cast<Id>(i);
    for (const Id r : f.results) last[static_cast<size_t>(r)] = INT32_MAX;
    for (size_t i = arguments.size(); i < f.nodes.size(); ++i) {
      if (enough_ && (*enough_)()) throw Stopped();
      node(f, static_cast<Id>(i), at, env);
      for (const Id in : f.nodes[i].inputs)
        if (last[static_cast<size_t>(in)] == static_cast<Id>(i)) at[static_cast<size_t>(in)] = {};
    }
    std::vector<Held> results;
    for (const Id r : f.results) results.push_back(at[static_cast<size_t>(r)]);
    return results;
  }

  void node(const Function& f, Id id, std::vector<Held>& at, Env& env) {
    const Node& n = f.node(id);
    Held& here = at[static_cast<size_t>(id)];
    if (const Tensor* t = constant_value(n)) {
      here.exact = Value(aligned(*t));
      c_.last_[{f.name, id}] = *here.exact;
      return;
    }
    std::vector<Held*> in;
    bool exact = true;
    for (const Id from : n.inputs) {
      in.push_back(&at[static_cast<size_t>(from)]);
      if (!in.back()->exact && !in.back()->interval) here.why = "what it reads is not known";
      exact = exact && in.back()->exact;
    }
    const ProbedValue* given = next(f, id);
    if (here.why.empty()) {
      try {
        if (given && exact && !n.op->is(kControl))
          compare_known(f, id, in, *given, env);
        else
          compare(f, id, in, given, exact, env, here);
      } catch (const Cancelled&) {
        throw Stopped();
      } catch (const Error& e) {
        here.why = e.what();
      }
    }
    if (given) {
      if (!here.why.empty()) note(f, id).skipped = here.why;
      here = {};
      here.exact = Value(filled(f, id, in, *given, exact, env));
      unify(n.type, type_of(*here.exact), env);
    }
    if (here.exact) c_.last_[{f.name, id}] = *here.exact;
  }

  const ProbedValue* next(const Function& f, Id id) {
    const auto q = queues_.find({f.name, id});
    if (q == queues_.end() || q->second.empty()) return nullptr;
    const ProbedValue* v = q->second.front();
    q->second.pop_front();
    return v;
  }

  ValueCheck& note(const Function& f, Id id) {
    const auto [c, fresh] = checks_.try_emplace({f.name, id});
    if (fresh) {
      order_.emplace_back(f.name, id);
      c->second.function = f.name;
      c->second.node = id;
    }
    return c->second;
  }

  void note(const Function& f, Id id, const Deviation& d, const Env& env) {
    ValueCheck& c = note(f, id);
    ++c.trips;
    c.worst.add(d);
    if (stop_ && c.worst.outside > 0) {
      c_.env_ = env;
      throw Stopped();
    }
  }

  // Whose inputs are points: what was found before of the same values is not found again.
  void compare_known(const Function& f, Id id, const std::vector<Held*>& in, const ProbedValue& given,
                     Env& env) {
    std::vector<uint64_t> key{checksum(f.name.data(), f.name.size()), static_cast<uint64_t>(id)};
    bool strings = given.value.type().is_string();
    for (const Held* h : in) {
      add_checksums(*h->exact, key);
      strings = strings || has_strings(*h->exact);
    }
    add_checksums(Value(given.value), key);
    if (given.computed.defined()) add_checksums(Value(given.computed), key);
    if (const auto known = c_.known_.find(key); known != c_.known_.end() && !strings) {
      unify(f.node(id).type, type_of(given.value), env);
      return note(f, id, known->second, env);
    }
    std::vector<Value> values;
    for (const Held* h : in) values.push_back(*h->exact);
    const Value legal = legal_values(c_.m_, f, id, values, c_.order_, env);
    if (!legal.is_tensor()) return;
    const Deviation d = deviation(legal.tensor, given.value, given.computed);
    if (c_.known_.size() >= kMostKnown) c_.known_.clear();
    c_.known_[key] = d;
    note(f, id, d, env);
  }

  // By intervals; bodies of control flow are walked.
  void compare(const Function& f, Id id, std::vector<Held*>& in, const ProbedValue* given, bool exact,
               Env& env, Held& here) {
    const Node& n = f.node(id);
    InterpretOptions options;
    options.rep = Rep::Interval;
    options.cancelled = enough_;
    const FunctionCall call = [&](const std::string& name, std::vector<Value> arguments) {
      std::vector<Held> held;
      for (Value& v : arguments) {
        Held h;
        h.exact = points_of(v);
        h.interval = std::move(v);
        held.push_back(std::move(h));
      }
      std::vector<Value> results;
      for (Held& h : function(c_.m_.function(name), std::move(held), env)) {
        if (!h.exact && !h.interval) fail("@", name, ": a result is not known: ", h.why);
        results.push_back(interval(h));
      }
      return results;
    };
    std::vector<Value> values;
    for (Held* h : in) values.push_back(interval(*h));
    here.interval = evaluate_node(c_.m_, f, id, std::move(values), env, options, call);
    if (given) {
      if (!here.interval->is_tensor()) return;
      return note(f, id, deviation(here.interval->tensor, given->value, given->computed), env);
    }
    if (exact || n.op->is(kControl)) here.exact = points_of(*here.interval);
  }

  // What the program did not compute, since nobody asks for it, as the reference has it.
  Tensor filled(const Function& f, Id id, const std::vector<Held*>& in, const ProbedValue& given, bool exact,
                const Env& env) {
    if (!given.computed.defined()) return given.value;
    Tensor t(given.value.type(), given.value.shape());
    std::memcpy(t.raw(), given.value.raw(), static_cast<size_t>(t.bytes()));
    Value whole;
    if (exact && !f.node(id).op->is(kControl)) {
      std::vector<Value> values;
      for (const Held* h : in) values.push_back(*h->exact);
      Env own = env;
      try {
        whole = evaluate_node(c_.m_, f, id, std::move(values), own, {}, {});
      } catch (const Error&) {  // zeros do as well
      }
    }
    const bool fits = whole.is_tensor() && whole.tensor.defined() && whole.tensor.shape() == t.shape();
    for (int64_t i = 0; i < t.count(); ++i) {
      if (given.computed.data<bool>()[i]) continue;
      char* to = static_cast<char*>(t.raw()) + i * t.element_bytes();
      if (fits)
        std::memcpy(to, static_cast<const char*>(whole.tensor.raw()) + i * t.element_bytes(),
                    static_cast<size_t>(t.element_bytes()));
      else
        std::memset(to, 0, static_cast<size_t>(t.element_bytes()));
    }
    return t;
  }

  RunChecks& c_;
  const bool stop_;
  const std::function<bool()>* enough_;
  std::map<std::pair<std::string, Id>, std::deque<const ProbedValue*>> queues_;
  std::map<std::pair<std::string, Id>, ValueCheck> checks_;
  std::vector<std::pair<std::string, Id>> order_;
};

std::vector<ValueCheck> RunChecks::check(const std::vector<Value>& inputs,
                                         const std::vector<ProbedValue>& values, bool stop,
                                         const std::function<bool()>* enough) {
  last_.clear();
  return RunWalk(*this, values, stop, enough).run(inputs);
}

void merge(std::vector<ValueCheck>& into, const std::vector<ValueCheck>& more) {
  std::map<std::pair<std::string, Id>, size_t> at;
  for (size_t i = 0; i < into.size(); ++i) at[{into[i].function, into[i].node}] = i;
  for (const ValueCheck& c : more) {
    const auto found = at.find({c.function, c.node});
    if (found == at.end()) {
      into.push_back(c);
      continue;
    }
    ValueCheck& known = into[found->second];
    if (c.trips == 0) continue;
    known.worst.add(c.worst);
    known.trips += c.trips;
    known.skipped.clear();
  }
}

std::optional<Value> RunChecks::value(const std::string& function, Id id) const {
  const auto at = last_.find({function, id});
  if (at == last_.end()) return std::nullopt;
  return at->second;
}

}  // namespace tauto::equivalence
