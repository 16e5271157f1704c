// Who lies where, step by step, see check_binding.h.
//
// Control flow: what it reads has to be there as for a reference. Each body is walked by itself; its memory
// lies behind its caller's, and what it is handed of its caller's memory it reads as inputs and writes as
// results. Its trips may so be repeated if nothing that they write (results, the second places of states,
// counters) overlaps what any of them reads.
#include "verify/check_binding.h"

#include <cstring>
#include <map>

#include "ops/ops.h"
#include "support/sha256.h"

namespace tauto::equivalence {
namespace {

using Owner = std::pair<Id, size_t>;  // the node that computed it, and which part of its result
constexpr size_t kAside = 1 << 16;    // parts from here on: what control flow writes besides

// Bytes [begin, end) of one piece of memory, each held by at most one value.
class Memory {
 public:
  void write(int64_t begin, int64_t end, Owner owner) {
    for (auto i = parts_.begin(); i != parts_.end();) {
      const auto [b, part] = *i;
      if (part.end <= begin || b >= end) {
        ++i;
        continue;
      }
      i = parts_.erase(i);
      if (b < begin) parts_[b] = {begin, part.owner, true};
      if (part.end > end) parts_[end] = {part.end, part.owner, true};
    }
    parts_[begin] = {end, owner, false};
  }
  bool holds(int64_t begin, int64_t end, Owner owner) const {
    const auto at = parts_.find(begin);
    return at != parts_.end() && at->second.end == end && at->second.owner == owner && !at->second.torn;
  }

 private:
  struct Part {
    int64_t end;
    Owner owner;
    bool torn;  // of a value, the rest of which was written over
  };
  std::map<int64_t, Part> parts_;
};

class Walk {
 public:
  Walk(const Executable& e, const CompiledFunction& c, const std::vector<BoundGroup>& groups, int64_t block,
       int64_t below)
      : e_(e), f_(*c.function), c_(c), groups_(groups), block_bytes_(block), below_(below) {
    for (size_t k = 0; k < c.groups.size(); ++k) {
      const Group& g = c.groups[k].group;
      if (g.kind == Group::Kind::View) view_[g.result] = g.source;
    }
  }

  BindingCheck run(const std::vector<BoundFunction::Call>& calls,
                   const std::vector<BoundFunction::Place>& results) {
    BindingCheck check;
    complete_ = true;
    for (const BoundFunction::Call& call : calls) {
      using Kind = BoundFunction::Call::Kind;
      if (call.kind == Kind::Control) {
        control(call);
      } else if (call.kind == Kind::Reference) {
        reference(call);
      } else {
        ++kernels_;
        arguments_ += static_cast<int64_t>(call.reads.size());
        kernel(call);
      }
      if (!problem_.empty()) break;
    }
    check.complete = complete_;
    for (size_t i = 0; i < results.size() && problem_.empty(); ++i)
      read(results[i], f_.results[i], cat("result ", i));
    check.problem = problem_;
    if (!problem_.empty()) check.complete = false;
    check.checked = cat("memory and calls: ", arguments_, " arguments of ", kernels_,
                        kernels_ == 1 ? " kernel" : " kernels", " hold what they are to hold",
                        complete_ ? "" : "; a branch that is not bound was not looked into");
    return check;
  }

 private:
  Owner owner_of(Id id) const {
    while (true) {
      const auto view = view_.find(id);
      if (view == view_.end()) break;
      id = view->second;
    }
    const Node& n = f_.node(id);
    if (n.op == &ops::item) return {n.inputs[0], static_cast<size_t>(n.attributes.get<int64_t>("index"))};
    return {id, 0};
  }

  void wrong(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }

  void write(const BoundFunction::Place& p, Owner owner, int64_t bytes) {
    using Kind = BoundFunction::Place::Kind;
    if (p.kind == Kind::Block) {
      if (p.at < 0 || p.at + bytes > block_bytes_)
        return wrong(cat("%", owner.first, " leaves the block of memory"));
      block_.write(p.at, p.at + bytes, owner);
      bytes_[owner] = bytes;
    } else if (p.kind == Kind::Result) {
      result_[p.at] = owner;
      bytes_[owner] = bytes;
    } else {
      wrong(cat("%", owner.first, " is written where nothing may be written"));
    }
  }

