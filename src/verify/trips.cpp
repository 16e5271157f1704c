// Two plain data-flow walks over the structured code: which registers a body reads before it writes them, and
// from which argument an address comes.
#include "verify/trips.h"

#include <algorithm>
#include <set>

#include "codegen/rules.h"

namespace tauto::proof {
namespace {

using vec::Class;
using vec::Instr;
using vec::Reg;
using vec::VecOp;

using Key = std::pair<Class, int32_t>;
Key key(Reg r) { return {r.cls, r.id}; }

template <class F>
void each_read(const Instr& i, F f) {
  for (const Reg r : i.operand)
    if (r) f(r);
  if (i.mask) f(i.mask);
  if (i.address.base) f(i.address.base);
  if (i.address.index) f(i.address.index);
}

// What lies between `from` and `to` may read before it has written it for sure.
class EarlyReads {
 public:
  EarlyReads(const vec::Program& p, const LoopsOf& loops) : p_(p), loops_(loops) {}
  std::set<Key> reads;

  std::set<Key> walk(size_t from, size_t to, std::set<Key> written) {
    for (size_t k = from; k < to; ++k) {
      const Instr& i = p_.code[k];
      each_read(i, [&](Reg r) {
        if (!written.count(key(r))) reads.insert(key(r));
      });
      if (i.op == VecOp::Loop) {  // may not run: what it writes is not written for sure
        std::set<Key> inner = written;
        inner.insert(key(i.result));
        walk(k + 1, loops_.end[k], std::move(inner));
        k = loops_.end[k];
      } else if (i.op == VecOp::If) {
        const size_t other = loops_.other[k], end = loops_.end[k];
        const std::set<Key> then = walk(k + 1, other != 0 ? other : end, written);
        const std::set<Key> not_then = other != 0 ? walk(other + 1, end, written) : written;
        for (const Key& w : then)
          if (not_then.count(w)) written.insert(w);
        k = end;
      } else if (i.result) {
        written.insert(key(i.result));
      }
    }
    return written;
  }

