// The evaluator: resolves a program once into steps, then runs them on real memory.
//
// It is written to be obviously right, not to be fast; still, a step is one indirect call and a loop over
// lanes that a compiler vectorises. Scratch memory and registers start as all ones (NaN, -1), so that a value
// read before it is written shows.
#include "codegen/evaluate.h"

#include <algorithm>
#include <memory>

#include "codegen/rules.h"
#include "support/error.h"
#include "support/float_environment.h"

namespace tauto::vec {
namespace {

constexpr size_t kAlignment = 64;

// Memory of all ones, aligned to 64 bytes.
class Block {
 public:
  explicit Block(size_t bytes) : memory_(std::make_unique<char[]>(bytes + kAlignment)) {
    std::fill_n(memory_.get(), bytes + kAlignment, '\xff');
    const auto at = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = memory_.get() + (kAlignment - at % kAlignment) % kAlignment;
  }
  char* data() const { return data_; }

 private:
  std::unique_ptr<char[]> memory_;
  char* data_;
};

bool holds(Compare c, int64_t a, int64_t b) {
  if (c == Compare::Less) return a < b;
  return c == Compare::LessEqual ? a <= b : a == b;
}

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }  // b > 0

int64_t load_scalar(ElementType memory, const char* p) {
  const auto read = [p](auto zero) {
    auto v = zero;
    __builtin_memcpy(&v, p, sizeof v);
    return static_cast<int64_t>(v);
  };
  const bool extend = memory.is_signed();
  switch (memory.bytes()) {
    case 1:
      return extend ? read(int8_t{0}) : read(uint8_t{0});
    case 2:
      return extend ? read(int16_t{0}) : read(uint16_t{0});
    case 4:
      return extend ? read(int32_t{0}) : read(uint32_t{0});
    default:
      return read(int64_t{0});
  }
}

class Evaluation {
 public:
  Evaluation(const Program& p, const uint64_t* arguments)
      : p_(p),
        arguments_(arguments),
        scalars_(static_cast<size_t>(p.scalars) + 1, -1),
        masks_(static_cast<size_t>(p.masks), ~uint64_t{0}),
        stride_(static_cast<size_t>(p.lanes) * 8),
        vectors_(p.vectors.size() * stride_),
        scratch_(static_cast<size_t>(p.scratch)) {
    scalars_.back() = 0;  // the index of addresses that have none
    decode();
  }

  void run() {
    for (size_t at = 0; at < steps_.size();) {
      const Step& s = steps_[at++];
      switch (s.flow) {
        case Flow::Next:
          if (s.run)
            s.run(s);
          else
            scalar(at - 1);
          break;
        case Flow::Loop:
          value(s.result) = value(s.operand[0]);
          if (!(value(s.result) < value(s.operand[1]))) at = s.target;
          break;
        case Flow::Again: {
          const Step& loop = steps_[s.target];
          int64_t& variable = value(loop.result);
          if (__builtin_add_overflow(variable, loop.immediate, &variable))
            broken(s.target, "the variable overflows");
          if (variable < value(loop.operand[1])) at = s.target + 1;
          break;
        }
        case Flow::If:
          if (!holds(s.compare, value(s.operand[0]), value(s.operand[1]))) at = s.target;
          break;
        case Flow::Jump:
          at = s.target;
          break;
      }
    }
  }

 private:
  static int64_t& value(void* p) { return *static_cast<int64_t*>(p); }
  static int64_t value(const void* p) { return *static_cast<const int64_t*>(p); }

  void* place(Reg r) {
    const auto id = static_cast<size_t>(r.id);
    if (r.cls == Class::Scalar) return &scalars_[id];
    if (r.cls == Class::Mask) return &masks_[id];
    return r.cls == Class::Vector ? vectors_.data() + id * stride_ : nullptr;
  }

