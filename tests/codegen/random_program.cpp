// The generator: a pool of values per class and lane type, from which instructions draw their operands. What
// is defined inside a loop or a branch leaves the pool at its end; registers from outside may be assigned
// anew inside. Scalars that bound loops and accesses are kept apart ("small": in 0 … length) and never
// reassigned.
#include "codegen/random_program.h"

#include <algorithm>
#include <bit>

#include "support/error.h"

namespace tauto::testing {
namespace {

using namespace vec;

constexpr Lane kLanes[] = {Lane::I32, Lane::F32, Lane::I64, Lane::F64};
constexpr ElementType kMemory[] = {i8, i16, i32, u8, u16, u32, boolean, f16, bf16, f32, i64, u64, f64};
constexpr int64_t kMargin =
    256;  // elements beyond `length`: room for unmasked accesses, and for tables of bytes
constexpr int64_t kSlot = 64 * 8;  // bytes of a place in scratch memory

ElementType whole(Lane l) { return l == Lane::I32 ? i32 : l == Lane::I64 ? i64 : l == Lane::F32 ? f32 : f64; }

class Generator {
 public:
  Generator(uint64_t seed, const RandomOptions& o) : o_(o), random_(seed) {
    a_.program.name = cat("random_", seed);
    a_.program.lanes = o.lanes;
  }

  RandomProgram make() {
    prologue();
    if (o_.same_at_any_W) {
      const Reg i = a_.begin_loop(zero_, small_[0], o_.lanes);
      const Reg tail = a_.emit(VecOp::First, Lane::F32, {a_.scalar_op(VecOp::SubS, {small_[0], i})});
      lane_ = i;
      tail_ = tail;
      masks_.push_back(tail);
      block(o_.steps);
      show();
      a_.end();
    } else {
      block(o_.steps);
      show();
    }
    result_.program = std::move(a_.program);
    return std::move(result_);
  }

 private:
  struct Pools {
    size_t vectors[4], masks, scalars, small;
  };

  uint64_t draw(uint64_t n) { return random_() % n; }
  bool chance(int percent) { return draw(100) < static_cast<uint64_t>(percent); }
  template <class T>
  T pick(const std::vector<T>& v) {
    return v[draw(v.size())];
  }
  Lane lane() { return kLanes[draw(o_.wide ? 4 : 2)]; }
  Lane int_lane() { return o_.wide && chance(50) ? Lane::I64 : Lane::I32; }
  Lane float_lane() { return o_.wide && chance(50) ? Lane::F64 : Lane::F32; }
  std::vector<Reg>& pool(Lane l) { return vectors_[static_cast<size_t>(l)]; }
  Reg vector(Lane l) { return pick(pool(l)); }
  Reg mask() { return pick(masks_); }
  Reg imm(int64_t v) { return a_.scalar_op(VecOp::Imm, {}, v); }
  Reg constant(Lane l) {
    return a_.emit(VecOp::Const, l, {}, static_cast<int64_t>(random_bits(random_, whole(l))));
  }

  // A register of the pool to be assigned anew, or none. Where bits must not depend on W, only inside of the
  // loop over lanes: all there is in the pools then.
  Reg maybe_into(std::vector<Reg>& pool) {
    return chance(25) && pool.size() > outer(pool) ? pool[outer(pool) + draw(pool.size() - outer(pool))]
                                                   : Reg{};
  }
  size_t outer(const std::vector<Reg>& p) const {
    if (!o_.same_at_any_W) return 0;
    for (size_t l = 0; l < 4; ++l)
      if (&p == &vectors_[l]) return outer_.vectors[l];
    return &p == &masks_ ? outer_.masks + 1 : outer_.scalars;  // not the mask of the tail
  }
  void keep(std::vector<Reg>& pool, Reg r, Reg into) {
    if (!into) pool.push_back(r);
  }
  void emit_v(VecOp op, Lane l, std::initializer_list<Reg> operands, int64_t immediate = 0) {
    const Reg into = maybe_into(pool(l));
    keep(pool(l), a_.emit(op, l, operands, immediate, into), into);
  }
  void emit_m(VecOp op, Lane l, std::initializer_list<Reg> operands, int64_t immediate = 0) {
    const Reg into = maybe_into(masks_);
    keep(masks_, a_.emit(op, l, operands, immediate, into), into);
  }
  void emit_s(VecOp op, std::initializer_list<Reg> operands, int64_t immediate = 0) {
    const Reg into = maybe_into(scalars_);
    keep(scalars_, a_.scalar_op(op, operands, immediate, into), into);
  }

