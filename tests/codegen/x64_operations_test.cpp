// Each instruction x lane type x memory type x mask x W: the machine's bytes are the evaluator's.
//
// A program runs over many rows of inputs drawn from special and random values; buffers end (and begin) at
// forbidden pages. An instruction set that this machine lacks is named and skipped.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>

#include "codegen/machine.h"
#include "codegen/x64/encode.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

using tauto::testing::Guarded;
using tauto::testing::Machine;
using Bytes = std::vector<uint8_t>;

constexpr int kRows = 160;
constexpr ElementType kMemory[] = {i8, i16, i32, u8, u16, u32, boolean, i64, u64, f16, bf16, f32, f64};
constexpr Lane kLanes[] = {Lane::I32, Lane::I64, Lane::F32, Lane::F64};

ElementType whole(Lane l) { return l == Lane::I32 ? i32 : l == Lane::I64 ? i64 : l == Lane::F32 ? f32 : f64; }

uint64_t draw(std::mt19937_64& random, ElementType t) {
  const uint64_t r = random();
  if (t.kind == Kind::Bool) return r & 1;
  const int kind = static_cast<int>(random() % 4);
  if (kind == 0) return r;
  if (!t.is_float()) {
    static constexpr uint64_t kSpecial[] = {
        0,           1,      2,      31,     32,         63,         64,         0x7f,      0x80,
        0xff,        0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, INT64_MAX, uint64_t{1} << 63,
        ~uint64_t{0}};
    return kind == 1 ? kSpecial[r % std::size(kSpecial)] : kind == 2 ? r % 70 : uint64_t{0} - r % 70;
  }
  static constexpr double kSpecial[] = {0.0,
                                        -0.0,
                                        1,
                                        -1,
                                        0.5,
                                        1.5,
                                        2.5,
                                        -2.5,
                                        0x1p-149,
                                        0x1p-1074,
                                        0x1p31,
                                        -0x1p31,
                                        0x1p63,
                                        -0x1p63,
                                        0x1p24 + 1,
                                        1e38,
                                        -1e38,
                                        1e300,
                                        65504,
                                        65520,
                                        0x1p-24,
                                        0x1p-25,
                                        3e-8,
                                        __builtin_inf(),
                                        -__builtin_inf(),
                                        __builtin_nan(""),
                                        0.1,
                                        1e10,
                                        -7.75};
  const double x = kind == 1 ? kSpecial[r % std::size(kSpecial)]
                             : (static_cast<double>(r >> 11) * 0x1p-53 - 0.5) * (kind == 2 ? 8 : 1e5);
  if (t == f64) return std::bit_cast<uint64_t>(x);
  const float f = static_cast<float>(x);
  if (t == f32) return std::bit_cast<uint32_t>(f);
  return t == f16 ? Half(f).bits : BFloat(f).bits;
}

Bytes drawn(std::mt19937_64& random, ElementType t, size_t count) {
  Bytes b(count * static_cast<size_t>(t.bytes()));
  for (size_t i = 0; i < count; i++) {
    const uint64_t v = draw(random, t);
    std::memcpy(b.data() + i * static_cast<size_t>(t.bytes()), &v, static_cast<size_t>(t.bytes()));
  }
  return b;
}

// A program over rows: buffers are arguments 0 … ; `row(k, bytes)` is the address of this row in buffer k.
struct Rows {
  Assembler a;
  Reg i;
  int buffers = 0;

  explicit Rows(int lanes) {
    a.program.name = "rows";
    a.program.lanes = lanes;
    i = a.begin_loop(a.scalar_op(VecOp::Imm, {}, 0), a.scalar_op(VecOp::Imm, {}, kRows), 1);
  }
  Address row(int64_t bytes) {
    const Reg base = a.scalar_op(VecOp::Arg, {}, buffers++);
    return {a.scalar_op(VecOp::AddS, {base, a.scalar_op(VecOp::MulI, {i}, bytes)}), {}, 0, 0};
  }
};

std::string first_difference(const Bytes& a, const uint8_t* b) {
  for (size_t i = 0; i < a.size(); i++)
    if (a[i] != b[i]) return cat("byte ", i, ": evaluated ", int{a[i]}, ", machine ", int{b[i]});
  return "";
}

