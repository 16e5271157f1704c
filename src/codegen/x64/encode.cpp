// Encoding from top to bottom: what each instruction demands, where everything lives, then the bytes: the
// prologue, one instruction after the other with the reloads around it, the epilogue, the constants.
#include "codegen/x64/encode.h"

#include <algorithm>
#include <memory>

#include "codegen/check_allocation.h"
#include "codegen/tidy.h"
#include "codegen/x64/emitter.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto::vec {

int64_t caller_scratch(const Program& program) {
  return program.scratch > kStackScratch ? program.scratch : 0;
}

X64Features x64_features_of(Isa isa) {
  const CpuFeatures& f = this_cpu().features;
  return {.avx512 = is_avx512(isa),
          .bf16 = has_bf16(isa, f),
          .vnni = has_vnni(isa, f),
          .popcnt = has_popcnt(isa, f),
          .vbmi = has_vbmi(isa, f)};
}
X64Features x64_features_of_cpu() { return x64_features_of(choose_isa(this_cpu().features, nullptr)); }

namespace x64 {
namespace {

bool is_control(VecOp op) {
  return op == VecOp::Loop || op == VecOp::If || op == VecOp::Else || op == VecOp::End;
}
bool is_cheap(VecOp op) {
  return op == VecOp::Imm || op == VecOp::Scratch || op == VecOp::Const || op == VecOp::Iota ||
         op == VecOp::FillM;
}

void check_lanes(const Program& p, const X64Features& f) {
  const int most = f.avx512 ? 64 : 32;
  for (Lane l : p.vectors) {
    const int width = p.lanes * bytes_of(l);
    if (width < 16 || width > most)
      fail("encode: program ", p.name, ": ", p.lanes, " lanes of ", bytes_of(l),
           " bytes required, but a vector of ",
           f.avx512 ? "AVX-512 has 16 to 64 bytes" : "AVX2 has 16 or 32 bytes");
  }
  if (p.lanes < 4 || p.lanes > (f.avx512 ? 16 : 8))
    fail("encode: program ", p.name, ": ", p.lanes, " lanes, required 4 to ", f.avx512 ? 16 : 8);
}

// What every instruction asks of the register allocation. Instructions whose results are read by no other
// instruction (any more, after folding) are marked as skipped.
class DemandsOf {
 public:
  DemandsOf(const Program& p, const X64Features& f, Plan& plan, Emitter& rehearsal)
      : p_(p), f_(f), plan_(plan) {
    Demands& d = demands;
    d.values.assign(static_cast<size_t>(plan.values()), Class::Scalar);
    std::fill_n(d.values.begin() + plan.scalars + 2, plan.vectors, Class::Vector);
    std::fill_n(d.values.begin() + plan.scalars + 2 + plan.vectors, plan.masks, Class::Mask);
    d.cheap.assign(d.values.size(), 0);
    for (size_t v = 0; v < d.values.size(); v++) {
      const int32_t definition = plan.definition[v];
      if (definition >= 0 && is_cheap(p.code[static_cast<size_t>(definition)].op) &&
          !(p.code[static_cast<size_t>(definition)].op == VecOp::Scratch && caller_scratch(p) > 0))
        d.cheap[v] = 1;
    }
    for (int32_t i = 0; i < static_cast<int32_t>(p.code.size()); i++) d.code.push_back(reads_of(i));
    skip_unread();
    bool arguments = false, scratch = false;
    for (int32_t i = 0; i < static_cast<int32_t>(p.code.size()); i++) {
      if (plan.steps[static_cast<size_t>(i)].skip) continue;
      rehearsal.rehearse(i, d.code[static_cast<size_t>(i)]);
      for (const Read& r : d.code[static_cast<size_t>(i)].reads) {
        arguments |= r.value == plan.arguments();
        scratch |= r.value == plan.scratch();
      }
    }
    if (arguments || scratch) d.entry.push_back(plan.arguments());
    if (scratch) d.entry.push_back(plan.scratch());
  }

