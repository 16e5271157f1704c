// The vector program: one kernel as ISA-neutral virtual instructions, as data.
//
// It is printed, parsed, checked and evaluated on any machine; an encoder (x64/, later a64/) allocates
// registers and prints it as machine code. The number of lanes W is a parameter of the program, not of the
// instructions: programs that were generated from the same loops for W = 4, 8, 16, 32, 64 give the same bits.
//
//   program = "program" name "lanes" W ["scratch" bytes] "{" line* "}"
//   line    = [reg "="] op ["." type] [":" memory] operand,* ["?" mask]
//                                        v3 = fma.f32 v1, v2, v3    v1 = load.f32:f16 [s1 + 4*s2 + 16] ? m0
//   operand = reg | integer | address | word   word: what an integer stands for (less, even, bf16)
//   reg     = "s" n (scalar: 64-bit integer) | "v" n (vector of W lanes) | "m" n (mask of W bits)
//   type    = "i32" | "i64" | "f32" | "f64"    of the lanes
//   memory  = element type in memory           load.i32:u8 zero-extends bytes
//   address = "[" s ["+" scale "*" s] ["+" bytes] "]"    scale 1, 2, 4, 8; bytes: 32 bits, signed
//
// Registers may be assigned more than once (accumulators, pointers); a vector register keeps the lane type of
// its first definition. Control is structured: loop … end, if … [else …] end. A loop's variable and its bound
// are not assigned in the body; after the loop the variable has no value. A kernel is called as
// void(const uint64_t* arguments); `arg` reads them: addresses of buffers, then sizes, as the caller of
// `generate` laid them out; by convention the last two are the bounds of the parallel loop. No instruction is
// approximate; each rounds once, nearest even; none traps; denormals are kept. Which NaN an operation gives
// is not defined (it follows the order of operands an encoder chooses; `evaluate` gives the canonical one);
// moves, bit operations, selections, loads and stores without conversion keep all bits.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "graph/element_type.h"

