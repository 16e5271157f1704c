// Binding functions to the sizes of their inputs.
#include <algorithm>

#include "compile/bind_control.h"
#include "compile/bound_step.h"
#include "compile/faults.h"
#include "graph/unaligned.h"
#include "ops/ops.h"
#include "runtime/memory_plan.h"

namespace tauto {
namespace {

Type type_of(const TensorType& t) { return Type::tensor(t.type, Dims(t.shape.begin(), t.shape.end())); }

}  // namespace

class Binder {
 public:
  Binder(BoundFunction& b, std::vector<const CompiledFunction*> callers)
      : b_(b), e_(b.e_), c_(b.c_), f_(*b.c_.function), callers_(std::move(callers)) {
    callers_.push_back(&c_);
    slot_of_.assign(f_.nodes.size(), kNone);
    parts_.resize(f_.nodes.size());
    types_.resize(f_.nodes.size());
  }

  // Binds every group that the sizes decide, and the function itself if that is all of it.
  void bind_all() {
    Env env = b_.env_;
    try {
      b_.complete_ = bind_whole(env);
    } catch (const Error&) {  // sizes that no tensor can have
    }
    if (b_.complete_) return;
    b_.steps_.clear();
    b_.groups_.clear();
    b_.env_ = std::move(env);
    b_.shared_work_ = 0;
    for (size_t k = 0; k < c_.groups.size(); ++k) b_.groups_.push_back(bound_group(k));
    plan_groups();
    find_shared_work();
  }

 private:
  // `env` gets what the inputs alone bind.
  bool bind_whole(Env& env) {
    bool all_fit = true;
    for (size_t i = 0; i < b_.inputs_.size(); ++i) {
      const TensorType& t = b_.inputs_[i];
      if (!unify(f_.nodes[i].type, type_of(t), b_.env_).empty()) return false;
      slot_of_[i] = add_slot(Slot::Input);
      types_[i] = t;
      all_fit = all_fit && fits(t);
    }
    env = b_.env_;
    if (!all_fit || b_.inputs_.size() > BoundFunction::kMostValues) return false;
    for (size_t k = 0; k < c_.groups.size(); ++k)
      if (!bind_group(k)) return false;
    if (!bind_results()) return false;
    plan_steps();
    find_shared_work();
    return true;
  }

  void find_shared_work() {
    for (const BoundGroup& g : b_.groups_)
      if (g.runs && worth_threads(g)) b_.shared_work_ += g.work;
  }

  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int64_t kCallWork = 1 << 10, kLongWork = 1 << 20;  // element operations
  using Step = BoundFunction::Step;
  struct Slot {
    enum Kind : uint8_t { Input, Constant, Block, Result, Band } kind = Block;
    int64_t bytes = 0;
    int first = 0, last = 0;  // steps
    int64_t at = 0;           // Band: of one band's memory
  };

  // Memory of it can be handed around as bytes.
  static bool fits(const TensorType& t) {
    return !t.type.is_string() && t.type.bytes() > 0 && element_count(t.shape) > 0 &&
           element_count(t.shape) <= kMaxTensorBytes / t.type.bytes();
  }

  int step() const { return static_cast<int>(b_.steps_.size()); }

  uint32_t add_slot(Slot::Kind kind, int64_t bytes = 0) {
    slots_.push_back({kind, bytes, step(), step(), 0});
    b_.at_.push_back(nullptr);
    return static_cast<uint32_t>(slots_.size() - 1);
  }

  // Memory of its own, so that the plan is that of the program without probes.
  uint32_t new_probe(const CompiledGroup& g, Id id, size_t argument) {
    const auto shape = shape_of(f_.node(id).type, b_.env_);
    TensorType type{f_.node(id).type.element, shape ? *shape : Shape{}};
    if (!shape || !fits(type)) return kNone;
    Tensor t(type.type, type.shape);
    const uint32_t slot = add_slot(Slot::Constant);
    b_.at_[slot] = static_cast<uint8_t*>(t.raw());
    b_.kept_.push_back(std::move(t));
    b_.probed_.push_back({b_.steps_.size() + 1, id, slot, std::move(type), lies_blocked(g, argument), true});
    return slot;
  }

