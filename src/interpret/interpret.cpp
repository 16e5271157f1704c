// Evaluation of functions.
#include "interpret/interpret.h"

#include <new>
#include <stdexcept>

#include "graph/unaligned.h"
#include "ops/number.h"
#include "ops/small_float.h"
#include "support/float_environment.h"

namespace tauto {
namespace {

constexpr int kMaxDepth = 200;  // of nested calls

// An error that already says where.
struct Located : Error {
  using Error::Error;
};

std::string where(const Module& m, const Function& f, Id id) {
  const Sources& s = f.provenance[static_cast<size_t>(id)];
  if (s.empty()) return cat("function @", f.name, ", %", id);
  return cat("node \"", m.sources[static_cast<size_t>(*s.begin())], "\"");
}

Value evaluate(const Module& m, const Function& f, const Node& n, const std::vector<Value>& in, Env& env,
               const InterpretOptions& options, const FunctionCall& call) {
  if (n.op == &ops::constant) return to_rep(aligned(n.attributes.get<Tensor>("value")), options.rep);
  std::vector<Type> types;
  for (size_t i = 0; i < in.size(); ++i)
    // The value of a sequence or optional does not tell its type: it may be empty.
    types.push_back(in[i].is_tensor() || in[i].tag == Value::Tag::Tuple
                        ? type_of(in[i])
                        : substitute(f.node(n.inputs[i]).type, env));
  const bool symbolic = n.attributes.has_symbols();
  Attributes bound;
  if (symbolic) bound = substitute(n.attributes, env);
  const Attributes& attributes = symbolic ? bound : n.attributes;

  struct RunTime final : FreshSymbols {
    int64_t n = 0;
    Dim fresh() override { return Dim::symbol(cat("?run", n++)); }
  } symbols;
  TypeContext c(*n.op, attributes, types, symbols);
  c.set_value_source([&](int i) -> std::optional<Dims> {
    const Value& v = in[static_cast<size_t>(i)];
    if (!v.is_tensor() || !(v.tensor.type().is_integer() || v.tensor.type().is_bool())) return std::nullopt;
    if (v.tensor.count() > kShapeArithmeticElements || v.tensor.type() == u64) return std::nullopt;
    EvalContext reader(*n.op, attributes, in, types[static_cast<size_t>(i)], options.rep);
    const auto ints = reader.ints(i);
    return Dims(ints.begin(), ints.end());
  });
  c.function_type = [&](const std::string& name) { return substitute(function_type(m.function(name)), env); };
  Type type;
  try {
    type = n.op->type(c);
  } catch (const Unranked&) {
    type = n.type;  // parts of a sequence, whose types are not alike
  }
  EvalContext e(*n.op, attributes, in, type, options.rep);
  e.cancelled = options.cancelled;
  e.call = call;
  e.poll();
  if (!n.op->eval) fail(n.op->name, " has no reference");
  n.op->eval(e);
  if (n.op == &ops::dims) e.out = to_rep(e.out, options.rep);
  if (std::string why = unify(n.type, type_of(e.out), env); !why.empty()) fail(n.op->name, ": result: ", why);
  return std::move(e.out);
}

}  // namespace

Value evaluate_node(const Module& m, const Function& f, Id id, std::vector<Value> in, Env& env,
                    const InterpretOptions& options, const FunctionCall& call) {
  const Node& n = f.node(id);
  try {
    return evaluate(m, f, n, in, env, options, call);
  } catch (const Cancelled&) {
    throw;
  } catch (const Unknown&) {
    fail(where(m, f, id), ": ", n.op->name, " has no value here: a steering input is not decided");
  } catch (const Located&) {
    throw;
  } catch (const Error& e) {
    throw Located(where(m, f, id) + ": " + e.what());
  } catch (const std::bad_alloc&) {
    throw Located(cat(where(m, f, id), ": ", n.op->name, ": required more memory than there is"));
  } catch (const std::length_error&) {
    throw Located(cat(where(m, f, id), ": ", n.op->name, ": required more memory than there can be"));
  }
}

namespace {

class Evaluation {
 public:
  Evaluation(const Module& m, const InterpretOptions& options) : m_(m), options_(options) {}

  std::vector<Value> run(const Function& f, std::vector<Value> arguments, Env env, int depth) {
    if (depth > kMaxDepth) fail("function @", f.name, ": more than ", kMaxDepth, " nested calls");
    if (arguments.size() != f.parameters.size())
      fail("function @", f.name, ": required ", f.parameters.size(), " inputs, got ", arguments.size());
    std::vector<Value> values(f.nodes.size());
    for (size_t i = 0; i < arguments.size(); ++i) {
      const Type given = type_of(arguments[i]);
      if (std::string why = unify(f.nodes[i].type, given, env); !why.empty())
        fail("input \"", f.parameters[i], "\": ", why);
      values[i] = std::move(arguments[i]);
    }
    const std::vector<Id> last = last_uses(f);
    for (size_t i = f.parameters.size(); i < f.nodes.size(); ++i) {
      const Node& n = f.nodes[i];
      std::vector<Value> in;
      for (Id id : n.inputs) in.push_back(values[static_cast<size_t>(id)]);
      Value other;
      if (options_.replace) other = options_.replace(f, static_cast<Id>(i), in, env);
      if (!other.is_tensor() || other.tensor.defined()) {
        if (std::string why = unify(n.type, type_of(other), env); !why.empty())
          fail(n.op->name, ": result: ", why);
        values[i] = std::move(other);
      } else {
        values[i] = evaluate_node(m_, f, static_cast<Id>(i), std::move(in), env, options_,
                                  [&](const std::string& name, std::vector<Value> arguments) {
                                    return run(m_.function(name), std::move(arguments), env, depth + 1);
                                  });
      }
      if (options_.watch) options_.watch(f, static_cast<Id>(i), values[i]);
      for (Id in : n.inputs)
        if (last[static_cast<size_t>(in)] == static_cast<Id>(i)) values[static_cast<size_t>(in)] = Value();
      if (last[i] < 0) values[i] = Value();
    }
    std::vector<Value> results;
    for (Id r : f.results) results.push_back(values[static_cast<size_t>(r)]);
    return results;
  }