class X64Operations : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    features_.avx512 = GetParam();
    if (GetParam() && !x64_features_of_cpu().avx512)
      GTEST_SKIP() << "this machine has no AVX-512 F, BW, DQ, VL";
  }

  bool fits(int lanes, Lane l) const {
    const int bytes = lanes * bytes_of(l);
    return bytes >= 16 && bytes <= (features_.avx512 ? 64 : 32);
  }
  std::vector<int> widths() const {
    return features_.avx512 ? std::vector<int>{4, 8, 16} : std::vector<int>{4, 8};
  }

  void same(Rows& rows, const std::vector<Bytes>& buffers, const std::string& what) {
    rows.a.end();
    const Program& p = rows.a.program;
    ASSERT_EQ(check(p), "") << what;
    std::vector<Bytes> expected = buffers;
    std::vector<uint64_t> arguments;
    for (Bytes& b : expected) arguments.push_back(reinterpret_cast<uint64_t>(b.data()));
    evaluate(p, arguments.data());
    const Machine machine(encode(p, features_));
    for (bool at_end : {true, false}) {
      std::vector<Guarded> guarded;
      arguments.clear();
      for (const Bytes& b : buffers) {
        guarded.emplace_back(b.size(), at_end);
        if (!b.empty()) std::memcpy(guarded.back().data(), b.data(), b.size());
        arguments.push_back(guarded.back().address());
      }
      machine.call(arguments.data());
      for (size_t k = 0; k < expected.size(); k++)
        ASSERT_EQ(first_difference(expected[k], guarded[k].data()), "")
            << what << ", buffer " << k << ", lanes " << p.lanes << "\n"
            << text_of(p);
    }
  }

  // The operation on vectors read from memory; `from` are the lane types of its operands.
  void vectors(VecOp op, int lanes, Lane to, std::initializer_list<Lane> from, int64_t immediate,
               bool any_nan) {
    for (Lane l : from)
      if (!fits(lanes, l)) return;
    if (!fits(lanes, to)) return;
    Rows rows(lanes);
    std::vector<Bytes> buffers;
    std::vector<Reg> in;
    for (Lane l : from) {
      in.push_back(rows.a.load(VecOp::Load, whole(l), rows.row(lanes * bytes_of(l))));
      buffers.push_back(drawn(random_, whole(l), static_cast<size_t>(kRows * lanes)));
    }
    Reg r;
    if (in.empty()) r = rows.a.emit(op, to, {}, immediate);
    if (in.size() == 1) r = rows.a.emit(op, to, {in[0]}, immediate);
    if (in.size() == 2) r = rows.a.emit(op, to, {in[0], in[1]}, immediate);
    if (in.size() == 3) r = rows.a.emit(op, to, {in[0], in[1], in[2]}, immediate);
    if (any_nan && is_float(to)) r = canonical(rows.a, r, to);
    rows.a.store(VecOp::Store, whole(to), r, rows.row(lanes * bytes_of(to)));
    buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(to)), 0x5a));
    same(rows, buffers, cat(text_of(op), ".", text_of(to), " ", immediate));
  }

  static Reg canonical(Assembler& a, Reg r, Lane l) {
    const Reg nan = a.emit(VecOp::Const, l, {}, l == Lane::F32 ? 0x7fc00000 : 0x7ff8000000000000);
    const Reg m = a.emit(VecOp::Compare, l, {r, r}, static_cast<int64_t>(Compare::Unordered));
    return a.emit(VecOp::Select, l, {m, nan, r});
  }

  // A mask of any lanes: of 4-byte lanes, or of 8-byte lanes.
  Reg any_mask(Rows& rows, std::vector<Bytes>& buffers, Lane l) {
    const int lanes = rows.a.program.lanes;
    const Reg x = rows.a.load(VecOp::Load, whole(l), rows.row(lanes * bytes_of(l)));
    Bytes b(static_cast<size_t>(kRows * lanes * bytes_of(l)));
    for (size_t i = 0; i < b.size(); i += static_cast<size_t>(bytes_of(l))) {
      const int64_t v = i < b.size() / 8 ? -1 : static_cast<int64_t>(random_() % 3) - 1;  // first rows: all
      std::memcpy(b.data() + i, &v, static_cast<size_t>(bytes_of(l)));
    }
    buffers.push_back(b);
    return rows.a.emit(VecOp::Compare, l, {x, rows.a.emit(VecOp::Const, l, {}, 0)},
                       static_cast<int64_t>(Compare::Less));
  }
  // Lanes below a number from memory.
  Reg first_mask(Rows& rows, std::vector<Bytes>& buffers) {
    const Reg n = rows.a.load(VecOp::LoadS, i64, rows.row(8));
    buffers.push_back(drawn(random_, i64, kRows));
    for (int k = 0; k < kRows / 2; k++) {
      const int64_t v = k % (rows.a.program.lanes + 2);
      std::memcpy(buffers.back().data() + 8 * k, &v, 8);
    }
    return rows.a.scalar_op(VecOp::First, {n});
  }
  // No mask, a prefix, any lanes by 4-byte compares, any lanes by 8-byte compares.
  Reg mask_of_kind(int kind, Rows& rows, std::vector<Bytes>& buffers) {
    if (kind == 0) return {};
    if (kind == 1) return first_mask(rows, buffers);
    return any_mask(rows, buffers, kind == 2 ? Lane::I32 : Lane::I64);
  }
  bool mask_kind_fits(int kind, int lanes) const {
    return kind < 2 || fits(lanes, kind == 2 ? Lane::I32 : Lane::I64);
  }

  X64Features features_;
  std::mt19937_64 random_{42};
};

