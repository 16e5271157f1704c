// Who lies where, step by step, see check_binding.h.
//
// Control flow: what it reads has to be there as for a reference. Each body is walked by itself; its memory
// lies behind its caller's, and what it is handed of its caller's memory it reads as inputs and writes as
// results. Its trips may so be repeated if nothing that they write (results, the second places of states,
// counters) overlaps what any of them reads.
#include "verify/check_binding.h"

#include <cstring>
#include <map>

#include "compile/bands.h"
#include "compile/layouts.h"
#include "ops/ops.h"
#include "schedule/schedule.h"
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
       int64_t below, const Env& sizes, bool tell_overlaps)
      : e_(e),
        f_(*c.function),
        c_(c),
        groups_(groups),
        sizes_(sizes),
        block_bytes_(block),
        below_(below),
        tell_overlaps_(tell_overlaps) {
    for (size_t k = 0; k < c.groups.size(); ++k) {
      const Group& g = c.groups[k].group;
      if (g.kind == Group::Kind::View) view_[g.result] = g.source;
    }
  }

  BindingCheck run(const std::vector<BoundFunction::Call>& calls,
                   const std::vector<BoundFunction::Place>& results) {
    BindingCheck check;
    complete_ = true;
    for (size_t i = 0; i < calls.size() && problem_.empty(); ++i) {
      const BoundFunction::Call& call = calls[i];
      using Kind = BoundFunction::Call::Kind;
      if (call.kind == Kind::Control) {
        control(call);
      } else if (call.kind == Kind::Reference) {
        reference(call);
      } else {
        size_t last = i;
        while (last + 1 < calls.size() && calls[last].goes_on) ++last;
        kernels(std::span(calls).subspan(i, last + 1 - i));
        i = last;
      }
    }
    check.complete = complete_;
    for (size_t i = 0; i < results.size() && problem_.empty(); ++i)
      read(results[i], f_.results[i], cat("result ", i));
    check.problem = problem_;
    check.overlaps = std::move(overlaps_);
    check.walked = std::move(walked_);
    check.walked.push_back(&c_);
    if (!problem_.empty()) check.complete = false;
    check.checked = cat("memory and calls: ", arguments_, " arguments of ", kernels_,
                        kernels_ == 1 ? " kernel" : " kernels", " hold what they are to hold",
                        banded_ == 0 ? "" : cat(", of which ", banded_, " run band by band"),
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

  // One kernel, or a chain that runs band by band: all that any of them reads whole has to be there before,
  // and nothing that one of them writes may lie over it, since the next band reads it again.
  void kernels(std::span<const BoundFunction::Call> chain) {
    using Kind = BoundFunction::Place::Kind;
    band_ = Memory();
    band_bytes_.clear();
    struct Whole {
      std::string where;
      BoundFunction::Place place;
      int64_t bytes;
      Owner owner;
      size_t argument;
    };
    std::vector<Whole> read_whole, written;
    for (const BoundFunction::Call& call : chain) {
      ++kernels_;
      arguments_ += static_cast<int64_t>(call.reads.size());
      const CompiledGroup& k = c_.groups[call.group];
      const Group& g = k.group;
      const std::string where = cat("kernel ", g.kernel.name);
      if (call.reads.size() != g.arguments.size()) return wrong(cat(where, ": another number of arguments"));
      if (call.bands != (g.bands ? &*g.bands : nullptr) || (chain.size() > 1 && !same_bands(call, chain[0])))
        return wrong(cat(where, ": is called for other bands"));
      if (g.bands) {
        if (std::string why = wrong_bands(k); !why.empty()) return wrong(cat(where, ": ", why));
        ++banded_;
      }
      const BoundGroup& bound = groups_[call.group];
      BoundFunction::Place result;
      std::vector<std::pair<int64_t, int64_t>> bands_read;  // from, to
      for (size_t i = 0; i < g.arguments.size(); ++i) {
        const KernelArgument& a = g.arguments[i];
        const std::string which = cat(where, ", argument ", i);
        if (a.kind == KernelArgument::Kind::Constant && call.reads[i].address != a.constant.raw())
          wrong(cat(which, ": required the packed constant, got other memory"));
        if (a.kind == KernelArgument::Kind::Result) result = call.reads[i];
        if (a.kind != KernelArgument::Kind::Value) continue;
        if (call.reads[i].kind == Kind::Band) {
          const Owner owner = owner_of(a.value);
          const auto bytes = band_bytes_.find(owner);
          if (bytes == band_bytes_.end() ||
              !band_.holds(call.reads[i].at, call.reads[i].at + bytes->second, owner))
            return wrong(cat(which, ": required a band of %", owner.first, ", got other memory"));
          bands_read.emplace_back(call.reads[i].at, call.reads[i].at + bytes->second);
          continue;
        }
        read(call.reads[i], a.value, which);
        const auto bytes = bytes_.find(owner_of(a.value));
        read_whole.push_back(
            {which, call.reads[i], bytes == bytes_.end() ? 0 : bytes->second, owner_of(a.value), i});
      }
      if (call.sizes != bound.sizes) wrong(cat(where, ": required the sizes of its loops, got others"));
      pieces(k.built->generated, bound, where);
      const int64_t bytes = element_count(bound.shape) * f_.node(g.result).type.element.bytes();
      if (result.kind != Kind::Band) {
        written.push_back({where, result, bytes, {g.result, 0}, 0});
        continue;
      }
      if (!g.bands) return wrong(cat(where, ": writes a band and runs whole"));
      int64_t band = bytes * g.bands->rows;
      for (const int64_t extent : g.bands->extents) band /= extent;
      for (const auto& [from, to] : bands_read)
        if (from < result.at + band && result.at < to)
          wrong(cat(where, ": a band that it reads overlaps its result"));
      if (result.at < 0 || result.at + band > call.handed_over)
        wrong(cat(where, ": its result leaves the memory of a band"));
      band_.write(result.at, result.at + band, {g.result, 0});
      band_bytes_[{g.result, 0}] = band;
    }
    const BoundFunction::Call& first = chain[0];
    const bool in_one_piece = chain.size() == 1 && !first.bands && !worth_threads(groups_[first.group]);
    for (const Whole& w : written)
      for (const Whole& r : read_whole) {
        if (w.place.kind != r.place.kind ||
            (w.place.kind == Kind::Block
                 ? r.place.at >= w.place.at + w.bytes || w.place.at >= r.place.at + r.bytes
                 : r.place.at != w.place.at))
          continue;
        if (tell_overlaps_ && in_one_piece && w.place.kind == Kind::Block)
          overlaps_.push_back({&c_, first.group, r.argument, r.place.at - w.place.at});
        else
          wrong(cat(r.where, ": overlaps ", w.where == r.where.substr(0, w.where.size()) ? "its" : "a later",
                    " result"));
      }
    for (const Whole& w : written) write(w.place, w.owner, w.bytes);
  }

  static bool same_bands(const BoundFunction::Call& a, const BoundFunction::Call& b) {
    return a.bands && b.bands && a.bands->chain == b.bands->chain && a.bands->rows == b.bands->rows &&
           a.bands->extents == b.bands->extents;
  }

  // Loops and strides, found again from the graph.
  std::string wrong_bands(const CompiledGroup& k) const {
    std::set<Id> blocked;
    for (const KernelArgument& a : k.group.arguments)
      if (a.kind != KernelArgument::Kind::Constant && c_.blocked.count(a.value)) blocked.insert(a.value);
    std::set<Id> probes;
    for (const KernelArgument& a : k.group.arguments)
      if (a.kind == KernelArgument::Kind::Probe) probes.insert(a.value);
    try {
      const Group again = in_bands(
          with_blocked(with_probes(e_.module(), f_, k.group, probes), blocked, c_.block), *k.group.bands);
      if (again.bands->strides != k.group.bands->strides) return "its buffers do not move as its indices do";
    } catch (const NotScheduled& e) {
      return e.reason;
    }
    int64_t rows = 1, walked = 1;
    for (const int64_t extent : k.group.bands->extents) rows *= extent;
    for (const Bands::Loop& l : k.group.bands->loops) walked *= l.extent;
    return rows == walked ? "" : "its bands are not all of its rows";
  }

  // What is handed to threads is the whole loop. Where each piece ends is left to RunState::kernel.
  void pieces(const Generated& g, const BoundGroup& bound, const std::string& where) {
    const auto from = evaluate(g.parallel_from, sizes_), to = evaluate(g.parallel_to, sizes_);
    if (!from || !to) return wrong(cat(where, ": the ends of its parallel loop are not known"));
    const int64_t steps = (*to - *from + g.parallel_step - 1) / g.parallel_step;
    if (bound.from != *from || bound.to != *to || bound.step != g.parallel_step || bound.steps != steps)
      wrong(cat(where, ": required its parallel loop from ", *from, " to ", *to, " in ", steps,
                " steps, got ", bound.from, " to ", bound.to, " in ", bound.steps));
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
      Walk inside(e_, body->compiled(), body->groups(), body->own_bytes(), body->below_bytes(), body->env(),
                  tell_overlaps_);
      const BindingCheck check = inside.run(body->calls(), body->result_places());
      if (!check.problem.empty())
        wrong(cat(where, ": @", body->compiled().function->name, ": ", check.problem));
      complete_ = complete_ && check.complete;
      overlaps_.insert(overlaps_.end(), check.overlaps.begin(), check.overlaps.end());
      walked_.insert(walked_.end(), check.walked.begin(), check.walked.end());
      kernels_ += inside.kernels_;
      arguments_ += inside.arguments_;
      banded_ += inside.banded_;
    }
    for (size_t i = 0; i < call.aside.size(); ++i)
      write(call.aside[i].first, {call.node, kAside + i}, call.aside[i].second);
    for (size_t i = 0; i < call.writes.size(); ++i) write(call.writes[i], {call.node, i}, call.bytes[i]);
  }

  const Executable& e_;
  const Function& f_;
  const CompiledFunction& c_;
  const std::vector<BoundGroup>& groups_;
  const Env& sizes_;
  const int64_t block_bytes_, below_;
  const bool tell_overlaps_;
  bool complete_ = true;
  std::vector<BindingCheck::Overlap> overlaps_;
  std::vector<const CompiledFunction*> walked_;
  int64_t kernels_ = 0, arguments_ = 0, banded_ = 0;
  std::map<Id, Id> view_;
  Memory block_, band_;
  std::map<int64_t, Owner> result_;
  std::map<Owner, int64_t> bytes_, band_bytes_;  // of whole values; of one band, inside of a chain
  std::string problem_;
};

}  // namespace