  // x with every NaN the canonical one.
  Reg canonical(Reg x, Lane l) {
    if (!is_float(l)) return x;
    const Reg nan = a_.emit(VecOp::Compare, l, {x, x}, static_cast<int64_t>(Compare::Unordered));
    const Reg one = a_.emit(VecOp::Const, l, {}, l == Lane::F32 ? 0x7fc00000 : 0x7ff8000000000000);
    return a_.emit(VecOp::Select, l, {nan, one, x});
  }

  void prologue() {
    // Buffers: three to read and two to write of random types, and one to show each lane type.
    std::vector<ElementType> types;
    for (const ElementType t : kMemory)
      if (o_.wide || bytes_of(lane_of(t)) == 4) types.push_back(t);
    const auto add = [&](ElementType t, bool written) {
      result_.buffers.push_back({t, o_.length + kMargin, written});
      bases_.push_back(a_.scalar_op(VecOp::Arg, {}, static_cast<int64_t>(bases_.size())));
    };
    for (int k = 0; k < 5; ++k) add(pick(types), k >= 3);
    for (size_t l = 0; l < (o_.wide ? 4u : 2u); ++l) add(whole(kLanes[l]), true);
    zero_ = imm(0);
    for (int k = 0; k < 3; ++k) {
      const auto most = static_cast<uint64_t>(o_.length);
      const uint64_t size = k == 0 && chance(70) ? most - draw(20) : k == 0 ? 1 + draw(most) : draw(most + 1);
      result_.sizes.push_back(static_cast<int64_t>(size));
      small_.push_back(a_.scalar_op(VecOp::Arg, {}, static_cast<int64_t>(bases_.size()) + k));
    }
    small_.push_back(zero_);
    small_.push_back(imm(static_cast<int64_t>(draw(5))));
    scalars_.push_back(imm(static_cast<int64_t>(random_bits(random_, i64))));
    scalars_.push_back(imm(static_cast<int64_t>(draw(100)) - 50));
    for (size_t l = 0; l < (o_.wide ? 4u : 2u); ++l)
      for (int k = 0; k < 2; ++k) pool(kLanes[l]).push_back(constant(kLanes[l]));
    masks_.push_back(a_.emit(VecOp::FillM, Lane::F32, {}, 1));
    if (!o_.same_at_any_W) {
      masks_.push_back(a_.emit(VecOp::First, Lane::F32, {pick(small_)}));
      const int64_t slots = 1 + static_cast<int64_t>(draw(3));
      a_.program.scratch = slots * kSlot;
      for (int64_t k = 0; k < slots; ++k) {  // never read before it is written, and as one type only
        const ElementType t = pick(types);
        slots_.push_back(t);
        a_.store(VecOp::Store, t, storable(vector(lane_of(t)), t),
                 {a_.scalar_op(VecOp::Scratch, {}, k * kSlot), {}, 0, 0});
      }
    }
    outer_ = pools();
  }

  Pools pools() const {
    Pools p;
    for (size_t l = 0; l < 4; ++l) p.vectors[l] = vectors_[l].size();
    p.masks = masks_.size();
    p.scalars = scalars_.size();
    p.small = small_.size();
    return p;
  }
  void restore(const Pools& p) {
    for (size_t l = 0; l < 4; ++l) vectors_[l].resize(p.vectors[l]);
    masks_.resize(p.masks);
    scalars_.resize(p.scalars);
    small_.resize(p.small);
  }