  Demands demands;

 private:
  Demand reads_of(int32_t i) {
    Demand d;
    const Instr& in = p_.code[static_cast<size_t>(i)];
    const Step& step = plan_.steps[static_cast<size_t>(i)];
    if (step.skip) return d;
    const Instr* source = &in;  // of scalar operands: an End compares what its Loop says
    if (in.op == VecOp::End) {
      source = &p_.code[static_cast<size_t>(step.other_end)];
      if (source->op != VecOp::Loop) return d;
      read(d, source->result, false);
      if (!immediate_of(p_, plan_, source->operand[1])) read(d, source->operand[1], true);
      d.write = plan_.value(source->result);
      d.update = source->immediate == static_cast<int32_t>(source->immediate);
      return d;
    }
    for (int k = 0; k < 3; k++) {
      const Reg r =
          step.negated == k ? p_.code[static_cast<size_t>(step.negation)].operand[0] : in.operand[k];
      if (!r || step.folded_operand == k) continue;
      if (takes_immediate(in.op, k) && immediate_of(p_, plan_, r)) continue;
      read(d, r, may_be_memory(in, step, k, r));
    }
    if (in.mask) read(d, in.mask, in.op == VecOp::Gather && copies_mask(in));
    const Instr& memory = step.folded >= 0 ? p_.code[static_cast<size_t>(step.folded)] : in;
    if (memory.address.base) read(d, memory.address.base, false);
    if (memory.address.index) read(d, memory.address.index, false);
    if (in.op == VecOp::Arg) d.reads.push_back({plan_.arguments(), false});
    if (in.op == VecOp::Scratch && caller_scratch(p_) > 0) d.reads.push_back({plan_.scratch(), false});
    if (in.result) d.write = plan_.value(in.result);
    if (in.op == VecOp::Loop) d.loop_end = step.other_end;
    d.update = updates_scalar(in);
    return d;
  }

  // AVX2 gathers clear the mask they use, so they use a copy.
  bool copies_mask(const Instr& in) const {
    const int kept = plan_.mask_bytes[static_cast<size_t>(in.mask.id)];
    return !f_.avx512 && in.memory.bits >= 32 && (kept == in.memory.bits / 8 || p_.lanes * 8 > 32) &&
           !demands.cheap[static_cast<size_t>(plan_.value(in.mask))];
  }

  static bool updates_scalar(const Instr& in) {
    switch (in.op) {
      case VecOp::AddI:
        return in.result == in.operand[0] && in.immediate == static_cast<int32_t>(in.immediate);
      case VecOp::AddS:
        return in.result == in.operand[0] || in.result == in.operand[1];
      case VecOp::SubS:
        return in.result == in.operand[0];
      default:
        return false;
    }
  }

  bool may_be_memory(const Instr& in, const Step& step, int k, Reg r) const {
    switch (in.op) {
      case VecOp::Loop:
      case VecOp::If:
      case VecOp::MinS:
      case VecOp::MaxS:
        return k == 1;
      case VecOp::MoveS:
      case VecOp::AddS:
      case VecOp::SubS:
      case VecOp::MulS:
        return true;
      case VecOp::AddI:
      case VecOp::MulI:
        return in.immediate == static_cast<int32_t>(in.immediate);
      default:
        break;
    }
    if (r.cls != Class::Vector || step.folded >= 0) return false;
    if (!(memory_operands(in, p_.vectors[static_cast<size_t>(r.id)], f_) >> k & 1)) return false;
    const int32_t definition = plan_.definition[static_cast<size_t>(plan_.value(r))];
    return definition < 0 || p_.code[static_cast<size_t>(definition)].op != VecOp::Iota;
  }

  void read(Demand& d, Reg r, bool memory) {
    const int32_t v = plan_.value(r);
    if (r.cls == Class::Scalar && demands.cheap[static_cast<size_t>(v)]) memory = false;
    d.reads.push_back({v, memory});
  }

