// List scheduling, block by block; see interleave.h.
#include "codegen/interleave.h"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace tauto::vec {
namespace {

// Blocks with fewer instructions for a store are bound by memory; longer ones are no tile.
constexpr size_t kFewest = 6, kLongest = 1200;
constexpr int kMasks = 4;  // that may be live at once

bool is_control(VecOp op) {
  return op == VecOp::Loop || op == VecOp::If || op == VecOp::Else || op == VecOp::End;
}
bool is_store(VecOp op) { return op == VecOp::Store || op == VecOp::StoreOne; }
bool is_load(VecOp op) {
  return op == VecOp::Load || op == VecOp::Broadcast || op == VecOp::Gather || op == VecOp::Lookup ||
         op == VecOp::LoadS;
}
int latency(VecOp op) {
  if (is_load(op)) return 6;
  if (op == VecOp::Div || op == VecOp::Sqrt) return 13;
  return op == VecOp::Const || op == VecOp::MoveV ? 1 : 4;
}

template <class F>
void for_each_read(const Instr& i, F f) {
  for (Reg r : i.operand)
    if (r) f(r);
  if (i.mask) f(i.mask);
  if (i.address.base) f(i.address.base);
  if (i.address.index) f(i.address.index);
}

int64_t key_of(Reg r) { return static_cast<int64_t>(r.cls) << 32 | r.id; }

// Which argument of the kernel a scalar points into: -1 if that is not known.
class Roots {
 public:
  explicit Roots(const Program& p)
      : root_(static_cast<size_t>(p.scalars), kUnset), constant_(p.vectors.size(), 2) {
    for (const Instr& i : p.code) {
      if (i.result.cls == Class::Vector) {
        uint8_t& known = constant_[static_cast<size_t>(i.result.id)];
        known = known == 2 && i.op == VecOp::Const;
      }
      if (i.result.cls != Class::Scalar) continue;
      int64_t r = -1;
      if (i.op == VecOp::Arg)
        r = i.immediate;
      else if (i.op == VecOp::AddI || i.op == VecOp::AddS || i.op == VecOp::MoveS)
        r = root_[static_cast<size_t>(i.operand[0].id)];
      int64_t& known = root_[static_cast<size_t>(i.result.id)];
      known = known == kUnset || known == r ? r : -1;
    }
  }
  int64_t of(Reg r) const { return root_[static_cast<size_t>(r.id)]; }
  bool is_constant(Reg r) const { return constant_[static_cast<size_t>(r.id)] == 1; }

 private:
  static constexpr int64_t kUnset = -2;
  std::vector<int64_t> root_;
  std::vector<uint8_t> constant_;  // per vector: 2 not written, 1 by one Const, 0 by others
};

class BlockOrder {
 public:
  BlockOrder(const std::vector<Instr>& code, size_t begin, size_t end, const Roots& roots, int lanes,
             int registers)
      : code_(code), begin_(begin), n_(end - begin), roots_(roots), lanes_(lanes), registers_(registers) {}

  // Empty: the block stays as it is.
  std::vector<size_t> run() {
    size_t stores = 0;
    for (size_t i = 0; i < n_; ++i) stores += is_store(at(i).op);
    if (stores < 2 || n_ > kLongest || n_ < kFewest * stores) return {};
    depend();
    return ordered();
  }

 private:
  const Instr& at(size_t i) const { return code_[begin_ + i]; }
  void edge(size_t from, size_t to) {
    if (from == to) return;
    after_[from].push_back(to);
    ++waits_[to];
  }

  // Does the load read what the store may write?
  bool meet(const Instr& load, const Instr& store) const {
    const Address &a = load.address, &b = store.address;
    const int64_t p = roots_.of(a.base), q = roots_.of(b.base);
    if (p >= 0 && q >= 0 && p != q) return false;
    if (!(a.base == b.base) || a.index || b.index || load.op == VecOp::Gather || load.op == VecOp::Lookup)
      return true;
    const auto bytes = [&](const Instr& i) {
      const int64_t one = i.memory.bytes();
      return i.op == VecOp::Load || i.op == VecOp::Store ? one * lanes_ : one;
    };
    return a.offset < b.offset + bytes(store) && b.offset < a.offset + bytes(load);
  }