  void block(int steps) {
    while (steps > 0) {
      const bool nest = depth_ < 3 && steps > 4 && chance(12);
      if (!nest) {
        step();
        --steps;
        continue;
      }
      const int inside = 1 + static_cast<int>(draw(static_cast<uint64_t>(std::min(steps / 2, 15))));
      steps -= inside;
      ++depth_;
      if (chance(50))
        branch(inside);
      else
        repeat(inside);
      --depth_;
    }
  }

  void branch(int steps) {
    const Pools before = pools();
    const bool small = chance(50);
    a_.begin_if(static_cast<Compare>(draw(3)), small ? pick(small_) : pick(scalars_),
                small ? pick(small_) : pick(scalars_));
    const int first = chance(50) ? steps : steps / 2;
    block(first);
    restore(before);
    if (first != steps) {
      a_.begin_else();
      block(steps - first);
      restore(before);
    }
    a_.end();
  }

  // At most `length` trips outermost, at most four further in.
  void repeat(int steps) {
    const Pools before = pools();
    const bool outermost = depth_ == 1 && !o_.same_at_any_W;
    Reg from = chance(70) ? zero_ : pick(small_), to = pick(small_);
    int64_t step = 1 + static_cast<int64_t>(draw(7));
    if (outermost && chance(50)) step = o_.lanes;
    if (!outermost) {
      to = a_.scalar_op(VecOp::MinS, {to, a_.scalar_op(VecOp::AddI, {from}, static_cast<int64_t>(draw(4)))});
      step = 1 + static_cast<int64_t>(draw(2));
    }
    const Reg i = a_.begin_loop(from, to, step);
    small_.push_back(i);
    block(steps);
    restore(before);
    a_.end();
  }

  void step() {
    switch (draw(10)) {
      case 0:
        return scalar_step();
      case 1:
        return mask_step();
      case 2:
      case 3:
        return load_step();
      case 4:
        return store_step();
      default:
        return lane_step();
    }
  }

  void scalar_step() {
    const Reg a = pick(chance(50) ? small_ : scalars_), b = pick(chance(50) ? small_ : scalars_);
    switch (draw(13)) {
      case 0:
        return emit_s(VecOp::Imm, {}, static_cast<int64_t>(random_bits(random_, i64)));
      case 1:
        return emit_s(VecOp::MoveS, {a});
      case 2:
        return emit_s(VecOp::AddS, {a, b});
      case 3:
        return emit_s(VecOp::SubS, {a, b});
      case 4:
        return emit_s(VecOp::MulS, {a, b});
      case 5:
        return emit_s(VecOp::AddI, {a}, static_cast<int64_t>(random_bits(random_, i64)));
      case 6:
        return emit_s(VecOp::MulI, {a}, static_cast<int64_t>(random_bits(random_, i64)));
      case 7:
        small_.push_back(a_.scalar_op(VecOp::MinS, {pick(small_), pick(small_)}));
        return;
      case 8:
        return emit_s(VecOp::MaxS, {a, b});
      case 9:
      case 10:
        return emit_s(chance(50) ? VecOp::DivS : VecOp::ModS, {a, a_.scalar_op(VecOp::MaxS, {b, imm(1)})});
      case 11:
        if (!o_.same_at_any_W) return emit_s(VecOp::Any, {mask()});
        [[fallthrough]];
      default: {
        const size_t k = draw(bases_.size());
        const Buffer& b2 = result_.buffers[k];
        if (b2.type.is_float() || (o_.same_at_any_W && b2.written)) return emit_s(VecOp::MinS, {a, b});
        const Reg into = maybe_into(scalars_);
        keep(scalars_, a_.load(VecOp::LoadS, b2.type, element(k), {}, {}, into), into);
      }
    }
  }

