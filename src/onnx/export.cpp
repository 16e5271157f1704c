// The walk of the exporter: names, constants, shapes with symbols, sub-graphs.
#include "onnx/export.h"

#include <cstring>

#include "graph/dim_form.h"
#include "onnx/encode_tensor.h"
#include "onnx/exporter.h"
#include "onnx/import.h"

namespace tauto::onnx {
namespace {

constexpr int64_t kOpset = 22, kIrVersion = 10;

}  // namespace

std::string Exporter::fresh() { return cat("v", next_++); }

TypeProto Exporter::type_of(const Type& t) {
  TypeProto p;
  if (t.is_tensor()) {
    TypeProto::Tensor& tensor = p.tensor_type.make();
    tensor.elem_type = data_type_of(t.element);
    if (!t.ranked) return p;
    TensorShapeProto& shape = tensor.shape.make();
    for (const Dim& d : t.dims) {
      DimensionProto dim;
      if (d.is_literal())
        dim.dim_value = d.literal();
      else
        dim.dim_param = keep(d.is_symbol() ? d.symbol_name() : text_of(d));
      shape.dim.push_back(std::move(dim));
    }
    return p;
  }
  if (t.tag != Type::Tag::Sequence && t.tag != Type::Tag::Optional)
    refuse(cat("type ", t, " does not exist in ONNX"));
  auto& element = t.tag == Type::Tag::Sequence ? p.sequence_type.make() : p.optional_type.make();
  element.elem_type = type_of(t.parts[0]);
  return p;
}

AttributeProto Exporter::attribute(std::string_view name, int64_t v) {
  AttributeProto a;
  a.name = keep(std::string(name));
  a.type = AttributeProto::kInt;
  a.i = v;
  return a;
}

AttributeProto Exporter::attribute(std::string_view name, const std::string& v) {
  AttributeProto a;
  a.name = keep(std::string(name));
  a.type = AttributeProto::kString;
  a.s = keep(v);
  return a;
}

AttributeProto Exporter::attribute(std::string_view name, Ints v) {
  AttributeProto a;
  a.name = keep(std::string(name));
  a.type = AttributeProto::kInts;
  a.ints = std::move(v);
  return a;
}

AttributeProto Exporter::attribute(std::string_view name, GraphProto v) {
  AttributeProto a;
  a.name = keep(std::string(name));
  a.type = AttributeProto::kGraph;
  a.g = std::move(v);
  return a;
}

std::vector<std::string> Exporter::add_many(std::string_view op_type, const std::vector<std::string>& inputs,
                                            std::vector<AttributeProto> attributes, size_t outputs) {
  NodeProto n;
  n.op_type = keep(std::string(op_type));
  // The source node's name, so that errors and profiles still speak the model's language.
  if (node_)
    for (int s : function_->provenance[static_cast<size_t>(current_)]) {
      n.name = keep(module_.sources[static_cast<size_t>(s)]);
      break;
    }
  for (const std::string& i : inputs) n.input.push_back(keep(i));
  n.attribute = std::move(attributes);
  std::vector<std::string> names;
  for (size_t i = 0; i < outputs; ++i) {
    names.push_back(fresh());
    n.output.push_back(keep(names.back()));
  }
  out_->node.push_back(std::move(n));
  return names;
}

std::string Exporter::add(std::string_view op_type, const std::vector<std::string>& inputs,
                          std::vector<AttributeProto> attributes) {
  return add_many(op_type, inputs, std::move(attributes), 1)[0];
}

std::string Exporter::constant(const Tensor& t) {
  std::string name = fresh();
  out_->initializer.push_back(proto_of(t, name, *storage_));
  return name;
}

std::string Exporter::dim(const Dim& d) {
  const auto scalar = [&](int64_t v) { return constant(Tensor::scalar<int64_t>(v)); };
  if (d.is_literal()) return scalar(d.literal());
  const auto atom = [&](const DimAtom& a) -> std::string {
    if (a.kind == DimKind::kSymbol) {
      const auto known = symbols_.find(a.name);
      if (known == symbols_.end()) refuse(cat("dimension ", a.name, " is no dimension of an input"));
      return known->second;
    }
    std::string r = dim(a.args[0]);
    for (size_t i = 1; i < a.args.size(); ++i) {
      const std::string x = dim(a.args[i]);
      switch (a.kind) {
        case DimKind::kMax:
          r = add("Max", {r, x});
          break;
        case DimKind::kMin:
          r = add("Min", {r, x});
          break;
        case DimKind::kMod:
          r = add("Mod", {r, x});
          break;
        // ONNX's Div truncates: take the remainder off first.
        case DimKind::kFloor:
          r = add("Div", {add("Sub", {r, add("Mod", {r, x})}), x});
          break;
        default:
          r = add("Where", {add("Equal", {r, scalar(1)}), x, r});
      }
    }
    return r;
  };
  std::string sum;
  for (const DimTerm& t : terms_of(d)) {
    std::string product;
    for (const DimAtomPtr& a : t.atoms)
      product = product.empty() ? atom(*a) : add("Mul", {product, atom(*a)});
    if (product.empty())
      product = scalar(t.coeff);
    else if (t.coeff != 1)
      product = add("Mul", {product, scalar(t.coeff)});
    sum = sum.empty() ? product : add("Add", {sum, product});
  }
  return sum;
}

std::string Exporter::dims(const Dims& d) {
  bool literal = true;
  Ints v;
  for (const Dim& x : d) {
    literal &= x.is_literal();
    if (literal) v.push_back(x.literal());
  }
  if (literal) return ints(v);
  std::vector<std::string> parts;
  const std::string one = ints({1});
  for (const Dim& x : d)
    parts.push_back(x.is_literal() ? ints({x.literal()}) : add("Reshape", {dim(x), one}));
  return parts.size() == 1 ? parts[0] : add("Concat", parts, {attribute("axis", int64_t{0})});
}

void Exporter::refuse(const std::string& what) const {
  const Sources& from = function_->provenance[static_cast<size_t>(current_)];
  const std::string where = from.empty()
                                ? cat("function @", function_->name, ", %", current_)
                                : cat("node \"", module_.sources[static_cast<size_t>(*from.begin())], "\"");
  fail("export: ", where, node_ ? cat(" (", node_->op->name, ")") : "", ": ", what);
}

GraphProto Exporter::body(const std::string& function, size_t own_parameters, size_t first_captured) {
  std::vector<std::string> captured;
  for (size_t i = first_captured; i < node_->inputs.size(); ++i) captured.push_back(input(i));
  // A sub-graph is exported with its own tables; names stay unique through the common counter and storage.
  Exporter inner(module_, storage_);
  inner.next_ = next_;
  inner.symbols_ = symbols_;
  GraphProto g = inner.graph(module_.function(function), captured, own_parameters);
  next_ = inner.next_;
  return g;
}

GraphProto Exporter::graph(const Function& f, const std::vector<std::string>& outer_names,
                           size_t own_parameters) {
  GraphProto g;
  function_ = &f;
  out_ = &g;
  g.name = keep(f.name);
  const bool main = f.name == "main";
  names_.assign(f.nodes.size(), "");
  for (size_t i = 0; i < f.parameters.size(); ++i) {
    current_ = static_cast<Id>(i);
    if (i >= own_parameters) {
      names_[i] = outer_names.at(i - own_parameters);
      continue;
    }
    names_[i] = main ? f.parameters[i] : fresh();
    ValueInfoProto v;
    v.name = keep(names_[i]);
    v.type = type_of(f.nodes[i].type);
    g.input.push_back(std::move(v));
  }
  // Symbols that are plain dims of parameters get a value each, made where the first one needs it.
  for (size_t i = 0; i < f.parameters.size(); ++i) {
    const Type& t = f.nodes[i].type;
    if (!t.is_tensor()) continue;
    for (size_t d = 0; d < t.dims.size(); ++d)
      if (t.dims[d].is_symbol() && !symbols_.count(t.dims[d].symbol_name())) {
        const std::string shape = add("Shape", {names_[i]});
        symbols_[t.dims[d].symbol_name()] =
            add("Gather", {shape, constant(Tensor::scalar<int64_t>(static_cast<int64_t>(d)))});
      }
  }
  for (size_t i = f.parameters.size(); i < f.nodes.size(); ++i) {
    current_ = static_cast<Id>(i);
    node_ = &f.nodes[i];
    if (node_->op == &ops::item) {
      names_[i] =
          results_.at(node_->inputs[0]).at(static_cast<size_t>(node_->attributes.get<int64_t>("index")));
    } else {
      names_[i] = export_node(*this);
    }
  }
  node_ = nullptr;
  for (size_t i = 0; i < f.results.size(); ++i) {
    const std::string name = main ? f.result_names[i] : fresh();
    NodeProto copy;  // Identity: a result may be an input, or be wanted twice
    copy.op_type = "Identity";
    copy.input.push_back(keep(name_of(f.results[i])));
    copy.output.push_back(keep(name));
    g.node.push_back(std::move(copy));
    ValueInfoProto v;
    v.name = keep(name);
    v.type = type_of(f.node(f.results[i]).type);
    g.output.push_back(std::move(v));
  }
  return g;
}

std::string export_model(const Module& m) {
  auto storage = std::make_shared<Storage>(Bytes{}, m.name, "");
  ModelProto model;
  model.ir_version = kIrVersion;
  model.producer_name = "tauto";
  model.opset_import.push_back({"", kOpset});
  Exporter e(m, storage);
  model.graph = e.graph(m.main(), {}, m.main().parameters.size());
  model.graph->name = storage->keep(m.name);
  return write_model(model);
}

}  // namespace tauto::onnx