TEST_P(X64Operations, Arithmetic) {
  for (int lanes : widths())
    for (Lane l : kLanes) {
      for (VecOp op : {VecOp::Add, VecOp::Sub, VecOp::Mul}) vectors(op, lanes, l, {l, l}, 0, true);
      for (VecOp op : {VecOp::Greater, VecOp::Lesser, VecOp::And, VecOp::Or, VecOp::Xor, VecOp::AndNot})
        vectors(op, lanes, l, {l, l}, 0, false);
      vectors(VecOp::MoveV, lanes, l, {l}, 0, false);
      for (int64_t by = 1; by < lanes; by *= 2) vectors(VecOp::Down, lanes, l, {l}, by, false);
      for (int64_t bits : {INT64_C(0), INT64_C(-1), INT64_C(0x3f800000), INT64_C(0x123456789abcdef0)})
        vectors(VecOp::Const, lanes, l, {},
                l == Lane::I64 || l == Lane::F64 ? bits : static_cast<uint32_t>(bits), false);
      if (is_float(l)) {
        vectors(VecOp::Div, lanes, l, {l, l}, 0, true);
        vectors(VecOp::Sqrt, lanes, l, {l}, 0, true);
        vectors(VecOp::Fma, lanes, l, {l, l, l}, 0, true);
        for (int64_t mode = 0; mode < 4; mode++) vectors(VecOp::Round, lanes, l, {l}, mode, true);
        if (l == Lane::F32) {
          vectors(VecOp::FmaFlush, lanes, l, {l, l, l}, 0, true);
          for (const bool bf16 : {false, true}) {
            if (bf16 && !(features_.avx512 && x64_features_of(Isa::Avx512).bf16)) continue;
            features_.bf16 = bf16;
            vectors(VecOp::DotPairs, lanes, l, {l, l, l}, 0, true);
          }
          features_.bf16 = false;
        }
        if (l == Lane::F32)
          for (int64_t mode = 0; mode < 2; mode++) vectors(VecOp::Narrow16, lanes, l, {l}, mode, false);
        continue;
      }
      vectors(VecOp::Iota, lanes, l, {}, 0, false);
      if (l == Lane::I32)
        for (bool popcnt : {false, true}) {
          if (popcnt && !(features_.avx512 && x64_features_of(Isa::Avx512).popcnt)) continue;
          features_.popcnt = popcnt;
          vectors(VecOp::CountBits, lanes, l, {l}, 0, true);
          features_.popcnt = false;
        }
      if (l == Lane::I32)
        for (bool vnni : {false, true}) {
          if (vnni && !x64_features_of(features_.avx512 ? Isa::Avx512 : Isa::Avx2).vnni) continue;
          features_.vnni = vnni;
          for (VecOp op : {VecOp::DotBytes, VecOp::DotWords}) vectors(op, lanes, l, {l, l, l}, 0, true);
          features_.vnni = false;
        }
      for (VecOp op : {VecOp::ShlV, VecOp::ShrV, VecOp::SarV}) vectors(op, lanes, l, {l, l}, 0, false);
      for (VecOp op : {VecOp::Shl, VecOp::Shr, VecOp::Sar})
        for (int64_t n : {0, 1, 7, 31, 32, 63})
          if (n < 8 * bytes_of(l)) vectors(op, lanes, l, {l}, n, false);
    }
}

