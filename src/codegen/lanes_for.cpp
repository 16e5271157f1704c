// How many lanes: as many as a vector has of the widest elements that a kernel handles in lanes.
#include <functional>
#include <set>

#include "codegen/generate.h"
#include "codegen/generator.h"

namespace tauto {
namespace {

// How far is said by the loops, as an immediate (schedule/dots.h).
bool is_shift_by_index(const loops::Expr& e) {
  using loops::Function;
  const auto* a = e.as<loops::Apply>();
  const bool shifts = a && (a->function == Function::ShiftLeft || a->function == Function::ShiftRight ||
                            a->function == Function::ShiftRightLogical);
  return shifts && a->arguments[1].as<loops::Convert>() &&
         !any_node(a->arguments[1], [](const loops::Expr& x) { return x.as<loops::Load>() != nullptr; });
}

}  // namespace

bool is_byte(const loops::Expr& index) {
  const auto* c = index.as<loops::Convert>();
  return c && index.type() == i64 && c->from.type() == u8;
}

bool handles_wide(const loops::Kernel& k, std::map<const loops::Buffer*, bool>& written) {
  bool wide = false;
  std::set<std::string> lanes;
  std::set<const loops::ExprNode*> values;  // that are not part of an index
  const std::function<void(const loops::Expr&)> visit = [&](const loops::Expr& e) {
    if (!e.defined() || !values.insert(e.get()).second || e.as<loops::Load>()) return;
    if (is_shift_by_index(e)) return visit(e.as<loops::Apply>()->arguments[0]);
    each_child(e, visit);
  };
  each_node(
      k.body, [](const loops::Expr&) {},
      [&](const loops::Stmt& s) {
        if (const auto* f = s->as<loops::For>(); f && f->kind == loops::LoopKind::Lanes)
          lanes.insert(f->variable);
        if (const auto* x = s->as<loops::Store>()) visit(x->value);
        if (const auto* x = s->as<loops::If>()) visit(x->condition);
        if (const auto* x = s->as<loops::Let>()) visit(x->value);
      });
  std::set<const loops::ExprNode*> bytes;
  const auto note_bytes = [&](const loops::Expr& e) {
    const auto* l = e.as<loops::Load>();
    if (l && l->index.size() == 1 && is_byte(l->index[0])) bytes.insert(l->index[0].get());
  };
  each_node(k.body, note_bytes, [](const loops::Stmt&) {});
  const auto in_lanes = [&](const loops::Expr& e) {
    return values.count(e.get()) != 0 || any_node(e, [&](const loops::Expr& x) {
             const auto* v = x.as<loops::Variable>();
             return v && lanes.count(v->name) != 0;
           });
  };
  each_node(
      k.body,
      [&](const loops::Expr& e) {
        const ElementType t = e.type();
        const auto* c = e.as<loops::Convert>();
        if (bytes.count(e.get())) return;
        const bool integer =
            (t == i64 && (e.as<loops::Load>() || c || e.as<loops::Bits>() || e.as<loops::Probe>())) ||
            (c && (c->from.type() == i64 || c->from.type() == u32));
        // An index that differs between lanes beside an element, which may be any number.
        const auto* a = e.as<loops::Apply>();
        const bool compares = a && t.is_bool() && a->arguments[0].type() == i64 &&
                              any_node(e, [](const loops::Expr& x) { return x.as<loops::Load>(); });
        wide = wide || (t.is_float() && t.bits == 64) || t == u64 || ((integer || compares) && in_lanes(e));
      },
      [&](const loops::Stmt& s) {
        if (const auto* x = s->as<loops::Store>()) written[x->buffer.get()] = true;
      });
  for (const auto& [b, yes] : written) wide = wide || b->type.bits == 64;
  return wide;
}

int lanes_for(const loops::Kernel& kernel, int vector_bytes) {
  std::map<const loops::Buffer*, bool> written;
  return vector_bytes / (handles_wide(kernel, written) ? 8 : 4);
}

}  // namespace tauto
