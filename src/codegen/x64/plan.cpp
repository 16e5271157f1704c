// Folding loads, broadcasts, constants and sign changes into the instruction that uses them. Nothing here
// changes a bit of a result.
#include "codegen/x64/plan.h"

#include <algorithm>

#include "support/error.h"

namespace tauto::vec::x64 {
namespace {

Lane lane_at(const Program& p, Reg r) { return p.vectors[static_cast<size_t>(r.id)]; }

bool is_control(VecOp op) {
  return op == VecOp::Loop || op == VecOp::If || op == VecOp::Else || op == VecOp::End;
}
bool has_effect(VecOp op) {
  return is_control(op) || op == VecOp::Store || op == VecOp::StoreOne || op == VecOp::Prefetch;
}

template <class F>
void for_each_read(const Program& p, const Plan& plan, const Instr& i, F f) {
  for (int k = 0; k < 3; k++)
    if (i.operand[k] && !(takes_immediate(i.op, k) && immediate_of(p, plan, i.operand[k]))) f(i.operand[k]);
  if (i.mask) f(i.mask);
  if (i.address.base) f(i.address.base);
  if (i.address.index) f(i.address.index);
}

void match_control(const Program& p, Plan& plan) {
  std::vector<int32_t> open;
  for (int32_t i = 0; i < static_cast<int32_t>(p.code.size()); i++) {
    const VecOp op = p.code[static_cast<size_t>(i)].op;
    if (op == VecOp::Loop || op == VecOp::If) {
      if (op == VecOp::Loop) {
        plan.steps[static_cast<size_t>(i)].innermost = true;
        for (int32_t o : open) plan.steps[static_cast<size_t>(o)].innermost = false;
      }
      open.push_back(i);
    } else if (op == VecOp::Else) {
      if (open.empty() || p.code[static_cast<size_t>(open.back())].op != VecOp::If)
        fail("encode: program ", p.name, ", instruction ", i, ": else without if");
      plan.steps[static_cast<size_t>(open.back())].else_at = i;
    } else if (op == VecOp::End) {
      if (open.empty()) fail("encode: program ", p.name, ", instruction ", i, ": end without a beginning");
      Step& begin = plan.steps[static_cast<size_t>(open.back())];
      begin.other_end = i;
      if (begin.else_at >= 0) plan.steps[static_cast<size_t>(begin.else_at)].other_end = i;
      plan.steps[static_cast<size_t>(i)].other_end = open.back();
      open.pop_back();
    }
  }
  if (!open.empty()) fail("encode: program ", p.name, ": instruction ", open.back(), " has no end");
}

struct Uses {
  std::vector<int32_t> reads;   // per value
  std::vector<int32_t> reader;  // per value: the last instruction that reads it
};

// Counts reads; instructions whose results nobody reads are skipped, and then do not read either.
Uses count_uses(const Program& p, Plan& plan) {
  for (;;) {
    Uses u;
    u.reads.assign(static_cast<size_t>(plan.values()), 0);
    u.reader.assign(static_cast<size_t>(plan.values()), -1);
    for (size_t i = 0; i < p.code.size(); i++) {
      if (plan.steps[i].skip) continue;
      for_each_read(p, plan, p.code[i], [&](Reg r) {
        u.reads[static_cast<size_t>(plan.value(r))]++;
        u.reader[static_cast<size_t>(plan.value(r))] = static_cast<int32_t>(i);
      });
    }
    bool changed = false;
    for (size_t i = 0; i < p.code.size(); i++) {
      const Instr& in = p.code[i];
      if (plan.steps[i].skip || has_effect(in.op) || u.reads[static_cast<size_t>(plan.value(in.result))] > 0)
        continue;
      plan.steps[i].skip = changed = true;
    }
    if (!changed) return u;
  }
}

class Folder {
 public:
  Folder(const Program& p, const X64Features& f, Plan& plan, const Uses& uses)
      : p_(p), f_(f), plan_(plan), uses_(uses) {
    int32_t block = 0, stores = 0;
    for (const Instr& i : p.code) {
      if (is_control(i.op)) block++;
      if (i.op == VecOp::Store || i.op == VecOp::StoreOne) stores++;
      block_.push_back(block);
      stores_.push_back(stores);
    }
  }