TEST_P(X64Operations, Conversions) {
  for (int lanes : widths())
    for (Lane from : kLanes)
      for (Lane to : kLanes) {
        if (from == to) continue;
        vectors(VecOp::Convert, lanes, to, {from}, 0, true);
        if (bytes_of(from) == bytes_of(to)) vectors(VecOp::Reinterpret, lanes, to, {from}, 0, false);
      }
}

TEST_P(X64Operations, LoadsOfAllElementTypes) {
  for (int lanes : widths())
    for (ElementType m : kMemory)
      for (int kind = 0; kind < 4; kind++) {
        const Lane l = lane_of(m);
        if (!fits(lanes, l) || !mask_kind_fits(kind, lanes)) continue;
        Rows rows(lanes);
        std::vector<Bytes> buffers;
        const Reg mask = mask_of_kind(kind, rows, buffers);
        Reg r = rows.a.load(VecOp::Load, m, rows.row(lanes * m.bytes()), mask);
        buffers.push_back(drawn(random_, m, static_cast<size_t>(kRows * lanes)));
        if (m.is_float() && m.bits == 16) r = canonical(rows.a, r, l);
        rows.a.store(VecOp::Store, whole(l), r, rows.row(lanes * bytes_of(l)));
        buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(l)), 0x5a));
        same(rows, buffers, cat("load ", text_of(m), " mask ", kind));
      }
}

TEST_P(X64Operations, StoresOfAllElementTypes) {
  const bool by_instruction = features_.avx512 && x64_features_of(Isa::Avx512).bf16;
  std::vector<std::pair<ElementType, bool>> memory;
  for (ElementType m : kMemory) memory.emplace_back(m, false);
  if (by_instruction) memory.emplace_back(bf16, true);
  for (int lanes : widths())
    for (const auto& [m, instruction] : memory)
      for (int kind = 0; kind < 5; kind++) {
        features_.bf16 = instruction;
        const Lane l = lane_of(m);
        if (!fits(lanes, l) || (kind < 4 && !mask_kind_fits(kind, lanes))) continue;
        Rows rows(lanes);
        std::vector<Bytes> buffers;
        const Reg mask = kind == 4 ? Reg{} : mask_of_kind(kind, rows, buffers);
        const Reg r = rows.a.load(VecOp::Load, whole(l), rows.row(lanes * bytes_of(l)));
        buffers.push_back(drawn(random_, whole(l), static_cast<size_t>(kRows * lanes)));
        if (kind == 4)
          rows.a.store(VecOp::StoreOne, m, r, rows.row(m.bytes()));
        else
          rows.a.store(VecOp::Store, m, r, rows.row(lanes * m.bytes()), mask);
        buffers.push_back(Bytes(static_cast<size_t>(kRows * (kind == 4 ? 1 : lanes) * m.bytes()), 0x5a));
        same(rows, buffers, cat("store ", text_of(m), instruction ? " by AVX512_BF16" : "", " mask ", kind));
      }
}

// The last row of a masked buffer is cut off behind its last set lane: nothing may look there.
TEST_P(X64Operations, MaskedLanesAreNotTouched) {
  for (int lanes : widths())
    for (ElementType m : kMemory)
      for (int set = 0; set < lanes; set++)
        for (bool tail : {true, false}) {
          const Lane l = lane_of(m);
          if (!fits(lanes, l)) continue;
          Assembler a;
          a.program.name = "cut";
          a.program.lanes = lanes;
          const Reg from = a.scalar_op(VecOp::Arg, {}, 0), to = a.scalar_op(VecOp::Arg, {}, 1);
          Reg mask = a.scalar_op(VecOp::First, {a.scalar_op(VecOp::Imm, {}, tail ? set : lanes - set)});
          if (!tail) mask = a.scalar_op(VecOp::NotM, {mask});
          const Reg x = a.load(VecOp::Load, m, {from, {}, 0, 0}, mask);
          a.store(VecOp::Store, m, x, {to, {}, 0, 0}, mask);
          const Reg iota = a.emit(VecOp::Iota, bytes_of(l) == 8 ? Lane::I64 : Lane::I32, {});
          const Reg y = a.load(VecOp::Gather, m, {from, {}, 0, 0}, mask, iota);
          a.store(VecOp::Store, m, y, {to, {}, 0, 0}, mask);
          const size_t bytes = static_cast<size_t>(set * m.bytes());
          const int64_t shift = tail ? 0 : (lanes - set) * m.bytes();
          const Bytes data = drawn(random_, m, static_cast<size_t>(set));
          Guarded in(bytes, tail), out(bytes, tail);
          if (bytes) std::memcpy(in.data(), data.data(), bytes);
          const uint64_t arguments[] = {in.address() - static_cast<uint64_t>(shift),
                                        out.address() - static_cast<uint64_t>(shift)};
          Bytes expected(bytes);
          const uint64_t evaluated[] = {
              arguments[0], reinterpret_cast<uint64_t>(expected.data()) - static_cast<uint64_t>(shift)};
          evaluate(a.program, evaluated);
          Machine(encode(a.program, features_)).call(arguments);
          ASSERT_EQ(first_difference(expected, out.data()), "") << text_of(a.program);
        }
}