  void read(const BoundFunction::Place& p, Id id, const std::string& where) {
    using Kind = BoundFunction::Place::Kind;
    const Owner owner = owner_of(id);
    const Node& n = f_.node(owner.first);
    if (static_cast<size_t>(owner.first) < f_.parameter_count()) {
      if (p.kind != Kind::Input || p.at != owner.first)
        wrong(cat(where, ": required input ", owner.first, ", got other memory"));
      return;
    }
    if (n.op == &ops::dims)
      return;  // made for the sizes at hand; its kernel's demands on sizes are asked before
    if (const Tensor* t = e_.constant_of(n)) {
      if (p.kind != Kind::Address || std::memcmp(p.address, t->raw(), static_cast<size_t>(t->bytes())) != 0)
        wrong(cat(where, ": required the constant %", owner.first, ", got other memory"));
      return;
    }
    const auto bytes = bytes_.find(owner);
    if (bytes == bytes_.end()) return wrong(cat(where, ": %", owner.first, " is read before it is written"));
    if (p.kind == Kind::Result) {
      const auto at = result_.find(p.at);
      if (at == result_.end() || at->second != owner)
        wrong(cat(where, ": required %", owner.first, ", got another result"));
    } else if (p.kind != Kind::Block || !block_.holds(p.at, p.at + bytes->second, owner)) {
      wrong(cat(where, ": required %", owner.first,
                " in the block of memory, where another value was written meanwhile"));
    }
  }

  void kernel(const BoundFunction::Call& call) {
    const Group& g = c_.groups[call.group].group;
    const std::string where = cat("kernel ", g.kernel.name);
    if (call.reads.size() != g.arguments.size()) return wrong(cat(where, ": another number of arguments"));
    const BoundGroup& bound = groups_[call.group];
    const int64_t bytes = element_count(bound.shape) * f_.node(g.result).type.element.bytes();
    BoundFunction::Place result;
    for (size_t i = 0; i < g.arguments.size(); ++i) {
      const KernelArgument& a = g.arguments[i];
      const std::string which = cat(where, ", argument ", i);
      if (a.kind == KernelArgument::Kind::Value) read(call.reads[i], a.value, which);
      if (a.kind == KernelArgument::Kind::Constant && call.reads[i].address != a.constant.raw())
        wrong(cat(which, ": required the packed constant, got other memory"));
      if (a.kind == KernelArgument::Kind::Result) result = call.reads[i];
    }
    if (call.sizes != bound.sizes) wrong(cat(where, ": required the sizes of its loops, got others"));
    for (size_t i = 0; i < g.arguments.size(); ++i) {
      using Kind = BoundFunction::Place::Kind;
      const KernelArgument& a = g.arguments[i];
      if (a.kind != KernelArgument::Kind::Value || call.reads[i].kind != result.kind) continue;
      const auto read_bytes = bytes_.find(owner_of(a.value));
      const int64_t size = read_bytes == bytes_.end() ? 0 : read_bytes->second;
      const bool overlap = result.kind == Kind::Block
                               ? call.reads[i].at < result.at + bytes && result.at < call.reads[i].at + size
                               : call.reads[i].at == result.at;
      if (overlap) wrong(cat(where, ", argument ", i, ": overlaps its result"));
    }
    write(result, {g.result, 0}, bytes);
  }

  // Reads of a reference or of control flow, in the order of the node's inputs.
  void read_all(const BoundFunction::Call& call) {
    const Node& n = f_.node(call.node);
    for (size_t i = 0; i < call.reads.size(); ++i)
      read(call.reads[i], n.inputs[i], cat(n.op->name, " %", call.node, ", input ", i));
  }

  // A reference may be handed memory that it reads and writes: it is computed aside and copied.
  void reference(const BoundFunction::Call& call) {
    read_all(call);
    for (size_t i = 0; i < call.writes.size(); ++i) write(call.writes[i], {call.node, i}, call.bytes[i]);
  }

