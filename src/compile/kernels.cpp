// Groups of nodes and their tensor expressions, see kernels.h.
#include "compile/kernels.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "compile/legality.h"
#include "loops/affine.h"
#include "ops/lowering.h"
#include "schedule/schedule.h"

namespace tauto {

using loops::Axis;
using loops::Expr;

namespace {

constexpr int64_t kInlineConstant = 1;  // elements of a constant that is written into the code
constexpr size_t kMostNodes = 48;       // in a group
constexpr size_t kMostArguments = 12;

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
  return true;
}

bool all_finite(const Tensor& t) {
  if (t.type() == f32) return has_no_exponent<uint32_t>(t, 0x7f800000u);
  if (t.type() == f64) return has_no_exponent<uint64_t>(t, 0x7ff0000000000000u);
  return t.type().is_integer();
}

using Finite = std::map<Id, bool>;  // constants that were looked at: have they no NaN or infinity?

// Lowers the nodes of one group, each where its user asks for it.
class GroupLowering {
 public:
  GroupLowering(const Function& f, const std::vector<bool>& inlined, Finite& finite, Id result)
      : f_(f), inlined_(inlined), finite_(finite), result_(result) {}

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
    return std::move(group_);
  }

 private:
  friend class NodeLowering;

  class NodeLowering final : public Lowering {
   public:
    NodeLowering(GroupLowering& g, Id id) : Lowering(g.f_.node(id)), g_(g) {}
    Expr at(int input, const std::vector<Expr>& index) override {
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

  Expr lowered(Id id, const std::vector<Expr>& index) {
    if (std::find(group_.nodes.begin(), group_.nodes.end(), id) == group_.nodes.end())
      group_.nodes.push_back(id);
    NodeLowering l(*this, id);
    return lower(l, index);
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
    for (const Expr& e : index) key.push_back(e.get());
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
  Group group_;
  std::map<std::pair<Id, std::vector<const loops::ExprNode*>>, std::pair<std::vector<Expr>, Expr>> memo_;
  std::map<Id, loops::BufferPtr> buffers_;
  int names_ = 0;
};

// What one node does, read off its own tensor expression.
struct Described {
  bool lowered = false, contracts = false, reduces = false;
  int cost = 0;  // functions of elements
  std::string reason;
  Id view_of = -1;
  std::set<Id> elementwise;  // inputs of which element i is read for element i, and no other
};

Described describe(const Module& m, const Function& f, Finite& finite, Id id) {
  Described d;
  try {
    const std::vector<bool> none(f.nodes.size(), false);
    const Group g = GroupLowering(f, none, finite, id).run(m);
    d.lowered = true;
    const Nest n = flatten(g.kernel);
    std::map<std::string, Id> by_name;
    for (size_t i = 0; i < g.arguments.size(); ++i)
      if (g.arguments[i].kind == KernelArgument::Kind::Value)
        by_name[g.kernel.buffers[i]->name] = g.arguments[i].value;
    std::set<Id> other;
    const auto at = affine_of(n.store.index[0]);
    each_node(n.store.value, [&](const Expr& e) {
      if (const auto* l = e.as<loops::Load>()) {
        const auto where = affine_of(l->index[0]);
        if (const auto id = by_name.find(l->buffer->name); id != by_name.end())
          (where && at && *where == *at ? d.elementwise : other).insert(id->second);
      }
      d.cost += e.as<loops::Convert>() || (e.as<loops::Apply>() && !(e.type() == i64));
      if (const auto* r = e.as<loops::Reduce>()) {
        d.reduces = true;
        d.contracts |= r->order == loops::Order::Blocks;
      }
      return true;
    });
    for (Id i : other) d.elementwise.erase(i);
    if (const auto* l = n.store.value.as<loops::Load>(); l && g.checks.empty()) {
      const auto where = affine_of(l->index[0]);
      const auto source = by_name.find(l->buffer->name);
      if (where && at && *where == *at && source != by_name.end() &&
          l->buffer->layout.elements == n.store.buffer->layout.elements)
        d.view_of = source->second;
    }
  } catch (const NotLowered& e) {
    d.reason = e.reason;
  } catch (const NotScheduled& e) {
    d.reason = e.reason;
  } catch (const Error& e) {
    d.reason = e.what();
  }
  return d;
}

}  // namespace

std::vector<Group> group_nodes(const Module& m, const Function& f, const GroupOptions& options) {
  const size_t n = f.nodes.size(), first = f.parameter_count();
  std::vector<Described> about(n);
  Finite finite;
  std::vector<int> uses(n, 0), last_user(n, -1);
  for (size_t i = first; i < n; ++i) {
    std::set<Id> inputs(f.nodes[i].inputs.begin(), f.nodes[i].inputs.end());
    for (Id in : inputs)
      ++uses[static_cast<size_t>(in)], last_user[static_cast<size_t>(in)] = static_cast<int>(i);
    if (f.nodes[i].op != &ops::constant) about[i] = describe(m, f, finite, static_cast<Id>(i));
  }
  for (Id r : f.results) uses[static_cast<size_t>(r)] += 2;

  // A symbol that a node introduces (how many elements are not zero …) gets its value when the reference
  // runs.
  std::vector<std::string> known;
  const std::function<void(const Type&)> learn = [&](const Type& t) {
    for (const Dim& d : t.dims) symbols_of(d, known);
    for (const Type& part : t.parts) learn(part);
  };
  for (size_t i = 0; i < n; ++i) {
    const size_t before = known.size();
    learn(f.nodes[i].type);
    if (i < first || known.size() == before) continue;
    about[i] = Described();
    about[i].reason = "its shape is known only at run time";
  }

  std::vector<bool> inlined(n, false), reducing(n, false);  // reducing: the group ending here has a reduction
  std::vector<size_t> group_size(n, 1);
  for (size_t c = first; c < n && options.fuse; ++c) {
    const Described& user = about[c];
    reducing[c] = user.reduces;
    if (!user.lowered || user.view_of >= 0) continue;
    const std::set<Id> inputs(f.nodes[c].inputs.begin(), f.nodes[c].inputs.end());
    for (Id in : inputs) {
      const auto p = static_cast<size_t>(in);
      const Described& producer = about[p];
      if (p < first || uses[p] != 1 || !producer.lowered || producer.view_of >= 0) continue;
      if (group_size[c] + group_size[p] > kMostNodes) continue;
      const bool same = user.elementwise.count(in) != 0;
      bool allowed = false;
      if (reducing[p])
        allowed = same && !user.reduces && !reducing[c];
      else if (user.contracts)
        allowed = false;
      else if (user.reduces)
        allowed = true;
      else
        allowed = same || producer.cost == 0;
      if (!allowed) continue;
      inlined[p] = true;
      reducing[c] = reducing[c] || reducing[p];
      group_size[c] += group_size[p];
    }
  }

  std::vector<Group> groups;
  for (size_t i = first; i < n; ++i) {
    if (inlined[i] || f.nodes[i].op == &ops::constant) continue;
    const auto id = static_cast<Id>(i);
    Group g;
    g.result = id;
    g.nodes = {id};
    g.reason = about[i].reason;
    if (about[i].view_of >= 0) {
      g.kind = Group::Kind::View;
      g.source = about[i].view_of;
    } else if (about[i].lowered) {
      try {
        Group k = GroupLowering(f, inlined, finite, id).run(m);
        if (k.arguments.size() > kMostArguments && k.nodes.size() > 1) throw NotLowered{"too many arguments"};
        if (options.accepts) g.reason = options.accepts(k);
        if (g.reason.empty())
          g = std::move(k);
        else
          g.nodes = std::move(k.nodes);
      } catch (const NotLowered& e) {
        g.reason = e.reason;
      }
      if (g.kind == Group::Kind::Reference) {
        // Take it apart at its last step, and try again from the first node that then stands alone.
        bool apart = false;
        size_t again = i;
        for (Id in : f.nodes[i].inputs)
          if (inlined[static_cast<size_t>(in)]) {
            inlined[static_cast<size_t>(in)] = false;
            again = std::min(again, static_cast<size_t>(in));
            apart = true;
          }
        if (apart) {
          while (!groups.empty() && groups.back().result >= static_cast<Id>(again)) groups.pop_back();
          i = again - 1;
          continue;
        }
        g.nodes = {id};
      }
    }
    if (g.kind != Group::Kind::Reference)
      for (Id node : g.nodes)
        if (!is_always_legal(f, node)) g.unsure.push_back(node);
    groups.push_back(std::move(g));
  }
  return groups;
}

}  // namespace tauto
