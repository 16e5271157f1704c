// Groups of nodes and their tensor expressions, see kernels.h.
#include "compile/kernels.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "compile/legality.h"
#include "loops/affine.h"
#include "ops/lowering.h"
#include "schedule/schedule.h"
#include "support/pages.h"

namespace tauto {

using loops::Axis;
using loops::Expr;

namespace {

constexpr int64_t kInlineConstant = 1;  // elements of a constant that is written into the code
constexpr size_t kMostNodes = 48;       // in a group
constexpr size_t kMostArguments = 12;
constexpr int64_t kWidening = 4;  // steps from a narrow constant to an operand
// A row that lanes do not fill, a row that does not stay in the cache while there is nothing else to do.
constexpr int64_t kShortRow = 8, kFewElements = 256, kLongRow = 1 << 16, kManyRows = 8;

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

using Finite = std::map<Id, bool>;  // constants that were looked at: have they no NaN or infinity?

// Lowers the nodes of one group, each where its user asks for it.
class GroupLowering {
 public:
  GroupLowering(const Function& f, const std::vector<bool>& inlined, Finite& finite, Id result,
                const std::set<Id>& probes = {})
      : f_(f), inlined_(inlined), finite_(finite), result_(result), probes_(probes) {}

  void repeat(Id node, int times) { repeated_ = node, times_ = times; }

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
    Expr value = repeated_ == id && times_ == 0 ? element(f_.node(id).inputs[0], index) : lower(l, index);
    for (int i = 1; repeated_ == id && i < times_; ++i) {
      l.first = value;
      value = lower(l, index);
    }
    if (id == result_ || !probes_.count(id)) return value;
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
  std::set<Id> probes_;
  Group group_;
  std::map<std::pair<Id, std::vector<const loops::ExprNode*>>, std::pair<std::vector<Expr>, Expr>> memo_;
  std::map<int64_t, Expr> literals_;
  std::map<Id, loops::BufferPtr> buffers_, probe_buffers_;
  Id repeated_ = -1;
  int names_ = 0, times_ = 1;
};

// What one node does, read off its own tensor expression.
struct Described {
  bool lowered = false, contracts = false, reduces = false;
  int cost = 0;  // functions of elements
  std::string reason;
  Id view_of = -1;
  std::set<Id> elementwise;  // inputs of which element i is read for element i, and no other
  std::set<Id> once;         // inputs of which no element is read for more than one element
};

// Does the index, over the result's axes, differ wherever these do?
bool is_injective(const std::vector<Expr>& index, const std::vector<Axis>& axes) {
  std::set<std::string> used;
  for (const Expr& i : index) {
    const auto a = affine_of(i);
    if (!a || a->terms.size() > 1) return false;
    for (const auto& [v, c] : a->terms)
      if (!(c == Dim(1) || c == Dim(-1)) || !used.insert(v).second) return false;
  }
  return std::all_of(axes.begin(), axes.end(),
                     [&](const Axis& a) { return a.extent == Dim(1) || used.count(a.variable) != 0; });
}

// The loops of a tensor expression, and what is inside.
std::pair<std::vector<Axis>, const loops::Store*> loops_of(const loops::Kernel& k) {
  std::vector<Axis> axes;
  loops::Stmt s = k.body;
  while (const auto* l = s->as<loops::For>()) {
    if (const auto extent = affine_of(l->to)) axes.push_back({l->variable, extent->constant});
    s = l->body;
  }
  return {axes, s->as<loops::Store>()};
}

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
    const auto [axes, inside] = loops_of(g.kernel);
    std::map<Id, int> loads;
    each_node(inside->value, [&, &axes = axes](const Expr& e) {
      const auto* l = e.as<loops::Load>();
      const auto id = l ? by_name.find(l->buffer->name) : by_name.end();
      if (id == by_name.end()) return true;
      if (++loads[id->second] == 1 && is_injective(l->index, axes))
        d.once.insert(id->second);
      else
        d.once.erase(id->second);
      return true;
    });
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

bool divides(const Expr& e) {
  const auto* a = e.as<loops::Apply>();
  return a && (a->function == loops::Function::FloorDiv || a->function == loops::Function::FloorMod);
}

// Does a reduction depend on an axis by what an index divides it into? Then several elements of the axis
// share it, and each would compute it.
bool depends_on_part(const Nest& n) {
  return any_node(n.store.value,
                  [&](const Expr& e) { return e.as<loops::Reduce>() && any_node(e, divides); });
}

// Which nodes are computed where they are used.
//
// A node joins the group of its users when all of them are in it. One that maps or moves joins maps that read
// it element by element, a move anything that does not contract; a contraction or reduction joins the maps
// that follow it element by element. Reductions join what needs them for every element, and one another,
// where the whole can be walked row by row.
class Fusion {
 public:
  std::vector<bool> inlined;

