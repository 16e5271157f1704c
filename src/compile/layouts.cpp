// Channel-blocked values, see layouts.h.
#include "compile/layouts.h"

#include <algorithm>
#include <cstring>

#include "loops/affine.h"
#include "schedule/spell_out.h"

namespace tauto {

using loops::Expr;

namespace {

// The loop variable of the result's dim 1, as GroupLowering names it.
constexpr const char* kChannel = "i1";

constexpr int64_t kBytes = 4, kPair = 2;  // terms of a step of a dot product of bytes, of bf16

// Bytes that are no multiple of the block only where a dot product wants them, see below.
bool may_be_blocked(const Type& t, int64_t block, bool dots) {
  if (!t.is_tensor() || !t.ranked || t.rank() < 3 ||
      !(t.element == f32 || t.element == i32 || t.element == u8 || t.element == bf16))
    return false;
  const auto channels = t.dims[1].as_literal();
  if (!channels || *channels < kBytes) return false;
  if (!dots) return *channels % block == 0;
  block = block_of(t.element, *channels, block);
  const int64_t step = t.element == u8 ? kBytes : t.element == bf16 ? kPair : block;
  return *channels >= block && *channels % step == 0;
}

// Values of bytes whose channels a contraction adds up: four of them are one step of a dot product.
void collect_dots(const Group& g, std::set<Id>& dots) {
  std::map<const loops::Buffer*, Id> values;
  for (size_t i = 0; i < g.arguments.size(); ++i)
    if (const ElementType e = g.kernel.buffers[i]->type;
        g.arguments[i].kind == KernelArgument::Kind::Value && (e == u8 || e == bf16))
      values[g.kernel.buffers[i].get()] = g.arguments[i].value;
  if (values.empty()) return;
  each_node(
      g.kernel.body,
      [&](const Expr& e) {
        const auto* r = e.as<loops::Reduce>();
        if (!r || r->order != loops::Order::Blocks ||
            !(e.type() == i32 || r->function == loops::Function::FmaFlush))
          return;
        for (const Expr& operand : r->operands)
          each_node(operand, [&](const Expr& x) {
            const auto* l = x.as<loops::Load>();
            const auto v = l && l->index.size() >= 3 ? values.find(l->buffer.get()) : values.end();
            if (v != values.end() && std::any_of(r->axes.begin(), r->axes.end(), [&](const loops::Axis& a) {
                  return mentions(l->index[1], a.variable);
                }))
              dots.insert(v->second);
            return true;
          });
      },
      [](const loops::Stmt&) {});
}

bool keeps_blocks(const Function& f, const Group& view) {
  const Type &from = f.node(view.source).type, &to = f.node(view.result).type;
  return from.ranked && to.ranked && from.rank() >= 3 && to.rank() >= 3 && from.dims[0] == to.dims[0] &&
         from.dims[1] == to.dims[1];
}

// What such values are made from, element by element, by moving (borders) or by windows, lies the same way, and so
// does what views show as one.
void collect_sources(const Function& f, const std::vector<Group>& groups, std::set<Id>& dots) {
  for (auto g = groups.rbegin(); g != groups.rend(); ++g) {
    if (g->kind == Group::Kind::View && dots.count(g->result) && keeps_blocks(f, *g)) dots.insert(g->source);
    if (g->kind != Group::Kind::Kernel || !dots.count(g->result)) continue;
    bool contracts = false;
    std::set<const loops::Buffer*> alike, otherwise;  // read at the channel, perhaps so many further; or not
    each_node(
        g->kernel.body,
        [&](const Expr& e) {
          const auto* r = e.as<loops::Reduce>();
          contracts = contracts || (r && r->order == loops::Order::Blocks);
          const auto* l = e.as<loops::Load>();
          if (!l || l->index.size() < 3) return;
          auto at = loops::affine_of(l->index[1]);
          const bool same = at && at->coefficient(kChannel) == Dim(1) && at->terms.size() == 1;
          (same ? alike : otherwise).insert(l->buffer.get());
        },
        [](const loops::Stmt&) {});
    const Type& to = f.node(g->result).type;
    for (size_t i = 0; i < g->arguments.size(); ++i) {
      const KernelArgument& a = g->arguments[i];
      const loops::Buffer* b = g->kernel.buffers[i].get();
      if (contracts || a.kind != KernelArgument::Kind::Value || !alike.count(b) || otherwise.count(b))
        continue;
      const Type& t = f.node(a.value).type;
      if (t.element == to.element && t.rank() == to.rank()) dots.insert(a.value);
    }
  }
}

// Does it contract with a constant that differs between channels, or read pixels whose channels lie side by side?
bool wants_blocks(const Group& g) {
  std::set<const loops::Buffer*> constants;
  for (size_t i = 0; i < g.arguments.size(); ++i)
    if (g.arguments[i].kind == KernelArgument::Kind::Constant) constants.insert(g.kernel.buffers[i].get());
  bool wants = false;
  const auto differs = [&](const Expr& x) {
    const auto* l = x.as<loops::Load>();
    return l && constants.count(l->buffer.get()) && mentions(x, kChannel);
  };
  const auto innermost = [&](const Expr& x) {
    const auto* l = x.as<loops::Load>();
    if (!l || l->index.size() < 2 || constants.count(l->buffer.get())) return false;
    const auto* v = l->index.back().as<loops::Variable>();
    return v && v->name == kChannel &&
           std::any_of(l->index.begin() + 1, l->index.end() - 1,
                       [](const Expr& i) { return !i.as<loops::Literal>(); });
  };
  each_node(
      g.kernel.body,
      [&](const Expr& e) {
        wants = wants || innermost(e);
        const auto* r = e.as<loops::Reduce>();
        if (r && r->order == loops::Order::Blocks)
          for (const Expr& operand : r->operands) wants = wants || any_node(operand, differs);
      },
      [](const loops::Stmt&) {});
  return wants;
}

loops::Layout blocked_layout(ElementType e, const std::vector<Dim>& dims, int64_t block) {
  loops::Layout l;
  block = block_of(e, dims[1].literal(), block);
  const bool one = dims[1] == Dim(block);
  Dim stride = block;
  std::vector<loops::Layout::Part> parts;
  for (size_t d = dims.size(); d-- > 0;) {
    if (d == 1) continue;
    if (d == 0 && !one) {  // the blocks of channels come before dim 0's stride
      parts.push_back({1, block, 0, stride});
      stride = stride * exact_div(dims[1], Dim(block));
    }
    parts.push_back({static_cast<int>(d), 1, 0, stride});
    stride = stride * dims[d];
  }
  parts.push_back({1, 1, one ? 0 : block, 1});
  l.parts.assign(parts.begin(), parts.end());
  l.elements = stride;
  return l;
}

// Copies between [n, c, rest] and [n, c / block, rest, block].
Tensor permuted(const Tensor& t, int64_t block, bool to_blocks) {
  Tensor r(t.type(), t.shape());
  const int64_t bytes = t.element_bytes(), outer = t.dim(0), channels = t.dim(1);
  const int64_t rest = t.count() ? t.count() / (outer * channels) : 0;
  const auto* from = static_cast<const char*>(t.raw());
  auto* to = static_cast<char*>(r.raw());
  for (int64_t n = 0; n < outer; ++n)
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t i = 0; i < rest; ++i) {
        const int64_t plain = (n * channels + c) * rest + i;
        const int64_t inside = ((n * (channels / block) + c / block) * rest + i) * block + c % block;
        std::memcpy(to + (to_blocks ? inside : plain) * bytes, from + (to_blocks ? plain : inside) * bytes,
                    static_cast<size_t>(bytes));
      }
  return r;
}

}  // namespace