  uint32_t new_slot(const TensorType& t) { return add_slot(Slot::Block, t.bytes()); }

  void give(Id id, uint32_t slot, TensorType t) {
    if (c_.probed.count(id))
      b_.probed_.push_back({b_.steps_.size(), id, slot, t, c_.blocked.count(id) != 0, false});
    slot_of_[static_cast<size_t>(id)] = slot;
    types_[static_cast<size_t>(id)] = std::move(t);
  }

  // The value's slot, which the next step reads; kNone: it has none.
  uint32_t read(Id id) {
    uint32_t& slot = slot_of_[static_cast<size_t>(id)];
    if (slot == kNone) {
      Tensor t;
      if (const Tensor* known = e_.constant_of(f_.node(id))) t = aligned(*known);
      if (f_.node(id).op == &ops::dims) t = size_value(id);
      if (!t.defined()) return kNone;
      TensorType type{t.type(), t.shape()};
      if (!fits(type)) return kNone;
      slot = add_slot(Slot::Constant);
      b_.at_[slot] = static_cast<uint8_t*>(t.raw());
      types_[static_cast<size_t>(id)] = std::move(type);
      b_.kept_.push_back(std::move(t));
    }
    slots_[slot].last = step();
    return slot;
  }

  Tensor size_value(Id id) {
    try {
      Env env = b_.env_;
      return evaluate_node(e_.module(), f_, id, {}, env, {}, {}).tensor;
    } catch (const Error&) {
      return {};
    }
  }

  BoundGroup bound_group(size_t k) const {
    BoundGroup b = bind(f_, c_.groups[k], b_.env_);
    if (const InjectedFault* fault = e_.fault()) fault->distort(c_, k, b);
    return b;
  }

  bool bind_group(size_t k) {
    const CompiledGroup& g = c_.groups[k];
    const Group& group = g.group;
    b_.groups_.push_back(bound_group(k));
    const BoundGroup& bound = b_.groups_.back();
    if (f_.node(group.result).op == &ops::dims) return true;  // made when it is read
    if (group.kind == Group::Kind::Reference) {
      for (Id id : group.nodes)
        if (!bind_node(k, id)) return false;
      return true;
    }
    if (!bound.runs) return false;
    TensorType type{f_.node(group.result).type.element, bound.shape};
    if (!fits(type)) return false;
    if (group.kind == Group::Kind::View) {
      const uint32_t slot = read(group.source);
      if (slot == kNone || types_[static_cast<size_t>(group.source)].bytes() != type.bytes()) return false;
      give(group.result, slot, std::move(type));
      return true;
    }
    return bind_kernel(k, g, bound, std::move(type));
  }

  // A chain is one step, where its last kernel stands, unless somebody asks for what is handed on.
  bool bind_kernel(size_t k, const CompiledGroup& g, const BoundGroup& bound, TensorType type) {
    const std::vector<size_t> alone{k};
    const std::vector<size_t>& chain =
        g.group.bands && is_joined(g.group.bands->chain) ? c_.chains[g.group.bands->chain] : alone;
    uint32_t result = kNone;
    if (k == chain.back()) {
      Step s;
      s.group = k;
      for (const size_t member : chain)
        if (!add_kernel(s, member, k == member ? result = new_slot(type) : result_of(member))) return false;
      int64_t bytes = bound.workspace + bound.scratch;
      if (g.group.bands) {
        const Id before = c_.groups[chain.size() > 1 ? chain[chain.size() - 2] : k].group.result;
        if (chain.size() > 1) {
          const Slot& last = slots_[slot_of_[static_cast<size_t>(before)]];
          s.handed_over = last.at + (last.bytes + 63) / 64 * 64;
        }
        bytes = bytes_for_bands(s.kernels, s.handed_over);
      }
      b_.scratch_ = std::max(b_.scratch_, bytes);
      b_.steps_.push_back(std::move(s));
    } else {
      int64_t rows = 1;
      for (const int64_t extent : g.group.bands->extents) rows *= extent;
      result = add_slot(Slot::Band, type.bytes() / rows * g.group.bands->rows);
      if (k != chain.front()) {
        const auto before = std::prev(std::find(chain.begin(), chain.end(), k));
        const Slot& last = slots_[result_of(*before)];
        slots_[result].at = last.at + (last.bytes + 63) / 64 * 64;
      }
    }
    b_.work_ += bound.work;
    give(g.group.result, result, std::move(type));
    return true;
  }