  // `apart`: nodes that join no others.
  Fusion(const Module& m, const Function& f, const std::vector<Described>& about, Finite& finite,
         const std::set<Id>& apart)
      : inlined(f.nodes.size(), false),
        m_(m),
        f_(f),
        about_(about),
        finite_(finite),
        users_(f.nodes.size()),
        groups_(f.nodes.size()),
        escapes_(f.nodes.size(), false) {
    for (Id id : apart) escapes_[static_cast<size_t>(id)] = true;
    for (size_t i = f.parameter_count(); i < f.nodes.size(); ++i)
      for (Id in : std::set<Id>(f.nodes[i].inputs.begin(), f.nodes[i].inputs.end()))
        users_[static_cast<size_t>(in)].push_back(static_cast<Id>(i));
    for (Id r : f.results) escapes_[static_cast<size_t>(r)] = true;
  }

  // A result of the model that only shows a value which others read, and shows it as it is: the value may
  // have another layout than results have.
  bool may_copy(Id id) const {
    const Id from = about(id).view_of;
    return escapes_[static_cast<size_t>(id)] && f_.name == "main" && users(id).empty() &&
           static_cast<size_t>(from) >= f_.parameter_count() && !escapes_[static_cast<size_t>(from)] &&
           about(from).lowered && about(from).view_of < 0 && users(from).size() > 1 &&
           f_.node(id).type.dims == f_.node(from).type.dims;
  }

  // A few steps by numbers from bytes (bf16) to something larger, in a group of their own because several others read
  // them: bytes are kept, and everybody widens them.
  bool only_widens_bytes(Id root) const {
    const Described& last = about(root);
    if (!last.lowered || last.view_of >= 0 || escapes_[static_cast<size_t>(root)] || users(root).empty())
      return false;
    int64_t cost = 0;
    Id source = -1;
    for (Id u : members(root)) {
      cost += about(u).cost;
      if (about(u).reduces || !(f_.node(u).type.dims == f_.node(root).type.dims)) return false;
      for (Id in : f_.node(u).inputs) {
        const Tensor* c = constant_value(f_.node(in));
        if (members(root).count(in) || in == source || (c && c->count() == 1)) continue;
        if (c || source >= 0) return false;
        source = in;
      }
    }
    const auto fits = [&](Id u) { return about(u).lowered && about(u).view_of < 0; };
    return source >= 0 && cost <= kWidening && is_widened(root, source) &&
           f_.node(source).type.dims == f_.node(root).type.dims &&
           std::all_of(users(root).begin(), users(root).end(), fits);
  }

  const std::vector<Id>& users(Id id) const { return users_[static_cast<size_t>(id)]; }
  const std::set<Id>& members(Id root) const { return groups_[static_cast<size_t>(root)].members; }

  // Takes into the group that ends at `root` what may join it.
  void grow(Id root) {
    Members& g = group(root);
    const Described& last = about(root);
    g.members = {root};
    g.reduces = last.reduces;
    g.contracts = last.contracts;
    if (!last.lowered || last.view_of >= 0) return;
    for (bool again = true; again;) {
      again = false;
      std::set<Id, std::greater<>> candidates;
      for (Id u : g.members)
        for (Id in : f_.node(u).inputs)
          if (!g.members.count(in) && is_free(in, g)) candidates.insert(in);
      for (Id p : candidates) again = joins(root, p) || again;
    }
  }

 private:
  struct Members {
    std::set<Id> members;
    bool reduces = false, contracts = false;
  };
  const Described& about(Id id) const { return about_[static_cast<size_t>(id)]; }
  Members& group(Id id) { return groups_[static_cast<size_t>(id)]; }

