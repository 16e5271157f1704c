// Cutting programs out of functions.
#include "passes/sub_program.h"

#include <functional>

namespace tauto {
namespace {

bool is_repeated(const Node& n) { return n.inputs.empty() && n.op != &ops::parameter; }

std::vector<std::string> names(size_t count, const char* stem) {
  std::vector<std::string> r;
  for (size_t i = 0; i < count; ++i) r.push_back(stem + std::to_string(i));
  return r;
}

Module without_main(const Module& m) {
  Module r;
  r.functions = m.functions;
  r.functions.erase("main");
  r.next_symbol = m.next_symbol;
  return r;
}

}  // namespace

Boundary::Boundary(const Function& f, Id root, const std::set<Id>& inside, const std::set<Id>& separate)
    : nodes(inside) {
  if (f.node(root).op == &ops::parameter) {  // a value that is replaced where it comes in
    inputs = {root};
    return;
  }
  nodes.insert(root);
  std::set<Id> in;
  for (Id id : nodes)
    for (Id i : f.node(id).inputs)
      if (!nodes.count(i) && (separate.count(i) || !is_repeated(f.node(i)))) in.insert(i);
  inputs.assign(in.begin(), in.end());
}

SubProgram::SubProgram(const Module& m, const Function& f, const Boundary& boundary)
    : f_(f), boundary_(boundary), module_(without_main(m)), b(module_, "main") {
  for (Id id : boundary.inputs) at_[id] = b.parameter(cat("x", at_.size()), f.node(id).type);
}

Id SubProgram::at(Id old) {
  if (const auto known = at_.find(old); known != at_.end()) return known->second;
  const Node& n = f_.node(old);
  CHECK(is_repeated(n) || boundary_.nodes.count(old));
  std::vector<Id> inputs;
  for (Id i : n.inputs) inputs.push_back(at(i));
  return at_[old] = b.copy(n, std::move(inputs), n.attributes);
}

std::shared_ptr<const Module> SubProgram::finish(const std::vector<Id>& given) {
  std::vector<Id> results;
  for (Id id : given) {
    if (b.type(id).tag != Type::Tag::Tuple) {
      results.push_back(id);
      continue;
    }
    for (size_t i = 0; i < b.type(id).parts.size(); ++i)
      results.push_back(b.item(id, static_cast<int64_t>(i)));
  }
  std::vector<std::string> result_names = names(results.size(), "y");
  b.finish(std::move(results), std::move(result_names));
  return std::make_shared<const Module>(std::move(module_));
}

std::shared_ptr<const Module> consumed_program(const Module& m, const Function& f, const Boundary& boundary,
                                               Id root) {
  SubProgram p(m, f, boundary);
  return p.finish({p.at(root)});
}

std::shared_ptr<const Module> produced_program(Builder& from, const std::vector<Id>& moved,
                                               const Boundary& boundary, const std::vector<Id>& now) {
  Module module = without_main(from.module());
  Builder b(module, "main");
  std::map<Id, Id> at;
  for (size_t i = 0; i < boundary.inputs.size(); ++i) {
    const Id was = moved[static_cast<size_t>(boundary.inputs[i])];
    at[was] = b.parameter(cat("x", i), from.type(was));
  }
  bool closed = true;
  const std::function<Id(Id)> copy = [&](Id id) -> Id {
    if (const auto known = at.find(id); known != at.end()) return known->second;
    const Node& n = from.node(id);
    if (n.op == &ops::parameter) closed = false;
    if (!closed) return 0;
    std::vector<Id> inputs;
    for (Id i : n.inputs) {
      inputs.push_back(copy(i));
      if (!closed) return 0;
    }
    return at[id] = b.copy(n, std::move(inputs), n.attributes);
  };
  std::vector<Id> results;
  for (Id id : now) {
    results.push_back(copy(id));
    if (!closed) return nullptr;
  }
  std::vector<std::string> result_names = names(results.size(), "y");
  b.finish(std::move(results), std::move(result_names));
  return std::make_shared<const Module>(std::move(module));
}

}  // namespace tauto