TEST_P(X64Operations, BroadcastsOfAllElementTypes) {
  for (int lanes : widths())
    for (ElementType m : kMemory) {
      const Lane l = lane_of(m);
      if (!fits(lanes, l)) continue;
      for (bool folded : {false, true}) {
        Rows rows(lanes);
        Reg r = rows.a.load(VecOp::Broadcast, m, rows.row(m.bytes()));
        std::vector<Bytes> buffers{drawn(random_, m, kRows)};
        if (folded) {
          const Reg x = rows.a.load(VecOp::Load, whole(l), rows.row(lanes * bytes_of(l)));
          buffers.push_back(drawn(random_, whole(l), static_cast<size_t>(kRows * lanes)));
          r = rows.a.emit(VecOp::Add, l, {r, x});
        }
        if (is_float(l)) r = canonical(rows.a, r, l);
        rows.a.store(VecOp::Store, whole(l), r, rows.row(lanes * bytes_of(l)));
        buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(l)), 0x5a));
        same(rows, buffers, cat("bcast ", text_of(m)));
      }
    }
}

TEST_P(X64Operations, GathersOfAllElementTypes) {
  for (int lanes : widths())
    for (ElementType m : kMemory)
      for (Lane index : {Lane::I32, Lane::I64})
        for (int kind = 0; kind < 4; kind++) {
          const Lane l = lane_of(m);
          if (!fits(lanes, l) || !fits(lanes, index) || !mask_kind_fits(kind, lanes)) continue;
          Rows rows(lanes);
          constexpr int kTable = 64;
          std::vector<Bytes> buffers{drawn(random_, m, kTable)};
          const Reg table = rows.a.scalar_op(VecOp::Arg, {}, rows.buffers++);
          const Reg w = rows.a.load(VecOp::Load, whole(index), rows.row(lanes * bytes_of(index)));
          Bytes indices(static_cast<size_t>(kRows * lanes * bytes_of(index)));
          for (size_t i = 0; i < indices.size(); i += static_cast<size_t>(bytes_of(index))) {
            const int64_t v = static_cast<int64_t>(random_() % kTable) - 8;
            std::memcpy(indices.data() + i, &v, static_cast<size_t>(bytes_of(index)));
          }
          buffers.push_back(indices);
          const Reg mask = mask_of_kind(kind, rows, buffers);
          const Reg eight = rows.a.scalar_op(VecOp::Imm, {}, 8);
          const int scale = static_cast<int>(m.bytes());
          Reg r = rows.a.load(VecOp::Gather, m, {table, eight, scale, 0}, mask, w);
          if (m.is_float() && m.bits == 16) r = canonical(rows.a, r, l);
          rows.a.store(VecOp::Store, whole(l), r, rows.row(lanes * bytes_of(l)));
          buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(l)), 0x5a));
          same(rows, buffers, cat("gather ", text_of(m), " by ", text_of(index), " mask ", kind));
        }
}

