// The walk itself. Errors are wrapped once with file and node; nested sub-graphs and functions are limited in
// depth.
#include "onnx/importer.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "onnx/decode_tensor.h"
#include "support/float_environment.h"

namespace tauto::onnx {
namespace {

constexpr int kMaxDepth = 64;          // of nested sub-graphs and function calls
constexpr size_t kMaxNodes = 2000000;  // after inlining functions
constexpr size_t kShownPrefix = 60;    // characters at each end of a long path of names

// Says where once: the innermost node wins.
struct LocatedError : Error {
  using Error::Error;
};

std::string_view standard(std::string_view domain) { return domain == "ai.onnx" ? "" : domain; }

std::string key_of(std::string_view domain, std::string_view name, std::string_view overload) {
  return cat(standard(domain), "\n", name, "\n", overload);
}

}  // namespace

Importer::Importer(const Model& model, const ImportOptions& options, Module& module)
    : model_(model), options_(options), module_(module) {
  for (const OperatorSetIdProto& o : model.proto.opset_import) opsets_[standard(o.domain)] = o.version;
  for (const FunctionProto& f : model.proto.functions) functions_[key_of(f.domain, f.name, f.overload)] = &f;
}

std::string Importer::where(const NodeProto& node) const {
  std::string name(node.name);
  if (name.empty())
    for (std::string_view o : node.output)
      if (!o.empty()) {
        name = o;
        break;
      }
  std::string prefix = scopes_.empty() ? "" : scopes_.back()->prefix;
  // A function in a function in …: both ends tell enough.
  if (prefix.size() > 2 * kShownPrefix)
    prefix.replace(kShownPrefix, prefix.size() - 2 * kShownPrefix, " ... ");
  const std::string_view domain = standard(node.domain);
  return cat("node \"", prefix, name, "\" (", domain, domain.empty() ? "" : ".", node.op_type, ")");
}

Type Importer::type_of(const TypeProto& t, Builder& b) {
  if (t.tensor_type) {
    const ElementType e = element_type_of(t.tensor_type->elem_type);
    if (!t.tensor_type->shape) return Type::unranked(e);
    Dims dims;
    for (const DimensionProto& d : t.tensor_type->shape->dim) {
      if (d.dim_value) {
        // -1 is widely written for "unknown".
        if (*d.dim_value < -1) fail("required dimensions >= 0, got ", *d.dim_value);
        dims.push_back(*d.dim_value == -1 ? b.fresh() : Dim(*d.dim_value));
      } else {
        dims.push_back(d.dim_param.empty() ? b.fresh() : Dim::symbol(std::string(d.dim_param)));
      }
    }
    return Type::tensor(e, std::move(dims));
  }
  const auto inner = [&](const Box<TypeProto>& p) {
    if (!p) fail("a sequence or optional type without element type");
    return type_of(*p, b);
  };
  if (t.sequence_type) {
    Type element = inner(t.sequence_type->elem_type);
    for (Dim& d : element.dims)
      if (!d.is_literal()) d = b.fresh();  // even a named one: each element has its own
    return Type::sequence(std::move(element));
  }
  if (t.optional_type) return Type::optional(inner(t.optional_type->elem_type));
  fail("required a tensor, sequence or optional type, got ", t.map_type             ? "a map"
                                                             : t.sparse_tensor_type ? "a sparse tensor"
                                                             : t.opaque_type        ? "an opaque type"
                                                                                    : "none");
}

void Importer::add_initializers(const GraphProto& graph, Scope& scope) {
  Builder& b = *scope.builder;
  const auto add = [&](std::string_view name, const std::function<Tensor()>& value) {
    try {
      scope.names[name] = b.constant(value());
    } catch (const Error& e) {
      throw LocatedError(cat("initializer \"", name, "\": ", e.what()));
    }
  };
  b.set_source("");
  for (const TensorProto& t : graph.initializer) {
    const auto fixed = options_.values.find(std::string(t.name));
    const bool given = fixed != options_.values.end() && !scope.outer;
    add(t.name, [&] { return given ? fixed->second : constant(t); });
  }
  for (const SparseTensorProto& t : graph.sparse_initializer)
    if (t.values) add(t.values->name, [&] { return dense_tensor_of(t, model_.storage); });
}

void Importer::import_main() {
  const GraphProto& graph = *model_.proto.graph;
  Builder b(module_, "main");
  main_ = &b;
  Scope scope;
  scope.builder = &b;
  scope.opsets = &opsets_;
  Entered entered(*this, scope);
  std::set<std::string_view> initialized;
  for (const TensorProto& t : graph.initializer) initialized.insert(t.name);
  for (const SparseTensorProto& t : graph.sparse_initializer)
    if (t.values) initialized.insert(t.values->name);
  for (const ValueInfoProto& v : graph.input) {
    if (initialized.count(v.name)) continue;
    if (scope.names.count(v.name)) fail("input \"", v.name, "\" is listed twice");
    try {
      if (!v.type) fail("has no type");
      Type type = type_of(*v.type, b);
      const auto value = options_.values.find(std::string(v.name));
      if (value != options_.values.end()) {
        Env env;
        if (std::string why = unify(type, tauto::type_of(value->second), env); !why.empty()) fail(why);
        type = tauto::type_of(value->second);
      }
      scope.names[v.name] = b.parameter(std::string(v.name), std::move(type));
    } catch (const Error& e) {
      throw LocatedError(cat("input \"", v.name, "\": ", e.what()));
    }
  }
  for (const auto& [name, value] : options_.values)
    if (auto at = scope.names.find(name); at != scope.names.end()) at->second = b.constant(value);
  add_initializers(graph, scope);
  for (const NodeProto& node : graph.node) convert_node(node, scope);
  std::vector<Id> results;
  std::vector<std::string> names;
  for (const ValueInfoProto& v : graph.output) {
    const Id id = look_up(v.name, scope, nullptr);
    if (v.type && v.type->tensor_type && v.type->tensor_type->elem_type) {
      const ElementType stated = element_type_of(v.type->tensor_type->elem_type);
      if (b.type(id).is_tensor() && b.type(id).element != stated)
        fail("output \"", v.name, "\": the file says elements ", stated, ", the graph gives ", b.type(id));
    }
    results.push_back(id);
    names.emplace_back(v.name);
  }
  b.finish(std::move(results), std::move(names));
}

Id Importer::find(std::string_view name, Scope& scope) {
  if (const auto at = scope.names.find(name); at != scope.names.end()) return at->second;
  if (!scope.outer) return -1;
  const Id outside = find(name, *scope.outer);
  if (outside < 0 || scope.outer->builder == scope.builder) return outside;
  // Constants are repeated inside, so that their values stay known; anything else becomes a parameter.
  const Node& n = scope.outer->builder->node(outside);
  Id inside;
  if (const Tensor* t = constant_value(n)) {
    inside = scope.builder->constant(*t);
  } else if (n.op == &ops::dims) {
    inside = scope.builder->add(ops::dims, {}, n.attributes);
  } else {
    CHECK(false, "free names are bound before a body is imported");
  }
  scope.names[name] = inside;
  return inside;
}

Id Importer::look_up(std::string_view name, Scope& scope, const NodeProto* user) {
  const Id id = find(name, scope);
  if (id >= 0 || (user && id == kAbsent)) return id;
  fail(user ? "input" : "output", " \"", name,
       "\" is defined by no earlier node, initializer or graph input (missing, in a cycle, or out of order)");
}

int64_t Importer::version_of(std::string_view domain, const Scope& scope) const {
  const auto at = scope.opsets->find(standard(domain));
  return at == scope.opsets->end() ? 1 : at->second;
}

void Importer::convert_node(const NodeProto& node, Scope& scope) {
  Builder& b = *scope.builder;
  if (b.size() > kMaxNodes || ++converted_ > kMaxNodes) fail("more than ", kMaxNodes, " nodes");
  if (options_.cancelled && *options_.cancelled && (*options_.cancelled)()) throw Cancelled();
  const std::string place = where(node);
  try {
    std::string source(node.name);
    for (size_t i = 0; source.empty() && i < node.output.size(); ++i) source = node.output[i];
    b.set_source(scope.prefix + source);
    std::vector<Id> inputs;
    for (std::string_view name : node.input)
      inputs.push_back(name.empty() ? -1 : look_up(name, scope, &node));
    while (!inputs.empty() && inputs.back() < 0) inputs.pop_back();
    for (const AttributeProto& a : node.attribute)
      if (!scope.arguments && !a.ref_attr_name.empty())
        fail("attribute \"", a.name, "\": required a value, got a reference to \"", a.ref_attr_name,
             "\" outside of any function");
    const auto f = functions_.find(key_of(node.domain, node.op_type, node.overload));
    if (f != functions_.end()) {
      inline_function(*f->second, node, std::move(inputs), scope);
      return;
    }
    const Converter converter = find_converter(standard(node.domain), node.op_type);
    if (!converter) fail("the operator is not supported");
    const int64_t version = version_of(node.domain, scope);
    if (scope.arguments && std::any_of(node.attribute.begin(), node.attribute.end(),
                                       [](const AttributeProto& a) { return !a.ref_attr_name.empty(); })) {
      NodeProto resolved = node;
      resolved.attribute.clear();
      for (const AttributeProto& a : node.attribute) {
        if (a.ref_attr_name.empty()) {
          resolved.attribute.push_back(a);
        } else if (const auto given = scope.arguments->find(a.ref_attr_name);
                   given != scope.arguments->end()) {
          resolved.attribute.push_back(*given->second);
          resolved.attribute.back().name = a.name;
        }
      }
      Conversion c(*this, b, resolved, version, std::move(inputs));
      converter(c);
      bind_outputs(node, c.outputs(), scope);
      return;
    }
    Conversion c(*this, b, node, version, std::move(inputs));
    converter(c);
    bind_outputs(node, c.outputs(), scope);
  } catch (const LocatedError&) {
    throw;
  } catch (const NeedsValues&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& e) {
    throw LocatedError(place + ": " + e.what());
  } catch (const std::bad_alloc&) {
    throw LocatedError(place + ": required more memory than there is");
  } catch (const std::length_error&) {
    throw LocatedError(place + ": required more memory than there can be");
  }
}

void Importer::bind_outputs(const NodeProto& node, const std::vector<Id>& outputs, Scope& scope) {
  for (size_t i = 0; i < node.output.size(); ++i) {
    if (node.output[i].empty()) continue;
    if (outputs[i] < 0) fail("output ", i, " (\"", node.output[i], "\") is not supported");
    if (!scope.names.try_emplace(node.output[i], outputs[i]).second)
      fail("output \"", node.output[i], "\" is defined twice");
  }
}

std::vector<Id> Importer::convert_as(std::string_view op_type, std::vector<Id> inputs,
                                     std::vector<AttributeProto> attributes, int outputs, int64_t version,
                                     Builder& b) {
  NodeProto node;
  node.op_type = op_type;
  node.attribute = std::move(attributes);
  for (int i = 0; i < outputs; ++i) node.output.push_back("?");
  const Converter converter = find_converter("", op_type);
  CHECK(converter, op_type);
  Conversion c(*this, b, node, version ? version : version_of("", scope()), std::move(inputs));
  converter(c);
  return c.outputs();
}

void Importer::inline_function(const FunctionProto& f, const NodeProto& node, std::vector<Id> inputs,
                               Scope& scope) {
  if (++depth_ > kMaxDepth) fail("more than ", kMaxDepth, " nested functions or sub-graphs");
  std::map<std::string_view, int64_t> opsets;
  for (const OperatorSetIdProto& o : f.opset_import) opsets[standard(o.domain)] = o.version;
  std::map<std::string_view, const AttributeProto*> arguments;
  for (const AttributeProto& a : f.attribute_proto) arguments[a.name] = &a;
  std::vector<AttributeProto> passed = node.attribute;
  for (AttributeProto& a : passed) {
    if (!a.ref_attr_name.empty()) {
      const auto given =
          scope.arguments ? scope.arguments->find(a.ref_attr_name) : decltype(scope.arguments->end()){};
      if (!scope.arguments || given == scope.arguments->end()) continue;
      const std::string_view name = a.name;
      a = *given->second;
      a.name = name;
    }
    arguments[a.name] = &a;
  }
  Scope inner;
  inner.builder = scope.builder;
  inner.opsets = &opsets;
  inner.arguments = &arguments;
  inner.prefix = scope.prefix + std::string(node.name.empty() ? node.op_type : node.name) + "/";
  if (inputs.size() > f.input.size())
    fail("required at most ", f.input.size(), " inputs, got ", inputs.size());
  for (size_t i = 0; i < f.input.size(); ++i)
    inner.names[f.input[i]] = i < inputs.size() && inputs[i] >= 0 ? inputs[i] : kAbsent;
  for (size_t i = 0; i < f.input.size() && i < node.input.size(); ++i)
    if (const auto d = scope.dequantized.find(node.input[i]); d != scope.dequantized.end())
      inner.dequantized[f.input[i]] = d->second;
  std::vector<Id> outputs(node.output.size(), -1);
  {
    Entered entered(*this, inner);
    for (const NodeProto& n : f.node) convert_node(n, inner);
    for (size_t i = 0; i < node.output.size(); ++i) {
      if (node.output[i].empty()) continue;
      if (i >= f.output.size())
        fail("required at most ", f.output.size(), " outputs, got ", node.output.size());
      outputs[i] = look_up(f.output[i], inner, nullptr);
    }
  }
  bind_outputs(node, outputs, scope);
  --depth_;
}

namespace {

struct FreeNames {
  std::vector<std::string_view> in_order;  // of use
  std::set<std::string_view> all;
};

// Adds the names a graph uses but does not define, sub-graphs included.
void add_free_names(const GraphProto& graph, std::set<std::string_view> defined, FreeNames& free, int depth) {
  if (depth > kMaxDepth) fail("more than ", kMaxDepth, " nested sub-graphs");
  for (const ValueInfoProto& v : graph.input) defined.insert(v.name);
  for (const TensorProto& t : graph.initializer) defined.insert(t.name);
  for (const SparseTensorProto& t : graph.sparse_initializer)
    if (t.values) defined.insert(t.values->name);
  const auto use = [&](std::string_view name) {
    if (!name.empty() && !defined.count(name) && free.all.insert(name).second) free.in_order.push_back(name);
  };
  for (const NodeProto& n : graph.node) {
    for (std::string_view i : n.input) use(i);
    for (const AttributeProto& a : n.attribute) {
      if (a.g) add_free_names(*a.g, defined, free, depth + 1);
      for (const GraphProto& g : a.graphs) add_free_names(g, defined, free, depth + 1);
    }
    for (std::string_view o : n.output) defined.insert(o);
  }
  for (const ValueInfoProto& v : graph.output) use(v.name);
}

}  // namespace

std::vector<Body> Importer::import_bodies(const std::vector<const GraphProto*>& graphs,
                                          const std::vector<Type>& parameters, Scope& outer,
                                          const Adapt& adapt) {
  if (++depth_ > kMaxDepth) fail("more than ", kMaxDepth, " nested functions or sub-graphs");
  FreeNames captured;  // by any of them
  for (const GraphProto* g : graphs) add_free_names(*g, {}, captured, depth_);
  std::vector<Body> bodies;
  for (const GraphProto* g : graphs)
    bodies.push_back(import_body(*g, captured.in_order, parameters, outer, adapt));
  --depth_;
  return bodies;
}

Body Importer::import_body(const GraphProto& graph, const std::vector<std::string_view>& captured,
                           const std::vector<Type>& parameters, Scope& outer, const Adapt& adapt) {
  Body body;
  body.function = new_function_name();
  Builder b(module_, body.function);
  b.set_sources(outer.builder->current_sources());
  Scope scope;
  scope.outer = &outer;
  scope.builder = &b;
  scope.opsets = outer.opsets;
  scope.arguments = outer.arguments;
  scope.prefix = outer.prefix;
  if (graph.input.size() < parameters.size())
    fail("required a sub-graph with ", parameters.size(), " inputs, got ", graph.input.size());
  for (size_t i = 0; i < graph.input.size(); ++i) {
    const ValueInfoProto& v = graph.input[i];
    Type type = i < parameters.size() ? parameters[i] : v.type ? type_of(*v.type, b) : Type::unranked(f32);
    body.parameters.push_back(type);
    if (!scope.names.try_emplace(v.name, b.parameter(std::string(v.name), std::move(type))).second)
      fail("sub-graph input \"", v.name, "\" is listed twice");
  }
  // All branches take the same parameters, but a name is bound only where it is free: elsewhere it may be the
  // name of something else.
  FreeNames free;
  add_free_names(graph, {}, free, depth_);
  Inside inside{&b, outer.builder, {}};
  std::map<Id, Id> parameter_of;
  for (std::string_view name : captured) {
    const Id id = find(name, outer);
    if (id < 0) continue;  // reported where it is used
    const Node& n = outer.builder->node(id);
    if (n.op == &ops::constant || n.op == &ops::dims) continue;
    const auto [at, added] = parameter_of.try_emplace(id, -1);
    if (added) {
      body.captured.push_back(id);
      at->second = b.parameter(std::string(name), n.type);
      inside.captured[at->second] = id;
    }
    if (free.all.count(name)) scope.names[name] = at->second;
  }
  inside_.push_back(std::move(inside));
  Entered entered(*this, scope);
  add_initializers(graph, scope);
  for (const NodeProto& node : graph.node) convert_node(node, scope);
  std::vector<Id> results;
  std::vector<std::string> names;
  for (const ValueInfoProto& v : graph.output) {
    results.push_back(look_up(v.name, scope, nullptr));
    names.emplace_back(v.name);
  }
  if (adapt) {
    b.set_sources(outer.builder->current_sources());
    static const NodeProto kNone;
    Conversion c(*this, b, kNone, version_of("", scope), {});
    adapt(c, results);
  }
  for (Id r : results) body.results.push_back(b.type(r));
  b.finish(std::move(results), std::move(names));
  inside_.pop_back();
  return body;
}

void Importer::drop_function(const std::string& name) {
  const auto at = module_.functions.find(name);
  if (at == module_.functions.end()) return;
  const std::shared_ptr<const Function> f = at->second;
  module_.functions.erase(at);
  for (const Node& n : f->nodes)
    for (const auto& [key, value] : n.attributes.all())
      if (const auto* inner = std::get_if<FunctionName>(&value)) drop_function(inner->name);
}

std::vector<Id> Importer::inline_graph(const GraphProto& graph, const std::vector<Id>& inputs, Scope& outer) {
  if (++depth_ > kMaxDepth) fail("more than ", kMaxDepth, " nested functions or sub-graphs");
  Builder& b = *outer.builder;
  const Sources sources = b.current_sources();
  Scope scope;
  scope.outer = &outer;
  scope.builder = &b;
  scope.opsets = outer.opsets;
  scope.arguments = outer.arguments;
  scope.prefix = outer.prefix;
  if (graph.input.size() != inputs.size())
    fail("required a sub-graph with ", inputs.size(), " inputs, got ", graph.input.size());
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!scope.names.try_emplace(graph.input[i].name, inputs[i]).second)
      fail("sub-graph input \"", graph.input[i].name, "\" is listed twice");
  Entered entered(*this, scope);
  add_initializers(graph, scope);
  b.set_sources(sources);
  for (const NodeProto& node : graph.node) convert_node(node, scope);
  std::vector<Id> results;
  for (const ValueInfoProto& v : graph.output) results.push_back(look_up(v.name, scope, nullptr));
  b.set_sources(sources);
  --depth_;
  return results;
}

