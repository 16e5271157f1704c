// Mutates real models and imports what comes out: every mutant must end as a module that verifies, prints and
// parses back to itself, or as one Error that names the file (campaign.h says what else is a failure).
//
//   import_fuzz --seed S --count N [--only K] [--out DIR] model.onnx…
//
// Half of the mutants change the model's structure and are written back (valid protobuf by construction); the
// other half change bytes. Big weights are cut to their first dims before mutating, so that a mutant takes a
// millisecond.
#include <random>

#include "fuzz/campaign.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "onnx/import.h"

namespace tauto::onnx {
namespace {

constexpr size_t kWeightBytes = 4096;  // of one initializer

class Mutator {
 public:
  Mutator(const Model& source, uint64_t seed) : model_(source), random_(seed) {}

  std::string mutant() {
    const bool structure = random_() % 2 == 0;
    const int changes = 1 + static_cast<int>(random_() % 4);
    if (structure) {
      for (int i = 0; i < changes; ++i) change_structure();
      return write_model(model_.proto);
    }
    std::string bytes = write_model(model_.proto);
    for (int i = 0; i < changes; ++i) change_bytes(bytes);
    return bytes;
  }

 private:
  uint64_t below(uint64_t n) { return n ? random_() % n : 0; }
  template <class T>
  T& one_of(std::vector<T>& v) {
    return v[below(v.size())];
  }
  int64_t odd_number() {
    static constexpr int64_t kOdd[] = {
        -1, 0, 1, 2, 3, 7, -2, 64, 1000, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, int64_t{1} << 60};
    return below(4) ? kOdd[below(std::size(kOdd))] : static_cast<int64_t>(random_());
  }
  GraphProto& graph() { return *model_.proto.graph; }
  // A value name of the graph, or a new one.
  std::string_view name() {
    GraphProto& g = graph();
    for (int tries = 0; tries < 4; ++tries) {
      switch (below(4)) {
        case 0:
          if (!g.input.empty()) return one_of(g.input).name;
          break;
        case 1:
          if (!g.initializer.empty()) return one_of(g.initializer).name;
          break;
        case 2:
          return below(8) ? std::string_view("") : std::string_view("unheard of");
        default:
          if (!g.node.empty()) {
            NodeProto& n = one_of(g.node);
            if (!n.output.empty()) return one_of(n.output);
          }
      }
    }
    return "x";
  }

  void change_structure() {
    GraphProto& g = graph();
    if (g.node.empty()) return;
    NodeProto& n = one_of(g.node);
    switch (below(18)) {
      case 0:
        if (!n.input.empty()) one_of(n.input) = name();
        return;
      case 1:
        if (!n.output.empty()) one_of(n.output) = name();
        return;
      case 2:
        n.op_type = one_of(g.node).op_type;
        return;
      case 3:
        std::swap(n, one_of(g.node));
        return;
      case 4: {
        NodeProto copy = n;
        g.node.insert(g.node.begin() + static_cast<int64_t>(below(g.node.size())), std::move(copy));
        return;
      }
      case 5:
        g.node.erase(g.node.begin() + static_cast<int64_t>(below(g.node.size())));
        return;
      case 6:
        n.input.push_back(name());
        return;
      case 7:
        if (!n.input.empty()) n.input.pop_back();
        return;
      case 8:
        change_attribute(n);
        return;
      case 9:
        change_attribute(n);
        return;
      case 10:
        if (!n.attribute.empty())
          n.attribute.erase(n.attribute.begin() + static_cast<int64_t>(below(n.attribute.size())));
        return;
      case 11:
        if (!g.initializer.empty()) change_tensor(one_of(g.initializer));
        return;
      case 12:
        if (!g.initializer.empty())
          g.initializer.erase(g.initializer.begin() + static_cast<int64_t>(below(g.initializer.size())));
        return;
      case 13:
        if (!g.input.empty()) change_type(one_of(g.input));
        return;
      case 14:
        if (!g.output.empty()) one_of(g.output).name = name();
        return;
      case 15:
        for (auto& o : model_.proto.opset_import)
          o.version = below(2) ? static_cast<int64_t>(below(26)) : odd_number();
        return;
      case 16:
        n.domain = below(2) ? "ai.onnx" : "com.example";
        return;
      default: {  // the whole graph as a branch of an If
        AttributeProto a;
        a.name = below(2) ? "then_branch" : "else_branch";
        a.type = AttributeProto::kGraph;
        GraphProto inner = g;
        if (inner.node.size() > 20) inner.node.resize(20);
        a.g = std::move(inner);
        n.op_type = below(2) ? "If" : "Loop";
        n.attribute.push_back(std::move(a));
      }
    }
  }

  void change_attribute(NodeProto& n) {
    if (n.attribute.empty()) return;
    AttributeProto& a = one_of(n.attribute);
    switch (below(6)) {
      case 0:
        a.i = odd_number();
        return;
      case 1:
        if (!a.ints.empty()) one_of(a.ints) = odd_number();
        return;
      case 2:
        a.ints.push_back(odd_number());
        return;
      case 3:
        a.type = static_cast<int32_t>(below(16));
        return;
      case 4:
        a.f = static_cast<float>(odd_number());
        return;
      default:
        if (a.t)
          change_tensor(*a.t);
        else
          a.s = "nonsense";
    }
  }