  void mask_step() {
    const Lane l = lane();
    switch (draw(8)) {
      case 0:
        return emit_m(VecOp::First, l,
                      {a_.scalar_op(VecOp::SubS, {pick(small_), lane_ ? lane_ : pick(small_)})});
      case 1:
        return emit_m(VecOp::FillM, l, {}, static_cast<int64_t>(draw(2)));
      case 2:
        return emit_m(VecOp::AndM, l, {mask(), mask()});
      case 3:
        return emit_m(VecOp::OrM, l, {mask(), mask()});
      case 4:
        return emit_m(VecOp::XorM, l, {mask(), mask()});
      case 5:
        return emit_m(VecOp::NotM, l, {mask()});
      default:
        return emit_m(VecOp::Compare, l, {vector(l), vector(l)},
                      static_cast<int64_t>(draw(is_float(l) ? 4 : 3)));
    }
  }

  using Buffer = RandomProgram::Buffer;

  // One element of a buffer: at a literal place or at any scalar modulo the number of elements.
  Address element(size_t k) {
    const Buffer& b = result_.buffers[k];
    const int bytes = static_cast<int>(b.type.bytes());
    if (chance(30))
      return {bases_[k], {}, 0, static_cast<int64_t>(draw(static_cast<uint64_t>(b.elements))) * bytes};
    const Reg n = imm(b.elements), i = a_.scalar_op(VecOp::ModS, {pick(chance(50) ? small_ : scalars_), n});
    return {bases_[k], i, bytes, 0};
  }
  // W elements side by side; `m` is narrowed where they would not all lie inside.
  Address row(size_t k, Reg& m) {
    const Buffer& b = result_.buffers[k];
    const int bytes = static_cast<int>(b.type.bytes());
    if (o_.same_at_any_W) {
      m = m ? a_.emit(VecOp::AndM, Lane::F32, {m, tail_}) : tail_;
      return {bases_[k], lane_, bytes, 0};
    }
    if (chance(60))
      return {bases_[k], pick(small_), bytes,
              static_cast<int64_t>(draw(static_cast<uint64_t>(kMargin - o_.lanes))) * bytes};
    // The last elements before the forbidden page.
    const auto left = static_cast<int64_t>(draw(static_cast<uint64_t>(o_.lanes) + 1));
    const Reg last = a_.emit(VecOp::First, Lane::F32, {imm(left)});
    m = m ? a_.emit(VecOp::AndM, Lane::F32, {m, last}) : last;
    return {bases_[k], {}, 0, (b.elements - left) * bytes};
  }

  void load_step() {
    const Reg m0 = chance(50) ? mask() : Reg{};
    Reg m = m0;
    if (!slots_.empty() && chance(15)) {
      const size_t k = draw(slots_.size());
      const ElementType t = slots_[k];
      const Reg at = a_.scalar_op(VecOp::Scratch, {}, static_cast<int64_t>(k) * kSlot);
      return loaded(VecOp::Load, t, {at, {}, 0, 0}, m, {});
    }
    const size_t k = draw(bases_.size());
    const Buffer b = result_.buffers[k];
    const bool only_row = o_.same_at_any_W && b.written;
    const uint64_t kind = only_row ? 0 : draw(4);
    if (chance(5)) a_.load(VecOp::Prefetch, f32, {bases_[k], pick(scalars_), 8, 64});
    if (kind <= 1) {
      const Address at = row(k, m);
      return loaded(VecOp::Load, b.type, at, m, {});
    }
    if (kind == 2) return loaded(VecOp::Broadcast, b.type, element(k), {}, {});
    // Indices inside for set lanes; anything for the others, which must not be touched.
    const Lane il = int_lane();
    const auto most = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(b.elements))) - 1;
    const Reg any = vector(il), in = a_.emit(VecOp::And, il, {any, a_.emit(VecOp::Const, il, {}, most)});
    const Reg index = m ? a_.emit(VecOp::Select, il, {m, in, any}) : in;
    if (il == Lane::I32 && b.type.bits == 8 && chance(50)) {
      const Reg byte = a_.emit(VecOp::And, il, {any, a_.emit(VecOp::Const, il, {}, 255)});
      return loaded(VecOp::Lookup, b.type, {bases_[k], {}, 0, 0}, {}, byte);
    }
    loaded(VecOp::Gather, b.type, {bases_[k], {}, 0, 0}, m, index);
  }
  void loaded(VecOp op, ElementType t, const Address& at, Reg m, Reg index) {
    const Reg into = maybe_into(pool(lane_of(t)));
    keep(pool(lane_of(t)), a_.load(op, t, at, m, index, into), into);
  }

