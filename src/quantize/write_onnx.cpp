// Writing plans into ONNX files, see write_onnx.h.
#include "quantize/write_onnx.h"

#include <algorithm>
#include <map>
#include <set>

#include "graph/unaligned.h"
#include "onnx/encode_tensor.h"
#include "quantize/raise_opset.h"

namespace tauto {
namespace {

using onnx::AttributeProto;
using onnx::NodeProto;
using Name = std::string_view;

class Writer {
 public:
  Writer(const onnx::Model& source, const Module& m, const PrecisionPlan& plan, const std::string& where)
      : storage_(*source.storage), contractions_(contractions_of(m)), where_(where), model_(source.proto) {
    for (const NodePrecision& p : plan.nodes)
      if (p.how.system != NumberSystem::F32) wanted_[p.node] = &p;
    std::map<std::string, int64_t> ranks;  // the last of a source's nodes has its result
    const Function& f = m.main();
    for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i)
      for (const int s : f.provenance[i])
        if (f.nodes[i].type.is_tensor() && f.nodes[i].type.ranked)
          ranks[m.sources[static_cast<size_t>(s)]] = f.nodes[i].type.rank();
    if (const std::string why = raise_opset(model_, storage_, ranks); !why.empty()) fail(where, ": ", why);
  }

  std::string write() {
    onnx::GraphProto& g = *model_.graph;
    for (const onnx::TensorProto& t : g.initializer) names_.insert(t.name);
    for (const onnx::ValueInfoProto& v : g.input) names_.insert(v.name);
    for (const NodeProto& n : g.node) names_.insert(n.output.begin(), n.output.end());
    std::vector<NodeProto> nodes = std::move(g.node);
    for (NodeProto& n : nodes) {
      const std::string name =
          n.name.empty() && !n.output.empty() ? std::string(n.output[0]) : std::string(n.name);
      const auto at = wanted_.find(name);
      if (at != wanted_.end())
        quantize(n, *at->second), wanted_.erase(at);
      else
        g.node.push_back(std::move(n));
    }
    if (!wanted_.empty())
      fail(where_, ": node \"", wanted_.begin()->first,
           "\": required a node of the main graph, got one of a function or body");
    drop_unused();
    model_.producer_name = "tauto";
    return onnx::write_model(model_);
  }

 private:
  [[noreturn]] void refuse(const NodeProto& n, const std::string& what) const {
    fail(where_, ": node \"", n.name.empty() ? n.output[0] : n.name, "\" (", n.op_type, "): ", what);
  }
  Name keep(std::string s) { return storage_.keep(std::move(s)); }
  Name fresh(const std::string& stem) {
    std::string s = stem;
    for (int k = 2; names_.count(s); ++k) s = cat(stem, '_', k);
    const Name name = keep(std::move(s));
    names_.insert(name);
    return name;
  }
  Name initializer(const std::string& stem, const Tensor& t) {
    const Name name = fresh(stem);
    model_.graph->initializer.push_back(onnx::proto_of(t, name, storage_));
    return name;
  }
  Name number(const std::string& stem, float v) { return initializer(stem, Tensor::scalar<float>(v)); }
  static AttributeProto integer(Name name, int64_t v) {
    AttributeProto a;
    a.name = name, a.type = AttributeProto::kInt, a.i = v;
    return a;
  }
  Name node(Name op, std::vector<Name> inputs, const std::string& output,
            std::vector<AttributeProto> attributes = {}) {
    NodeProto n;
    n.op_type = op;
    n.input = std::move(inputs);
    const Name out = fresh(output);
    n.output = {out};
    n.name = out;
    n.attribute = std::move(attributes);
    model_.graph->node.push_back(std::move(n));
    return out;
  }
  Name cast(Name x, int32_t to, const std::string& output) {
    return node("Cast", {x}, output, {integer("to", to)});
  }

  const Contraction& contraction(const NodePrecision& p) const {
    for (const Contraction& c : contractions_)
      if (c.node == p.node) return c;
    fail(where_, ": node \"", p.node, "\": required a contraction with constant weights");
  }

  static Tensor vector(const std::vector<float>& v) {
    Tensor t(f32, v.size() == 1 ? Shape{} : Shape{static_cast<int64_t>(v.size())});
    std::copy(v.begin(), v.end(), t.data<float>());
    return t;
  }

