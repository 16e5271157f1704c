// The checker: rules of single instructions (rules.h), balanced control, and definite assignment: on every
// path a register is written before it is read. Registers only gain values along a path, except that a loop's
// variable loses its value at the loop's end; so a body is entered with what is assigned before the loop,
// less the variables of the loops inside it, and one walk decides.
#include <bit>
#include <vector>

#include "codegen/rules.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using Set = std::vector<bool>;

class Checker {
 public:
  explicit Checker(const Program& p) : p_(p) {
    const auto scalars = static_cast<size_t>(p.scalars), masks = static_cast<size_t>(p.masks);
    first_[0] = 0;
    first_[1] = scalars;
    first_[2] = scalars + p.vectors.size();
    written_.resize(first_[2] + masks);
  }

  std::string check() {
    if (p_.lanes < 4 || p_.lanes > 64 || !std::has_single_bit(static_cast<unsigned>(p_.lanes)))
      return cat("required 4, 8, 16, 32 or 64 lanes, given ", p_.lanes);
    if (p_.scratch < 0) return cat("required scratch bytes >= 0, given ", p_.scratch);
    for (size_t at = 0; at < p_.code.size(); ++at) {
      std::string broken = broken_rule(p_, p_.code[at]);
      if (broken.empty()) broken = step(at);
      if (!broken.empty()) return cat("line ", at + 2, ": ", text_of(p_.code[at]), ": ", broken);
    }
    if (open_.empty()) return "";
    return cat("line ", open_.back().at + 2, ": ", text_of(p_.code[open_.back().at]), ": has no end");
  }

 private:
  struct Open {
    size_t at;
    Set entry;  // assigned where it began: after the loop, and on the way around an if
    Set then;   // assigned at the end of the first branch, once in the second
  };

  size_t index(Reg r) const { return first_[static_cast<size_t>(r.cls) - 1] + static_cast<size_t>(r.id); }

  std::string read(Reg r) const {
    return !r || written_[index(r)] ? "" : cat(text_of(r), " is read before it is written");
  }
  std::string reads(const Instr& i) const {
    for (const Reg r : {i.operand[0], i.operand[1], i.operand[2], i.mask, i.address.base, i.address.index})
      if (std::string s = read(r); !s.empty()) return s;
    return "";
  }

  std::string write(Reg r) {
    for (const Open& o : open_) {
      const Instr& loop = p_.code[o.at];
      if (loop.op != VecOp::Loop) continue;
      if (r == loop.result) return cat("writes ", text_of(r), ", the variable of a loop around it");
      if (r == loop.operand[1]) return cat("writes ", text_of(r), ", the bound of a loop around it");
    }
    written_[index(r)] = true;
    return "";
  }

  void forget_inner_variables(size_t at) {
    int depth = 1;
    for (size_t k = at + 1; k < p_.code.size() && depth > 0; ++k) {
      const Instr& i = p_.code[k];
      if (i.op == VecOp::Loop && broken_rule(p_, i).empty()) written_[index(i.result)] = false;
      depth += (i.op == VecOp::Loop || i.op == VecOp::If) - (i.op == VecOp::End);
    }
  }

  std::string step(size_t at) {
    const Instr& i = p_.code[at];
    if (std::string s = reads(i); !s.empty()) return s;
    switch (i.op) {
      case VecOp::Loop: {
        if (i.result == i.operand[1]) return "the variable is the bound";
        forget_inner_variables(at);
        if (std::string s = write(i.result); !s.empty()) return s;
        open_.push_back({at, written_, {}});
        open_.back().entry[index(i.result)] = false;
        return "";
      }
      case VecOp::If:
        open_.push_back({at, written_, {}});
        return "";
      case VecOp::Else:
        if (open_.empty() || p_.code[open_.back().at].op != VecOp::If) return "has no if";
        if (!open_.back().then.empty()) return "is the second else of its if";
        open_.back().then = written_;
        written_ = open_.back().entry;
        return "";
      case VecOp::End: {
        if (open_.empty()) return "ends nothing";
        const Open o = std::move(open_.back());
        open_.pop_back();
        if (p_.code[o.at].op == VecOp::Loop) {
          written_ = o.entry;
          return "";
        }
        const Set& other = o.then.empty() ? o.entry : o.then;
        for (size_t k = 0; k < written_.size(); ++k) written_[k] = written_[k] && other[k];
        return "";
      }
      default:
        return i.result ? write(i.result) : "";
    }
  }

  const Program& p_;
  size_t first_[3] = {};  // scalars, vectors, masks
  Set written_;
  std::vector<Open> open_;
};

}  // namespace

std::string check(const Program& p) {
  if (p.scalars < 0 || p.masks < 0) return "required numbers of registers >= 0";
  return Checker(p).check();
}

}  // namespace tauto::vec