 private:
  const vec::Program& p_;
  const LoopsOf& loops_;
};

std::set<Key> written_in(const vec::Program& p, size_t from, size_t to) {
  std::set<Key> all;
  for (size_t k = from; k < to; ++k)
    if (p.code[k].result) all.insert(key(p.code[k].result));
  return all;
}

// Every trip adds the same to scalar s: one instruction of the body itself, of a number or of what the body
// does not write.
bool is_stepped(const vec::Program& p, const LoopsOf& loops, size_t begin, Reg s) {
  const std::set<Key> written = written_in(p, begin + 1, loops.end[begin]);
  int steps = 0;
  for (size_t k = begin + 1; k < loops.end[begin]; ++k) {
    const Instr& i = p.code[k];
    const bool inner = i.op == VecOp::Loop || i.op == VecOp::If;
    if (inner && written_in(p, k, loops.end[k]).count(key(s))) return false;
    if (inner) {
      k = loops.end[k];
      continue;
    }
    if (!(i.result == s)) continue;
    const bool by_number = i.op == VecOp::AddI && i.operand[0] == s;
    const bool by_scalar = i.op == VecOp::AddS && ((i.operand[0] == s && !written.count(key(i.operand[1]))) ||
                                                   (i.operand[1] == s && !written.count(key(i.operand[0]))));
    if (!by_number && !by_scalar) return false;
    ++steps;
  }
  return steps == 1;
}

// Scalars that are not the same in every trip.
std::set<Key> moved_by(const vec::Program& p, const LoopsOf& loops, size_t begin) {
  std::set<Key> moving{key(p.code[begin].result)};
  for (const Reg r : loops.carried.at(begin)) moving.insert(key(r));
  for (size_t before = 0; before != moving.size();) {
    before = moving.size();
    for (size_t k = begin + 1; k < loops.end[begin]; ++k)
      for (const Reg r : p.code[k].operand)
        if (r && p.code[k].result && moving.count(key(r))) moving.insert(key(p.code[k].result));
  }
  return moving;
}

}  // namespace

LoopsOf loops_of(const vec::Program& p) {
  LoopsOf loops;
  std::vector<size_t> open;
  loops.end.resize(p.code.size());
  loops.other.resize(p.code.size());
  for (size_t k = 0; k < p.code.size(); ++k) {
    const VecOp op = p.code[k].op;
    if (op == VecOp::Loop || op == VecOp::If) open.push_back(k);
    if (op == VecOp::Else) loops.other[open.back()] = k;
    if (op == VecOp::End) {
      loops.end[open.back()] = k;
      open.pop_back();
    }
  }
  for (size_t k = 0; k < p.code.size(); ++k) {
    if (p.code[k].op != VecOp::Loop) continue;
    EarlyReads early(p, loops);
    early.walk(k + 1, loops.end[k], {key(p.code[k].result)});
    std::vector<Reg>& carried = loops.carried[k];
    for (const Key& w : written_in(p, k + 1, loops.end[k]))
      if (early.reads.count(w)) carried.push_back({w.first, w.second});
  }
  return loops;
}

std::vector<std::set<int64_t>> origins(const vec::Program& p, size_t buffers, size_t arguments) {
  std::vector<std::set<int64_t>> of(static_cast<size_t>(p.scalars));
  for (bool again = true; again;) {
    again = false;
    for (const Instr& i : p.code) {
      if (i.result.cls != Class::Scalar) continue;
      std::set<int64_t>& all = of[static_cast<size_t>(i.result.id)];
      const size_t before = all.size();
      const auto argument = static_cast<size_t>(i.immediate);
      if (i.op == VecOp::Arg && (argument < buffers || argument + 1 == arguments)) all.insert(i.immediate);
      if (i.op == VecOp::Scratch) all.insert(-1);
      for (const Reg r : i.operand)
        if (r.cls == Class::Scalar) {
          const std::set<int64_t>& o = of[static_cast<size_t>(r.id)];
          all.insert(o.begin(), o.end());
        }
      again = again || all.size() != before;
    }
  }
  return of;
}

std::vector<bool> alike_loops(const vec::Program& p, const LoopsOf& loops, bool careful, size_t buffers,
                              size_t arguments) {
  std::vector<bool> alike(p.code.size(), false);
  const std::vector<std::set<int64_t>> of = origins(p, buffers, arguments);
  const auto is_store = [](VecOp op) { return op == VecOp::Store || op == VecOp::StoreOne; };
  const auto touches = [&](size_t k) {
    return vec::has_memory(p.code[k].op) && p.code[k].op != VecOp::Prefetch;
  };
  const auto memory = [&](size_t k) -> const std::set<int64_t>& {
    return of[static_cast<size_t>(p.code[k].address.base.id)];
  };
  for (const auto& [begin, carried] : loops.carried) {
    bool is_alike = true;
    for (const Reg r : carried)
      is_alike = is_alike && r.cls == Class::Scalar && is_stepped(p, loops, begin, r);
    const std::set<Key> moving = moved_by(p, loops, begin);
    // Of what the body stores to and anybody reads: the first accesses that are the same in every trip.
    std::map<int64_t, std::pair<size_t, size_t>> first;  // store, load
    std::set<int64_t> stored;
    for (size_t k = begin; k < loops.end[begin]; ++k)
      if (touches(k) && is_store(p.code[k].op)) stored.insert(memory(k).begin(), memory(k).end());
    for (size_t k = 0; k < p.code.size(); ++k) {
      if (!touches(k)) continue;
      const bool inside = k > begin && k < loops.end[begin], store = is_store(p.code[k].op);
      for (const int64_t m : memory(k)) {
        if (!stored.count(m)) continue;
        if (careful && !store) is_alike = false;
        if (!inside || moving.count(key(p.code[k].address.base)) ||
            moving.count(key(p.code[k].address.index)))
          continue;
        const auto at = first.emplace(m, std::pair(~size_t{0}, ~size_t{0})).first;
        size_t& f = store ? at->second.first : at->second.second;
        f = std::min(f, k);
      }
    }
    for (const auto& [m, f] : first) is_alike = is_alike && (f.second == ~size_t{0} || f.first < f.second);
    alike[begin] = is_alike;
  }
  return alike;
}

}  // namespace tauto::proof
