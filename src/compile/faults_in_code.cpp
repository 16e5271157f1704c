// Faults below the schedules: vector programs, the registers they get, constants as kernels read them.
#include <bit>
#include <cstring>

#include "codegen/vector.h"
#include "compile/fault_sites.h"
#include "support/error.h"

namespace tauto::faults {

using vec::Class;
using vec::Instr;
using vec::Lane;
using vec::Program;
using vec::Reg;
using vec::VecOp;

namespace {

bool is_arithmetic(VecOp op) { return op >= VecOp::Add && op <= VecOp::Narrow16 && op != VecOp::Convert; }
bool is_load(VecOp op) { return op == VecOp::Load || op == VecOp::Broadcast; }

// Index vectors of gathers are no place: what they address might lie anywhere.
bool may_differ(const Program& p, Lane l) {
  if (is_float(l)) return true;
  for (const Instr& i : p.code)
    if (i.op == VecOp::Gather || i.op == VecOp::Lookup) return false;
  return true;
}

// The vector of the same lanes that was written last before instruction `at`, but for those it reads itself.
Reg latest_before(const Program& p, size_t at) {
  for (size_t i = at; i-- > 0;) {
    const Reg r = p.code[i].result;
    if (r.cls != Class::Vector || p.vectors[static_cast<size_t>(r.id)] != p.code[at].lane) continue;
    bool own = false;
    for (const Reg& o : p.code[at].operand) own = own || o == r;
    if (!own) return r;
  }
  return {};
}

// How instruction `at` is got wrong; nothing: it is no place for this kind. `p` is changed.
bool change(FaultKind kind, Program& p, size_t at) {
  Instr& i = p.code[at];
  const auto insert = [&](size_t where, const Instr& x) {
    p.code.insert(p.code.begin() + static_cast<std::ptrdiff_t>(where), x);
  };
  switch (kind) {
    case FaultKind::StaleRegister: {
      if (!is_arithmetic(i.op) || !may_differ(p, i.lane) || i.operand[0].cls != Class::Vector) return false;
      const Reg stale = latest_before(p, at);
      if (!stale) return false;
      i.operand[0] = stale;
      return true;
    }
    case FaultKind::LostFma:
      if (i.op != VecOp::Fma) return false;
      i.op = VecOp::MoveV;
      i.operand[0] = i.operand[2];
      i.operand[1] = i.operand[2] = {};
      return true;
    case FaultKind::NarrowBf16:
    case FaultKind::NarrowF16: {
      if (i.result.cls != Class::Vector || i.lane != Lane::F32 || i.op == VecOp::Narrow16) return false;
      if (p.vectors[static_cast<size_t>(i.result.id)] != Lane::F32) return false;
      Instr narrow;
      narrow.op = VecOp::Narrow16;
      narrow.lane = Lane::F32;
      narrow.result = narrow.operand[0] = i.result;
      narrow.immediate = kind == FaultKind::NarrowBf16;
      insert(at + 1, narrow);
      return true;
    }
    case FaultKind::WrongOffset:
      if (!is_load(i.op)) return false;
      i.address.offset += i.memory.bytes();
      return true;
    case FaultKind::SwappedLoads: {
      if (!is_load(i.op)) return false;
      for (size_t j = at + 1; j < p.code.size() && j < at + 24; ++j) {
        Instr& other = p.code[j];
        if (other.op != i.op || other.memory != i.memory || !(other.mask == i.mask) ||
            !(other.address.base == i.address.base) || !(other.address.index == i.address.index) ||
            other.address.offset == i.address.offset)
          continue;
        std::swap(i.address.offset, other.address.offset);
        return true;
      }
      return false;
    }
    case FaultKind::WrongMask: {
      if (i.op != VecOp::First) return false;
      Instr less;
      less.op = VecOp::AddI;
      less.operand[0] = i.operand[0];
      less.immediate = -1;
      less.result = i.operand[0] = {Class::Scalar, p.scalars++};
      insert(at, less);
      return true;
    }
    case FaultKind::WrongBit:
      if (i.op != VecOp::Const || !is_float(i.lane) || i.immediate == 0) return false;
      i.immediate ^= int64_t{1} << (i.lane == Lane::F32 ? 12 : 40);
      return true;
    case FaultKind::StalePointer:
      if ((i.op != VecOp::AddI && i.op != VecOp::AddS) || !(i.result == i.operand[0])) return false;
      p.code.erase(p.code.begin() + static_cast<std::ptrdiff_t>(at));
      return true;
    case FaultKind::LostStore:
      if (i.op != VecOp::Store && i.op != VecOp::StoreOne) return false;
      p.code.erase(p.code.begin() + static_cast<std::ptrdiff_t>(at));
      return true;
    default:
      return false;
  }
}

bool is_place(FaultKind kind, const Program& p, size_t at) {
  Program copy;  // only the kinds whose places need a look around are tried
  const Instr& i = p.code[at];
  if (kind == FaultKind::StaleRegister)
    return is_arithmetic(i.op) && may_differ(p, i.lane) && i.operand[0].cls == Class::Vector &&
           latest_before(p, at);
  if (kind == FaultKind::SwappedLoads && !is_load(i.op)) return false;
  if (kind != FaultKind::SwappedLoads) {
    copy.code = {i};
    copy.vectors = p.vectors;
    copy.scalars = p.scalars;
    return change(kind, copy, 0);
  }
  copy = p;
  return change(kind, copy, at);
}

}  // namespace

Made<Program> in_program(FaultKind kind, const Program& p, size_t at) {
  Made<Program> r;
  for (size_t i = 0; i < p.code.size(); ++i) {
    if (!is_place(kind, p, i) || r.places++ != at) continue;
    Program q = p;
    r.what = cat("line ", i + 2, ": ", vec::text_of(p.code[i]));
    change(kind, q, i);
    if (vec::check(q).empty()) r.made = std::move(q);
  }
  return r;
}

size_t in_registers(FaultKind kind, const vec::Demands& d, vec::Allocation& a, size_t at, std::string& what) {
  size_t places = 0;
  if (kind == FaultKind::LostReload) {
    for (size_t i = 0; i < a.code.size(); ++i)
      for (vec::Visit& v : a.code[i].visits) {
        if (!v.load || d.values[static_cast<size_t>(v.value)] != Class::Vector || places++ != at) continue;
        v.load = false;
        what = cat("instruction ", i, ": value ", v.value, " is not loaded into register ", v.reg);
      }
    return places;
  }
  std::vector<size_t> vectors;
  for (size_t v = 0; v < d.values.size(); ++v)
    if (d.values[v] == Class::Vector && a.home[v] >= 0) vectors.push_back(v);
  for (size_t k = 0; k + 1 < vectors.size(); ++k) {
    const size_t v = vectors[k], w = vectors[k + 1];
    if (a.home[v] == a.home[w] || places++ != at) continue;
    what = cat("value ", v, " in register ", a.home[w], " with value ", w);
    a.home[v] = a.home[w];
  }
  return places;
}

Made<Tensor> in_constant(FaultKind kind, const Tensor& t, int64_t tile, size_t at) {
  Made<Tensor> r;
  const int64_t n = t.count(), bytes = t.element_bytes();
  if (n < 2) return r;
  const auto copy = [&] {
    Tensor c(t.type(), t.shape());
    std::memcpy(c.raw(), t.raw(), static_cast<size_t>(t.bytes()));
    return c;
  };
  const auto swap = [&](char* p, int64_t i, int64_t j) {
    for (int64_t b = 0; b < bytes; ++b) std::swap(p[i * bytes + b], p[j * bytes + b]);
  };
  if (kind == FaultKind::NarrowWeights) {
    if (!(t.type() == f32)) return r;
    r.places = 1;
    if (at != 0) return r;
    Tensor c = copy();
    for (int64_t i = 0; i < n; ++i) {
      uint32_t u;
      std::memcpy(&u, static_cast<char*>(c.raw()) + i * 4, 4);
      u &= 0xffff0000u;
      std::memcpy(static_cast<char*>(c.raw()) + i * 4, &u, 4);
    }
    r.what = "all weights with the upper half of their bits";
    r.made = std::move(c);
    return r;
  }
  if (kind == FaultKind::FlippedWeight && !t.type().is_float()) return r;
  r.places = kind == FaultKind::LostWeights ? 1 : static_cast<size_t>(n) - 1;
  if (at >= r.places) return r;
  const auto i = static_cast<int64_t>(at);
  Tensor c = copy();
  auto* p = static_cast<char*>(c.raw());
  if (kind == FaultKind::SwappedChannels) {
    // Two neighbours of one term; in packed weights of all terms of their tile.
    const int64_t lane = tile > 1 ? i % (tile - 1) : i, rows = tile > 1 ? n / tile : 1;
    for (int64_t row = 0; row < rows; ++row) swap(p, row * tile + lane, row * tile + lane + 1);
    r.what = cat("elements ", lane, " and ", lane + 1, tile > 1 ? " of each tile" : "");
  } else if (kind == FaultKind::LostWeights) {
    const int64_t last = std::max<int64_t>(tile, 1);
    std::memset(p + (n - last) * bytes, 0, static_cast<size_t>(last * bytes));
    r.what = cat("the last ", last, " elements are 0");
  } else {
    p[(i + 1) * bytes - 1] = static_cast<char>(p[(i + 1) * bytes - 1] ^ 0x80);
    r.what = cat("element ", i, " negated");
  }
  r.made = std::move(c);
  return r;
}

}  // namespace tauto::faults