  void quantize(NodeProto& n, const NodePrecision& p) {
    const bool known =
        n.op_type == "Conv" || n.op_type == "ConvTranspose" || n.op_type == "MatMul" || n.op_type == "Gemm";
    if (!known || !(n.domain.empty() || n.domain == "ai.onnx"))
      refuse(n, "required Conv, ConvTranspose, MatMul or Gemm");
    const Contraction& c = contraction(p);
    if (p.how.system == NumberSystem::BF16Dp) refuse(n, "bf16.dp has no form in ONNX: required bf16");
    if (p.how.system != NumberSystem::Integer) return round_operands(n, p, c);
    const int64_t channels = p.how.per_channel ? c.channels : -1;
    const IntegerWeights w = integer_weights(c.weights, channels, p.how.bits, p.how.weights);
    CHECK(w.refused.empty(), w.refused);
    if (p.how.dynamic) return dynamic(n, p, c, w);
    const std::string own = p.node;
    n.input[0] = activations(n.input[0], p);
    const Tensor scales = vector(w.scale);
    std::vector<AttributeProto> axis;
    if (w.scale.size() > 1) axis.push_back(integer("axis", channels));
    Tensor zeros(i8, scales.shape());
    std::fill_n(zeros.data<int8_t>(), zeros.count(), int8_t{0});
    n.input[1] = node("DequantizeLinear",
                      {initializer(own + "/weights", w.q), initializer(own + "/weight_scale", scales),
                       initializer(own + "/weight_zero", zeros)},
                      own + "/dequantized_weights", axis);
    if (n.input.size() > 2 && !n.input[2].empty() && c.bias)
      if (const auto bias = integer_bias(c.bias->values, p.scale, w.scale)) {
        std::vector<float> product;
        for (const float s : w.scale) product.push_back(static_cast<float>(double{p.scale} * s));
        std::vector<AttributeProto> along;
        if (product.size() > 1) along.push_back(integer("axis", 0));
        n.input[2] =
            node("DequantizeLinear",
                 {initializer(own + "/bias", *bias), initializer(own + "/bias_scale", vector(product))},
                 own + "/dequantized_bias", along);
      }
    model_.graph->node.push_back(std::move(n));
  }

  // x through its integers; the same for all that read it so.
  Name activations(const Name x, const NodePrecision& p) {
    const std::string key =
        cat(x, ' ', p.scale, ' ', p.zero, ' ', p.how.symmetric, ' ', p.how.activation_bits);
    if (const auto at = made_.find(key); at != made_.end()) return at->second;
    const std::string own(x);
    Name from = x;
    if (p.how.activation_bits < 8) {
      const auto [least, most] = ends_of(p.how);
      from = node("Clip",
                  {x, number(own + "/least", p.scale * static_cast<float>(least - p.zero)),
                   number(own + "/most", p.scale * static_cast<float>(most - p.zero))},
                  own + "/clipped");
    }
    const Name scale = number(own + "/scale", p.scale);
    const Name zero =
        initializer(own + "/zero", p.how.symmetric ? Tensor::scalar<int8_t>(static_cast<int8_t>(p.zero))
                                                   : Tensor::scalar<uint8_t>(static_cast<uint8_t>(p.zero)));
    const Name q = node("QuantizeLinear", {from, scale, zero}, own + "/quantized");
    return made_[key] = node("DequantizeLinear", {q, scale, zero}, own + "/dequantized");
  }

  void round_operands(NodeProto& n, const NodePrecision& p, const Contraction&) {
    const int32_t to = p.how.system == NumberSystem::F16 ? onnx::kFloat16 : onnx::kBfloat16;
    for (size_t i : {0, 1}) {
      const std::string own(n.input[i]);
      const std::string key = cat(own, " cast ", to);
      if (const auto at = made_.find(key); at != made_.end()) {
        n.input[i] = at->second;
        continue;
      }
      const Name narrow = cast(n.input[i], to, own + (to == onnx::kFloat16 ? "/f16" : "/bf16"));
      n.input[i] = made_[key] = cast(narrow, onnx::kFloat, own + "/rounded");
    }
    model_.graph->node.push_back(std::move(n));
  }