  void skip_unread() {
    for (bool changed = true; changed;) {
      changed = false;
      std::vector<uint8_t> read(demands.values.size(), 0);
      for (const Demand& d : demands.code)
        for (const Read& r : d.reads) read[static_cast<size_t>(r.value)] = 1;
      for (size_t i = 0; i < demands.code.size(); i++) {
        Demand& d = demands.code[i];
        const VecOp op = p_.code[i].op;
        if (plan_.steps[i].skip || d.write < 0 || is_control(op) || read[static_cast<size_t>(d.write)])
          continue;
        plan_.steps[i].skip = changed = true;
        d = Demand{};
      }
    }
  }

  const Program& p_;
  const X64Features& f_;
  Plan& plan_;
};

}  // namespace

void Emitter::body() {
  switch (in_->op) {
    case VecOp::Imm:
    case VecOp::Arg:
    case VecOp::Scratch:
    case VecOp::MoveS:
    case VecOp::AddS:
    case VecOp::SubS:
    case VecOp::MulS:
    case VecOp::AddI:
    case VecOp::MulI:
    case VecOp::MinS:
    case VecOp::MaxS:
    case VecOp::DivS:
    case VecOp::ModS:
    case VecOp::LoadS:
      scalars();
      break;
    case VecOp::Loop:
    case VecOp::If:
    case VecOp::Else:
    case VecOp::End:
      control();
      break;
    case VecOp::First:
    case VecOp::FillM:
    case VecOp::AndM:
    case VecOp::OrM:
    case VecOp::XorM:
    case VecOp::NotM:
    case VecOp::Compare:
    case VecOp::Any:
      masks();
      break;
    case VecOp::Load:
      load();
      break;
    case VecOp::Broadcast:
      broadcast();
      break;
    case VecOp::Gather:
      gather();
      break;
    case VecOp::Lookup:
      lookup();
      break;
    case VecOp::Store:
      store();
      break;
    case VecOp::StoreOne:
      store_one();
      break;
    case VecOp::Prefetch:
      prefetcht0(ptr[at(in_->address)]);
      break;
    default:
      vectors();
      break;
  }
  if (move_after_) move(d(), *move_after_);
}

void Emitter::reload(const Visit& visit) {
  const int32_t slot = allocation_->slot[static_cast<size_t>(visit.value)];
  if (slot >= 0) {
    const Address_ from = slot_of(visit.value);
    if (visit.value < plan_.scalars + 2) {
      mov(scalar_at(visit.value), from);
    } else if (visit.value < plan_.scalars + 2 + plan_.vectors) {
      const Lane l = program_.vectors[static_cast<size_t>(visit.value - plan_.scalars - 2)];
      vmovups(sized(place(visit.value), bytes(l)), from);
    } else if (features_.avx512) {
      kmovq(Opmask(place(visit.value)), from);
    } else {
      vmovups(sized(place(visit.value), 32), from);
    }
    return;
  }
  // Cheap: its definition once more, into this register.
  const Instr* const current = in_;
  in_ = &program_.code[static_cast<size_t>(plan_.definition[static_cast<size_t>(visit.value)])];
  body();
  in_ = current;
}

void Emitter::put_back(const Visit& visit) {
  if (!visit.store) return;
  const Address_ to = slot_of(visit.value);
  if (visit.value < plan_.scalars + 2) {
    mov(to, scalar_at(visit.value));
  } else if (visit.value < plan_.scalars + 2 + plan_.vectors) {
    const Lane l = program_.vectors[static_cast<size_t>(visit.value - plan_.scalars - 2)];
    vmovups(to, sized(place(visit.value), bytes(l)));
  } else if (features_.avx512) {
    kmovq(to, Opmask(place(visit.value)));
  } else {
    vmovups(to, sized(place(visit.value), 32));
  }
}

void Emitter::instruction(int32_t i) {
  if (plan_.steps[static_cast<size_t>(i)].skip) return;
  index_ = i;
  in_ = &program_.code[static_cast<size_t>(i)];
  taken_[0] = taken_[1] = taken_[2] = 0;
  move_after_.reset();
  // A cheap value that got no register is made where it is needed.
  if (is_cheap(in_->op) && !is_control(in_->op)) {
    const size_t v = static_cast<size_t>(plan_.value(in_->result));
    if (plan_.definition[v] == i && allocation_->home[v] < 0 && allocation_->slot[v] < 0) return;
  }
  const std::vector<Visit>& visits = allocation_->code[static_cast<size_t>(i)].visits;
  for (const Visit& visit : visits)
    if (visit.load) reload(visit);
  body();
  if (!is_control(in_->op))
    for (const Visit& visit : visits) put_back(visit);
}

void Emitter::prologue(bool work, X64Statistics& statistics) {
  for (int index = 9; index < 15; index++)
    if (allocation_->scalars_used[static_cast<size_t>(index)]) saved_.push_back(index);
  constexpr int kSaved[] = {3, 5, 12, 13, 14, 15};
  for (int index : saved_) push(Reg64(kSaved[index - 9]));

  const int64_t vector_bytes = features_.avx512 ? 64 : 32;
  frame_ = work ? 128 : 0;
  vector_slots_ = frame_;
  frame_ += vector_bytes * allocation_->vector_slots;
  aligned_ = frame_ > 0;
  if (program_.scratch > 0 && caller_scratch(program_) == 0) {
    aligned_ = true;
    frame_ = (frame_ + 63) / 64 * 64;
    scratch_at_ = frame_;
    frame_ += (program_.scratch + 63) / 64 * 64;
  }
  scalar_slots_ = frame_;
  frame_ += 8 * (allocation_->scalar_slots + allocation_->mask_slots);
  old_stack_at_ = frame_;
  if (aligned_) frame_ = (frame_ + 8 + 63) / 64 * 64;
  statistics.frame = frame_;
  if (frame_ == 0) return;
  if (aligned_) mov(rax, rsp);
  for (int64_t at = 4096; at < frame_; at += 4096) test(dword[rsp - static_cast<int>(at)], eax);
  sub(rsp, static_cast<int>(frame_));
  if (aligned_) {
    and_(rsp, -64);
    mov(ptr[frame(old_stack_at_)], rax);
  }
}

void Emitter::epilogue() {
  if (aligned_)
    mov(rsp, ptr[frame(old_stack_at_)]);
  else if (frame_ > 0)
    add(rsp, static_cast<int>(frame_));
  constexpr int kSaved[] = {3, 5, 12, 13, 14, 15};
  for (size_t k = saved_.size(); k-- > 0;) pop(Reg64(kSaved[saved_[k] - 9]));
  vzeroupper();
  ret();
}

size_t Emitter::perform(bool work, X64Statistics& statistics) {
  prologue(work, statistics);
  const Reg64 given[] = {rdi, rsi};
  for (int32_t k = 0; k < 2; k++) {
    const int32_t value = plan_.arguments() + k;
    const int16_t home = allocation_->home[static_cast<size_t>(value)];
    if (home >= 0) {
      if (scalar_at(value) != given[k]) mov(scalar_at(value), given[k]);
    } else if (allocation_->slot[static_cast<size_t>(value)] >= 0) {
      mov(slot_of(value), given[k]);
    }
  }
  for (int32_t i = 0; i < static_cast<int32_t>(program_.code.size()); i++) instruction(i);
  epilogue();
  for (Aside& a : asides_) {
    L(a.from);
    a.code();
    jmp(a.back, T_NEAR);
  }
  statistics.instructions = static_cast<int64_t>(getSize());
  std::vector<Constant*> order;
  for (Constant& c : constants_) order.push_back(&c);
  std::stable_sort(order.begin(), order.end(),
                   [](const Constant* a, const Constant* b) { return a->bytes.size() > b->bytes.size(); });
  if (!order.empty()) align(std::min<size_t>(64, order.front()->bytes.size()));
  for (Constant* c : order) {
    L(c->label);
    db(reinterpret_cast<const uint8_t*>(c->bytes.data()), c->bytes.size());
  }
  if (hasUndefinedLabel()) CHECK(false, "a jump without a target");
  return getSize();
}

}  // namespace x64