int64_t block_of(ElementType e, int64_t channels, int64_t block) {
  return e.bits <= 16 && channels % block != 0 ? channels : block;
}

std::set<Id> choose_blocked(const Function& f, const std::vector<Group>& groups, int64_t block) {
  std::set<Id> allowed, dots;
  for (const Group& g : groups)
    if (g.kind == Group::Kind::Kernel) collect_dots(g, dots);
  collect_sources(f, groups, dots);
  for (const Group& g : groups)
    if (g.kind != Group::Kind::Reference &&
        may_be_blocked(f.node(g.result).type, block, dots.count(g.result) != 0))
      allowed.insert(g.result);
  for (Id r : f.results) allowed.erase(r);
  for (const Group& g : groups) {
    if (g.kind == Group::Kind::Reference)
      for (Id id : g.nodes)
        for (Id in : f.node(id).inputs) allowed.erase(in);
    for (const RangeCheck& c : g.checks) allowed.erase(c.value);
  }
  for (auto g = groups.rbegin(); g != groups.rend(); ++g)
    if (g->kind == Group::Kind::View && !(allowed.count(g->result) && keeps_blocks(f, *g)))
      allowed.erase(g->source);
  for (const Group& g : groups)
    if (g.kind == Group::Kind::View && !allowed.count(g.source)) allowed.erase(g.result);
  std::set<Id> chosen;
  for (const Group& g : groups) {
    if (!allowed.count(g.result)) continue;
    if (g.kind == Group::Kind::View) {
      if (chosen.count(g.source)) chosen.insert(g.result);
      continue;
    }
    bool wants = dots.count(g.result) || wants_blocks(g);
    for (const KernelArgument& a : g.arguments)
      wants = wants || (a.kind == KernelArgument::Kind::Value && chosen.count(a.value));
    if (wants) chosen.insert(g.result);
  }
  return chosen;
}