  void run() {
    for (int32_t i = 0; i < static_cast<int32_t>(p_.code.size()); i++) negation(i);
    for (int32_t i = 0; i < static_cast<int32_t>(p_.code.size()); i++) memory(i);
  }

 private:
  // The only reader of what instruction i writes, if it stands in the same basic block.
  int32_t only_reader(int32_t i) const {
    const size_t v = static_cast<size_t>(plan_.value(p_.code[static_cast<size_t>(i)].result));
    if (plan_.definition[v] != i || uses_.reads[v] != 1) return -1;
    const int32_t j = uses_.reader[v];
    return j > i && block_[static_cast<size_t>(i)] == block_[static_cast<size_t>(j)] ? j : -1;
  }

  // Whether r is written by an instruction between i and j.
  bool written_between(Reg r, int32_t i, int32_t j) const {
    if (!r || plan_.definition[static_cast<size_t>(plan_.value(r))] >= 0) return false;
    for (int32_t k = i + 1; k < j; k++)
      if (p_.code[static_cast<size_t>(k)].result == r) return true;
    return false;
  }

  void memory(int32_t i) {
    const Instr& in = p_.code[static_cast<size_t>(i)];
    if (plan_.steps[static_cast<size_t>(i)].skip || in.mask) return;
    const bool constant = in.op == VecOp::Const;
    const bool plain = in.memory.bits >= 32 && in.memory.bits == 8 * bytes_of(in.lane);
    if (!constant && !(in.op == VecOp::Load && plain) && !(in.op == VecOp::Broadcast && plain && f_.avx512))
      return;
    const int32_t j = only_reader(i);
    if (j < 0 || j - i > 200) return;
    const Instr& user = p_.code[static_cast<size_t>(j)];
    Step& step = plan_.steps[static_cast<size_t>(j)];
    if (step.folded >= 0 || step.skip) return;
    if (!constant && stores_[static_cast<size_t>(i)] != stores_[static_cast<size_t>(j)]) return;
    if (!constant && (written_between(in.address.base, i, j) || written_between(in.address.index, i, j)))
      return;
    for (int k = 0; k < 3; k++) {
      if (user.operand[k] != in.result || step.negated == k) continue;
      const unsigned can = memory_operands(user, lane_at(p_, in.result), f_);
      if (!(can >> k & 1)) return;
      step.folded = i;
      step.folded_operand = static_cast<int8_t>(k);
      plan_.steps[static_cast<size_t>(i)].skip = true;
      return;
    }
  }

  // xor with the sign bit feeding one fma: the fma negates (exactly: only the sign of a NaN may differ).
  void negation(int32_t i) {
    const Instr& in = p_.code[static_cast<size_t>(i)];
    if (in.op != VecOp::Xor || !is_float(lane_at(p_, in.result)) || plan_.steps[static_cast<size_t>(i)].skip)
      return;
    const Lane lane = lane_at(p_, in.result);
    const int32_t constant = plan_.definition[static_cast<size_t>(plan_.value(in.operand[1]))];
    if (constant < 0) return;
    const Instr& c = p_.code[static_cast<size_t>(constant)];
    const uint64_t sign = lane == Lane::F32 ? 0x80000000u : uint64_t{1} << 63;
    const uint64_t bits =
        static_cast<uint64_t>(c.immediate) & (lane == Lane::F32 ? 0xffffffffu : ~uint64_t{0});
    if (c.op != VecOp::Const || bits != sign) return;
    const int32_t j = only_reader(i);
    if (j < 0 || j - i > 200 || written_between(in.operand[0], i, j)) return;
    const Instr& user = p_.code[static_cast<size_t>(j)];
    Step& step = plan_.steps[static_cast<size_t>(j)];
    if (user.op != VecOp::Fma || step.negated >= 0 || step.skip) return;
    for (int k = 0; k < 3; k++)
      if (user.operand[k] == in.result) step.negated = static_cast<int8_t>(k);
    step.negation = i;
    plan_.steps[static_cast<size_t>(i)].skip = true;
  }

