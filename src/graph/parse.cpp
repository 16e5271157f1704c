// Parsing of modules: nodes are read with their stated types; verify() then re-derives every one of them.
#include <algorithm>
#include <cstdlib>

#include "graph/literal.h"
#include "graph/scanner.h"
#include "graph/text.h"

namespace tauto {

Type scan_type(Scanner& s);

namespace {

class ModuleParser {
 public:
  ModuleParser(std::string_view text, const Bytes& side, std::vector<Tensor>& constants, bool check)
      : s_(text), side_(side), list_(constants), check_(check) {}

  Module parse() {
    s_.expect("module");
    m_.name = s_.name("a module name");
    s_.expect("semantics");
    m_.semantics = static_cast<int>(s_.integer("a semantics version"));
    if (m_.semantics != kSemanticsVersion)
      s_.error(cat("semantics ", kSemanticsVersion), cat("semantics ", m_.semantics));
    while (s_.peek("const")) constant();
    while (!s_.at_end()) function();
    for (auto& [name, f] : functions_) m_.functions[name] = std::make_shared<const Function>(std::move(f));
    if (std::string why = verify(m_); !why.empty()) fail(why);
    for (const auto& [name, f] : m_.functions)
      for (const Node& n : f->nodes) keep_free(n.type);
    return std::move(m_);
  }

 private:
  void constant() {
    s_.expect("const");
    s_.expect("@");
    const std::string name = s_.name("a constant's name");
    s_.expect(":");
    const Type type = scan_type(s_);
    if (!type.is_tensor() || !type.is_static()) s_.error("a tensor type with literal dims", text_of(type));
    s_.expect("sha256:");
    const std::string hash = s_.name("a hash");
    if (type.element.is_string()) s_.error("elements with bits", text_of(type));
    offset_ = (offset_ + 63) / 64 * 64;
    uint64_t size = static_cast<uint64_t>(type.element.bytes());
    for (const Dim& d : type.dims)
      if (d.literal() < 0 || __builtin_mul_overflow(size, static_cast<uint64_t>(d.literal()), &size))
        s_.error("a shape that fits into memory", text_of(type));
    if (offset_ > side_.size() || size > side_.size() - offset_)
      s_.error(cat(size, " bytes at ", offset_, " of the side file for @", name),
               cat(side_.size(), " bytes"));
    Tensor t = size == 0 ? Tensor(type.element, static_shape(type))
                         : Tensor(type.element, static_shape(type), side_.owner, side_.data() + offset_);
    offset_ += size;
    if (check_ || t.count() <= kShapeArithmeticElements) {
      if (const std::string got = content_hash(t); got != hash)
        s_.error(cat("content ", hash, " for @", name), got);
    }
    list_.push_back(t);
    const std::string comment = s_.line_comment();
    if (!comment.empty()) {
      Scanner c(comment);
      m_.constant_names[hash] = c.quoted();
    }
    constants_[name] = std::move(t);
  }

  // Symbols made later are none of those that stand here.
  void keep_free(const Type& t) {
    std::vector<std::string> symbols;
    for (const Dim& d : t.dims) symbols_of(d, symbols);
    for (const std::string& s : symbols)
      if (s[0] == '?' && s.size() < 18)
        m_.next_symbol = std::max<int64_t>(m_.next_symbol, std::atoll(s.c_str() + 1) + 1);
    for (const Type& part : t.parts) keep_free(part);
  }

  Id value(const Function& f) {
    s_.expect("%");
    const int64_t id = s_.integer("a node's number");
    if (id < 0 || id >= static_cast<int64_t>(f.nodes.size())) s_.error("an earlier node", cat("%", id));
    return static_cast<Id>(id);
  }

  void function() {
    s_.expect("func");
    Function f;
    f.name = s_.name("a function name");
    s_.expect("(");
    while (!s_.accept(")")) {
      if (!f.nodes.empty()) s_.expect(",");
      s_.expect("%");
      if (s_.integer("a parameter's number") != static_cast<int64_t>(f.nodes.size()))
        s_.error("parameters in order");
      std::string name = s_.quoted();
      // Values are given to main by name.
      if (f.name == "main" && std::find(f.parameters.begin(), f.parameters.end(), name) != f.parameters.end())
        s_.error("a new parameter's name", name);
      f.parameters.push_back(std::move(name));
      s_.expect(":");
      f.nodes.push_back({&ops::parameter, {}, {}, scan_type(s_)});
      f.provenance.emplace_back();
    }
    s_.expect("->");
    s_.expect("(");
    while (!s_.accept(")")) {
      if (!f.result_names.empty()) s_.expect(",");
      f.result_names.push_back(s_.quoted());
    }
    s_.expect("{");
    while (!s_.accept("return")) node(f);
    for (size_t i = 0; i < f.result_names.size(); ++i) {
      if (i) s_.expect(",");
      f.results.push_back(value(f));
    }
    s_.expect("}");
    if (!functions_.try_emplace(f.name, f).second) s_.error("a new function name", f.name);
  }

  void node(Function& f) {
    s_.expect("%");
    if (s_.integer("a node's number") != static_cast<int64_t>(f.nodes.size()))
      s_.error(cat("%", f.nodes.size(), ", nodes are numbered in order"));
    s_.expect("=");
    Node n;
    if (s_.accept("@")) {
      const std::string name = s_.name("a constant's name");
      const auto at = constants_.find(name);
      if (at == constants_.end()) s_.error("a declared constant", name);
      n = {&ops::constant, {}, {{"value", at->second}}, type_of(at->second)};
    } else {
      const size_t start = s_.mark();
      const std::string word = s_.word("an operator or a literal");
      if (element_type_named(word)) {
        s_.reset(start);
        Tensor t = scan_literal(s_);
        Type type = type_of(t);
        n = {&ops::constant, {}, {{"value", std::move(t)}}, std::move(type)};
      } else {
        n.op = find_op(word);
        if (!n.op) s_.error("an operator", word);
        s_.expect("(");
        while (!s_.accept(")")) {
          if (!n.inputs.empty()) s_.expect(",");
          n.inputs.push_back(value(f));
        }
        if (s_.accept("{"))
          for (bool first = true; !s_.accept("}"); first = false) {
            if (!first) s_.expect(",");
            std::string name = s_.word("an attribute's name");
            s_.expect(":");
            n.attributes.set(std::move(name), scan_attribute(s_));
          }
        s_.expect(":");
        n.type = scan_type(s_);
      }
    }
    f.nodes.push_back(std::move(n));
    f.provenance.push_back(sources());
  }

  Sources sources() {
    Sources r;
    const std::string comment = s_.line_comment();
    if (comment.empty()) return r;
    Scanner c(comment);
    do {
      const std::string name = c.quoted();
      const auto [at, added] = source_index_.try_emplace(name, static_cast<int>(m_.sources.size()));
      if (added) m_.sources.push_back(name);
      r.insert(at->second);
    } while (c.accept(","));
    return r;
  }

  Scanner s_;
  const Bytes& side_;
  std::vector<Tensor>& list_;
  bool check_;
  size_t offset_ = 0;
  Module m_;
  std::map<std::string, Function> functions_;
  std::map<std::string, Tensor> constants_;
  std::map<std::string, int> source_index_;
};

}  // namespace

Module parse_module(std::string_view text, const Bytes& side, std::vector<Tensor>& constants, bool check) {
  return ModuleParser(text, side, constants, check).parse();
}

Module parse_module(std::string_view text, std::string_view side) {
  std::vector<Tensor> constants;
  return parse_module(text, aligned(own(std::string(side)), 64), constants);
}

}  // namespace tauto