  void dynamic(NodeProto& n, const NodePrecision& p, const Contraction& c, const IntegerWeights& w) {
    const std::string own = p.node;
    if (n.op_type == "ConvTranspose") refuse(n, "required a Conv, MatMul or Gemm for dynamic scales");
    const bool conv = n.op_type == "Conv";
    Tensor q = w.q;
    for (const AttributeProto& a : n.attribute) {
      if (a.name == "transA" && a.i != 0) refuse(n, "required transA = 0 for dynamic scales");
      if (a.name != "transB" || a.i == 0) continue;
      q = Tensor(i8, {w.q.dim(1), w.q.dim(0)});
      for (int64_t i = 0; i < w.q.dim(0); ++i)
        for (int64_t k = 0; k < w.q.dim(1); ++k)
          q.data<int8_t>()[k * w.q.dim(0) + i] = w.q.data<int8_t>()[i * w.q.dim(1) + k];
    }
    const Name x = n.input[0];
    const std::string key = cat(x, " dynamic");
    if (!made_.count(key)) {
      NodeProto d;
      d.op_type = "DynamicQuantizeLinear";
      d.input = {x};
      const std::string stem(x);
      d.output = {fresh(stem + "/quantized"), fresh(stem + "/scale"), fresh(stem + "/zero")};
      d.name = d.output[0];
      made_[key] = d.output[0], made_[key + " scale"] = d.output[1], made_[key + " zero"] = d.output[2];
      model_.graph->node.push_back(std::move(d));
    }
    const auto along = [&](Tensor t) {  // beside the result
      if (conv && t.count() > 1) {
        Shape s{t.count()};
        s.insert(s.end(), static_cast<size_t>(w.q.rank() - 2), 1);
        return t.reshaped(std::move(s));
      }
      return t;
    };
    std::vector<AttributeProto> attributes;
    if (conv) attributes = n.attribute;
    const Name sum =
        node(conv ? "ConvInteger" : "MatMulInteger",
             {made_[key], initializer(own + "/weights", q), made_[key + " zero"]}, own + "/sum", attributes);
    const Name scale =
        node("Mul", {made_[key + " scale"], initializer(own + "/weight_scale", along(vector(w.scale)))},
             own + "/product_scale");
    const Name as_float = cast(sum, onnx::kFloat, own + "/float_sum");
    const bool bias = n.input.size() > 2 && !n.input[2].empty();
    NodeProto last;
    last.op_type = "Mul";
    last.input = {as_float, scale};
    last.name = n.name;
    last.output = {bias ? fresh(own + "/scaled") : n.output[0]};
    const Name scaled = last.output[0];
    model_.graph->node.push_back(std::move(last));
    if (!bias) return;
    NodeProto add;
    add.op_type = "Add";
    if (conv && !c.bias) refuse(n, "required a constant bias for dynamic scales");
    add.input = {scaled, conv ? initializer(own + "/bias", along(aligned(c.bias->values))) : n.input[2]};
    add.output = {n.output[0]};
    add.name = keep(own + "/add");
    model_.graph->node.push_back(std::move(add));
  }

  // Initializers, and constants of their own nodes, that nothing reads any more.
  void drop_unused() {
    onnx::GraphProto& g = *model_.graph;
    std::set<Name> used;
    bool bodies = false;
    for (const NodeProto& n : g.node) {
      used.insert(n.input.begin(), n.input.end());
      for (const AttributeProto& a : n.attribute) bodies |= bool(a.g) || !a.graphs.empty();
    }
    if (bodies) return;  // what they read is not looked at
    for (const onnx::ValueInfoProto& v : g.output) used.insert(v.name);
    std::set<Name> listed;
    for (const onnx::ValueInfoProto& v : g.input) listed.insert(v.name);
    std::set<Name> dropped;
    std::erase_if(g.initializer, [&](const onnx::TensorProto& t) {
      const bool drop = !used.count(t.name);
      if (drop) dropped.insert(t.name);
      return drop;
    });
    std::erase_if(g.input, [&](const onnx::ValueInfoProto& v) { return dropped.count(v.name) != 0; });
    std::erase_if(g.node, [&](const NodeProto& n) {
      return n.op_type == "Constant" && n.output.size() == 1 && !used.count(n.output[0]);
    });
  }

  onnx::Storage& storage_;
  const std::vector<Contraction> contractions_;
  const std::string& where_;
  onnx::ModelProto model_;
  std::map<std::string, const NodePrecision*> wanted_;
  std::set<Name> names_;
  std::map<std::string, Name> made_;
};

}  // namespace

std::string write_quantized(const onnx::Model& source, const Module& m, const PrecisionPlan& plan,
                            const std::string& where) {
  return Writer(source, m, plan, where).write();
}

}  // namespace tauto