BindingCheck check_calls(const Executable& e, const CompiledFunction& c,
                         const std::vector<BoundGroup>& groups, const std::vector<BoundFunction::Call>& calls,
                         const std::vector<BoundFunction::Place>& results, int64_t block_bytes,
                         int64_t below_bytes, const Env& sizes) {
  return Walk(e, c, groups, block_bytes, below_bytes, sizes, false).run(calls, results);
}

BindingCheck check_binding(const Executable& e, const std::vector<Value>& inputs, bool tell_overlaps) {
  const CompiledFunction& main = e.functions().at("main");
  std::vector<TensorType> types;
  for (const Value& v : inputs) {
    if (!v.is_tensor()) return {"", false, "memory and calls were not looked at: an input is no tensor"};
    types.push_back({v.tensor.type(), v.tensor.shape()});
  }
  Env env = e.sizes();
  const BoundFunction bound(e, main, std::move(types), std::move(env));
  if (!bound.complete()) return {"", false, "memory and calls were not looked at: sizes do not decide them"};
  return Walk(e, main, bound.groups(), bound.own_bytes(), bound.below_bytes(), bound.env(), tell_overlaps)
      .run(bound.calls(), bound.result_places());
}

std::string sha256_of(const CodeMemory& code) {
  Sha256 hash;
  for (size_t i = 0; i < code.size(); ++i) hash.add(code.code(i).data(), code.code(i).size());
  return hex(hash.digest());
}

}  // namespace tauto::equivalence