  uint32_t result_of(size_t k) const { return slot_of_[static_cast<size_t>(c_.groups[k].group.result)]; }

  bool is_joined(size_t chain) const {
    const std::vector<size_t>& all = c_.chains[chain];
    return std::none_of(all.begin(), std::prev(all.end()),
                        [&](size_t k) { return c_.probed.count(c_.groups[k].group.result) != 0; });
  }

  bool add_kernel(Step& s, size_t k, uint32_t result) {
    const CompiledGroup& g = c_.groups[k];
    const BoundGroup& bound = b_.groups_[k];
    BoundKernel kernel;
    kernel.group = k;
    kernel.bound = &bound;
    kernel.entry = e_.code().function<KernelEntry>(g.kernel);
    kernel.bands = g.group.bands ? &*g.group.bands : nullptr;
    size_t expected = 0;
    for (const KernelArgument& a : g.group.arguments) {
      const auto at = static_cast<uint32_t>(kernel.arguments.size());
      if (a.kind == KernelArgument::Kind::Constant) {
        kernel.arguments.push_back(reinterpret_cast<uint64_t>(a.constant.raw()));
        continue;
      }
      kernel.arguments.push_back(0);
      uint32_t slot = result;
      if (a.kind == KernelArgument::Kind::Probe) {
        slot = new_probe(g, a.value, at);
        if (slot == kNone) return false;
      } else if (a.kind == KernelArgument::Kind::Value) {
        slot = read(a.value);
        if (slot == kNone || types_[static_cast<size_t>(a.value)].shape != bound.expected[expected++])
          return false;
      }
      if (slots_[slot].kind == Slot::Band)
        kernel.handed_over.emplace_back(at, slots_[slot].at);
      else
        kernel.varying.emplace_back(at, slot);
    }
    for (size_t i = 0; i < g.group.checks.size(); ++i) {
      const RangeCheck& c = g.group.checks[i];
      const uint32_t slot = read(c.value);
      if (slot == kNone) return false;
      const TensorType& t = types_[static_cast<size_t>(c.value)];
      kernel.checks.push_back({slot, t.type, static_cast<size_t>(element_count(t.shape)), c.first, c.every,
                               bound.ranges[i].first, bound.ranges[i].second});
    }
    kernel.arguments.insert(kernel.arguments.end(), bound.sizes.begin(), bound.sizes.end());
    kernel.arguments.resize(kernel.arguments.size() + 3);
    s.kernels.push_back(std::move(kernel));
    return true;
  }

