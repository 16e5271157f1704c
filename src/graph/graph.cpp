// Modules and functions: look-up, type inference of a node, verification.
#include "graph/graph.h"

#include <algorithm>
#include <iterator>

#include "graph/symbols.h"

namespace tauto {

const int kSemanticsVersion = 3;

std::vector<Type> Function::parameter_types() const {
  std::vector<Type> t;
  for (size_t i = 0; i < parameters.size(); ++i) t.push_back(nodes[i].type);
  return t;
}

std::vector<Type> Function::result_types() const {
  std::vector<Type> t;
  for (Id r : results) t.push_back(node(r).type);
  return t;
}

const Function& Module::function(const std::string& name) const {
  const auto at = functions.find(name);
  if (at == functions.end()) fail("function @", name, " does not exist");
  return *at->second;
}

bool operator==(const Module& a, const Module& b) {
  return a.semantics == b.semantics && std::equal(a.functions.begin(), a.functions.end(), b.functions.begin(),
                                                  b.functions.end(), [](const auto& x, const auto& y) {
                                                    return x.first == y.first &&
                                                           (x.second == y.second || *x.second == *y.second);
                                                  });
}

Type function_type(const Function& f) {
  return Type::function(f.parameter_types(), Type::tuple(f.result_types()));
}

const Tensor* constant_value(const Node& n) {
  return n.op == &ops::constant ? &n.attributes.get<Tensor>("value") : nullptr;
}

std::optional<Tensor> value_in_dims(const Node& n) {
  if (n.op == &ops::dims) {
    const Dims& v = n.attributes.get<Dims>("values");
    Tensor t(n.attributes.get<ElementType>("type"), n.attributes.get<Ints>("shape"), Rep::Dims);
    std::copy(v.begin(), v.end(), t.data<Dim>());
    return t;
  }
  const Tensor* c = constant_value(n);
  if (!c || !(c->type().is_integer() || c->type().is_bool()) || c->count() > kShapeArithmeticElements)
    return std::nullopt;
  if (c->type() == u64) return std::nullopt;
  Tensor t(c->type(), c->shape(), Rep::Dims);
  const auto v = c->as_ints();
  std::copy(v.begin(), v.end(), t.data<Dim>());
  return t;
}

std::optional<Dims> known_value(const Node& n) {
  const auto t = value_in_dims(n);
  if (!t) return std::nullopt;
  const auto v = t->values<Dim>();
  return Dims(v.begin(), v.end());
}

Type infer(const Module& m, const Function& f, const Node& n, FreshSymbols& symbols) {
  const Op& op = *n.op;
  std::vector<Type> types;
  for (Id id : n.inputs) {
    CHECK(id >= 0 && static_cast<size_t>(id) < f.nodes.size(), op.name, ": input ", id);
    types.push_back(f.node(id).type);
  }
  TypeContext c(op, n.attributes, types, symbols);
  c.set_value_source([&](int i) -> std::optional<Dims> {
    if (static_cast<size_t>(i) >= n.inputs.size()) return std::nullopt;
    return known_value(f.node(n.inputs[static_cast<size_t>(i)]));
  });
  c.function_type = [&](const std::string& name) { return function_type(m.function(name)); };
  c.require_arity();
  try {
    return op.type(c);
  } catch (const Unranked&) {
    return op.unranked_type ? op.unranked_type(c)
                            : Type::unranked(op.is(kComparison) ? boolean : c.element(0));
  }
}

namespace {

// Symbols that only a re-derivation made: they stand for whatever the node's own type says.
class Wildcards final : public FreshSymbols {
 public:
  Dim fresh() override { return Dim::symbol(cat("?any", n_++)); }
  static bool is_one(const Dim& d) { return d.is_symbol() && d.symbol_name().rfind("?any", 0) == 0; }

