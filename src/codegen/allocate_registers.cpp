// Lives of values, the scan that seats them, and the slots of those that found no seat.
#include "codegen/allocate_registers.h"

#include <algorithm>
#include <array>

#include "support/error.h"

namespace tauto::vec {
namespace {

// Points of time: instruction i reads at 2i and writes at 2i + 1.
struct Life {
  int32_t begin = -1, end = -1;
  int32_t first = -1;  // instruction of the first mention, -1 for what exists at entry
  bool mentioned = false;
  double weight = 0;  // mentions, each counted 8 times as much per loop around it
};

struct Loop {
  int32_t begin, end, parent;
};

std::vector<Life> lives_of(const Demands& d) {
  std::vector<Life> lives(d.values.size());
  std::vector<Loop> loops;
  int32_t inner = -1;
  double weight = 1;
  for (int32_t v : d.entry) lives[static_cast<size_t>(v)].mentioned = true;

  const auto mention = [&](int32_t value, int32_t i, int32_t time) {
    Life& l = lives[static_cast<size_t>(value)];
    l.weight += weight;
    if (!l.mentioned) {
      l.mentioned = true;
      l.first = i;
      l.begin = time;
    }
    l.end = std::max(l.end, time);
    // Came into a loop from outside: the next trip may need it.
    for (int32_t k = inner; k >= 0 && loops[static_cast<size_t>(k)].begin > l.first;
         k = loops[static_cast<size_t>(k)].parent)
      l.end = std::max(l.end, 2 * loops[static_cast<size_t>(k)].end + 1);
  };

  for (int32_t i = 0; i < static_cast<int32_t>(d.code.size()); i++) {
    const Demand& c = d.code[static_cast<size_t>(i)];
    for (const Read& r : c.reads) mention(r.value, i, 2 * i);
    if (c.write >= 0) mention(c.write, i, 2 * i + 1);
    if (c.write >= 0 && c.early) {
      Life& l = lives[static_cast<size_t>(c.write)];
      if (l.first == i) l.begin = 2 * i;
    }
    if (inner >= 0 && loops[static_cast<size_t>(inner)].end == i) {
      inner = loops[static_cast<size_t>(inner)].parent;
      weight /= 8;
    }
    if (c.loop_end >= 0) {
      loops.push_back({i, c.loop_end, inner});
      inner = static_cast<int32_t>(loops.size()) - 1;
      weight *= 8;
    }
  }
  return lives;
}

// A value without a register of its own gets one for an innermost loop that reads it, if one is free there:
// it is loaded before the loop.
struct Stay {
  int32_t value, loop, end;  // of the loop: its first and its last instruction
  double reads = 0;
  bool refused = false;
};

// All possible stays, those of one loop side by side, the most read first.
std::vector<Stay> stays_of(const Demands& d) {
  std::vector<Stay> all;
  std::vector<int32_t> stamp(d.values.size(), -1), at(d.values.size(), -1);
  for (int32_t begin = 0; begin < static_cast<int32_t>(d.code.size()); begin++) {
    const int32_t end = d.code[static_cast<size_t>(begin)].loop_end;
    if (end < 0) continue;
    bool innermost = true;
    for (int32_t i = begin + 1; i < end && innermost; i++)
      innermost = d.code[static_cast<size_t>(i)].loop_end < 0;
    if (!innermost) continue;
    const size_t first = all.size();
    for (int32_t i = begin; i <= end; i++) {
      const Demand& c = d.code[static_cast<size_t>(i)];
      if (c.write >= 0) {
        if (stamp[static_cast<size_t>(c.write)] == begin)
          all[static_cast<size_t>(at[static_cast<size_t>(c.write)])].refused = true;
        stamp[static_cast<size_t>(c.write)] = begin;
        at[static_cast<size_t>(c.write)] = static_cast<int32_t>(all.size());
        all.push_back({c.write, begin, end, 0, true});
      }
      if (i == begin) continue;
      for (const Read& r : c.reads) {
        const size_t v = static_cast<size_t>(r.value);
        if (stamp[v] != begin) {
          stamp[v] = begin;
          at[v] = static_cast<int32_t>(all.size());
          all.push_back({r.value, begin, end, 0, false});
        }
        all[static_cast<size_t>(at[v])].reads += 1;
      }
    }
    all.erase(std::remove_if(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                             [](const Stay& s) { return s.refused; }),
              all.end());
    std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(first), all.end(),
                     [](const Stay& a, const Stay& b) { return a.reads > b.reads; });
  }
  return all;
}

class Scan {
 public:
  Scan(const Demands& d, const RegisterCounts& c, const std::vector<Life>& lives,
       std::vector<uint8_t>& spilled, std::vector<Stay>& stays)
      : demands_(d),
        lives_(lives),
        spilled_(spilled),
        stays_(stays),
        staying_(d.values.size(), -1),
        mask_bank_(c.masks > 0 ? 2 : 1) {
    holders_[0].resize(static_cast<size_t>(c.scalars));
    holders_[1].resize(static_cast<size_t>(c.vectors));
    holders_[2].resize(static_cast<size_t>(c.masks));
    result.home.assign(d.values.size(), -1);
    result.code.resize(d.code.size());
    result.scalars_used.assign(static_cast<size_t>(c.scalars), 0);
  }

