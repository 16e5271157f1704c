// Printing of modules.
#include <cstring>
#include <map>

#include "graph/literal.h"
#include "graph/scanner.h"
#include "graph/text.h"
#include "support/sha256.h"

namespace tauto {
namespace {

std::string safe_name(const std::string& s) {
  const bool plain =
      !s.empty() &&
      s.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.?:/-") == s.npos;
  return plain ? s : quote(s);
}

// Big constants, named c0, c1, … by first appearance.
struct ConstantTable {
  std::map<std::string, size_t> by_hash;
  std::vector<std::pair<std::string, const Tensor*>> list;

  size_t index_of(const Tensor& t) {
    std::string h = content_hash(t);
    const auto [at, added] = by_hash.try_emplace(h, list.size());
    if (added) list.emplace_back(std::move(h), &t);
    return at->second;
  }
};

class FunctionPrinter {
 public:
  FunctionPrinter(const Function& f, const Module& m, ConstantTable& constants)
      : f_(f), m_(m), constants_(constants) {}

  std::string print() {
    std::string s = "func " + safe_name(f_.name) + "(";
    for (size_t i = 0; i < f_.parameters.size(); ++i)
      s += cat(i ? ", " : "", "%", i, " ", quote(f_.parameters[i]), ": ", f_.nodes[i].type);
    s += ") -> (";
    for (size_t i = 0; i < f_.result_names.size(); ++i) s += (i ? ", " : "") + quote(f_.result_names[i]);
    s += ") {\n";
    for (size_t i = f_.parameters.size(); i < f_.nodes.size(); ++i) s += node(static_cast<Id>(i));
    s += "  return ";
    for (size_t i = 0; i < f_.results.size(); ++i) s += cat(i ? ", " : "", "%", f_.results[i]);
    return s + "\n}\n";
  }

 private:
  std::string node(Id id) {
    const Node& n = f_.node(id);
    std::string s = cat("  %", id, " = ");
    if (const Tensor* t = constant_value(n)) {
      s += t->count() <= kInlineElements || t->type().is_string() ? literal_text(*t)
                                                                  : cat("@c", constants_.index_of(*t));
    } else {
      s += n.op->name + std::string("(");
      for (size_t i = 0; i < n.inputs.size(); ++i) s += cat(i ? ", %" : "%", n.inputs[i]);
      s += ")";
      const auto& attributes = n.attributes.all();
      for (size_t i = 0; i < attributes.size(); ++i)
        s += (i ? ", " : " {") + attributes[i].first + ": " + text_of(attributes[i].second);
      if (!attributes.empty()) s += "}";
      s += " : " + text_of(n.type);
    }
    std::set<std::string> from;  // by name: numbers are the module's own
    for (int source : f_.provenance[static_cast<size_t>(id)])
      from.insert(m_.sources[static_cast<size_t>(source)]);
    for (const std::string& name : from) s += (name == *from.begin() ? "  # " : ", ") + quote(name);
    return s + "\n";
  }

  const Function& f_;
  const Module& m_;
  ConstantTable& constants_;
};

}  // namespace

std::string content_hash(const Tensor& t) {
  Sha256 h;
  const std::string type = text_of(type_of(t));
  h.add(type.data(), type.size());
  if (t.type().is_string()) {
    const std::string s = literal_text(t);
    h.add(s.data(), s.size());
  } else {
    h.add(t.raw(), static_cast<size_t>(t.bytes()));
  }
  return hex(h.digest());
}

std::string text_of(const Function& f, const Module& m) {
  ConstantTable constants;
  return FunctionPrinter(f, m, constants).print();
}

std::string text_of(const Module& m, std::vector<Tensor>& constants) {
  ConstantTable table;
  std::string functions;
  for (const auto& [name, f] : m.functions) functions += "\n" + FunctionPrinter(*f, m, table).print();
  std::string text = cat("module ", safe_name(m.name), " semantics ", m.semantics, "\n");
  if (!table.list.empty()) text += "\n";
  for (size_t i = 0; i < table.list.size(); ++i) {
    const auto& [hash, t] = table.list[i];
    text += cat("const @c", i, " : ", type_of(*t), " sha256:", hash);
    if (const auto name = m.constant_names.find(hash); name != m.constant_names.end())
      text += "  # " + quote(name->second);
    text += "\n";
    constants.push_back(*t);
  }
  return text + functions;
}

std::vector<size_t> side_offsets(const std::vector<Tensor>& constants) {
  std::vector<size_t> offsets;
  size_t end = 0;
  for (const Tensor& t : constants) {
    offsets.push_back((end + 63) / 64 * 64);
    end = offsets.back() + static_cast<size_t>(t.bytes());
  }
  offsets.push_back(end);
  return offsets;
}

ModuleText print(const Module& m) {
  ModuleText r;
  std::vector<Tensor> constants;
  r.text = text_of(m, constants);
  const std::vector<size_t> offsets = side_offsets(constants);
  r.side.resize(offsets.back());
  for (size_t i = 0; i < constants.size(); ++i)
    std::memcpy(r.side.data() + offsets[i], constants[i].raw(), static_cast<size_t>(constants[i].bytes()));
  return r;
}

std::string structural_hash(const Module& m) {
  Module bare = m;
  bare.name = "module";
  bare.sources.clear();
  bare.constant_names.clear();
  for (auto& [name, f] : bare.functions) {
    Function g = *f;
    for (Sources& s : g.provenance) s.clear();
    f = std::make_shared<const Function>(std::move(g));
  }
  std::vector<Tensor> constants;
  const std::string text = text_of(bare, constants);
  return sha256_hex(text.data(), text.size());
}

}  // namespace tauto
