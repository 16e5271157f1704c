// tauto check: what is in a model, and what is not supported.
#include <algorithm>
#include <cstdio>
#include <map>

#include "cli/commands.h"
#include "cli/progress.h"
#include "compile/artifact.h"
#include "compile/loaded_model.h"
#include "graph/text.h"
#include "onnx/decode_tensor.h"
#include "onnx/import.h"

namespace tauto::cli {
namespace {

constexpr size_t kShownNodes = 20;  // of those that are not supported

void line(const char* key, const std::string& text) {
  if (!text.empty()) put(cat("  ", key, std::string(11 - std::string_view(key).size(), ' '), text, "\n"));
}

// "62 Conv, 9 Add": most frequent first, then by name.
std::string counts_text(const std::map<std::string, int64_t>& counts) {
  std::vector<std::pair<int64_t, std::string>> order;
  for (const auto& [name, n] : counts) order.emplace_back(-n, name);
  std::sort(order.begin(), order.end());
  std::string s;
  for (const auto& [n, name] : order) s += cat(s.empty() ? "" : ", ", -n, " ", name);
  return s;
}

std::string grouped(int64_t v) {
  std::string s = text_of(v);
  for (auto at = static_cast<int64_t>(s.size()) - 3; at > (v < 0 ? 1 : 0); at -= 3)
    s.insert(static_cast<size_t>(at), ",");
  return s;
}

std::string op_text(std::string_view domain, std::string_view op) {
  const bool standard = domain.empty() || domain == "ai.onnx";
  return cat(standard ? "" : domain, standard ? "" : ".", op);
}

// Counts of a graph with its sub-graphs.
struct Contents {
  std::map<std::string, int64_t> ops;
  int64_t nodes = 0, tensors = 0, elements = 0, bytes = 0;

  void tensor(const onnx::TensorProto& t) {
    ++tensors;
    try {
      const auto n = static_cast<int64_t>(onnx::element_count(t.dims));
      const auto size = (n * onnx::data_type_bits(t.data_type) + 7) / 8;
      elements += n, bytes += size;
    } catch (const Error&) {  // loading says what is wrong with it
    }
  }
  void list(const std::vector<onnx::NodeProto>& nodes_of, int depth) {
    if (depth > 64) return;
    for (const onnx::NodeProto& n : nodes_of) {
      ++nodes;
      ++ops[op_text(n.domain, n.op_type)];
      for (const onnx::AttributeProto& a : n.attribute) {
        if (a.t && n.op_type == "Constant") tensor(*a.t);
        if (a.g) graph(*a.g, depth + 1);
        for (const onnx::GraphProto& g : a.graphs) graph(g, depth + 1);
      }
    }
  }
  void graph(const onnx::GraphProto& g, int depth) {
    for (const onnx::TensorProto& t : g.initializer) tensor(t);
    list(g.node, depth);
  }
};

void describe_onnx(const onnx::Model& m) {
  const onnx::ModelProto& p = m.proto;
  std::string opsets;
  for (const onnx::OperatorSetIdProto& o : p.opset_import)
    opsets += cat(opsets.empty() ? "" : ", ", o.domain.empty() ? "ai.onnx" : o.domain, " ", o.version);
  line("format", cat("ONNX IR ", p.ir_version, ", opset ", opsets.empty() ? "none" : opsets));
  if (!p.producer_name.empty())
    line("producer", cat(p.producer_name, p.producer_version.empty() ? "" : " ", p.producer_version));
  Contents c;
  if (p.graph) c.graph(*p.graph, 0);
  for (const onnx::FunctionProto& f : p.functions) c.list(f.node, 0);
  line("nodes", cat(grouped(c.nodes), c.nodes ? ": " : "", counts_text(c.ops)));
  line("weights",
       cat(grouped(c.elements), " values in ", grouped(c.tensors), " tensors, ", grouped(c.bytes), " bytes"));
  line("functions", p.functions.empty() ? "" : grouped(static_cast<int64_t>(p.functions.size())));
}

// How many multiply-adds the contractions of main take, as an expression in the symbols; "" if that is too
// long to say.
std::string work_of(const Module& m) {
  try {
    Dim total = 0;
    for (const Node& n : m.main().nodes) {
      const Attribute* a = n.attributes.find("access");
      if (!a || std::string_view(n.op->name) != "contract") continue;
      Dim one = 1;
      for (const Dim& extent : std::get<Access>(*a).extents) one *= extent;
      total += one;
    }
    if (total == Dim(0)) return "";
    const std::string text = total.is_literal() ? grouped(total.literal()) : text_of(total);
    return text.size() > 200 ? "" : cat(text, " multiply-adds in contractions");
  } catch (const Error&) {
    return "";
  }
}

void describe_graph(const Module& m) {
  std::map<std::string, int64_t> ops;
  int64_t nodes = 0;
  for (const auto& [name, f] : m.functions)
    for (const Node& n : f->nodes)
      if (n.op != &ops::parameter && n.op != &ops::constant) {
        ++nodes;
        ++ops[n.op->name];
      }
  line("graph", cat(grouped(nodes), nodes ? ": " : "", counts_text(ops)));
  line("work", work_of(m));
}

void describe_slots(const LoadedModel& m) {
  for (const auto& [name, type] : m.inputs()) line("input", cat(name, ": ", type));
  for (const auto& [name, type] : m.defaults()) line("default", cat(name, ": ", type));
  for (const auto& [name, type] : m.outputs()) line("output", cat(name, ": ", type));
}

// Whether all nodes are supported; prints the others.
void require_supported(const std::string& path, const onnx::Model& m) {
  const std::vector<onnx::Unsupported> missing = onnx::unsupported_nodes(m.proto);
  if (missing.empty()) return;
  std::map<std::string, int64_t> ops;
  for (size_t i = 0; i < missing.size(); ++i) {
    ++ops[missing[i].op];
    if (i < kShownNodes) line("missing", cat("node \"", missing[i].node, "\" (", missing[i].op, ")"));
  }
  if (missing.size() > kShownNodes) line("missing", cat("and ", missing.size() - kShownNodes, " more"));
  fail(path, ": required supported operators, got ", counts_text(ops));
}

void check_one(const std::string& path) {
  put(path + "\n");
  const Progress progress("checking");
  if (const Bytes file = map_file(path); !LoadedModel::is_text(file) && !is_artifact(file)) {
    const onnx::Model model = onnx::load_model(path);
    describe_onnx(model);
    require_supported(path, model);
  }
  const LoadedModel m = LoadedModel::load(path);
  describe_slots(m);
  try {
    describe_graph(*m.module());
  } catch (const Error& e) {
    line("graph", cat("depends on values of inputs: ", e.what()));
  }
}

}  // namespace

int check(const CheckOptions& o) {
  int failures = 0;
  for (const std::string& path : o.models) {
    try {
      check_one(path);
    } catch (const Error& e) {
      ++failures;
      std::fputs(cat("tauto: ", e.what(), "\n").c_str(), stderr);
    }
  }
  return failures ? kExitError : 0;
}

}  // namespace tauto::cli