void unblock(std::set<Id>& blocked, const std::set<Id>& values, const std::vector<Group>& groups) {
  std::set<Id> all = values;
  for (size_t before = 0; before != all.size();) {
    before = all.size();
    for (const Group& g : groups)
      if (g.kind == Group::Kind::View && (all.count(g.source) || all.count(g.result)))
        all.insert({g.source, g.result});
  }
  for (Id id : all) blocked.erase(id);
}

Group with_blocked(const Group& g, const std::set<Id>& blocked, int64_t block) {
  Group r = g;
  std::map<const loops::Buffer*, loops::BufferPtr> replaced;
  for (size_t i = 0; i < g.arguments.size(); ++i) {
    const KernelArgument& a = g.arguments[i];
    if (a.kind == KernelArgument::Kind::Constant || !blocked.count(a.value)) continue;
    loops::Buffer b = *g.kernel.buffers[i];
    b.layout = blocked_layout(b.type, b.dims, block);
    r.kernel.buffers[i] = std::make_shared<const loops::Buffer>(b);
    replaced[g.kernel.buffers[i].get()] = r.kernel.buffers[i];
  }
  if (replaced.empty()) return r;
  const auto of = [&](const loops::BufferPtr& b) {
    const auto at = replaced.find(b.get());
    return at == replaced.end() ? b : at->second;
  };
  r.kernel.body = rewrite(
      g.kernel.body,
      [&](const Expr& e) -> Expr {
        if (const auto* p = e.as<loops::Probe>(); p && of(p->buffer) != p->buffer)
          return loops::probe(p->value, of(p->buffer), p->index);
        const auto* l = e.as<loops::Load>();
        return l && of(l->buffer) != l->buffer ? loops::load(of(l->buffer), l->index) : Expr();
      },
      [&](const loops::Stmt& s) -> loops::Stmt {
        const auto* st = s->as<loops::Store>();
        return st && of(st->buffer) != st->buffer ? loops::store(of(st->buffer), st->index, st->value)
                                                  : nullptr;
      });
  return r;
}

Tensor unblocked(const Tensor& t, int64_t block) {
  return permuted(t, block_of(t.type(), t.dim(1), block), false);
}
Tensor blocked(const Tensor& t, int64_t block) {
  return permuted(t, block_of(t.type(), t.dim(1), block), true);
}

}  // namespace tauto
