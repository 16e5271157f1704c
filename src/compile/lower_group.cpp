// Tensor expressions of groups, see lower_group.h.
#include "compile/lower_group.h"

#include <algorithm>
#include <cstring>

#include "loops/affine.h"
#include "ops/lowering.h"
#include "support/pages.h"

namespace tauto {

using loops::Axis;
using loops::Expr;

namespace {

constexpr int64_t kInlineConstant = 1;  // elements of a constant that is written into the code

std::string identifier(const std::string& s) {
  std::string r;
  for (char c : s) r += (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
  return r;
}

// Is an exponent of all ones among them? Weights are read in runs that compilers vectorise; they need not be
// aligned.
template <class U>
bool has_no_exponent(const Tensor& t, U exponent) {
  constexpr int64_t kRun = 1024;
  const auto* p = static_cast<const char*>(t.raw());
  U run[kRun];
  for (int64_t at = 0; at < t.count(); at += kRun) {
    const int64_t n = std::min(kRun, t.count() - at);
    std::memcpy(run, p + at * static_cast<int64_t>(sizeof(U)), static_cast<size_t>(n) * sizeof(U));
    U odd = 0;
    for (int64_t i = 0; i < n; ++i) odd |= (run[i] & exponent) == exponent;
    if (odd) return false;
  }
  release_pages({reinterpret_cast<const uint8_t*>(p), static_cast<size_t>(t.bytes())});
  return true;
}

bool all_finite(const Tensor& t) {
  if (t.type() == f32) return has_no_exponent<uint32_t>(t, 0x7f800000u);
  if (t.type() == f64) return has_no_exponent<uint64_t>(t, 0x7ff0000000000000u);
  return t.type().is_integer();
}

// Lowers the nodes of one group, each where its user asks for it.
class GroupLowering {
 public:
  GroupLowering(const Function& f, const std::vector<bool>& inlined, Finite& finite, Id result,
                const Changed& changed)
      : f_(f), inlined_(inlined), finite_(finite), result_(result), changed_(changed) {}

  Group run(const Module& m) {
    const Node& n = f_.node(result_);
    if (!n.type.is_tensor() || !n.type.ranked) throw NotLowered{"its rank is known only at run time"};
    std::vector<Expr> index;
    std::vector<Axis> axes;
    for (size_t d = 0; d < n.type.dims.size(); ++d) {
      axes.push_back({"i" + std::to_string(d), n.type.dims[d]});
      index.push_back(loops::variable(axes.back().variable));
      group_.extents.push_back(n.type.dims[d]);
    }
    const Expr value = lowered(result_, index);
    const loops::BufferPtr out = loops::make_buffer("out", n.type.element, n.type.dims);
    loops::Stmt s = loops::store(out, index, value);
    for (auto a = axes.rbegin(); a != axes.rend(); ++a)
      s = loops::loop(loops::LoopKind::Serial, a->variable, Expr(int64_t{0}), loops::size(a->extent), s);
    group_.kind = Group::Kind::Kernel;
    group_.result = result_;
    std::sort(group_.nodes.begin(), group_.nodes.end());
    group_.kernel.body = s;
    group_.kernel.buffers.push_back(out);
    group_.arguments.push_back({KernelArgument::Kind::Result, result_, {}});
    group_.kernel.name = cat(n.op->name, "_", result_);
    for (Id id : group_.nodes)
      for (int source : f_.provenance[static_cast<size_t>(id)])
        group_.kernel.sources.push_back(m.sources[static_cast<size_t>(source)]);
    if (!group_.kernel.sources.empty())
      group_.kernel.name += "_" + identifier(group_.kernel.sources.back()).substr(0, 40);
    reduction_extents(value);
    add_unasked();
    return std::move(group_);
  }

 private:
  friend class NodeLowering;

  class NodeLowering final : public Lowering {
   public:
    NodeLowering(GroupLowering& g, Id id) : Lowering(g.f_.node(id)), g_(g) {}
    Expr first;  // if defined: what the first input is taken to be
    Expr at(int input, const std::vector<Expr>& index) override {
      if (input == 0 && first.defined()) return first;
      return g_.element(node.inputs.at(static_cast<size_t>(input)), index);
    }
    const Type& type(int input) const override {
      return g_.f_.node(node.inputs.at(static_cast<size_t>(input))).type;
    }
    std::optional<Dims> value(int input) const override {
      return known_value(g_.f_.node(node.inputs.at(static_cast<size_t>(input))));
    }
    std::string fresh(const std::string& stem) override { return cat(stem, "_", ++g_.names_); }
    void require_range(int input, int component, const Dim& least, const Dim& end) override {
      const Id id = node.inputs.at(static_cast<size_t>(input));
      const Type& t = g_.f_.node(id).type;
      const size_t every = component < 0 ? 1 : static_cast<size_t>(t.dims.back().as_literal().value_or(0));
      if (every == 0) refuse("indices of a length that is known only at run time");
      const size_t first = component < 0 ? 0 : static_cast<size_t>(component);
      if (const auto known = known_value(g_.f_.node(id))) {
        for (size_t i = first; i < known->size(); i += every)
          if (!loops::surely_nonnegative((*known)[i] - least) ||
              !loops::surely_nonnegative(end - 1 - (*known)[i]))
            refuse("an element of a constant may be out of range");
        return;
      }
      if (const Tensor* c = constant_value(g_.f_.node(id))) {
        if (!least.is_literal() || !end.is_literal()) refuse("constant indices in a range of run time");
        const std::vector<int64_t> v = c->as_ints();
        for (size_t i = first; i < v.size(); i += every)
          if (v[i] < least.literal() || v[i] >= end.literal())
            refuse("an element of a constant is out of range");
        return;
      }
      if (g_.inlined_[static_cast<size_t>(id)]) refuse("what is checked has to be a value of its own");
      g_.group_.checks.push_back({id, first, every, least, end});
    }
    bool assume_equal(const Dim& a, const Dim& b) override {
      g_.group_.equal.emplace_back(a, b);
      return true;
    }
    const Tensor* constant(int input) const override {
      return constant_value(g_.f_.node(node.inputs.at(static_cast<size_t>(input))));
    }
    loops::BufferPtr table(const Tensor& t) override { return g_.constant(t, cat("table_", ++g_.names_)); }

   private:
    GroupLowering& g_;
  };

  // Where the kernel cannot run the references of the whole group do, and they need also what no element asks
  // for (parts of a concatenation that have none).
  void add_unasked() {
    std::vector<Id>& nodes = group_.nodes;
    for (size_t i = 0; i < nodes.size(); ++i)
      for (Id in : f_.node(nodes[i]).inputs)
        if (inlined_[static_cast<size_t>(in)] && f_.node(in).op != &ops::constant &&
            std::find(nodes.begin(), nodes.end(), in) == nodes.end())
          nodes.push_back(in);
    std::sort(nodes.begin(), nodes.end());
  }

  Expr lowered(Id id, const std::vector<Expr>& index) {
    if (std::find(group_.nodes.begin(), group_.nodes.end(), id) == group_.nodes.end())
      group_.nodes.push_back(id);
    NodeLowering l(*this, id);
    Expr value = changed_.repeated == id && changed_.times == 0 ? element(f_.node(id).inputs[0], index)
                                                                : lower(l, index);
    for (int i = 1; changed_.repeated == id && i < changed_.times; ++i) {
      l.first = value;
      value = lower(l, index);
    }
    if (id == result_ || !changed_.probes.count(id)) return value;
    loops::BufferPtr& b = probe_buffers_[id];
    if (!b) {
      const Type& t = f_.node(id).type;
      b = loops::make_buffer(cat("p", id), t.element, t.dims);
      group_.kernel.buffers.push_back(b);
      group_.arguments.push_back({KernelArgument::Kind::Probe, id, {}});
    }
    return loops::probe(value, b, index);
  }

  // `id`: the node that it is the value of, -1: none.
  loops::BufferPtr constant(const Tensor& t, const std::string& name, Id id = -1) {
    Dims dims(t.shape().begin(), t.shape().end());
    auto b = std::make_shared<loops::Buffer>(*loops::make_buffer(name, t.type(), dims));
    if (const auto known = finite_.find(id); known != finite_.end()) {
      b->finite = known->second;
    } else {
      b->finite = all_finite(t);
      if (id >= 0) finite_[id] = b->finite;
    }
    group_.kernel.buffers.push_back(b);
    group_.arguments.push_back({KernelArgument::Kind::Constant, -1, t});
    return b;
  }

  Expr element(Id id, const std::vector<Expr>& index) {
    std::vector<const loops::ExprNode*> key;
    for (const Expr& e : index) {
      const auto i = literal_index(e);
      key.push_back(i ? literals_.emplace(*i, e).first->second.get() : e.get());
    }
    const auto at = memo_.find({id, key});
    if (at != memo_.end()) return at->second.second;
    const Expr r = element_of(id, index);
    memo_[{id, key}] = {index, r};  // the index is kept alive: its nodes are the key
    return r;
  }

  Expr element_of(Id id, const std::vector<Expr>& index) {
    const Node& n = f_.node(id);
    if (!n.type.is_tensor() || !n.type.ranked) throw NotLowered{"an input's rank is known only at run time"};
    if (n.type.element.is_string()) throw NotLowered{"strings"};
    if (const Tensor* c = constant_value(n)) {
      if (c->count() == kInlineConstant &&
          (c->type().is_float() || c->type().is_integer() || c->type().is_bool())) {
        uint64_t bits = 0;
        __builtin_memcpy(&bits, c->raw(), static_cast<size_t>(c->element_bytes()));
        return loops::literal(c->type(), bits);
      }
      loops::BufferPtr& b = buffers_[id];
      if (!b) b = constant(*c, cat("c", id), id);
      return loops::load(b, index);
    }
    if (const auto known = known_value(n); known && known->size() == 1 && n.type.element == i64)
      return loops::size(known->front());
    if (inlined_[static_cast<size_t>(id)]) return lowered(id, index);
    loops::BufferPtr& b = buffers_[id];
    if (!b) {
      b = loops::make_buffer(cat("v", id), n.type.element, n.type.dims);
      group_.kernel.buffers.push_back(b);
      group_.arguments.push_back({KernelArgument::Kind::Value, id, {}});
    }
    return loops::load(b, index);
  }

  void reduction_extents(const Expr& value) {
    each_node(value, [&](const Expr& e) {
      if (const auto* r = e.as<loops::Reduce>())
        for (const Axis& a : r->axes) group_.extents.push_back(a.extent);
      return true;
    });
  }

  const Function& f_;
  const std::vector<bool>& inlined_;
  Finite& finite_;
  Id result_;
  const Changed& changed_;
  Group group_;
  std::map<std::pair<Id, std::vector<const loops::ExprNode*>>, std::pair<std::vector<Expr>, Expr>> memo_;
  std::map<int64_t, Expr> literals_;
  std::map<Id, loops::BufferPtr> buffers_, probe_buffers_;
  int names_ = 0;
};

}  // namespace

Group lower_group(const Module& m, const Function& f, const std::vector<bool>& inlined, Finite& finite,
                  Id result, const Changed& changed) {
  return GroupLowering(f, inlined, finite, result, changed).run(m);
}

}  // namespace tauto