namespace tauto::vec {

enum class Lane : uint8_t { I32, I64, F32, F64 };
constexpr int bytes_of(Lane l) { return l == Lane::I32 || l == Lane::F32 ? 4 : 8; }
constexpr bool is_float(Lane l) { return l == Lane::F32 || l == Lane::F64; }
const char* text_of(Lane l);

// Memory element types and the lane type they are loaded to and stored from: i8 i16 i32 u8 u16 u32 bool <->
// I32, i64 u64 <-> I64, f16 bf16 f32 <-> F32, f64 <-> F64. Loads extend by sign or zero and widen exactly;
// stores truncate modulo 2^n and round once (a bool is stored as it is: 0 or 1).
Lane lane_of(ElementType memory);

enum class Class : uint8_t { None, Scalar, Vector, Mask };

struct Reg {
  Class cls = Class::None;
  int32_t id = -1;
  explicit operator bool() const { return cls != Class::None; }
  friend bool operator==(Reg, Reg) = default;
};

struct Address {
  Reg base, index;  // index: none if scale is 0
  int scale = 0;
  int64_t offset = 0;  // bytes; an encoder whose instructions hold fewer bits puts it in a register
  friend bool operator==(const Address&, const Address&) = default;
};

// X(name, text, result, operands): result and operands as letters: s scalar, v vector, m mask, w vector whose
// lane type may be another than the instruction's (its own is in its register), i immediate, a address,
// - nothing, ? optional mask.
#define TAUTO_VECTOR_OPS(X)                                                                                 \
  /* scalars: two's complement, 64 bits */                                                                  \
  X(Imm, "imm", s, "i")                                                                                     \
  X(Arg, "arg", s, "i")         /* argument number i of the call */                                         \
  X(Scratch, "scratch", s, "i") /* address of byte i of the scratch memory, which is 64-aligned */          \
  X(MoveS, "mov", s, "s")                                                                                   \
  X(AddS, "add", s, "ss")                                                                                   \
  X(SubS, "sub", s, "ss")                                                                                   \
  X(MulS, "mul", s, "ss")                                                                                   \
  X(AddI, "addi", s, "si")                                                                                  \
  X(MulI, "muli", s, "si")                                                                                  \
  X(MinS, "min", s, "ss")                                                                                   \
  X(MaxS, "max", s, "ss")                                                                                   \
  X(DivS, "div", s, "ss")                                                                                   \
  X(ModS, "mod", s, "ss")   /* floor, divisor > 0 */                                                        \
  X(LoadS, "loads", s, "a") /* an integer element (memory type), extended to 64 bits */                     \
  /* control */                                                                                             \
  X(Loop, "loop", s, "ssi") /* for result = a; result < b; result += i (i > 0) */                           \
  X(If, "if", -, "ssi")     /* i: Compare of the two scalars (Less, LessEqual, Equal) */                    \
  X(Else, "else", -, "")                                                                                    \
  X(End, "end", -, "")                                                                                      \
  /* masks */                                                                                               \
  X(First, "first", m, "s") /* lanes < s (none if s <= 0, all if s >= W) */                                 \
  X(FillM, "fillm", m, "i") /* i: 0 none, 1 all */                                                          \
  X(AndM, "andm", m, "mm")                                                                                  \
  X(OrM, "orm", m, "mm")                                                                                    \
  X(XorM, "xorm", m, "mm")                                                                                  \
  X(NotM, "notm", m, "m")                                                                                   \
  X(Compare, "cmp", m, "vvi") /* i: Compare; signed integers; false if a float is NaN, but                \
                                 Unordered true */ \
  X(Any, "any", s, "m")       /* 1 if some lane is set, else 0 */                                           \
  /* memory */                                                                                              \
  X(Load, "load", v, "a?")       /* W elements side by side; masked lanes are 0 and not touched */          \
  X(Broadcast, "bcast", v, "a")  /* one element in all lanes */                                             \
  X(Gather, "gather", v, "aw?")  /* element address + lane of w · size of the element (w: i32 or i64);   \
                                    masked lanes are 0 and not touched */ \
  X(Lookup, "lookup", v, "aw")   /* bytes of a table of 256 by w (i32, 0 … 255): all of it may be read */ \
  X(Store, "store", -, "va?")    /* masked lanes are not touched */                                         \
  X(StoreOne, "store1", -, "va") /* lane 0 only */                                                          \
  X(Prefetch, "prefetch", -, "a")                                                                           \
  /* vectors */                                                                                             \
  X(Const, "const", v, "i") /* the bits i in all lanes */                                                   \
  X(Splat, "splat", v, "s") /* the low bits of a scalar in all lanes; I32, I64 */                           \
  X(Iota, "iota", v, "")    /* 0, 1, 2 …; I32, I64 */                                                     \
  X(MoveV, "movv", v, "v")                                                                                  \
  X(Add, "addv", v, "vv")                                                                                   \
  X(Sub, "subv", v, "vv")                                                                                   \
  X(Mul, "mulv", v, "vv")        /* integers wrap */                                                        \
  X(Div, "divv", v, "vv")        /* floats */                                                               \
  X(Sqrt, "sqrt", v, "v")        /* floats */                                                               \
  X(Fma, "fma", v, "vvv")        /* a·b + c, floats */                                                     \
  X(DotBytes, "dotb", v, "vvv")  /* I32: c + Σ of four: unsigned byte of a · signed byte of b; wraps */   \
  X(DotWords, "dotw", v, "vvv")  /* I32: c + Σ of two: signed 16 bits of a · those of b; wraps */         \
  X(CountBits, "countb", v, "v") /* I32: how many bits are set */                                           \
  X(FmaFlush, "fmaz", v, "vvv")  /* F32: a·b + c; denormal operands and results are zeros */               \
  X(DotPairs, "dotp", v, "vvv")  /* F32: fmaz of the bf16 in the low 16 bits after that of the high */      \
  X(Greater, "greater", v, "vv") /* a > b ? a : b; floats and signed integers */                            \
  X(Lesser, "lesser", v, "vv")   /* a < b ? a : b */                                                        \
  X(And, "and", v, "vv")                                                                                    \
  X(Or, "or", v, "vv")                                                                                      \
  X(Xor, "xor", v, "vv")       /* of the bits, any lane type */                                             \
  X(AndNot, "andnot", v, "vv") /* ~a & b */                                                                 \
  X(Shl, "shl", v, "vi")                                                                                    \
  X(Shr, "shr", v, "vi")                                                                                    \
  X(Sar, "sar", v, "vi") /* 0 <= i < bits; Shr logical */                                                   \
  X(ShlV, "shlv", v, "vv")                                                                                  \
  X(ShrV, "shrv", v, "vv")                                                                                  \
  X(SarV, "sarv", v, "vv")   /* count (unsigned) >= bits: 0, or the sign */                                 \
  X(Round, "round", v, "vi") /* i: Rounding; to an integer of the same float type */                        \
  X(Select, "select", v, "mvv")                                                                             \
  X(Convert, "convert", v, "w")    /* F32 <-> F64; I32, I64 -> F32, F64; F32, F64 -> I32, I64 truncating  \
                                      (out of range: INT_MIN); I32 -> I64 by sign; I64 -> I32 low bits */ \
  X(Reinterpret, "bits", v, "w")   /* the same bits as another lane type of the same width */               \
  X(Narrow16, "narrow16", v, "vi") /* F32: rounded once to f16 (i = 0) or bf16 (i = 1), kept as F32 */      \
  X(Down, "down", v, "vi")         /* lane p gets lane p + i; 0 from beyond the last; i < W a power of two */

enum class VecOp : uint8_t {
#define TAUTO_X(name, text, result, operands) name,
  TAUTO_VECTOR_OPS(TAUTO_X)
#undef TAUTO_X
};

enum class Compare : uint8_t { Less, LessEqual, Equal, Unordered };
enum class Rounding : uint8_t { Even, Down, Up, Zero };

struct Instr {
  VecOp op = VecOp::Imm;
  Lane lane = Lane::F32;     // vector instructions
  ElementType memory = f32;  // loads and stores
  Reg result;
  Reg operand[3];  // registers among the operands, in order; the optional mask is not among them
  Reg mask;        // of ?: none = all lanes
  Address address;
  int64_t immediate = 0;
  friend bool operator==(const Instr&, const Instr&) = default;
};

struct Program {
  std::string name;
  int lanes = 16;       // W: a power of two, 4 … 64
  int64_t scratch = 0;  // bytes
  std::vector<Instr> code;
  std::vector<Lane> vectors;       // lane type of each vector register
  int32_t scalars = 0, masks = 0;  // how many of each
  friend bool operator==(const Program&, const Program&) = default;
};

// Appends instructions and makes registers. Methods are named after the instructions; results are new
// registers unless `into` is given.
class Assembler {
 public:
  Program program;

