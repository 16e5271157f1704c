// The rules of single instructions, read from the operand letters of TAUTO_VECTOR_OPS where they can be.
#include "codegen/rules.h"

#include <bit>
#include <cstring>

#include "support/error.h"

namespace tauto::vec {
namespace {

struct Signature {
  const char* text;
  char result;
  const char* operands;
};
constexpr Signature kSignatures[] = {
#define TAUTO_X(name, text, result, operands) {text, #result[0], operands},
    TAUTO_VECTOR_OPS(TAUTO_X)
#undef TAUTO_X
};
const Signature& signature_of(VecOp op) { return kSignatures[static_cast<size_t>(op)]; }
bool has_letter(VecOp op, char letter) { return std::strchr(operands_of(op), letter) != nullptr; }

constexpr const char* kCompares[] = {"less", "less_equal", "equal", "unordered"};
constexpr const char* kRoundings[] = {"even", "down", "up", "zero"};
constexpr const char* kNarrow[] = {"f16", "bf16"};

Class class_of(char letter) {
  switch (letter) {
    case 's':
      return Class::Scalar;
    case 'v':
    case 'w':
      return Class::Vector;
    case 'm':
      return Class::Mask;
    default:
      return Class::None;
  }
}
const char* name_of(Class c) {
  constexpr const char* kNames[] = {"nothing", "a scalar", "a vector", "a mask"};
  return kNames[static_cast<size_t>(c)];
}

bool is_made(const Program& p, Reg r) {
  const int64_t count = r.cls == Class::Scalar ? p.scalars
                        : r.cls == Class::Mask ? p.masks
                                               : static_cast<int64_t>(p.vectors.size());
  return r.id >= 0 && r.id < count;
}
std::string given(Reg r) { return r ? text_of(r) : "nothing"; }

std::string broken_register(const Program& p, Reg r, Class required) {
  if (r.cls != required) return cat("required ", name_of(required), ", given ", given(r));
  if (r.cls != Class::None && !is_made(p, r)) return cat(text_of(r), " was never made");
  return "";
}
std::string broken_lane(const Program& p, Reg r, Lane required) {
  const Lane lane = p.vectors[static_cast<size_t>(r.id)];
  if (lane == required) return "";
  return cat(text_of(r), " has lanes of ", text_of(lane), ", required ", text_of(required));
}

std::string broken_address(const Program& p, const Instr& i) {
  const Address& a = i.address;
  if (!has_address(i.op)) return a == Address{} ? "" : "takes no address";
  if (std::string s = broken_register(p, a.base, Class::Scalar); !s.empty())
    return "base of the address: " + s;
  if ((a.scale == 0) != !a.index) return "an address has both an index and a scale or neither";
  if (a.index) {
    if (std::string s = broken_register(p, a.index, Class::Scalar); !s.empty())
      return "index of the address: " + s;
    if (a.scale != 1 && a.scale != 2 && a.scale != 4 && a.scale != 8)
      return cat("required a scale of 1, 2, 4 or 8, given ", a.scale);
  }
  return "";
}

bool is_lane_memory(ElementType t) {
  return t == f16 || t == bf16 || t == f32 || t == f64 || t.kind == Kind::Bool ||
         (t.is_integer() && t.bits >= 8);
}
std::string broken_memory(const Instr& i) {
  if (!has_memory(i.op)) return i.memory == Instr{}.memory ? "" : "takes no memory type";
  if (!is_lane_memory(i.memory)) return cat("no lanes for memory of ", text_of(i.memory));
  if (i.op == VecOp::LoadS) return i.memory.is_float() ? "required an integer in memory" : "";
  if (lane_of(i.memory) == i.lane) return "";
  return cat("memory of ", text_of(i.memory), " is lanes of ", text_of(lane_of(i.memory)), ", given ",
             text_of(i.lane));
}

// The lane types an operation is defined on.
std::string broken_domain(const Program& p, const Instr& i) {
  if (!has_lane(i.op)) return i.lane == Instr{}.lane ? "" : "takes no lane type";
  const auto from = [&] { return p.vectors[static_cast<size_t>(i.operand[0].id)]; };
  switch (i.op) {
    case VecOp::Splat:
    case VecOp::Iota:
    case VecOp::Shl:
    case VecOp::Shr:
    case VecOp::Sar:
    case VecOp::ShlV:
    case VecOp::ShrV:
    case VecOp::SarV:
      return is_float(i.lane) ? "is not defined on floats" : "";
    case VecOp::Div:
    case VecOp::Sqrt:
    case VecOp::Fma:
    case VecOp::Round:
      return is_float(i.lane) ? "" : "is not defined on integers";
    case VecOp::Compare:
      return !is_float(i.lane) && i.immediate == static_cast<int64_t>(Compare::Unordered)
                 ? "integers are never unordered"
                 : "";
    case VecOp::DotBytes:
    case VecOp::DotWords:
    case VecOp::CountBits:
      return i.lane == Lane::I32 ? "" : "is defined on i32 only";
    case VecOp::Narrow16:
    case VecOp::FmaFlush:
    case VecOp::DotPairs:
      return i.lane == Lane::F32 ? "" : "is defined on f32 only";
    case VecOp::Lookup:
      return from() != Lane::I32 || i.lane != Lane::I32 || i.memory.bits != 8
                 ? "required i32 indices and elements of a byte"
                 : "";
    case VecOp::Gather:
      return is_float(from()) ? "required integer indices" : "";
    case VecOp::Convert:
      return from() == i.lane ? "required another lane type to convert from" : "";
    case VecOp::Reinterpret:
      return from() == i.lane || bytes_of(from()) != bytes_of(i.lane)
                 ? "required another lane type of the same width"
                 : "";
    default:
      return "";
  }
}

std::string broken_immediate(const Program& p, const Instr& i) {
  const int64_t v = i.immediate;
  if (!has_immediate(i.op)) return v == 0 ? "" : "takes no immediate";
  if (const Words words = words_of(i.op); words.text)
    return v < 0 || v >= words.count ? cat("required an immediate below ", words.count, ", given ", v) : "";
  const auto range = [v](int64_t from, int64_t to) {
    return v < from || v >= to ? cat("required an immediate in ", from, " .. ", to, ", given ", v) : "";
  };
  switch (i.op) {
    case VecOp::Arg:
      return v < 0 ? cat("required an argument number, given ", v) : "";
    case VecOp::Scratch:
      return range(0, p.scratch);
    case VecOp::Loop:
      return v <= 0 ? cat("required a step > 0, given ", v) : "";
    case VecOp::FillM:
      return range(0, 2);
    case VecOp::Const:
      return bytes_of(i.lane) == 4 ? range(INT32_MIN, int64_t{1} << 32) : "";
    case VecOp::Shl:
    case VecOp::Shr:
    case VecOp::Sar:
      return range(0, bits_of(i.lane));
    case VecOp::Down:
      return v <= 0 || v >= p.lanes || !std::has_single_bit(static_cast<uint64_t>(v))
                 ? cat("required a power of two below ", p.lanes, ", given ", v)
                 : "";
    default:
      return "";
  }
}

}  // namespace

const char* text_of(Lane l) {
  constexpr const char* kNames[] = {"i32", "i64", "f32", "f64"};
  return kNames[static_cast<size_t>(l)];
}

Lane lane_of(ElementType memory) {
  CHECK(is_lane_memory(memory), text_of(memory));
  if (memory == f64) return Lane::F64;
  if (memory.is_float()) return Lane::F32;
  return memory.bits == 64 ? Lane::I64 : Lane::I32;
}

const char* text_of(VecOp op) { return signature_of(op).text; }
char result_of(VecOp op) { return signature_of(op).result; }
const char* operands_of(VecOp op) { return signature_of(op).operands; }

bool has_memory(VecOp op) { return has_address(op) && op != VecOp::Prefetch; }
bool has_address(VecOp op) { return has_letter(op, 'a'); }
bool has_immediate(VecOp op) { return has_letter(op, 'i'); }
bool takes_mask(VecOp op) { return has_letter(op, '?'); }
bool has_lane(VecOp op) { return result_of(op) == 'v' || has_letter(op, 'v'); }
int operand_count(VecOp op) {
  int n = 0;
  for (const char* c = operands_of(op); *c; ++c) n += class_of(*c) != Class::None;
  return n;
}

Words words_of(VecOp op) {
  if (op == VecOp::Compare) return {kCompares, 4};
  if (op == VecOp::If) return {kCompares, 3};
  if (op == VecOp::Round) return {kRoundings, 4};
  if (op == VecOp::Narrow16) return {kNarrow, 2};
  return {};
}

std::string text_of(Reg r) { return r ? cat(" svm"[static_cast<size_t>(r.cls)], r.id) : "none"; }

std::string broken_rule(const Program& p, const Instr& i) {
  std::string s = broken_register(p, i.result, class_of(result_of(i.op)));
  if (!s.empty()) return "result: " + s;
  int at = 0;
  for (const char* c = operands_of(i.op); *c; ++c) {
    if (class_of(*c) == Class::None) continue;
    const Reg r = i.operand[at++];
    s = broken_register(p, r, class_of(*c));
    if (s.empty() && *c == 'v') s = broken_lane(p, r, i.lane);
    if (!s.empty()) return cat("operand ", at, ": ", s);
  }
  for (; at < 3; ++at)
    if (i.operand[at]) return cat("takes no operand ", at + 1, ", given ", text_of(i.operand[at]));
  if (i.mask) {
    if (!takes_mask(i.op)) return "takes no mask";
    if (s = broken_register(p, i.mask, Class::Mask); !s.empty()) return "mask: " + s;
  }
  if (i.result.cls == Class::Vector)
    if (s = broken_lane(p, i.result, i.lane); !s.empty()) return "result: " + s;
  if (s = broken_address(p, i); !s.empty()) return s;
  if (s = broken_memory(i); !s.empty()) return s;
  if (s = broken_immediate(p, i); !s.empty()) return s;
  return broken_domain(p, i);
}

}  // namespace tauto::vec
