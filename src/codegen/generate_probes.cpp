// Stores of values that a probe asks for (compile/probes.h).
#include <algorithm>

#include "codegen/generator.h"

namespace tauto {

using vec::Instr;

// Side by side where the lanes are, under the mask of those that want the value; else one lane after the
// other, each with an index of its own.
void Generator::store_probe(const loops::Probe& p, Reg v) {
  const loops::Buffer& b = *p.buffer;
  Instr i;
  i.lane = a_.lane(v);
  i.memory = b.type;
  i.operand[0] = v;
  const Reg wanted = guard_ ? guard_ : tail_;
  std::optional<Linear> offset;
  if (std::all_of(p.index.begin(), p.index.end(), [&](const Expr& x) { return is_linear(x); })) {
    try {
      offset = element_offset(b, p.index);
    } catch (const NotGenerated&) {  // lanes at a distance that only run time knows
    }
  }
  if (offset && !offset->varying && (offset->lane == 1 || (offset->lane == 0 && !guard_))) {
    const bool together = offset->lane == 1;
    i.op = together ? VecOp::Store : VecOp::StoreOne;
    i.address = address(b, *offset);
    if (together) i.mask = wanted;
    emit_here(i);
    return;
  }
  std::map<std::string, Bound> lanes;
  for (const auto& [name, bound] : bound_)
    if (bound.kind == Bound::Kind::Lanes) lanes.emplace(name, bound);
  const std::map<const loops::ExprNode*, Reg> memo = memo_;
  i.op = VecOp::StoreOne;
  for (int64_t lane = 0; lane < lanes_; ++lane) {
    if (lane > 0) i.operand[0] = pure(VecOp::Down, i.lane, {i.operand[0]}, 1);
    if (wanted) {
      const Reg up_to = pure(VecOp::First, Lane::I32, {immediate(lane + 1)});
      const Reg before = pure(VecOp::First, Lane::I32, {immediate(lane)});
      const Reg here = pure(VecOp::AndM, Lane::I32, {pure(VecOp::XorM, Lane::I32, {up_to, before}), wanted});
      const Reg any = scalar_op(VecOp::Any, {here}), one = immediate(1);
      open_if(vec::Compare::Equal, any, one);
    }
    for (const auto& [name, bound] : lanes) {
      Linear at = bound.from;
      at.constant += Dim(lane);
      Bound one;
      one.kind = Bound::Kind::Scalar;
      one.reg = sum(at);
      bound_[name] = one;
    }
    memo_.clear();
    i.address = address(b, element_offset(b, p.index));
    emit_here(i);
    if (wanted) close();
  }
  for (const auto& [name, bound] : lanes) bound_[name] = bound;
  memo_ = memo;
}

}  // namespace tauto