  Reg scalar() { return {Class::Scalar, program.scalars++}; }
  Reg mask() { return {Class::Mask, program.masks++}; }
  Reg vector(Lane l) {
    program.vectors.push_back(l);
    return {Class::Vector, static_cast<int32_t>(program.vectors.size()) - 1};
  }
  Lane lane(Reg v) const { return program.vectors[static_cast<size_t>(v.id)]; }

  Reg emit(VecOp op, Lane lane, std::initializer_list<Reg> operands, int64_t immediate = 0, Reg into = {});
  Reg scalar_op(VecOp op, std::initializer_list<Reg> operands, int64_t immediate = 0, Reg into = {}) {
    return emit(op, Lane::I64, operands, immediate, into);
  }
  Reg load(VecOp op, ElementType memory, const Address& a, Reg mask = {}, Reg index = {}, Reg into = {});
  void store(VecOp op, ElementType memory, Reg value, const Address& a, Reg mask = {});
  Reg begin_loop(Reg from, Reg to, int64_t step);
  void begin_if(Compare c, Reg a, Reg b);
  void begin_else();
  void end();
};

const char* text_of(VecOp op);
char result_of(VecOp op);           // s v m -
const char* operands_of(VecOp op);  // as in TAUTO_VECTOR_OPS
std::string text_of(const Instr& i);
std::string text_of(const Program& p);
// Registers that occur nowhere in the code are not printed and come back as if never made.
Program parse_program(std::string_view text);  // Error: line, what was expected, what stands there

// The first broken rule (a register read before it is written on some path, a wrong class or lane type, an
// `end` without a beginning …) with its line, or "".
std::string check(const Program& p);

// Runs the program on real memory, lane by lane: what the encoders are compared with.
// arguments: as the compiled kernel would get them. The program must pass `check`. Error: a rule that only
// running can break (a divisor <= 0, a loop variable that overflows).
void evaluate(const Program& p, const uint64_t* arguments);

}  // namespace tauto::vec