  // It has a kernel, and nobody but this group asks for it.
  bool is_free(Id p, const Members& g) const {
    const auto i = static_cast<size_t>(p);
    return i >= f_.parameter_count() && !escapes_[i] && about(p).lowered &&
           g.members.size() + members(p).size() <= kMostNodes &&
           std::all_of(users(p).begin(), users(p).end(), [&](Id u) { return g.members.count(u) != 0; });
  }

  void join(Id root, Id p) {
    Members &g = group(root), &other = group(p);
    inlined[static_cast<size_t>(p)] = true;
    g.members.insert(other.members.begin(), other.members.end());
    g.reduces = g.reduces || other.reduces;
    g.contracts = g.contracts || other.contracts;
  }

  bool joins(Id root, Id p) {
    if (about(p).view_of >= 0) return joins_as_view(root, p);
    const bool yes = joins_element_by_element(root, p) || joins_row_by_row(root, p);
    if (yes) join(root, p);
    return yes;
  }

  // A view is worth its indices where what it shows joins too.
  bool joins_as_view(Id root, Id p) {
    const Members before = group(root);
    join(root, p);
    const Id q = about(p).view_of;
    if (is_free(q, group(root)) && !before.contracts && !group(q).contracts && joins(root, q)) {
      if (!is_divided(root)) return true;
      inlined[static_cast<size_t>(q)] = false;
    }
    inlined[static_cast<size_t>(p)] = false;
    group(root) = before;
    return false;
  }

  // Of which members the group's element i needs element i, and no other.
  bool is_same_element(Id root, Id p) {
    const Members& g = group(root);
    std::set<Id> same{root};
    const auto all_same = [&](Id id) {
      return std::all_of(users(id).begin(), users(id).end(),
                         [&](Id u) { return same.count(u) && about(u).elementwise.count(id); });
    };
    for (auto u = g.members.rbegin(); u != g.members.rend(); ++u)
      if (*u != root && all_same(*u)) same.insert(*u);
    return all_same(p);
  }

  bool is_narrow(Id id) const {
    const ElementType e = f_.node(id).type.element;
    return e.bits == 8 || e == bf16;
  }

  // Bytes (bf16) that are only made larger by what follows: they are kept, and widened where they are used.
  bool is_widened(Id root, Id p) const {
    return is_narrow(p) && f_.node(root).type.element.bits > f_.node(p).type.element.bits;
  }

  bool joins_element_by_element(Id root, Id p) {
    const Members& g = group(root);
    if (group(p).contracts && is_widened(root, p)) return false;
    if (group(p).reduces) return !g.reduces && is_same_element(root, p);
    const bool one = users(p).size() == 1, widens = widens_constants(p);
    return std::all_of(users(p).begin(), users(p).end(), [&](Id u) {
      const Described& user = about(u);
      if (widens && one && (user.contracts || !user.reduces)) return true;
      if (user.contracts) return false;
      if (user.reduces) return one;
      return user.elementwise.count(p) != 0 || about(p).cost == 0 || (u == root && user.once.count(p) != 0);
    });
  }

  // A few steps from constants to something larger: narrow weights are kept, and widened where they are used.
  bool widens_constants(Id p) const {
    int64_t cost = 0, given = 0;
    const std::set<Id>& all = members(p);
    for (Id u : all) {
      cost += about(u).cost;
      if (about(u).reduces) return false;
      for (Id in : f_.node(u).inputs) {
        const Tensor* c = constant_value(f_.node(in));
        if (!c && !all.count(in)) return false;
        given += c ? c->bytes() : 0;
      }
    }
    const Type& t = f_.node(p).type;
    if (cost > kWidening || !t.is_tensor() || !t.is_static()) return false;
    double bytes = static_cast<double>(t.element.bytes());
    for (const Dim& d : t.dims) bytes *= static_cast<double>(d.literal());
    return bytes > static_cast<double>(given);
  }

  bool joins_row_by_row(Id root, Id p) {
    const Members &g = group(root), &other = group(p);
    if (!(g.reduces || other.reduces) || g.contracts || other.contracts) return false;
    inlined[static_cast<size_t>(p)] = true;
    const bool joins = is_row_wise(root);
    inlined[static_cast<size_t>(p)] = false;
    return joins;
  }

