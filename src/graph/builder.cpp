// Construction, type checking, folding of shape arithmetic, merging of equal nodes.
#include "graph/builder.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

namespace tauto {
namespace {

size_t mix(size_t h, size_t v) { return (h ^ v) * 0x9e3779b97f4a7c15u + (h >> 29); }

size_t hash_of(const Node& n) {
  size_t h = std::hash<std::string_view>{}(n.op->name);
  for (Id i : n.inputs) h = mix(h, static_cast<size_t>(i));
  for (const auto& [name, value] : n.attributes.all()) {
    h = mix(h, std::hash<std::string>{}(name));
    h = mix(h, value.index());
    if (const int64_t* i = std::get_if<int64_t>(&value)) h = mix(h, static_cast<size_t>(*i));
    if (const Tensor* t = std::get_if<Tensor>(&value)) h = mix(h, static_cast<size_t>(t->count()));
  }
  return h;
}

}  // namespace

Builder::Builder(Module& module, std::string function_name) : module_(module) {
  function_.name = std::move(function_name);
}

Id Builder::insert(Node n) {
  // A parameter is never merged with another one; effects neither.
  const bool unique = n.op == &ops::parameter || n.op->is(kEffect);
  const size_t h = hash_of(n);
  auto& bucket = by_hash_[h];
  if (!unique)
    for (Id id : bucket)
      if (function_.node(id) == n) {
        add_sources(id, current_);
        return id;
      }
  function_.nodes.push_back(std::move(n));
  function_.provenance.push_back(current_);
  const Id id = static_cast<Id>(function_.nodes.size() - 1);
  if (!unique) bucket.push_back(id);
  return id;
}

Id Builder::parameter(std::string name, Type type) {
  CHECK(function_.nodes.size() == function_.parameters.size(), "parameters come first");
  function_.parameters.push_back(std::move(name));
  return insert({&ops::parameter, {}, {}, std::move(type)});
}

Id Builder::constant(Tensor value) {
  CHECK(value.rep() == Rep::Exact && value.defined());
  Type type = type_of(value);
  return insert({&ops::constant, {}, {{"value", std::move(value)}}, std::move(type)});
}

Id Builder::dims(Dims values) {
  if (std::all_of(values.begin(), values.end(), [](const Dim& d) { return d.is_literal(); })) {
    Ints v;
    for (const Dim& d : values) v.push_back(d.literal());
    return ints(v);
  }
  Ints shape{static_cast<int64_t>(values.size())};
  return add(ops::dims, {}, {{"values", std::move(values)}, {"shape", std::move(shape)}, {"type", i64}});
}

Id Builder::number(double v, ElementType type) {
  Tensor t(type, {});
  if (type == f32)
    t.data<float>()[0] = static_cast<float>(v);
  else if (type == f64)
    t.data<double>()[0] = v;
  else if (type == f16)
    t.data<Half>()[0] = Half(round_to_odd(v));
  else if (type == bf16)
    t.data<BFloat>()[0] = BFloat(round_to_odd(v));
  else if (type.is_integer() || type.is_bool()) {
    const int64_t i = static_cast<int64_t>(v);
    __builtin_memcpy(t.raw(), &i, static_cast<size_t>(type.bytes()));
  } else {
    fail("a number of type ", type, " cannot be written");
  }
  return constant(std::move(t));
}

// Dims that mention a symbol from ?first on are those of `old`.
static Type keep_symbols(Type t, const Type& old, int64_t first) {
  if (t.tag != old.tag || t.parts.size() != old.parts.size() || t.dims.size() != old.dims.size()) return t;
  for (size_t i = 0; i < t.dims.size(); ++i) {
    std::vector<std::string> symbols;
    symbols_of(t.dims[i], symbols);
    if (std::any_of(symbols.begin(), symbols.end(),
                    [&](const std::string& s) { return s[0] == '?' && std::atoll(s.c_str() + 1) >= first; }))
      t.dims[i] = old.dims[i];
  }
  for (size_t i = 0; i < t.parts.size(); ++i)
    t.parts[i] = keep_symbols(std::move(t.parts[i]), old.parts[i], first);
  return t;
}

Id Builder::copy(const Node& old, std::vector<Id> inputs, Attributes attributes) {
  const int64_t first = module_.next_symbol;
  Node n{old.op, std::move(inputs), std::move(attributes), {}};
  n.type = keep_symbols(infer(module_, function_, n, *this), old.type, first);
  if (auto folded = fold(n)) return insert(std::move(*folded));
  return insert(std::move(n));
}

Id Builder::item(Id tuple, int64_t index) { return add(ops::item, {tuple}, {{"index", index}}); }

Id Builder::add(const Op& op, std::vector<Id> inputs, Attributes attributes) {
  Node n{&op, std::move(inputs), std::move(attributes), {}};
  n.type = infer(module_, function_, n, *this);
  if (auto folded = fold(n)) return insert(std::move(*folded));
  return insert(std::move(n));
}

namespace {

// Runs the reference; what it has no value for (undecided comparisons, overflow of an expression) stays a
// node.
std::optional<Tensor> evaluate(const Node& n, const std::vector<Value>& in, Rep rep) {
  EvalContext c(*n.op, n.attributes, in, n.type, rep);
  try {
    n.op->eval(c);
  } catch (const Unknown&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!c.out.is_tensor() || c.out.tensor.rep() != rep) return std::nullopt;
  return std::move(c.out.tensor);
}

}  // namespace

std::optional<Tensor> Builder::known_by_types(const Node& n) {
  if (!n.op->known) return std::nullopt;
  std::vector<Type> types;
  for (Id id : n.inputs) types.push_back(type(id));
  const auto v = n.op->known(TypeContext(*n.op, n.attributes, types, *this));
  if (!v) return std::nullopt;
  Tensor t(n.type.element, static_shape(n.type), Rep::Dims);
  CHECK(t.count() == static_cast<int64_t>(v->size()), n.op->name);
  std::copy(v->begin(), v->end(), t.data<Dim>());
  return t;
}

constexpr int64_t kFoldedStringBytes = int64_t{1}
                                       << 16;  // of one input; elements do not tell how much that is

// Small constants are computed exactly; integers with symbols as expressions.
std::optional<Node> Builder::fold(const Node& n) {
  // A node that a legal execution may compute otherwise ("legal", docs/semantics.md) keeps its interval.
  if (n.attributes.find("legal")) return std::nullopt;
  if (!n.op->eval || n.op->is(kEffect) || n.op->is(kControl) || n.inputs.empty() || !n.type.is_tensor() ||
      !n.type.is_static() || element_count(static_shape(n.type)) > kShapeArithmeticElements)
    return std::nullopt;
  const auto constant = [](Tensor t) {
    Type type = type_of(t);
    return Node{&ops::constant, {}, {{"value", std::move(t)}}, std::move(type)};
  };
  std::vector<Value> exact;
  for (Id id : n.inputs) {
    const Tensor* t = constant_of(id);
    if (!t || t->count() > kShapeArithmeticElements || t->string_bytes() > kFoldedStringBytes) break;
    exact.emplace_back(*t);
  }
  if (exact.size() == n.inputs.size()) {
    auto t = evaluate(n, exact, Rep::Exact);
    if (!t) return std::nullopt;
    return constant(canonical_nan(std::move(*t)));
  }
  if (!(n.type.element.is_integer() || n.type.element.is_bool()) || n.type.element == u64)
    return std::nullopt;
  std::optional<Tensor> t = known_by_types(n);
  if (!t) {
    std::vector<Value> in;
    for (Id id : n.inputs) {
      auto value = value_in_dims(node(id));
      if (!value) return std::nullopt;
      in.emplace_back(std::move(*value));
    }
    t = evaluate(n, in, Rep::Dims);
    if (!t) return std::nullopt;
  }
  const std::span<const Dim> v = t->values<Dim>();
  const bool literal = std::all_of(v.begin(), v.end(), [](const Dim& d) { return d.is_literal(); });
  if (!literal)
    return Node{&ops::dims,
                {},
                {{"values", Dims(v.begin(), v.end())}, {"shape", t->shape()}, {"type", t->type()}},
                n.type};
  Tensor r(t->type(), t->shape());
  for (int64_t i = 0; i < r.count(); ++i) {
    const int64_t x = v[static_cast<size_t>(i)].literal();
    __builtin_memcpy(static_cast<char*>(r.raw()) + i * r.element_bytes(), &x,
                     static_cast<size_t>(r.element_bytes()));
  }
  return constant(std::move(r));
}

std::optional<Dims> Builder::known(Id id) const { return known_value(node(id)); }

std::optional<Ints> Builder::known_ints(Id id) const {
  const auto v = known(id);
  if (!v) return std::nullopt;
  Ints r;
  for (const Dim& d : *v) {
    if (!d.is_literal()) return std::nullopt;
    r.push_back(d.literal());
  }
  return r;
}

void Builder::set_source(const std::string& name) {
  current_.clear();
  if (name.empty()) return;
  if (module_.sources.empty() || module_.sources.back() != name) module_.sources.push_back(name);
  current_.insert(static_cast<int>(module_.sources.size() - 1));
}

void Builder::add_sources(Id id, const Sources& s) {
  Sources& p = function_.provenance[static_cast<size_t>(id)];
  p.insert(s.begin(), s.end());
}

Dim Builder::fresh() { return Dim::symbol(cat("?", module_.next_symbol++)); }

namespace {

using Names = std::set<std::string>;

void add_symbols(const Dim& d, Names& out) {
  std::vector<std::string> names;
  symbols_of(d, names);
  out.insert(names.begin(), names.end());
}

void add_symbols(const Type& t, Names& out) {
  for (const Dim& d : t.dims) add_symbols(d, out);
  for (const Type& p : t.parts) add_symbols(p, out);
}

// The symbols that a value of the type has values for: elements of a sequence differ among themselves.
void add_bound(const Type& t, Names& out) {
  for (const Dim& d : t.dims) add_symbols(d, out);
  if (t.tag == Type::Tag::Tuple)
    for (const Type& p : t.parts) add_bound(p, out);
}

void add_symbols(const Attributes& attributes, Names& out) {
  if (!attributes.has_symbols()) return;
  for (const auto& [name, value] : attributes.all()) {
    if (const Type* t = std::get_if<Type>(&value)) add_symbols(*t, out);
    if (const Dims* dims = std::get_if<Dims>(&value))
      for (const Dim& d : *dims) add_symbols(d, out);
    if (const Access* a = std::get_if<Access>(&value)) {
      for (const Dim& d : a->extents) add_symbols(d, out);
      for (const auto& operand : a->operands)
        for (const AxisIndex& index : operand) {
          add_symbols(index.offset, out);
          for (const AxisTerm& t : index.terms) add_symbols(t.coefficient, out);
        }
    }
  }
}

// The symbols that evaluating a node reads: in its attributes and in the functions it calls.
void add_read(const Module& m, const Node& n, Names& out, Names& functions) {
  add_symbols(n.attributes, out);
  for (const auto& [name, value] : n.attributes.all()) {
    const FunctionName* callee = std::get_if<FunctionName>(&value);
    if (!callee || !functions.insert(callee->name).second) continue;
    const auto at = m.functions.find(callee->name);  // not there: a function that calls itself
    if (at != m.functions.end())
      for (const Node& inner : at->second->nodes) add_read(m, inner, out, functions);
  }
}

// What results need. A symbol gets its value from the first node in whose type it occurs: that node is needed
// where the symbol is read, even if nothing else takes its result (the shape of a nonzero).
std::vector<char> live_nodes(const Module& m, const Function& f, const std::vector<Id>& results) {
  const size_t n = f.nodes.size();
  std::map<std::string, size_t> binder;
  for (size_t i = 0; i < n; ++i) {
    Names symbols;
    add_bound(f.nodes[i].type, symbols);
    for (const std::string& s : symbols) binder.try_emplace(s, i);
  }
  std::vector<char> live(n, 0);
  for (size_t i = 0; i < f.parameters.size(); ++i) live[i] = 1;
  for (Id r : results) live[static_cast<size_t>(r)] = 1;
  for (size_t i = n; i-- > 0;) {
    if (!live[i]) continue;
    for (Id in : f.nodes[i].inputs) live[static_cast<size_t>(in)] = 1;
    Names symbols, functions;
    add_read(m, f.nodes[i], symbols, functions);
    for (const std::string& s : symbols)
      if (const auto at = binder.find(s); at != binder.end() && at->second < i) live[at->second] = 1;
  }
  return live;
}

}  // namespace

Type Builder::finish(std::vector<Id> results, std::vector<std::string> result_names) {
  CHECK(results.size() == result_names.size());
  const size_t n = function_.nodes.size();
  const std::vector<char> live = live_nodes(module_, function_, results);
  Function f;
  f.name = function_.name;
  f.parameters = std::move(function_.parameters);
  f.result_names = std::move(result_names);
  std::vector<Id> moved(n, -1);
  for (size_t i = 0; i < n; ++i) {
    if (!live[i]) continue;
    moved[i] = static_cast<Id>(f.nodes.size());
    Node node = std::move(function_.nodes[i]);
    for (Id& in : node.inputs) in = moved[static_cast<size_t>(in)];
    f.nodes.push_back(std::move(node));
    f.provenance.push_back(std::move(function_.provenance[i]));
  }
  for (Id r : results) f.results.push_back(moved[static_cast<size_t>(r)]);
  Type t = function_type(f);
  CHECK(!module_.functions.count(f.name), "function ", f.name, " exists already");
  std::string name = f.name;
  module_.functions[name] = std::make_shared<const Function>(std::move(f));
  return t;
}

}  // namespace tauto