  void decode() {
    steps_.reserve(p_.code.size());
    std::vector<size_t> open;  // the steps of loop, if, else whose ends are to come
    for (const Instr& i : p_.code) {
      Step s;
      s.lanes = p_.lanes;
      s.immediate = i.immediate;
      s.result = place(i.result);
      for (int k = 0; k < 3; ++k) s.operand[k] = place(i.operand[k]);
      s.mask = static_cast<const uint64_t*>(place(i.mask));
      if (has_address(i.op)) {
        s.base = &scalars_[static_cast<size_t>(i.address.base.id)];
        s.index = i.address.index ? &scalars_[static_cast<size_t>(i.address.index.id)] : &scalars_.back();
        s.scale = i.address.scale;
        s.offset = i.address.offset;
      }
      s.run = has_memory(i.op) ? memory_function(p_, i) : lanes_function(p_, i);
      const size_t here = steps_.size();
      if (i.op == VecOp::Loop) {
        s.flow = Flow::Loop;
        open.push_back(here);
      } else if (i.op == VecOp::If) {
        s.flow = Flow::If;
        s.compare = static_cast<Compare>(i.immediate);
        open.push_back(here);
      } else if (i.op == VecOp::Else) {
        s.flow = Flow::Jump;
        steps_[open.back()].target = here + 1;
        open.back() = here;
      } else if (i.op == VecOp::End) {
        Step& begin = steps_[open.back()];
        begin.target = here + 1;
        s.flow = begin.flow == Flow::Loop ? Flow::Again : Flow::Jump;
        s.target = begin.flow == Flow::Loop ? open.back() : here + 1;
        open.pop_back();
      }
      steps_.push_back(s);
    }
  }

  void scalar(size_t at) {
    const Step& s = steps_[at];
    const Instr& i = p_.code[at];
    const int64_t a = s.operand[0] ? value(s.operand[0]) : 0, b = s.operand[1] ? value(s.operand[1]) : 0;
    const auto wrapped = [](uint64_t v) { return static_cast<int64_t>(v); };
    const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b),
               ui = static_cast<uint64_t>(i.immediate);
    switch (i.op) {
      case VecOp::Imm:
        value(s.result) = i.immediate;
        break;
      case VecOp::Arg:
        value(s.result) = wrapped(arguments_[i.immediate]);
        break;
      case VecOp::Scratch:
        value(s.result) = static_cast<int64_t>(reinterpret_cast<uintptr_t>(scratch_.data()) + ui);
        break;
      case VecOp::MoveS:
        value(s.result) = a;
        break;
      case VecOp::AddS:
        value(s.result) = wrapped(ua + ub);
        break;
      case VecOp::SubS:
        value(s.result) = wrapped(ua - ub);
        break;
      case VecOp::MulS:
        value(s.result) = wrapped(ua * ub);
        break;
      case VecOp::AddI:
        value(s.result) = wrapped(ua + ui);
        break;
      case VecOp::MulI:
        value(s.result) = wrapped(ua * ui);
        break;
      case VecOp::MinS:
        value(s.result) = std::min(a, b);
        break;
      case VecOp::MaxS:
        value(s.result) = std::max(a, b);
        break;
      case VecOp::DivS:
      case VecOp::ModS:
        if (b <= 0) broken(at, cat("required a divisor > 0, given ", b));
        value(s.result) = i.op == VecOp::DivS ? floor_div(a, b) : a - floor_div(a, b) * b;
        break;
      case VecOp::LoadS:
        value(s.result) = load_scalar(i.memory, s.address());
        break;
      case VecOp::Prefetch:
        break;
      default:
        CHECK(false, "no evaluation of ", text_of(i));
    }
  }

  [[noreturn]] void broken(size_t at, const std::string& what) const {
    fail(p_.name, ": line ", at + 2, ": ", text_of(p_.code[at]), ": ", what);
  }

  const Program& p_;
  const uint64_t* arguments_;
  std::vector<int64_t> scalars_;
  std::vector<uint64_t> masks_;
  size_t stride_;
  Block vectors_, scratch_;
  std::vector<Step> steps_;
};

}  // namespace

void evaluate(const Program& p, const uint64_t* arguments) {
  const std::string broken = check(p);
  CHECK(broken.empty(), p.name, ": ", broken);
  const FloatEnvironment environment;
  Evaluation(p, arguments).run();
}

}  // namespace tauto::vec
