// Groups of nodes, see kernels.h.
#include "compile/kernels.h"

#include <algorithm>

#include "compile/fusion.h"
#include "compile/legality.h"
#include "compile/lower_group.h"
#include "ops/lowering.h"

namespace tauto {

namespace {

Group lowered_again(const Module& m, const Function& f, const Group& g, const Changed& changed) {
  std::vector<bool> inlined(f.nodes.size(), false);
  for (Id id : g.nodes) inlined[static_cast<size_t>(id)] = id != g.result;
  Finite finite;
  Group r = lower_group(m, f, inlined, finite, g.result, changed);
  r.reason = g.reason;
  r.unsure = g.unsure;
  return r;
}

}  // namespace

Group with_probes(const Module& m, const Function& f, const Group& g, const std::set<Id>& probes) {
  return lowered_again(m, f, g, {.probes = probes});
}

Group with_node(const Module& m, const Function& f, const Group& g, Id node, int times) {
  return lowered_again(m, f, g, {.probes = {}, .repeated = node, .times = times});
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
        g = lower_group(m, f, inlined, finite, id);
        g.source = about[i].view_of;
      }
    } else if (about[i].lowered) {
      try {
        Group k = lower_group(m, f, inlined, finite, id);
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
