// One walk over the code, with the values computed so far in the blocks that are open.
#include "codegen/fold_scalars.h"

#include <map>
#include <optional>
#include <tuple>

namespace tauto::vec {
namespace {

int64_t wrapped(uint64_t v) { return static_cast<int64_t>(v); }
int64_t sum(int64_t a, int64_t b) { return wrapped(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
int64_t product(int64_t a, int64_t b) { return wrapped(static_cast<uint64_t>(a) * static_cast<uint64_t>(b)); }

class Fold {
 public:
  explicit Fold(Program& p) : p_(p), writes_(size(), 0), same_(size()), constant_(size()), offset_(size()) {
    for (const Instr& i : p.code)
      if (i.result.cls == Class::Scalar) writes_[id(i.result)]++;
    for (int32_t s = 0; s < p.scalars; s++) same_[static_cast<size_t>(s)] = {Class::Scalar, s};
  }

  void run() {
    open_.emplace_back();
    for (Instr& i : p_.code) {
      for (Reg& r : i.operand) r = resolved(r);
      if (i.address.base) address(i.address);
      if (i.result.cls == Class::Scalar && i.op != VecOp::Loop) {
        simplify(i);
        if (once(i.result)) record(i);
      }
      if (i.op == VecOp::Else || i.op == VecOp::End) open_.pop_back();
      if (i.op == VecOp::Loop || i.op == VecOp::If || i.op == VecOp::Else) open_.emplace_back();
    }
  }

 private:
  struct Offset {
    Reg base;
    int64_t bytes = 0;
  };
  using Key = std::tuple<VecOp, int32_t, int32_t, int64_t>;

  size_t size() const { return static_cast<size_t>(p_.scalars); }
  static size_t id(Reg r) { return static_cast<size_t>(r.id); }
  bool once(Reg r) const { return writes_[id(r)] == 1; }
  Reg resolved(Reg r) const { return r.cls == Class::Scalar ? same_[id(r)] : r; }
  std::optional<int64_t> constant(Reg r) const {
    return r.cls == Class::Scalar ? constant_[id(r)] : std::optional<int64_t>{};
  }

  static void become(Instr& i, VecOp op, Reg a, int64_t immediate) {
    Instr n;
    n.op = op;
    n.result = i.result;
    n.lane = i.lane;
    n.memory = i.memory;
    n.operand[0] = a;
    n.immediate = immediate;
    i = n;
  }

  void simplify(Instr& i) {
    const std::optional<int64_t> a = constant(i.operand[0]), b = constant(i.operand[1]);
    switch (i.op) {
      case VecOp::MoveS:
        if (a) become(i, VecOp::Imm, {}, *a);
        break;
      case VecOp::AddS:
        if (b)
          become(i, VecOp::AddI, i.operand[0], *b);
        else if (a)
          become(i, VecOp::AddI, i.operand[1], *a);
        break;
      case VecOp::SubS:
        if (b)
          become(i, VecOp::AddI, i.operand[0], sum(~*b, 1));
        else if (i.operand[0] == i.operand[1])
          become(i, VecOp::Imm, {}, 0);
        break;
      case VecOp::MulS:
        if (b)
          become(i, VecOp::MulI, i.operand[0], *b);
        else if (a)
          become(i, VecOp::MulI, i.operand[1], *a);
        break;
      case VecOp::MinS:
        if (a && b) become(i, VecOp::Imm, {}, *a < *b ? *a : *b);
        break;
      case VecOp::MaxS:
        if (a && b) become(i, VecOp::Imm, {}, *a < *b ? *b : *a);
        break;
      default:
        break;
    }
    if (i.op == VecOp::AddI) {
      if (const Offset& o = offset_[id(i.operand[0])]; o.base)
        become(i, VecOp::AddI, o.base, sum(o.bytes, i.immediate));
      if (const std::optional<int64_t> c = constant(i.operand[0]))
        become(i, VecOp::Imm, {}, sum(*c, i.immediate));
      else if (i.immediate == 0)
        become(i, VecOp::MoveS, i.operand[0], 0);
    }
    if (i.op == VecOp::MulI) {
      if (const std::optional<int64_t> c = constant(i.operand[0]))
        become(i, VecOp::Imm, {}, product(*c, i.immediate));
      else if (i.immediate == 0)
        become(i, VecOp::Imm, {}, 0);
      else if (i.immediate == 1)
        become(i, VecOp::MoveS, i.operand[0], 0);
    }
  }

  // What the one definition of a register says about it.
  void record(const Instr& i) {
    const size_t r = id(i.result);
    for (Reg o : i.operand)
      if (o && !once(o)) return;
    if (i.op == VecOp::LoadS) return;
    if (i.op == VecOp::Imm) constant_[r] = i.immediate;
    if (i.op == VecOp::MoveS) {
      same_[r] = i.operand[0];
      return;
    }
    if (i.op == VecOp::AddI) offset_[r] = {i.operand[0], i.immediate};
    const Key key{i.op, i.operand[0].id, i.operand[1].id, i.immediate};
    for (const std::map<Key, Reg>& block : open_)
      if (const auto found = block.find(key); found != block.end()) {
        same_[r] = found->second;
        return;
      }
    open_.back()[key] = i.result;
  }

  void address(Address& a) {
    a.base = resolved(a.base);
    if (a.index) a.index = resolved(a.index);
    if (const std::optional<int64_t> c = constant(a.index)) shift(a, product(*c, a.scale), true);
    if (const Offset& o = offset_[id(a.base)]; o.base && shift(a, o.bytes, false)) a.base = o.base;
    if (!a.index) return;
    if (const Offset& o = offset_[id(a.index)]; o.base && shift(a, product(o.bytes, a.scale), false))
      a.index = o.base;
  }
  static bool shift(Address& a, int64_t bytes, bool without_index) {
    const int64_t offset = sum(a.offset, bytes);
    if (offset != static_cast<int32_t>(offset)) return false;
    a.offset = offset;
    if (without_index) {
      a.index = {};
      a.scale = 0;
    }
    return true;
  }

  Program& p_;
  std::vector<int32_t> writes_;
  std::vector<Reg> same_;  // the register that holds the same value
  std::vector<std::optional<int64_t>> constant_;
  std::vector<Offset> offset_;  // this register is base + bytes
  std::vector<std::map<Key, Reg>> open_;
};

}  // namespace

void fold_scalars(Program& program) { Fold(program).run(); }

}  // namespace tauto::vec