  void control(const BoundFunction::Call& call) {
    using Kind = BoundFunction::Place::Kind;
    const std::string where = cat(f_.node(call.node).op->name, " %", call.node);
    read_all(call);
    std::vector<std::pair<BoundFunction::Place, int64_t>> written = call.aside;
    for (size_t i = 0; i < call.writes.size(); ++i) written.emplace_back(call.writes[i], call.bytes[i]);
    const auto overlap = [](const BoundFunction::Place& a, int64_t a_bytes, const BoundFunction::Place& b,
                            int64_t b_bytes) {
      if (a.kind != b.kind || (a.kind != Kind::Block && a.kind != Kind::Result)) return false;
      return a.kind == Kind::Result ? a.at == b.at : a.at < b.at + b_bytes && b.at < a.at + a_bytes;
    };
    const Node& n = f_.node(call.node);
    for (size_t i = 0; i < written.size(); ++i) {
      for (size_t k = 0; k < call.reads.size(); ++k) {
        const auto bytes = bytes_.find(owner_of(n.inputs[k]));
        if (overlap(written[i].first, written[i].second, call.reads[k],
                    bytes == bytes_.end() ? 0 : bytes->second))
          wrong(cat(where, ", input ", k, ": overlaps what its trips write"));
      }
      for (size_t k = 0; k < i; ++k)
        if (overlap(written[i].first, written[i].second, written[k].first, written[k].second))
          wrong(cat(where, ": two of the places that it writes overlap"));
    }
    for (size_t i = 0; i < call.read_ends.size(); ++i) {
      const auto bytes = bytes_.find(owner_of(n.inputs[call.states + i]));
      if (bytes != bytes_.end() && call.read_ends[i] > bytes->second)
        wrong(cat(where, ": walks over the end of input ", call.states + i));
    }
    for (size_t i = 0; i < call.write_ends.size(); ++i)
      if (call.write_ends[i] > call.bytes[call.states + i])
        wrong(cat(where, ": stacks over the end of result ", call.states + i));
    for (const BoundFunction* body : call.bodies) {
      if (!body) {
        complete_ = false;
        continue;
      }
      if (body->own_bytes() + body->below_bytes() > below_)
        wrong(cat(where, ": its body's memory is larger than what lies behind its caller's"));
      Walk inside(e_, body->compiled(), body->groups(), body->own_bytes(), body->below_bytes());
      const BindingCheck check = inside.run(body->calls(), body->result_places());
      if (!check.problem.empty())
        wrong(cat(where, ": @", body->compiled().function->name, ": ", check.problem));
      complete_ = complete_ && check.complete;
      kernels_ += inside.kernels_;
      arguments_ += inside.arguments_;
    }
    for (size_t i = 0; i < call.aside.size(); ++i)
      write(call.aside[i].first, {call.node, kAside + i}, call.aside[i].second);
    for (size_t i = 0; i < call.writes.size(); ++i) write(call.writes[i], {call.node, i}, call.bytes[i]);
  }

  const Executable& e_;
  const Function& f_;
  const CompiledFunction& c_;
  const std::vector<BoundGroup>& groups_;
  const int64_t block_bytes_, below_;
  bool complete_ = true;
  int64_t kernels_ = 0, arguments_ = 0;
  std::map<Id, Id> view_;
  Memory block_;
  std::map<int64_t, Owner> result_;
  std::map<Owner, int64_t> bytes_;
  std::string problem_;
};

}  // namespace

BindingCheck check_calls(const Executable& e, const CompiledFunction& c,
                         const std::vector<BoundGroup>& groups, const std::vector<BoundFunction::Call>& calls,
                         const std::vector<BoundFunction::Place>& results, int64_t block_bytes,
                         int64_t below_bytes) {
  return Walk(e, c, groups, block_bytes, below_bytes).run(calls, results);
}

BindingCheck check_binding(const Executable& e, const std::vector<Value>& inputs) {
  const CompiledFunction& main = e.functions().at("main");
  std::vector<TensorType> types;
  for (const Value& v : inputs) {
    if (!v.is_tensor()) return {"", false, "memory and calls were not looked at: an input is no tensor"};
    types.push_back({v.tensor.type(), v.tensor.shape()});
  }
  Env env = e.sizes();
  const BoundFunction bound(e, main, std::move(types), std::move(env));
  if (!bound.complete()) return {"", false, "memory and calls were not looked at: sizes do not decide them"};
  return check_calls(e, main, bound.groups(), bound.calls(), bound.result_places(), bound.own_bytes(),
                     bound.below_bytes());
}

std::string sha256_of(const CodeMemory& code) {
  Sha256 hash;
  for (size_t i = 0; i < code.size(); ++i) hash.add(code.code(i).data(), code.code(i).size());
  return hex(hash.digest());
}

}  // namespace tauto::equivalence
