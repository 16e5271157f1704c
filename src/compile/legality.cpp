// Type rules, asked for all sizes or for those of a run.
#include "compile/legality.h"

#include <algorithm>

#include "ops/ops.h"

namespace tauto {
namespace {

bool broadcasts_always(const Type& from, const Type& to) {
  if (!from.ranked || !to.ranked || from.dims.size() > to.dims.size()) return false;
  return std::equal(from.dims.rbegin(), from.dims.rend(), to.dims.rbegin(),
                    [](const Dim& a, const Dim& b) { return a == Dim(1) || a == b; });
}

bool has_its_axes(const Access& a, const std::vector<AxisIndex>& maps, const Type& t) {
  for (size_t d = 0; d < maps.size(); ++d) {
    const AxisIndex& x = maps[d];
    const bool plain =
        x.terms.size() == 1 && x.terms[0].coefficient == Dim(1) && x.offset == Dim(0) && x.divisor == 1;
    if (plain && !(t.dims[d] == a.extents[static_cast<size_t>(x.terms[0].axis)])) return false;
  }
  return true;
}

Dim count_of(const Type& t) {
  Dim n = 1;
  for (const Dim& d : t.dims) n *= d;
  return n;
}

}  // namespace

bool is_always_legal(const Function& f, Id id) {
  const Node& n = f.node(id);
  const auto type = [&](size_t i) -> const Type& { return f.node(n.inputs[i]).type; };
  const auto is_literal = [](const Type& t) { return t.is_tensor() && t.ranked && t.is_static(); };
  if (is_literal(n.type) && !n.attributes.has_symbols() &&
      std::all_of(n.inputs.begin(), n.inputs.end(), [&](Id i) { return is_literal(f.node(i).type); }))
    return true;
  if (n.op->is(kElementwise))
    return std::all_of(n.inputs.begin(), n.inputs.end(),
                       [&](Id i) { return broadcasts_always(f.node(i).type, n.type); });
  if (n.op == &ops::contract) {
    const Access& a = n.attributes.get<Access>("access");
    return has_its_axes(a, a.operands[0], type(0)) && has_its_axes(a, a.operands[1], type(1));
  }
  if (n.op == &ops::reshape) return type(0).ranked && count_of(type(0)) == count_of(n.type);
  // These have a result for all sizes.
  for (const Op* op : {&ops::transpose, &ops::slice, &ops::gather, &ops::reduce_sum, &ops::reduce_max,
                       &ops::reduce_min, &ops::reduce_prod})
    if (n.op == op) return true;
  return n.inputs.empty();
}

bool is_legal(const Function& f, Id id, const Env& env) {
  const Node& n = f.node(id);
  std::vector<Type> types;
  for (Id i : n.inputs) {
    types.push_back(substitute(f.node(i).type, env));
    if (!types.back().is_tensor() || !types.back().ranked || !types.back().is_static()) return false;
  }
  const Type want = substitute(n.type, env);
  const Attributes attributes = substitute(n.attributes, env);
  struct RunTime final : FreshSymbols {
    int64_t n = 0;
    Dim fresh() override { return Dim::symbol(cat("?run", n++)); }
  } symbols;
  TypeContext c(*n.op, attributes, types, symbols);
  c.set_value_source([&](int i) {
    std::optional<Dims> v = known_value(f.node(n.inputs[static_cast<size_t>(i)]));
    if (v)
      for (Dim& d : *v) d = substitute(d, env);
    return v;
  });
  try {
    const Type t = n.op->type(c);
    return t.ranked && t.dims.size() == want.dims.size() &&
           std::equal(t.dims.begin(), t.dims.end(), want.dims.begin(),
                      [](const Dim& a, const Dim& b) { return !a.is_literal() || a == b; });
  } catch (const Error&) {
    return false;
  } catch (const Unranked&) {
    return false;
  }
}

}  // namespace tauto