  Reg storable(Reg v, ElementType t) {
    if (t.kind != Kind::Bool) return v;
    return a_.emit(VecOp::And, Lane::I32, {v, a_.emit(VecOp::Const, Lane::I32, {}, 1)});
  }

  void store_step() {
    Reg m = chance(50) ? mask() : Reg{};
    if (!slots_.empty() && chance(15)) {
      const size_t k = draw(slots_.size());
      const ElementType t = slots_[k];
      const Reg at = a_.scalar_op(VecOp::Scratch, {}, static_cast<int64_t>(k) * kSlot);
      return a_.store(VecOp::Store, t, storable(vector(lane_of(t)), t), {at, {}, 0, 0}, m);
    }
    const size_t k = 3 + draw(bases_.size() - 3);
    const ElementType t = result_.buffers[k].type;
    const Reg v = storable(vector(lane_of(t)), t);
    if (!o_.same_at_any_W && chance(15)) return a_.store(VecOp::StoreOne, t, v, element(k));
    const Address at = row(k, m);
    a_.store(VecOp::Store, t, v, at, m);
  }

  void lane_step() {
    const Lane l = lane(), il = int_lane(), fl = float_lane();
    switch (draw(37)) {
      case 0:
        return emit_v(VecOp::Const, l, {}, static_cast<int64_t>(random_bits(random_, whole(l))));
      case 1:
        return emit_v(VecOp::Splat, il, {pick(chance(50) ? small_ : scalars_)});
      case 2:
        return iota(il);
      case 3:
        return emit_v(VecOp::MoveV, l, {vector(l)});
      case 4:
        return emit_v(VecOp::Add, l, {vector(l), vector(l)});
      case 5:
        return emit_v(VecOp::Sub, l, {vector(l), vector(l)});
      case 6:
        return emit_v(VecOp::Mul, l, {vector(l), vector(l)});
      case 7:
        return emit_v(VecOp::Div, fl, {vector(fl), vector(fl)});
      case 8:
        return emit_v(VecOp::Sqrt, fl, {vector(fl)});
      case 9:
      case 10:
      case 11:
        return emit_v(VecOp::Fma, fl, {vector(fl), vector(fl), vector(fl)});
      case 30:
      case 31:
        return emit_v(VecOp::DotBytes, Lane::I32, {vector(Lane::I32), vector(Lane::I32), vector(Lane::I32)});
      case 34:
        return emit_v(VecOp::CountBits, Lane::I32, {vector(Lane::I32)});
      case 32:
        return emit_v(VecOp::DotWords, Lane::I32, {vector(Lane::I32), vector(Lane::I32), vector(Lane::I32)});
      case 35:
        return emit_v(VecOp::FmaFlush, Lane::F32, {vector(Lane::F32), vector(Lane::F32), vector(Lane::F32)});
      case 36:
        return emit_v(VecOp::DotPairs, Lane::F32, {vector(Lane::F32), vector(Lane::F32), vector(Lane::F32)});
      case 12:
        return emit_v(VecOp::Greater, l, {vector(l), vector(l)});
      case 13:
        return emit_v(VecOp::Lesser, l, {vector(l), vector(l)});
      case 14:
        return emit_v(VecOp::And, l, {canonical(vector(l), l), canonical(vector(l), l)});
      case 15:
        return emit_v(VecOp::Or, l, {canonical(vector(l), l), canonical(vector(l), l)});
      case 16:
        return emit_v(VecOp::Xor, l, {canonical(vector(l), l), canonical(vector(l), l)});
      case 17:
        return emit_v(VecOp::AndNot, l, {canonical(vector(l), l), canonical(vector(l), l)});
      case 18:
        return emit_v(VecOp::Shl, il, {vector(il)}, shift(il));
      case 19:
        return emit_v(VecOp::Shr, il, {vector(il)}, shift(il));
      case 20:
        return emit_v(VecOp::Sar, il, {vector(il)}, shift(il));
      case 21:
        return emit_v(VecOp::ShlV, il, {vector(il), vector(il)});
      case 22:
        return emit_v(VecOp::ShrV, il, {vector(il), vector(il)});
      case 23:
        return emit_v(VecOp::SarV, il, {vector(il), vector(il)});
      case 24:
        return emit_v(VecOp::Round, fl, {vector(fl)}, static_cast<int64_t>(draw(4)));
      case 25:
        return emit_v(VecOp::Select, l, {mask(), vector(l), vector(l)});
      case 26:
      case 27: {
        const Lane from = lane();
        if (from != l) return emit_v(VecOp::Convert, l, {vector(from)});
        return emit_v(VecOp::Add, l, {vector(l), vector(l)});
      }
      case 28: {
        constexpr Lane kOther[] = {Lane::F32, Lane::F64, Lane::I32, Lane::I64};
        const Lane from = kOther[static_cast<size_t>(l)];
        return emit_v(VecOp::Reinterpret, l, {canonical(vector(from), from)});
      }
      case 29:
        return emit_v(VecOp::Narrow16, Lane::F32, {vector(Lane::F32)}, static_cast<int64_t>(draw(2)));
      default:
        if (o_.same_at_any_W) return emit_v(VecOp::Sub, l, {vector(l), vector(l)});
        return emit_v(
            VecOp::Down, l, {vector(l)},
            int64_t{1} << draw(static_cast<uint64_t>(std::countr_zero(static_cast<unsigned>(o_.lanes)))));
    }
  }
  int64_t shift(Lane l) { return static_cast<int64_t>(draw(static_cast<uint64_t>(bytes_of(l)) * 8)); }
  void iota(Lane l) {
    if (!lane_) return emit_v(VecOp::Iota, l, {});
    emit_v(VecOp::Add, l, {a_.emit(VecOp::Iota, l, {}), a_.emit(VecOp::Splat, l, {lane_})});
  }