  bool bind_node(size_t k, Id id) {
    const Node& n = f_.node(id);
    if (n.op == &ops::dims) return true;
    if (n.op == &ops::item) {
      const auto part = static_cast<size_t>(n.attributes.get<int64_t>("index"));
      const auto& parts = parts_[static_cast<size_t>(n.inputs[0])];
      if (part >= parts.size()) return false;
      give(id, parts[part].first, parts[part].second);
      return true;
    }
    Step s;
    s.group = k;
    s.node = id;
    std::vector<TensorType> given;
    bool plain = true;  // all row-major
    for (Id i : n.inputs) {
      const uint32_t slot = read(i);
      if (slot == kNone) return false;
      s.inputs.push_back(slot);
      given.push_back(types_[static_cast<size_t>(i)]);
      plain = plain && c_.blocked.count(i) == 0;
    }
    if (s.inputs.size() > BoundFunction::kMostValues) return false;
    std::vector<TensorType> results;
    if (!plain || !n.op->is(kControl) ||
        !ControlBinder(e_, f_, b_.env_, callers_).bind(n, given, s, results)) {
      s.kind = Step::Kind::Reference;
      if (!static_results(n.type, results)) return false;
    }
    // What is known of a result's sizes now is known from here on.
    if (results.size() > BoundFunction::kMostValues - 1 || !unify_results(n.type, results)) return false;
    for (const TensorType& t : results) {
      if (!fits(t)) return false;
      s.outputs.push_back(new_slot(t));
    }
    if (s.kind == Step::Kind::Scan || s.kind == Step::Kind::Loop)
      for (size_t i = 0; i < s.states; ++i) s.spare.push_back(new_slot(results[i]));
    if (s.kind == Step::Kind::Loop)
      for (int64_t bytes : {8, 1, 1}) s.own.push_back(add_slot(Slot::Block, bytes));
    for (const auto& body : s.bodies)
      if (body) {
        b_.below_ = std::max(b_.below_, body->own_ + body->below_);
        b_.scratch_ = std::max(b_.scratch_, body->scratch_);
        b_.shared_work_ += body->shared_work_ * std::max<int64_t>(s.length, 1);
        b_.work_ += body->work_ * std::max<int64_t>(s.length, 1);
      }
    // How long a reference takes, and how often a loop runs, is not known: long.
    const bool open = s.kind == Step::Kind::Reference || (s.kind == Step::Kind::Loop && s.length < 0);
    b_.work_ += open ? kLongWork : kCallWork;
    const std::vector<uint32_t> outputs = s.outputs;
    if (s.kind == Step::Kind::Reference) s.given = std::move(given), s.results = results;
    b_.steps_.push_back(std::move(s));
    if (n.type.tag == Type::Tag::Tuple)
      for (size_t i = 0; i < results.size(); ++i)
        parts_[static_cast<size_t>(id)].emplace_back(outputs[i], results[i]);
    else
      give(id, outputs[0], results[0]);
    return true;
  }

  bool static_results(const Type& t, std::vector<TensorType>& results) const {
    if (t.tag == Type::Tag::Tuple)
      return std::all_of(t.parts.begin(), t.parts.end(),
                         [&](const Type& p) { return p.is_tensor() && static_results(p, results); });
    if (!t.is_tensor() || !t.ranked) return false;
    const auto shape = shape_of(t, b_.env_);
    if (shape) results.push_back({t.element, *shape});
    return shape.has_value();
  }

  bool unify_results(const Type& t, const std::vector<TensorType>& results) {
    if (t.tag != Type::Tag::Tuple) return unify(t, type_of(results[0]), b_.env_).empty();
    for (size_t i = 0; i < results.size(); ++i)
      if (!unify(t.parts[i], type_of(results[i]), b_.env_).empty()) return false;
    return true;
  }

  bool bind_results() {
    for (Id r : f_.results) {
      const uint32_t slot = read(r);
      if (slot == kNone || c_.blocked.count(r)) return false;
      b_.results_.push_back(types_[static_cast<size_t>(r)]);
      b_.result_slots_.push_back(slot);
      b_.written_.push_back(slots_[slot].kind == Slot::Block);
      if (slots_[slot].kind == Slot::Block) slots_[slot].kind = Slot::Result;
    }
    return b_.results_.size() <= BoundFunction::kMostValues;
  }

