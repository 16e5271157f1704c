// A backward slice: an instruction is kept if a kept one reads what it writes, or stands in its body.
#include "verify/addresses.h"

#include <algorithm>
#include <set>

#include "verify/trips.h"

namespace tauto::proof {
namespace {

using vec::Instr;
using vec::Reg;
using vec::VecOp;

bool is_store(const Instr& i) { return i.op == VecOp::Store || i.op == VecOp::StoreOne; }

class Slice {
 public:
  Slice(const vec::Program& p, size_t buffers, size_t arguments)
      : p_(p), loops_(loops_of(p)), kept_(p.code.size(), false) {
    const std::vector<std::set<int64_t>> of = origins(p, buffers, arguments);
    const auto is_own = [&](int64_t m) { return m < 0 || m >= static_cast<int64_t>(buffers); };
    std::vector<size_t> open;
    for (size_t k = 0; k < p.code.size(); ++k) {
      const VecOp op = p.code[k].op;
      if (op == VecOp::End) open.pop_back();
      around_.push_back(open.empty() ? p.code.size() : open.back());
      if (op == VecOp::Loop || op == VecOp::If) open.push_back(k);
    }
    for (size_t k = 0; k < p.code.size(); ++k) {
      if (!is_store(p.code[k])) continue;
      const std::set<int64_t>& memory = of[static_cast<size_t>(p.code[k].address.base.id)];
      if (memory.empty() || !std::all_of(memory.begin(), memory.end(), is_own)) keep(k);
    }
    for (size_t before = 0; before != needed_.size();) {
      before = needed_.size();
      for (size_t k = 0; k < p.code.size(); ++k) {
        const Reg r = p.code[k].result;
        if (r && !kept_[k] && needed_.count({r.cls, r.id})) keep(k);
      }
    }
  }

  vec::Program program() const {
    vec::Assembler made;
    made.program = p_;
    made.program.code.clear();
    Reg constant[4];
    for (size_t k = 0; k < p_.code.size(); ++k) {
      Instr i = p_.code[k];
      if (!kept_[k]) continue;
      if (is_store(i)) {
        Reg& c = constant[static_cast<size_t>(vec::lane_of(i.memory))];
        i.operand[0] = c ? c : (c = made.vector(vec::lane_of(i.memory)));
      }
      made.program.code.push_back(i);
    }
    std::vector<Instr> rest = std::move(made.program.code);
    made.program.code.clear();
    for (const Reg c : constant)
      if (c) made.emit(VecOp::Const, made.lane(c), {}, 0, c);
    made.program.code.insert(made.program.code.end(), rest.begin(), rest.end());
    return std::move(made.program);
  }

 private:
  void need(Reg r) {
    if (r) needed_.insert({r.cls, r.id});
  }
  void keep(size_t k) {
    if (kept_[k]) return;
    kept_[k] = true;
    const Instr& i = p_.code[k];
    for (const Reg r : i.operand)
      if (!is_store(i)) need(r);
    need(i.mask);
    need(i.address.base);
    need(i.address.index);
    if (i.op == VecOp::Loop || i.op == VecOp::If) {
      kept_[loops_.end[k]] = true;
      if (loops_.other[k] != 0) kept_[loops_.other[k]] = true;
    }
    if (around_[k] < p_.code.size()) keep(around_[k]);
  }

  const vec::Program& p_;
  const LoopsOf loops_;
  std::vector<bool> kept_;
  std::vector<size_t> around_;  // the loop or if that an instruction stands in
  std::set<std::pair<vec::Class, int32_t>> needed_;
};

}  // namespace

vec::Program addresses_of(const vec::Program& p, size_t buffers, size_t arguments) {
  return Slice(p, buffers, arguments).program();
}

}  // namespace tauto::proof