  Allocation result;
  bool fits = true;

  void run() {
    for (int32_t v : demands_.entry)
      if (!spilled_[static_cast<size_t>(v)]) settle(v, {});
    for (int32_t i = 0; i < static_cast<int32_t>(demands_.code.size()); i++) step(i);
  }

 private:
  struct Holder {
    int32_t end = -2;    // the last time it is taken
    int32_t value = -1;  // -1: a stay, or a temporary or a visit, which cannot be turned out
    int32_t stay = -1;
    bool taken = false;
  };

  int bank_of(Class c) const { return c == Class::Scalar ? 0 : c == Class::Vector ? 1 : mask_bank_; }
  int bank_of(int32_t value) const { return bank_of(demands_.values[static_cast<size_t>(value)]); }

  void expire(int32_t now) {
    for (std::vector<Holder>& bank : holders_)
      for (Holder& h : bank)
        if (h.taken && h.end < now) h.taken = false;
  }

  int16_t take(int bank, int32_t value, int32_t end, int16_t reg) {
    holders_[bank][static_cast<size_t>(reg)] = {end, value, -1, true};
    if (bank == 0) result.scalars_used[static_cast<size_t>(reg)] = 1;
    return reg;
  }

  int16_t free_register(int bank) const {
    for (size_t r = 0; r < holders_[bank].size(); r++)
      if (!holders_[bank][r].taken) return static_cast<int16_t>(r);
    return -1;
  }

  // The value with a register in the bank that is missed least, or `value` itself if that is it.
  int32_t victim(int bank, int32_t value) const {
    int32_t worst = value;
    for (const Holder& h : holders_[bank]) {
      if (!h.taken || h.value < 0) continue;
      if (worst < 0 || missed_less(h.value, worst)) worst = h.value;
    }
    CHECK(worst >= 0, "an instruction needs more registers than there are");
    return worst;
  }
  bool missed_less(int32_t a, int32_t b) const {
    const double wa = cost(a), wb = cost(b);
    if (wa != wb) return wa < wb;
    return lives_[static_cast<size_t>(a)].end > lives_[static_cast<size_t>(b)].end;
  }
  // What it costs to turn a value out, for each instant that its register is free then. A value that is used
  // at once needs a register in any case.
  double cost(int32_t v) const {
    const Life& l = lives_[static_cast<size_t>(v)];
    const int32_t length = l.end - l.begin;
    if (length <= 3) return 1e300;
    return l.weight * (demands_.cheap[static_cast<size_t>(v)] ? 0.5 : 1.0) / length;
  }
  void turn_out(int32_t v) {
    fits = false;
    spilled_[static_cast<size_t>(v)] = 1;
  }

  // Ends a stay, for want of registers; the register is free.
  int16_t end_a_stay(int bank) {
    for (size_t r = holders_[bank].size(); r-- > 0;) {
      Holder& h = holders_[bank][r];
      if (!h.taken || h.stay < 0) continue;
      stays_[static_cast<size_t>(h.stay)].refused = true;
      staying_[static_cast<size_t>(stays_[static_cast<size_t>(h.stay)].value)] = -1;
      h.taken = false;
      fits = false;
      return static_cast<int16_t>(r);
    }
    return -1;
  }