  // Where slots lie; which arguments of kernels stay.
  void plan_steps() {
    std::vector<BufferNeed> needs;
    std::vector<uint32_t> of;
    for (uint32_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].kind != Slot::Block) continue;
      BufferNeed need;
      need.bytes = slots_[i].bytes;
      need.first = slots_[i].first;
      need.last = slots_[i].last;
      needs.push_back(need);
      of.push_back(i);
    }
    const MemoryPlan plan = plan_memory(needs);
    for (size_t i = 0; i < of.size(); ++i) b_.in_block_.emplace_back(of[i], plan.offsets[i]);
    b_.own_ = (plan.total + 63) / 64 * 64;
    if (const InjectedFault* fault = e_.fault(); fault && fault->function == f_.name) distort_plan(*fault);
    for (Step& s : b_.steps_)
      for (BoundKernel& k : s.kernels) {
        const auto stays = [&](const std::pair<uint32_t, uint32_t>& place) {
          return slots_[place.second].kind == Slot::Block || slots_[place.second].kind == Slot::Constant;
        };
        const auto rest = std::stable_partition(k.varying.begin(), k.varying.end(), stays);
        k.fixed.assign(k.varying.begin(), rest);
        k.varying.erase(k.varying.begin(), rest);
      }
  }

  int64_t* place_of(uint32_t slot) {
    for (auto& [s, offset] : b_.in_block_)
      if (s == slot) return &offset;
    return nullptr;
  }

  // Gets wrong where values lie, as a fault of the plan would.
  void distort_plan(const InjectedFault& fault) {
    const auto slot = [&](size_t k) { return slot_of_[static_cast<size_t>(c_.groups[k].group.result)]; };
    if (fault.fault.kind == FaultKind::ReusedEarly) {
      const uint32_t later = slot(fault.other);
      int64_t *from = place_of(slot(fault.group)), *to = place_of(later);
      if (!from || !to) return;
      *to = *from;
      b_.own_ = std::max(b_.own_, (*to + slots_[later].bytes + 63) / 64 * 64);
    }
    if (fault.fault.kind != FaultKind::WrongPlace) return;
    for (Step& s : b_.steps_)
      for (BoundKernel& k : s.kernels) {
        if (k.group != fault.group) continue;
        const KernelArgument& a = c_.groups[k.group].group.arguments[fault.other];
        for (auto& [argument, at] : k.varying) {
          if (argument != fault.other || !place_of(at)) continue;
          const int64_t place = *place_of(at) + f_.node(a.value).type.element.bytes();
          at = add_slot(Slot::Block);
          b_.in_block_.emplace_back(at, place);
          b_.own_ += 64;
        }
      }
  }

  // Node by node: values in the block that no reference reads and that are no results.
  void plan_groups() {
    std::vector<BufferNeed> needs;
    std::vector<size_t> of;
    b_.scratch_ = b_.below_ = 0;
    b_.in_block_.clear();
    for (size_t k = 0; k < c_.groups.size(); ++k) {
      const BoundGroup& g = b_.groups_[k];
      if (!g.runs || !c_.planned[k]) continue;
      BufferNeed need;
      need.bytes = element_count(g.shape) * f_.node(c_.groups[k].group.result).type.element.bytes();
      need.first = static_cast<int>(k);
      need.last = c_.last_use[k];
      needs.push_back(need);
      of.push_back(k);
    }
    const MemoryPlan plan = plan_memory(needs);
    for (size_t i = 0; i < of.size(); ++i) b_.groups_[of[i]].offset = plan.offsets[i];
    b_.own_ = plan.total;
    const InjectedFault* fault = e_.fault();
    if (!fault || fault->function != f_.name || fault->fault.kind != FaultKind::ReusedEarly) return;
    BoundGroup &earlier = b_.groups_[fault->group], &later = b_.groups_[fault->other];
    if (earlier.offset < 0 || later.offset < 0) return;
    later.offset = earlier.offset;
    b_.own_ += element_count(later.shape) * 8 + 64;
  }

  BoundFunction& b_;
  const Executable& e_;
  const CompiledFunction& c_;
  const Function& f_;
  std::vector<const CompiledFunction*> callers_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> slot_of_;  // of each value
  std::vector<TensorType> types_;
  std::vector<std::vector<std::pair<uint32_t, TensorType>>> parts_;  // of each tuple
};

BoundFunction::BoundFunction(const Executable& e, const CompiledFunction& c, std::vector<TensorType> inputs,
                             Env env, std::vector<const CompiledFunction*> callers)
    : e_(e), c_(c), env_(std::move(env)), inputs_(std::move(inputs)) {
  groups_.reserve(c.groups.size());
  Binder(*this, std::move(callers)).bind_all();
}

BoundFunction::~BoundFunction() = default;

}  // namespace tauto