  void depend() {
    after_.assign(n_, {});
    waits_.assign(n_, 0);
    std::unordered_map<int64_t, size_t> writer;
    std::unordered_map<int64_t, std::vector<size_t>> readers;
    std::vector<size_t> loads, stores;
    for (size_t i = 0; i < n_; ++i) {
      const Instr& in = at(i);
      for_each_read(in, [&](Reg r) {
        if (const auto w = writer.find(key_of(r)); w != writer.end()) edge(w->second, i);
        readers[key_of(r)].push_back(i);
      });
      if (in.result) {
        const int64_t key = key_of(in.result);
        if (const auto w = writer.find(key); w != writer.end()) edge(w->second, i);
        for (size_t r : readers[key]) edge(r, i);
        readers[key].clear();
        writer[key] = i;
      }
      if (is_load(in.op)) {
        for (size_t s : stores)
          if (meet(in, at(s))) edge(s, i);
        loads.push_back(i);
      } else if (is_store(in.op)) {
        for (size_t l : loads) edge(l, i);
        if (!stores.empty()) edge(stores.back(), i);
        stores.push_back(i);
      }
    }
    height_.assign(n_, 0);
    for (size_t i = n_; i-- > 0;)
      for (size_t j : after_[i]) height_[i] = std::max(height_[i], height_[j] + latency(at(i).op));
  }

  // Registers that the block holds beside its own: what comes from before. Few of them for constants, which
  // instructions can read from memory.
  int held() const {
    std::unordered_map<int64_t, bool> written, outside, constants;
    for (size_t i = 0; i < n_; ++i) {
      for_each_read(at(i), [&](Reg r) {
        if (r.cls == Class::Vector && !written.count(key_of(r)))
          (roots_.is_constant(r) ? constants : outside)[key_of(r)] = true;
      });
      if (at(i).result) written[key_of(at(i).result)] = true;
    }
    return static_cast<int>(outside.size() + std::min(constants.size(), static_cast<size_t>(registers_ / 4)));
  }

  std::vector<size_t> ordered() {
    std::unordered_map<int64_t, int> uses;  // still to come, of what is written in the block
    std::unordered_map<int64_t, bool> own;
    for (size_t i = 0; i < n_; ++i) {
      for_each_read(at(i), [&](Reg r) { ++uses[key_of(r)]; });
      if (at(i).result) own[key_of(at(i).result)] = true;
    }
    const int room = std::max(registers_ - 1 - held(), registers_ / 3);
    int vectors = 0, masks = 0;
    std::unordered_map<int64_t, bool> live;
    std::vector<size_t> ready, order;
    for (size_t i = 0; i < n_; ++i)
      if (waits_[i] == 0) ready.push_back(i);
    while (!ready.empty()) {
      // The longest way to the end first; where registers are few, what came first.
      const bool full = vectors >= room || masks >= kMasks;
      size_t best = 0;
      for (size_t k = 1; k < ready.size(); ++k) {
        const size_t a = ready[k], b = ready[best];
        const bool before = full || height_[a] == height_[b] ? a < b : height_[a] > height_[b];
        if (before) best = k;
      }
      const size_t i = ready[best];
      ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(best));
      order.push_back(i);
      const auto count = [&](Reg r, int n) {
        if (r.cls == Class::Vector) vectors += n;
        if (r.cls == Class::Mask) masks += n;
      };
      for_each_read(at(i), [&](Reg r) {
        if (--uses[key_of(r)] == 0 && live[key_of(r)]) live[key_of(r)] = false, count(r, -1);
      });
      if (const Reg r = at(i).result;
          r && at(i).op != VecOp::Const && uses[key_of(r)] > 0 && !live[key_of(r)])
        live[key_of(r)] = true, count(r, 1);
      for (size_t j : after_[i])
        if (--waits_[j] == 0) ready.push_back(j);
    }
    return order;
  }

  const std::vector<Instr>& code_;
  const size_t begin_, n_;
  const Roots& roots_;
  const int lanes_, registers_;
  std::vector<std::vector<size_t>> after_;
  std::vector<int> waits_, height_;
};

}  // namespace

void interleave(Program& p, int registers) {
  const Roots roots(p);
  std::vector<Instr> code;
  code.reserve(p.code.size());
  for (size_t begin = 0; begin < p.code.size();) {
    size_t end = begin;
    while (end < p.code.size() && !is_control(p.code[end].op)) ++end;
    const std::vector<size_t> order = BlockOrder(p.code, begin, end, roots, p.lanes, registers).run();
    for (size_t i = begin; i < end; ++i) code.push_back(p.code[order.empty() ? i : begin + order[i - begin]]);
    if (end < p.code.size()) code.push_back(p.code[end]);
    begin = end + 1;
  }
  p.code = std::move(code);
}

}  // namespace tauto::vec