  // Registers that are free at the beginning of an innermost loop, for values that it reads.
  void begin_stays(int32_t loop, Seat& seat) {
    for (; next_stay_ < stays_.size() && stays_[next_stay_].loop <= loop; next_stay_++) {
      const Stay& s = stays_[next_stay_];
      if (s.loop < loop || s.refused || !spilled_[static_cast<size_t>(s.value)]) continue;
      const int bank = bank_of(s.value);
      int16_t reg = -1;
      for (const Visit& v : seat.visits)
        if (v.value == s.value) reg = -2;  // the loop's own bound: it visits
      if (reg == -1) reg = free_register(bank);
      if (reg < 0) continue;
      take(bank, -1, 2 * s.end + 1, reg);
      holders_[bank][static_cast<size_t>(reg)].stay = static_cast<int32_t>(next_stay_);
      staying_[static_cast<size_t>(s.value)] = reg;
      seat.visits.push_back({s.value, reg, true, false});
    }
  }
  void end_stays(int32_t i) {
    for (std::vector<Holder>& bank : holders_)
      for (Holder& h : bank)
        if (h.taken && h.stay >= 0 && h.end < 2 * i)
          staying_[static_cast<size_t>(stays_[static_cast<size_t>(h.stay)].value)] = -1;
  }
  bool stays(int32_t value) const { return staying_[static_cast<size_t>(value)] >= 0; }

  // A register for the whole life of a value, at best one of `wishes`.
  void settle(int32_t value, const std::vector<Read>& wishes) {
    const int bank = bank_of(value);
    const int32_t end = lives_[static_cast<size_t>(value)].end;
    int16_t reg = -1;
    for (size_t k = wishes.size(); k-- > 0 && reg < 0;) {  // the last operand is the one updated in place
      const int32_t w = wishes[k].value;
      const int16_t home = result.home[static_cast<size_t>(w)];
      if (bank_of(w) == bank && home >= 0 && !holders_[bank][static_cast<size_t>(home)].taken) reg = home;
    }
    if (reg < 0) reg = free_register(bank);
    if (reg < 0) reg = end_a_stay(bank);
    if (reg < 0) {
      const int32_t v = victim(bank, value);
      turn_out(v);
      if (v == value) return;
      reg = result.home[static_cast<size_t>(v)];
    }
    result.home[static_cast<size_t>(value)] = take(bank, value, end, reg);
  }

  // A register until `end`, for this instruction only.
  int16_t lend(Class c, int32_t end) {
    const int bank = bank_of(c);
    int16_t reg = free_register(bank);
    if (reg < 0) reg = end_a_stay(bank);
    if (reg < 0) {
      const int32_t v = victim(bank, -1);
      turn_out(v);
      reg = result.home[static_cast<size_t>(v)];
    }
    return take(bank, -1, end, reg);
  }

  void step(int32_t i) {
    const Demand& c = demands_.code[static_cast<size_t>(i)];
    Seat& seat = result.code[static_cast<size_t>(i)];
    end_stays(i);
    expire(2 * i);

    const bool update = updates_memory(c);
    const int32_t memory = update ? c.write : memory_operand(c);
    for (const Read& r : c.reads) {
      if (!spilled_[static_cast<size_t>(r.value)] || r.value == memory) continue;
      const bool known = std::any_of(seat.visits.begin(), seat.visits.end(),
                                     [&](const Visit& v) { return v.value == r.value; });
      if (known) continue;
      if (stays(r.value)) {
        seat.visits.push_back({r.value, staying_[static_cast<size_t>(r.value)], false, false});
        continue;
      }
      const bool both = r.value == c.write;
      const int16_t reg = lend(demands_.values[static_cast<size_t>(r.value)], 2 * i + (both ? 1 : 0));
      seat.visits.push_back({r.value, reg, true, both});
    }
    const int32_t all = 2 * i + 1;
    for (int k = 0; k < c.scalars; k++) seat.scalars.push_back(lend(Class::Scalar, all));
    for (int k = 0; k < c.vectors; k++) seat.vectors.push_back(lend(Class::Vector, all));
    for (int k = 0; k < c.masks; k++) seat.masks.push_back(lend(Class::Mask, all));

    if (c.loop_end >= 0) begin_stays(i, seat);
    if (c.write < 0 || update) return;
    if (!c.early) expire(2 * i + 1);
    if (spilled_[static_cast<size_t>(c.write)]) {
      const bool known = std::any_of(seat.visits.begin(), seat.visits.end(),
                                     [&](const Visit& v) { return v.value == c.write; });
      if (known) return;
      const int16_t reg = lend(demands_.values[static_cast<size_t>(c.write)], all);
      seat.visits.push_back({c.write, reg, false, !demands_.cheap[static_cast<size_t>(c.write)]});
    } else if (result.home[static_cast<size_t>(c.write)] < 0) {
      settle(c.write, c.reads);
      // Turned out at once: it still needs a place for this instruction, in the next scan.
    }
  }