namespace x64 {
namespace {

// Everything that is decided before the bytes.
struct Seated {
  Program program;
  Plan plan;
  Demands demands;
  RegisterCounts counts;
  Allocation allocation;
  bool needs_work = false;
};

Seated seat(const Program& generated, const X64Features& features) {
  check_lanes(generated, features);
  Seated s;
  s.program = tidy(generated, features.avx512 ? 32 : 16);
  s.plan = plan_of(s.program, features);
  constexpr size_t kRehearsal = 16384;
  std::vector<uint8_t> room(kRehearsal);
  Emitter rehearsal(s.program, features, s.plan, nullptr, room.data(), room.size());
  s.demands = DemandsOf(s.program, features, s.plan, rehearsal).demands;
  s.counts = {15, features.avx512 ? 32 : 16, features.avx512 ? 7 : 0};
  s.allocation = allocate_registers(s.demands, s.counts);
  s.needs_work = rehearsal.needs_work();
  return s;
}

std::vector<Jump> jumps_of(const Seated& s) {
  std::vector<Jump> jumps;
  for (int32_t i = 0; i < static_cast<int32_t>(s.program.code.size()); ++i) {
    const Step& step = s.plan.steps[static_cast<size_t>(i)];
    const int32_t end = step.other_end;
    switch (s.program.code[static_cast<size_t>(i)].op) {
      case VecOp::Loop:
        jumps.push_back({i, end + 1});  // no trip at all
        jumps.push_back({end, i + 1});
        break;
      case VecOp::If:
        jumps.push_back({i, step.else_at >= 0 ? step.else_at + 1 : end});
        break;
      case VecOp::Else:
        jumps.push_back({i, end, true});
        break;
      default:
        break;
    }
  }
  return jumps;
}

}  // namespace
}  // namespace x64