// By an index that counts by two, the table ending with the last element: nothing behind it may be read.
TEST_P(X64Operations, GathersEverySecondElement) {
  for (int lanes : widths())
    for (ElementType m : {f32, i32, f64, f16})
      for (Lane index : {Lane::I32, Lane::I64})
        for (int kind = 0; kind < 4; kind++)
          for (int64_t offset : {int64_t{0}, int64_t{1}}) {
            const Lane l = lane_of(m);
            if (!fits(lanes, l) || !fits(lanes, index) || !mask_kind_fits(kind, lanes)) continue;
            Rows rows(lanes);
            std::vector<Bytes> buffers{drawn(random_, m, 2 * lanes - 1 + offset)};
            const Reg table = rows.a.scalar_op(VecOp::Arg, {}, rows.buffers++);
            const Reg mask = mask_of_kind(kind, rows, buffers);
            const Reg iota = rows.a.emit(VecOp::Iota, index, {});
            const Reg two = rows.a.emit(VecOp::Const, index, {}, 2);
            const Reg w = rows.a.emit(VecOp::Mul, index, {iota, two});
            Reg r = rows.a.load(VecOp::Gather, m, {table, {}, 0, offset * m.bytes()}, mask, w);
            if (m.is_float() && m.bits == 16) r = canonical(rows.a, r, l);
            rows.a.store(VecOp::Store, whole(l), r, rows.row(lanes * bytes_of(l)));
            buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(l)), 0x5a));
            same(rows, buffers, cat("every second ", text_of(m), " by ", text_of(index), " mask ", kind));
          }
}

TEST_P(X64Operations, LooksBytesUp) {
  for (int lanes : widths())
    for (const ElementType m : {u8, i8})
      for (const bool vbmi : {false, true}) {
        if (vbmi && !(features_.avx512 && x64_features_of(Isa::Avx512).vbmi)) continue;
        Rows rows(lanes);
        std::vector<Bytes> buffers{drawn(random_, m, 256)};
        const Reg table = rows.a.scalar_op(VecOp::Arg, {}, rows.buffers++);
        const Reg w = rows.a.load(VecOp::Load, u8, rows.row(lanes));
        buffers.push_back(drawn(random_, u8, static_cast<size_t>(kRows * lanes)));
        rows.a.store(VecOp::Store, i32, rows.a.load(VecOp::Lookup, m, {table, {}, 0, 0}, {}, w),
                     rows.row(lanes * 4));
        buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * 4), 0x5a));
        features_.vbmi = vbmi;
        same(rows, buffers, cat("lookup ", text_of(m), vbmi ? ", vbmi" : ""));
        features_.vbmi = false;
      }
}

TEST_P(X64Operations, MasksOfBothWidths) {
  for (int lanes : widths())
    for (Lane x : {Lane::I32, Lane::I64, Lane::F32, Lane::F64})
      for (Lane y : {Lane::I32, Lane::I64})
        for (int64_t order = 0; order < 4; order++) {
          if (!fits(lanes, x) || !fits(lanes, y) || (!is_float(x) && order == 3)) continue;
          Rows rows(lanes);
          std::vector<Bytes> buffers;
          const Reg a = rows.a.load(VecOp::Load, whole(x), rows.row(lanes * bytes_of(x)));
          const Reg b = rows.a.load(VecOp::Load, whole(x), rows.row(lanes * bytes_of(x)));
          for (int k = 0; k < 2; k++)
            buffers.push_back(drawn(random_, whole(x), static_cast<size_t>(kRows * lanes)));
          const Reg m = rows.a.emit(VecOp::Compare, x, {a, b}, order);
          const Reg n = any_mask(rows, buffers, y);
          const Reg f = first_mask(rows, buffers);
          const Reg all = rows.a.scalar_op(VecOp::FillM, {}, 1), none = rows.a.scalar_op(VecOp::FillM, {}, 0);
          const Reg both = rows.a.scalar_op(VecOp::AndM, {m, n}),
                    either = rows.a.scalar_op(VecOp::OrM, {m, f});
          const Reg one = rows.a.scalar_op(VecOp::XorM, {both, n}),
                    no = rows.a.scalar_op(VecOp::NotM, {either});
          const Reg not_all = rows.a.scalar_op(VecOp::NotM, {all});
          const Reg kept = rows.a.scalar_op(VecOp::OrM, {no, none});
          for (Reg mask : {m, n, f, all, none, both, either, one, no, kept, not_all}) {
            for (Lane l : {x, y}) {
              const Reg ones = rows.a.emit(VecOp::Const, l, {}, 1),
                        zeros = rows.a.emit(VecOp::Const, l, {}, 0);
              rows.a.store(VecOp::Store, whole(l), rows.a.emit(VecOp::Select, l, {mask, ones, zeros}),
                           rows.row(lanes * bytes_of(l)));
              buffers.push_back(Bytes(static_cast<size_t>(kRows * lanes * bytes_of(l)), 0x5a));
            }
            const Reg any = rows.a.scalar_op(VecOp::Any, {mask});
            rows.a.store(VecOp::StoreOne, whole(y), rows.a.emit(VecOp::Splat, y, {any}),
                         rows.row(bytes_of(y)));
            buffers.push_back(Bytes(static_cast<size_t>(kRows * bytes_of(y)), 0x5a));
          }
          same(rows, buffers, cat("masks ", text_of(x), " ", text_of(y), " ", order));
        }
}