// Collects the model's inputs that a value is computed from; false where something else is behind it.
bool Importer::inputs_behind(const Builder& b, Id id, std::set<std::string>& names) const {
  std::set<Id> seen;
  std::vector<Id> todo{id};
  while (!todo.empty()) {
    const Id at = todo.back();
    todo.pop_back();
    if (!seen.insert(at).second) continue;
    const Node& n = b.node(at);
    if (n.op == &ops::parameter) {
      if (&b == main_) {
        if (!n.type.is_tensor() || n.type.element.is_string()) return false;
        names.insert(b.parameter_name(at));
        continue;
      }
      const auto inside =
          std::find_if(inside_.begin(), inside_.end(), [&](const Inside& i) { return i.builder == &b; });
      if (inside == inside_.end()) return false;
      const auto captured = inside->captured.find(at);
      if (captured == inside->captured.end()) return false;
      if (!inputs_behind(*inside->outer, captured->second, names)) return false;
    }
    todo.insert(todo.end(), n.inputs.begin(), n.inputs.end());
  }
  return true;
}

void Importer::needs_values(const Builder& b, Id id, const Conversion& c) {
  std::set<std::string> names;
  if (!inputs_behind(b, id, names) || names.empty())
    c.refuse("a value that decides shapes or axes is computed at run time");
  throw NeedsValues(cat(where(c.node), ": the values of some inputs decide shapes or axes"),
                    std::vector<std::string>(names.begin(), names.end()));
}

Module import_model(const Model& model, const ImportOptions& options) {
  const FloatEnvironment environment;
  const auto file = [&](const std::string& what) { return cat(model.storage->name, ": ", what); };
  Module m;
  if (model.proto.graph) m.name = std::string(model.proto.graph->name);
  if (m.name.empty()) m.name = "model";
  try {
    Importer(model, options, m).import_main();
  } catch (const NeedsValues& e) {
    throw NeedsValues(file(e.what()), e.inputs);
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& e) {
    throw Error(file(e.what()));
  }
  return m;
}

}  // namespace tauto::onnx