  void change_tensor(TensorProto& t) {
    switch (below(5)) {
      case 0:
        t.data_type = static_cast<int32_t>(below(30));
        return;
      case 1:
        if (!t.dims.empty()) one_of(t.dims) = odd_number();
        return;
      case 2:
        t.dims.push_back(odd_number());
        return;
      case 3:
        if (!t.raw_data.empty()) t.raw_data.remove_suffix(1 + below(t.raw_data.size()));
        return;
      default: {
        t.data_location = TensorProto::kExternal;
        t.external_data.push_back({"location", below(2) ? "../../etc/passwd" : "/etc/passwd"});
      }
    }
  }

  void change_type(ValueInfoProto& v) {
    if (!v.type || !v.type->tensor_type) return;
    auto& t = *v.type->tensor_type;
    switch (below(4)) {
      case 0:
        t.elem_type = static_cast<int32_t>(below(30));
        return;
      case 1:
        t.shape = {};
        return;
      default: {
        auto& dims = t.shape.make().dim;
        if (dims.empty() || below(4) == 0) dims.emplace_back();
        DimensionProto& d = one_of(dims);
        d = {};
        if (below(2))
          d.dim_value = odd_number();
        else
          d.dim_param = below(2) ? "N" : "a \"b\" [c]";
      }
    }
  }

  void change_bytes(std::string& s) {
    if (s.empty()) return;
    const size_t at = below(s.size());
    switch (below(5)) {
      case 0:
        s[at] = static_cast<char>(random_());
        return;
      case 1:
        s[at] = static_cast<char>(s[at] ^ (1 << below(8)));
        return;
      case 2:
        s.resize(at);
        return;
      case 3:
        s.erase(at, 1 + below(16));
        return;
      default:
        s.insert(at, std::string(1 + below(16), static_cast<char>(random_())));
    }
  }

  Model model_;
  std::mt19937_64 random_;
};

// Cuts weights: a tensor of more than kWeightBytes becomes a graph input of its type and dims.
Model small(Model m) {
  GraphProto& g = *m.proto.graph;
  std::vector<TensorProto> kept;
  for (TensorProto& t : g.initializer) {
    if (t.raw_data.size() <= kWeightBytes && t.float_data.wire.size() <= kWeightBytes) {
      kept.push_back(std::move(t));
      continue;
    }
    ValueInfoProto v;
    v.name = t.name;
    TypeProto::Tensor type;
    type.elem_type = t.data_type;
    for (int64_t d : t.dims) type.shape.make().dim.push_back({d, {}, {}});
    v.type.make().tensor_type = type;
    bool listed = false;
    for (const ValueInfoProto& i : g.input) listed |= i.name == t.name;
    if (!listed) g.input.push_back(std::move(v));
  }
  g.initializer = std::move(kept);
  std::vector<NodeProto> nodes;
  for (NodeProto& n : g.node) {
    if (n.op_type == "Constant" && n.attribute.size() == 1 && n.attribute[0].t &&
        n.attribute[0].t->raw_data.size() > kWeightBytes) {
      ValueInfoProto v;
      v.name = n.output.at(0);
      TypeProto::Tensor type;
      type.elem_type = n.attribute[0].t->data_type;
      for (int64_t d : n.attribute[0].t->dims) type.shape.make().dim.push_back({d, {}, {}});
      v.type.make().tensor_type = type;
      g.input.push_back(std::move(v));
    } else {
      nodes.push_back(std::move(n));
    }
  }
  g.node = std::move(nodes);
  return m;
}

Verdict judge(const std::string& bytes) {
  Verdict v;
  try {
    const Model m = read_model(own(bytes), "mutant.onnx");
    v.valid = true;
    const Module module = import_model(m);
    v.accepted = true;
    if (std::string why = verify(module); !why.empty()) v.problem = "verify: " + why;
    const ModuleText t = print(module);
    if (!(parse_module(t.text, t.side) == module)) v.problem = "print, parse: another module";
  } catch (const NeedsValues&) {
    v.accepted = true;
  } catch (const Error& e) {
    if (v.accepted)
      v.problem = cat("text form: ", e.what());
    else if (std::string(e.what()).rfind("mutant.onnx: ", 0) != 0)
      v.problem = cat("error without the file's name: ", e.what());
  }
  return v;
}

int run(int argc, char** argv) {
  const Campaign campaign(argc, argv);
  std::vector<Model> models;
  for (const std::string& p : campaign.paths) models.push_back(small(load_model(p)));
  return campaign.run(
      ".onnx", [&](size_t which, uint64_t seed) { return Mutator(models[which], seed).mutant(); }, judge);
}

}  // namespace
}  // namespace tauto::onnx

int main(int argc, char** argv) { return tauto::onnx::run(argc, argv); }