 private:
  static constexpr Id kKeep = INT32_MAX;

  static std::vector<Id> last_uses(const Function& f) {
    std::vector<Id> last(f.nodes.size(), -1);
    for (size_t i = 0; i < f.nodes.size(); ++i)
      for (Id in : f.nodes[i].inputs) last[static_cast<size_t>(in)] = static_cast<Id>(i);
    for (Id r : f.results) last[static_cast<size_t>(r)] = kKeep;
    return last;
  }

  const Module& m_;
  const InterpretOptions& options_;
};

template <class S, class D, class F>
Tensor map_to(const Tensor& t, Rep rep, F f) {
  Tensor r(t.type(), t.shape(), rep);
  for (int64_t i = 0; i < t.count(); ++i) r.data<D>()[i] = f(t.data<S>()[i]);
  return r;
}

template <class F>
Tensor from_float(const Tensor& t, F f) {
  if (t.type() == f32) return f(float{});
  if (t.type() == f64) return f(double{});
  if (t.type() == f16) return f(Half{});
  return f(BFloat{});
}

template <class S>
double as_double(S x) {
  if constexpr (std::is_same_v<S, Half> || std::is_same_v<S, BFloat>)
    return static_cast<double>(static_cast<float>(x));
  else
    return static_cast<double>(x);
}

Tensor to_rep(const Tensor& t, Rep rep) {
  const ElementType e = t.type();
  if (t.rep() == rep || e.is_string()) return t;
  CHECK(t.rep() == Rep::Exact);
  if (rep == Rep::Ideal) {
    if (!e.is_float()) {
      Tensor r(e, t.shape(), rep);
      __builtin_memcpy(r.raw(), t.raw(), static_cast<size_t>(t.bytes()));
      return r;
    }
    return from_float(
        t, [&](auto s) { return map_to<decltype(s), double>(t, rep, [](auto x) { return as_double(x); }); });
  }
  if (rep == Rep::Interval) {
    if (e.is_float())
      return from_float(t, [&](auto s) {
        return map_to<decltype(s), FInterval<double>>(t, rep, [](auto x) {
          return FInterval<double>{as_double(x), as_double(x)};
        });
      });
    if (e.is_small_float())
      return map_to<uint8_t, FInterval<double>>(t, rep, [e](uint8_t code) {
        const double v = small_float_value(e, code);
        return FInterval<double>{v, v};
      });
    Tensor r(e, t.shape(), rep);
    if (e == u64) {
      for (int64_t i = 0; i < t.count(); ++i) {
        const uint64_t v = t.data<uint64_t>()[i];
        r.data<IInterval>()[i] =
            v > INT64_MAX ? num::any_int() : IInterval{static_cast<int64_t>(v), static_cast<int64_t>(v)};
      }
      return r;
    }
    if (!e.is_integer() && !e.is_bool()) fail("elements ", e, " have no intervals");
    const auto v = t.as_ints();
    for (size_t i = 0; i < v.size(); ++i) r.data<IInterval>()[i] = {v[i], v[i]};
    return r;
  }
  CHECK(rep == Rep::Term, "values become expressions only in the builder");
  Tensor r(e, t.shape(), rep);
  for (int64_t i = 0; i < t.count(); ++i) {
    uint64_t bits = 0;
    __builtin_memcpy(&bits, static_cast<const char*>(t.raw()) + i * t.element_bytes(),
                     static_cast<size_t>(t.element_bytes()));
    r.data<Term>()[i] = term_literal(e, bits);
  }
  return r;
}

}  // namespace

Value to_rep(const Value& v, Rep rep) {
  if (v.is_tensor()) return to_rep(v.tensor, rep);
  Value r = v;
  for (Value& p : r.parts) p = to_rep(p, rep);
  return r;
}

void canonicalise(Value& v) {
  if (v.is_tensor()) v.tensor = canonical_nan(std::move(v.tensor));
  for (Value& p : v.parts) canonicalise(p);
}

std::vector<Value> interpret(const Module& m, std::vector<Value> inputs, const InterpretOptions& options) {
  const FloatEnvironment environment;
  for (Value& v : inputs) v = to_rep(v, options.rep);
  std::vector<Value> results = Evaluation(m, options).run(m.main(), std::move(inputs), {}, 0);
  for (Value& v : results) canonicalise(v);
  return results;
}

}  // namespace tauto