  // Are there indices that are not affine?
  bool is_divided(Id root) const {
    try {
      return any_node(flatten(GroupLowering(f_, inlined, finite_, root).run(m_).kernel).store.value, divides);
    } catch (const NotLowered&) {
      return true;
    } catch (const NotScheduled&) {
      return true;
    }
  }

  bool is_row_wise(Id root) const {
    try {
      const Group g = GroupLowering(f_, inlined, finite_, root).run(m_);
      if (g.arguments.size() > kMostArguments) return false;
      const Nest n = flatten(g.kernel);
      const Plan p = default_plan(n, {16, 32});
      int64_t rows = 1, row = 1;  // of unknown extents nothing is said
      bool lanes_along = false;
      for (const Axis& a : n.axes) {
        const bool whole = std::find(p.whole.begin(), p.whole.end(), a.variable) != p.whole.end();
        (whole ? row : rows) *= a.extent.as_literal().value_or(64);
        lanes_along = lanes_along || (whole && a.variable == p.lanes);
      }
      if (p.whole.empty()) return true;
      if (depends_on_part(n)) return false;
      if (p.lanes.empty()) return rows * row <= kFewElements;
      if (lanes_along && row < kShortRow) return rows * row <= kFewElements;
      return row <= kLongRow || rows >= kManyRows;
    } catch (const NotLowered&) {
      return false;
    } catch (const NotScheduled&) {
      return false;
    }
  }

  const Module& m_;
  const Function& f_;
  const std::vector<Described>& about_;
  Finite& finite_;
  std::vector<std::vector<Id>> users_;
  std::vector<Members> groups_;
  std::vector<bool> escapes_;
};

}  // namespace

namespace {

Group lowered_again(const Module& m, const Function& f, const Group& g, const std::set<Id>& probes, Id node,
                    int times) {
  std::vector<bool> inlined(f.nodes.size(), false);
  for (Id id : g.nodes) inlined[static_cast<size_t>(id)] = id != g.result;
  Finite finite;
  GroupLowering lowering(f, inlined, finite, g.result, probes);
  lowering.repeat(node, times);
  Group r = lowering.run(m);
  r.reason = g.reason;
  r.unsure = g.unsure;
  return r;
}

}  // namespace

Group with_probes(const Module& m, const Function& f, const Group& g, const std::set<Id>& probes) {
  return lowered_again(m, f, g, probes, -1, 1);
}

Group with_node(const Module& m, const Function& f, const Group& g, Id node, int times) {
  return lowered_again(m, f, g, {}, node, times);
}

std::vector<Group> group_nodes(const Module& m, const Function& f, const GroupOptions& options) {
  const size_t n = f.nodes.size(), first = f.parameter_count();
  std::vector<Described> about(n);
  Finite finite;
  for (size_t i = first; i < n; ++i)
    if (f.nodes[i].op != &ops::constant) about[i] = describe(m, f, finite, static_cast<Id>(i));

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

  Fusion fusion(m, f, about, finite, options.apart);
  if (options.fuse)
    for (size_t i = first; i < n; ++i) fusion.grow(static_cast<Id>(i));
  if (options.fuse)
    for (size_t i = first; i < n; ++i)
      if (!fusion.inlined[i] && f.nodes[i].op != &ops::constant &&
          fusion.only_widens_bytes(static_cast<Id>(i)))
        fusion.inlined[i] = true;
  std::vector<bool>& inlined = fusion.inlined;

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
      if (fusion.may_copy(id)) {  // a view after all where the value is not blocked: compile.cpp
        g = GroupLowering(f, inlined, finite, id).run(m);
        g.source = about[i].view_of;
      }
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
        // Take it apart at its last step and where a value has several users, and try again from the first
        // node that then stands alone.
        bool apart = false;
        size_t again = i;
        const std::function<void(Id)> alone = [&](Id in) {
          const auto p = static_cast<size_t>(in);
          if (!inlined[p]) return;
          inlined[p] = false;
          again = std::min(again, p);
          apart = true;
          if (about[p].view_of >= 0) alone(about[p].view_of);
        };
        for (Id in : fusion.members(id))
          if (fusion.users(in).size() > 1) alone(in);
        for (Id in : f.nodes[i].inputs) alone(in);
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