std::string check_registers(const Program& generated, const X64Features& features,
                            const TamperRegisters& tamper) {
  x64::Seated s = x64::seat(generated, features);
  if (tamper) tamper(s.demands, s.allocation);
  return check_allocation(s.demands, s.counts, s.allocation, x64::jumps_of(s));
}

std::vector<uint8_t> encode(const Program& generated, const X64Features& features, X64Statistics* statistics,
                            const TamperRegisters& tamper) {
  using namespace x64;
  Seated seated = seat(generated, features);
  if (tamper) tamper(seated.demands, seated.allocation);
  const Program& program = seated.program;

  X64Statistics local;
  X64Statistics& s = statistics ? *statistics : local;
  s.spilled = seated.allocation.spilled;
  for (size_t size = 4096 + 24 * program.code.size();; size *= 2) {
    const auto free_aligned = [](uint8_t* p) { ::operator delete (p, std::align_val_t{64}); };
    const std::unique_ptr<uint8_t, decltype(free_aligned)> buffer(
        static_cast<uint8_t*>(::operator new (size, std::align_val_t{64})), free_aligned);
    try {
      Emitter emitter(program, features, seated.plan, &seated.allocation, buffer.get(), size);
      const size_t used = emitter.perform(seated.needs_work, s);
      return {buffer.get(), buffer.get() + used};
    } catch (const Xbyak::Error& e) {
      if (static_cast<int>(e) != Xbyak::ERR_CODE_IS_TOO_BIG)
        CHECK(false, "program ", program.name, ": the assembler refuses: ", e.what());
    }
  }
}

}  // namespace tauto::vec