 private:
  int n_ = 0;
};

bool matches(const Type& derived, const Type& stated) {
  if (derived.tag != stated.tag || derived.parts.size() != stated.parts.size()) return false;
  if (derived.is_tensor()) {
    if (derived.element != stated.element || derived.ranked != stated.ranked) return false;
    if (derived.dims.size() != stated.dims.size()) return false;
    for (size_t i = 0; i < derived.dims.size(); ++i) {
      std::vector<std::string> symbols;
      symbols_of(derived.dims[i], symbols);
      const bool free = std::any_of(symbols.begin(), symbols.end(),
                                    [](const std::string& s) { return s.rfind("?any", 0) == 0; });
      if (!free && !(derived.dims[i] == stated.dims[i])) return false;
    }
  }
  for (size_t i = 0; i < derived.parts.size(); ++i)
    if (!matches(derived.parts[i], stated.parts[i])) return false;
  return true;
}

std::string verify(const Module& m, const Function& f) {
  const auto at = [&](size_t i) { return cat("function @", f.name, ", %", i, ": "); };
  if (f.provenance.size() != f.nodes.size() || f.results.size() != f.result_names.size())
    return cat("function @", f.name, ": tables of different lengths");
  for (size_t i = 0; i < f.nodes.size(); ++i) {
    const Node& n = f.nodes[i];
    if ((n.op == &ops::parameter) != (i < f.parameters.size())) return at(i) + "parameters come first";
    if (n.op == &ops::parameter) continue;
    for (Id in : n.inputs)
      if (in < 0 || static_cast<size_t>(in) >= i) return cat(at(i), "input %", in, " is not an earlier node");
    try {
      Wildcards symbols;
      const Type t = infer(m, f, n, symbols);
      if (!matches(t, n.type)) return cat(at(i), "type is ", t, ", node says ", n.type);
    } catch (const Error& e) {
      return at(i) + e.what();
    } catch (const InternalError& e) {
      // Rules count on the attributes that the Builder's callers give; here a text may have left some out.
      const std::string_view what = e.what(), mark = "failed: ";
      const size_t reason = what.rfind(mark);
      return cat(at(i), n.op->name, ": ", reason == what.npos ? what : what.substr(reason + mark.size()));
    }
  }
  for (Id r : f.results)
    if (r < 0 || static_cast<size_t>(r) >= f.nodes.size()) return cat("function @", f.name, ": result %", r);
  return "";
}

// Every symbol has a value before a node needs it: some earlier tensor of the function has it in its shape,
// or, in a function that is called, it has one wherever the call stands.
class Introduced {
 public:
  explicit Introduced(const Module& m) : m_(m) {}

  std::string run() {
    if (!m_.functions.count("main")) return "";
    at_entry_["main"] = {};
    waiting_ = {"main"};
    while (!waiting_.empty()) {
      const std::string name = *waiting_.begin();
      waiting_.erase(waiting_.begin());
      walk(m_.function(name), nullptr);
    }
    for (const auto& [name, symbols] : at_entry_) {
      std::string why;
      walk(m_.function(name), &why);
      if (!why.empty()) return why;
    }
    return "";
  }

 private:
  using Symbols = std::set<std::string>;

  static void add(const Type& t, Symbols& known) {
    std::vector<std::string> symbols;
    for (const Dim& d : t.dims) symbols_of(d, symbols);
    known.insert(symbols.begin(), symbols.end());
    if (t.tag == Type::Tag::Tuple)
      for (const Type& part : t.parts) add(part, known);
  }

  void enter(const std::string& callee, const Symbols& known) {
    const auto [at, first] = at_entry_.try_emplace(callee, known);
    Symbols both;
    std::set_intersection(known.begin(), known.end(), at->second.begin(), at->second.end(),
                          std::inserter(both, both.end()));
    if (!first && both == at->second) return;
    at->second = std::move(both);
    waiting_.insert(callee);
  }

  void walk(const Function& f, std::string* why) {
    Symbols known = at_entry_.at(f.name);
    for (size_t i = 0; i < f.nodes.size(); ++i) {
      const Node& n = f.nodes[i];
      std::vector<std::string> used;
      symbols_of(n.attributes, used);
      for (const std::string& s : used)
        if (why && !known.count(s)) {
          *why = cat("function @", f.name, ", %", i, ": ", n.op->name,
                     ": required symbols of earlier shapes, got ", s);
          return;
        }
      for (const auto& [key, value] : n.attributes.all())
        if (const FunctionName* callee = std::get_if<FunctionName>(&value); callee && !why)
          enter(callee->name, known);
      add(n.type, known);
    }
  }

  const Module& m_;
  std::map<std::string, Symbols> at_entry_;
  Symbols waiting_;
};

}  // namespace

std::string verify(const Module& m) {
  for (const auto& [name, f] : m.functions) {
    if (f->name != name) return cat("function @", name, " calls itself @", f->name);
    if (std::string why = verify(m, *f); !why.empty()) return why;
  }
  return Introduced(m).run();
}

}  // namespace tauto