  const Program& p_;
  const X64Features& f_;
  Plan& plan_;
  const Uses& uses_;
  std::vector<int32_t> block_, stores_;  // per instruction: how many came before and at it
};

// A mask is kept in the width that most of its mentions have.
void choose_mask_widths(const Program& p, Plan& plan) {
  std::vector<int32_t> wide(static_cast<size_t>(p.masks), 0);
  const auto vote = [&](Reg m, Lane l) {
    if (m) wide[static_cast<size_t>(m.id)] += bytes_of(l) == 8 ? 1 : -1;
  };
  for (const Instr& i : p.code) {
    if (i.op == VecOp::Compare) vote(i.result, lane_at(p, i.operand[0]));
    if (i.op == VecOp::Select) vote(i.operand[0], lane_at(p, i.result));
    if (i.op == VecOp::Load || i.op == VecOp::Gather) vote(i.mask, lane_at(p, i.result));
    if (i.op == VecOp::Store) vote(i.mask, lane_at(p, i.operand[0]));
  }
  for (int32_t m = 0; m < p.masks; m++) plan.mask_bytes.push_back(wide[static_cast<size_t>(m)] > 0 ? 8 : 4);
}

}  // namespace

unsigned memory_operands(const Instr& i, Lane l, const X64Features& f) {
  const bool avx512 = f.avx512;
  const bool emulated = l == Lane::I64 && !avx512;
  switch (i.op) {
    case VecOp::Add:
    case VecOp::And:
    case VecOp::Or:
    case VecOp::Xor:
      return 3;
    case VecOp::Mul:
      return emulated ? 0 : 3;
    case VecOp::Sub:
    case VecOp::Div:
    case VecOp::AndNot:
    case VecOp::ShlV:
    case VecOp::ShrV:
      return 2;
    case VecOp::SarV:
    case VecOp::Greater:
    case VecOp::Lesser:
      return emulated ? 0 : 2;
    case VecOp::Fma:
      return 7;
    case VecOp::DotPairs:
      return f.bf16 ? 3 : 0;
    case VecOp::DotBytes:
      return f.vnni ? 2 : 0;
    case VecOp::DotWords:
      return f.vnni || !avx512 ? 2 : 0;  // vpmaddwd broadcasts no operand
    case VecOp::Compare: {
      const Compare c = static_cast<Compare>(i.immediate);
      if (avx512 || is_float(l)) return 2;
      return c == Compare::Less ? 1 : c == Compare::Unordered ? 0 : 2;
    }
    case VecOp::CountBits:
      return f.popcnt ? 1 : 0;
    case VecOp::Sqrt:
    case VecOp::Round:
      return 1;
    case VecOp::Select:
      return 2;
    default:
      return 0;
  }
}

bool takes_immediate(VecOp op, int k) {
  switch (op) {
    case VecOp::AddS:
    case VecOp::SubS:
    case VecOp::MulS:
    case VecOp::DivS:
    case VecOp::ModS:
    case VecOp::If:
      return k == 1;
    case VecOp::Loop:
      return true;
    default:
      return false;
  }
}

std::optional<int32_t> immediate_of(const Program& p, const Plan& plan, Reg r) {
  if (r.cls != Class::Scalar) return {};
  const int32_t d = plan.definition[static_cast<size_t>(r.id)];
  if (d < 0 || p.code[static_cast<size_t>(d)].op != VecOp::Imm) return {};
  const int64_t value = p.code[static_cast<size_t>(d)].immediate;
  if (value != static_cast<int32_t>(value)) return {};
  return static_cast<int32_t>(value);
}

Plan plan_of(const Program& p, const X64Features& f) {
  Plan plan;
  plan.steps.resize(p.code.size());
  plan.scalars = p.scalars;
  plan.vectors = static_cast<int32_t>(p.vectors.size());
  plan.masks = p.masks;
  plan.definition.assign(static_cast<size_t>(plan.values()), -2);
  for (size_t i = 0; i < p.code.size(); i++) {
    if (!p.code[i].result) continue;
    int32_t& d = plan.definition[static_cast<size_t>(plan.value(p.code[i].result))];
    d = d == -2 && p.code[i].op != VecOp::Loop ? static_cast<int32_t>(i) : -1;
  }
  for (int32_t& d : plan.definition) d = std::max(d, -1);
  match_control(p, plan);
  const Uses uses = count_uses(p, plan);
  Folder(p, f, plan, uses).run();
  choose_mask_widths(p, plan);
  return plan;
}

}  // namespace tauto::vec::x64
