// The assembler: appends instructions and holds each to the rules of its operation. A broken rule here is a
// mistake of the generator, not of a user.
#include "codegen/rules.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

Reg append(Assembler& a, Instr i, Reg into) {
  switch (result_of(i.op)) {
    case 's':
      i.result = into ? into : a.scalar();
      break;
    case 'm':
      i.result = into ? into : a.mask();
      break;
    case 'v':
      i.result = into ? into : a.vector(i.lane);
      break;
    default:
      i.result = into;  // refused below, if there is one
  }
  if (!has_lane(i.op)) i.lane = Instr{}.lane;
  const std::string broken = broken_rule(a.program, i);
  CHECK(broken.empty(), a.program.name, ": ", text_of(i), ": ", broken);
  a.program.code.push_back(i);
  return i.result;
}

}  // namespace

Reg Assembler::emit(VecOp op, Lane lane, std::initializer_list<Reg> operands, int64_t immediate, Reg into) {
  CHECK(static_cast<int>(operands.size()) == operand_count(op), text_of(op), " takes ", operand_count(op),
        " registers, given ", operands.size());
  Instr i;
  i.op = op;
  i.lane = lane;
  i.immediate = immediate;
  int at = 0;
  for (const Reg r : operands) i.operand[at++] = r;
  return append(*this, i, into);
}

Reg Assembler::load(VecOp op, ElementType memory, const Address& a, Reg mask, Reg index, Reg into) {
  Instr i;
  i.op = op;
  i.lane = has_lane(op) ? lane_of(memory) : i.lane;
  i.memory = has_memory(op) ? memory : i.memory;
  i.operand[0] = index;
  i.mask = mask;
  i.address = a;
  return append(*this, i, into);
}

void Assembler::store(VecOp op, ElementType memory, Reg value, const Address& a, Reg mask) {
  Instr i;
  i.op = op;
  i.lane = lane_of(memory);
  i.memory = memory;
  i.operand[0] = value;
  i.mask = mask;
  i.address = a;
  append(*this, i, {});
}

Reg Assembler::begin_loop(Reg from, Reg to, int64_t step) { return scalar_op(VecOp::Loop, {from, to}, step); }
void Assembler::begin_if(Compare c, Reg a, Reg b) { scalar_op(VecOp::If, {a, b}, static_cast<int64_t>(c)); }
void Assembler::begin_else() { scalar_op(VecOp::Else, {}); }
void Assembler::end() { scalar_op(VecOp::End, {}); }

}  // namespace tauto::vec