  static bool reads_once(const Demand& c, int32_t value) {
    return std::count_if(c.reads.begin(), c.reads.end(), [&](const Read& r) { return r.value == value; }) ==
           1;
  }
  bool updates_memory(const Demand& c) const {
    return c.update && spilled_[static_cast<size_t>(c.write)] && reads_once(c, c.write);
  }
  // The one value that the instruction reads from its slot.
  int32_t memory_operand(const Demand& c) const {
    for (const Read& r : c.reads) {
      if (!r.memory || !spilled_[static_cast<size_t>(r.value)] || r.value == c.write) continue;
      if (stays(r.value)) continue;
      if (reads_once(c, r.value)) return r.value;
    }
    return -1;
  }

  const Demands& demands_;
  const std::vector<Life>& lives_;
  std::vector<uint8_t>& spilled_;
  std::vector<Stay>& stays_;
  size_t next_stay_ = 0;
  std::vector<int16_t> staying_;  // per value: the register of its stay, -1: none
  const int mask_bank_;
  std::array<std::vector<Holder>, 3> holders_;
};

// Values whose lives do not meet share a slot.
void assign_slots(const Demands& d, const RegisterCounts& counts, const std::vector<Life>& lives,
                  const std::vector<uint8_t>& spilled, Allocation& a) {
  std::vector<int32_t> order;
  for (size_t v = 0; v < d.values.size(); v++)
    if (spilled[v] && !d.cheap[v]) order.push_back(static_cast<int32_t>(v));
  std::stable_sort(order.begin(), order.end(), [&](int32_t x, int32_t y) {
    return lives[static_cast<size_t>(x)].begin < lives[static_cast<size_t>(y)].begin;
  });
  std::array<std::vector<int32_t>, 3> ends;  // per slot: until when it is taken
  for (int32_t v : order) {
    const Class c = d.values[static_cast<size_t>(v)];
    std::vector<int32_t>& bank = ends[c == Class::Scalar                        ? 0
                                      : c == Class::Vector || counts.masks == 0 ? 1
                                                                                : 2];
    const Life& life = lives[static_cast<size_t>(v)];
    const auto found = std::find_if(bank.begin(), bank.end(), [&](int32_t end) { return end < life.begin; });
    a.slot[static_cast<size_t>(v)] = static_cast<int32_t>(found - bank.begin());
    if (found == bank.end())
      bank.push_back(life.end);
    else
      *found = life.end;
  }
  a.scalar_slots = static_cast<int32_t>(ends[0].size());
  a.vector_slots = static_cast<int32_t>(ends[1].size());
  a.mask_slots = static_cast<int32_t>(ends[2].size());
}

}  // namespace

Allocation allocate_registers(const Demands& demands, const RegisterCounts& counts) {
  const std::vector<Life> lives = lives_of(demands);
  std::vector<uint8_t> spilled(demands.values.size(), 0);
  std::vector<Stay> stays = stays_of(demands);
  // Each scan that does not fit turns out at least one more value, or a stay.
  for (size_t scans = 0; scans <= demands.values.size() + stays.size(); scans++) {
    Scan scan(demands, counts, lives, spilled, stays);
    scan.run();
    if (!scan.fits) continue;
    Allocation a = std::move(scan.result);
    a.slot.assign(demands.values.size(), -1);
    assign_slots(demands, counts, lives, spilled, a);
    for (uint8_t s : spilled) a.spilled += s;
    return a;
  }
  CHECK(false, "register allocation does not end");
  return {};
}

}  // namespace tauto::vec