  // What is still to be seen: masks as selections, scalars as lanes, vectors as rows of the shown buffers.
  void show() {
    for (const Reg s : scalars_) pool(Lane::I32).push_back(a_.emit(VecOp::Splat, Lane::I32, {s}));
    for (const Reg m : masks_)
      pool(Lane::F32).push_back(a_.emit(VecOp::Select, Lane::F32, {m, vector(Lane::F32), vector(Lane::F32)}));
    for (size_t k = 5; k < bases_.size(); ++k) {
      const Lane l = kLanes[k - 5];
      const int bytes = bytes_of(l);
      const std::vector<Reg>& all = pool(l);
      if (o_.same_at_any_W) {
        Reg bits = canonical(all[0], l);  // one row only: all of them in it
        for (size_t j = 1; j < all.size(); ++j)
          bits = a_.emit(VecOp::Xor, l, {a_.emit(VecOp::Xor, l, {bits, canonical(all[j], l)}), all[draw(2)]});
        a_.store(VecOp::Store, whole(l), canonical(bits, l), {bases_[k], lane_, bytes, 0}, tail_);
        continue;
      }
      const int64_t rows = (o_.length + kMargin) / o_.lanes;
      for (int64_t j = 0; j < std::min<int64_t>(rows, static_cast<int64_t>(all.size())); ++j)
        a_.store(VecOp::Store, whole(l), all[all.size() - 1 - static_cast<size_t>(j)],
                 {bases_[k], {}, 0, j * o_.lanes * bytes});
    }
  }

  const RandomOptions o_;
  std::mt19937_64 random_;
  Assembler a_;
  RandomProgram result_;
  std::vector<Reg> bases_, small_, scalars_, masks_, vectors_[4];
  std::vector<ElementType> slots_;
  Reg zero_, lane_, tail_;  // lane_: the element of lane 0, with same_at_any_W; tail_: lanes that exist
  Pools outer_{};
  int depth_ = 0;
};

}  // namespace

RandomProgram random_program(uint64_t seed, const RandomOptions& options) {
  return Generator(seed, options).make();
}

}  // namespace tauto::testing