TEST_P(X64Operations, Scalars) {
  using Make = std::function<Reg(Assembler&, Reg, Reg, Reg)>;  // c > 0
  const auto two = [](VecOp op) {
    return [op](Assembler& a, Reg x, Reg y, Reg) { return a.scalar_op(op, {x, y}); };
  };
  const auto positive = [](VecOp op) {
    return [op](Assembler& a, Reg x, Reg, Reg z) { return a.scalar_op(op, {x, z}); };
  };
  const auto with = [](VecOp op, int64_t i) {
    return [=](Assembler& a, Reg x, Reg, Reg) { return a.scalar_op(op, {x}, i); };
  };
  const auto fixed = [](VecOp op, int64_t i) {
    return [=](Assembler& a, Reg x, Reg, Reg) {
      return a.scalar_op(op, {x, a.scalar_op(VecOp::Imm, {}, i)});
    };
  };
  const auto branch = [](Compare c) {
    return [c](Assembler& a, Reg x, Reg y, Reg z) {
      const Reg r = a.scalar_op(VecOp::MoveS, {x});
      a.begin_if(c, x, y);
      a.scalar_op(VecOp::AddS, {r, z}, 0, r);
      a.begin_else();
      a.scalar_op(VecOp::SubS, {z, r}, 0, r);
      a.end();
      return r;
    };
  };
  std::vector<Make> all{two(VecOp::AddS),      two(VecOp::SubS),      two(VecOp::MulS),
                        two(VecOp::MinS),      two(VecOp::MaxS),      positive(VecOp::DivS),
                        positive(VecOp::ModS), branch(Compare::Less), branch(Compare::LessEqual),
                        branch(Compare::Equal)};
  for (int64_t i : {INT64_C(0), INT64_C(1), INT64_C(-3), INT64_C(5), INT64_C(8), INT64_C(100),
                    INT64_C(0x123456789ab), INT64_MIN}) {
    for (VecOp op : {VecOp::AddI, VecOp::MulI}) all.push_back(with(op, i));
    for (VecOp op : {VecOp::AddS, VecOp::SubS, VecOp::MulS, VecOp::MinS}) all.push_back(fixed(op, i));
    if (i > 0)
      for (VecOp op : {VecOp::DivS, VecOp::ModS}) all.push_back(fixed(op, i));
  }
  for (size_t k = 0; k < all.size(); k++) {
    Rows rows(4);
    std::vector<Bytes> buffers;
    Reg in[3];
    for (Reg& r : in) {
      r = rows.a.load(VecOp::LoadS, i64, rows.row(8));
      buffers.push_back(drawn(random_, i64, kRows));
    }
    for (size_t n = 0; n < kRows; n++) {
      int64_t v;
      std::memcpy(&v, buffers[2].data() + 8 * n, 8);
      v = v == INT64_MIN || v == 0 ? 7 : v < 0 ? -v : v;
      std::memcpy(buffers[2].data() + 8 * n, &v, 8);
    }
    const Reg r = all[k](rows.a, in[0], in[1], in[2]);
    rows.a.store(VecOp::StoreOne, i64, rows.a.emit(VecOp::Splat, Lane::I64, {r}), rows.row(8));
    buffers.push_back(Bytes(8 * kRows, 0x5a));
    same(rows, buffers, cat("scalars ", k));
  }
  for (ElementType m : {i8, i16, i32, i64, u8, u16, u32, u64, boolean}) {
    Rows rows(4);
    const Reg r = rows.a.load(VecOp::LoadS, m, rows.row(m.bytes()));
    rows.a.store(VecOp::StoreOne, i64, rows.a.emit(VecOp::Splat, Lane::I64, {r}), rows.row(8));
    same(rows, {drawn(random_, m, kRows), Bytes(8 * kRows, 0x5a)}, cat("loads ", text_of(m)));
  }
}

INSTANTIATE_TEST_SUITE_P(Isa, X64Operations, ::testing::Values(false, true),
                         [](const ::testing::TestParamInfo<bool>& i) { return i.param ? "avx512" : "avx2"; });

}  // namespace
}  // namespace tauto::vec
