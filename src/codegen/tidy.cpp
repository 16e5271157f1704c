// Two passes over the instructions, each linear.
#include "codegen/tidy.h"

#include <algorithm>
#include <limits>

#include "codegen/fold_scalars.h"
#include "codegen/interleave.h"

namespace tauto::vec {
namespace {

bool is_control(VecOp op) {
  return op == VecOp::Loop || op == VecOp::If || op == VecOp::Else || op == VecOp::End;
}
bool is_store(VecOp op) { return op == VecOp::Store || op == VecOp::StoreOne; }

// Registers of all classes, numbered.
struct Numbers {
  explicit Numbers(const Program& p)
      : scalars(p.scalars), vectors(static_cast<int32_t>(p.vectors.size())), masks(p.masks) {}
  int32_t scalars, vectors, masks;
  size_t of(Reg r) const {
    return static_cast<size_t>(r.id + (r.cls == Class::Scalar   ? 0
                                       : r.cls == Class::Vector ? scalars
                                                                : scalars + vectors));
  }
  size_t count() const { return static_cast<size_t>(scalars + vectors + masks); }
};

template <class F>
void for_each_read(const Instr& i, F f) {
  for (Reg r : i.operand)
    if (r) f(r);
  if (i.mask) f(i.mask);
  if (i.address.base) f(i.address.base);
  if (i.address.index) f(i.address.index);
}

// Copies, and selections whose mask has been applied by the load they select from, are what they copy.
void drop_copies(Program& p) {
  const Numbers n(p);
  std::vector<int32_t> writes(n.count(), 0);
  std::vector<const Instr*> definition(n.count(), nullptr);
  std::vector<Reg> same(n.count());
  const auto once = [&](Reg r) { return writes[n.of(r)] == 1; };
  const auto is_copy = [&](const Instr& i) {
    if (i.op == VecOp::MoveV) return true;
    if (i.op != VecOp::Select || !once(i.operand[0]) || !once(i.operand[1]) || !once(i.operand[2]))
      return false;
    const Instr *load = definition[n.of(i.operand[1])], *zero = definition[n.of(i.operand[2])];
    return zero->op == VecOp::Const && zero->immediate == 0 && load->mask == i.operand[0] &&
           (load->op == VecOp::Load || load->op == VecOp::Gather);
  };
  for (const Instr& i : p.code)
    if (i.result) {
      writes[n.of(i.result)]++;
      definition[n.of(i.result)] = &i;
    }
  for (Instr& i : p.code) {
    for (Reg& r : i.operand)
      if (r.cls == Class::Vector && same[n.of(r)]) r = same[n.of(r)];
    if (i.op == VecOp::MoveV && once(i.operand[0]) && definition[n.of(i.operand[0])]->op == VecOp::Const) {
      Instr constant = *definition[n.of(i.operand[0])];
      constant.result = i.result;
      i = constant;
      continue;
    }
    if (!is_copy(i)) continue;
    const Reg from = i.operand[i.op == VecOp::Select ? 1 : 0];
    if (once(i.result) && once(from)) same[n.of(i.result)] = from;
  }
  std::vector<Instr> left;
  for (const Instr& i : p.code)
    if (i.result.cls != Class::Vector || !same[n.of(i.result)]) left.push_back(i);
  p.code = std::move(left);
}

class Sink {
 public:
  explicit Sink(Program& p) : p_(p), numbers_(p), mention_(numbers_.count()), write_(numbers_.count()) {}

  void run() {
    std::vector<Instr> code;
    code.reserve(p_.code.size());
    for (size_t begin = 0; begin < p_.code.size();) {
      size_t end = begin;
      while (end < p_.code.size() && !is_control(p_.code[end].op)) end++;
      block(begin, end, code);
      if (end < p_.code.size()) code.push_back(p_.code[end]);
      begin = end + 1;
    }
    p_.code = std::move(code);
  }

 private:
  struct Next {  // where a register comes next, valid in one block
    size_t at = 0, block = std::numeric_limits<size_t>::max();
  };

  size_t next(const std::vector<Next>& of, Reg r, size_t block, size_t none) const {
    const Next& n = of[numbers_.of(r)];
    return n.block == block ? n.at : none;
  }

  void block(size_t begin, size_t end, std::vector<Instr>& out) {
    std::vector<size_t> to(end - begin);  // before which instruction each one goes
    size_t store = end;
    for (size_t i = end; i-- > begin;) {
      const Instr& in = p_.code[i];
      to[i - begin] = destination(in, i, begin, end, store);
      if (is_store(in.op)) store = i;
      for_each_read(in, [&](Reg r) { mention_[numbers_.of(r)] = {i, begin}; });
      if (in.result) mention_[numbers_.of(in.result)] = write_[numbers_.of(in.result)] = {i, begin};
    }
    std::vector<size_t> order(end - begin);
    for (size_t k = 0; k < order.size(); k++) order[k] = k;
    // Those that move to an instruction stand before it, in their old order.
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      const bool a_moves = to[a] != a + begin, b_moves = to[b] != b + begin;
      return to[a] != to[b] ? to[a] < to[b] : a_moves && !b_moves;
    });
    for (size_t k : order) out.push_back(p_.code[begin + k]);
  }

  size_t destination(const Instr& in, size_t i, size_t begin, size_t end, size_t store) const {
    const bool reads_memory =
        in.op == VecOp::Load || in.op == VecOp::Broadcast || in.op == VecOp::Gather || in.op == VecOp::Lookup;
    if (!reads_memory && in.op != VecOp::Const) return i;
    size_t use = next(mention_, in.result, begin, end);
    if (use == end) return i;
    if (reads_memory) use = std::min(use, store);
    bool same = true;  // are the operands there
    for_each_read(in, [&](Reg r) { same = same && next(write_, r, begin, end) >= use; });
    return same ? use : i;
  }

  Program& p_;
  const Numbers numbers_;
  std::vector<Next> mention_, write_;
};

}  // namespace

Program tidy(const Program& program, int registers) {
  Program p = program;
  fold_scalars(p);
  drop_copies(p);
  interleave(p, registers);
  Sink(p).run();
  return p;
}

}  // namespace tauto::vec
