// Data flow over the state "place → the value whose last version lies there". Where paths meet, a place keeps
// its value if all of them agree.
#include "codegen/check_allocation.h"

#include <algorithm>
#include <deque>
#include <map>

#include "support/error.h"

namespace tauto::vec {
namespace {

using State = std::vector<int32_t>;  // per place; -1: nothing that may be read
constexpr int kBanks = 3;            // scalars, vectors, masks
constexpr size_t kNowhere = ~size_t{0};

class Check {
 public:
  Check(const Demands& d, const RegisterCounts& counts, const Allocation& a, const std::vector<Jump>& jumps)
      : d_(d), counts_(counts), a_(a), next_(d.code.size()) {
    int32_t slots = 0;
    for (const int32_t s : a.slot) slots = std::max(slots, s + 1);
    slots_ = static_cast<size_t>(slots);
    std::vector<bool> goes_on(d.code.size(), true);
    for (const Jump& j : jumps) {
      next_[static_cast<size_t>(j.from)].push_back(static_cast<size_t>(j.to));
      if (j.always) goes_on[static_cast<size_t>(j.from)] = false;
    }
    for (size_t i = 0; i < d.code.size(); ++i)
      if (goes_on[i]) next_[i].push_back(i + 1);
  }

  std::string run() {
    State start(kBanks * kRegisters + kBanks * slots_, -1);
    for (const int32_t v : d_.entry) start[home(v)] = v;
    std::map<size_t, State> before{{0, start}};
    std::deque<size_t> open{0};
    while (!open.empty()) {
      const size_t i = open.front();
      open.pop_front();
      if (i >= d_.code.size()) continue;
      State s = before[i];
      if (std::string why = step(i, s); !why.empty()) return why;
      for (const size_t n : next_[i]) {
        const auto [at, is_new] = before.emplace(n, s);
        bool changed = is_new;
        if (!is_new)
          for (size_t p = 0; p < s.size(); ++p)
            if (at->second[p] != s[p] && at->second[p] != -1) at->second[p] = -1, changed = true;
        if (changed) open.push_back(n);
      }
    }
    return "";
  }

 private:
  static constexpr size_t kRegisters = 32;

  size_t bank(int32_t v) const {
    const Class c = d_.values[static_cast<size_t>(v)];
    return c == Class::Scalar ? 0 : c == Class::Vector || counts_.masks == 0 ? 1 : 2;
  }
  static size_t reg(size_t bank, int16_t r) { return bank * kRegisters + static_cast<size_t>(r); }
  size_t slot(int32_t v) const {
    const int32_t s = a_.slot[static_cast<size_t>(v)];
    return s < 0 ? kNowhere : kBanks * kRegisters + bank(v) * slots_ + static_cast<size_t>(s);
  }
  size_t home(int32_t v) const {
    const int16_t r = a_.home[static_cast<size_t>(v)];
    return r >= 0 ? reg(bank(v), r) : slot(v);
  }
  bool is_register(size_t place) const { return place < kBanks * kRegisters; }

  std::string step(size_t i, State& s) const {
    const Demand& d = d_.code[i];
    const Seat& seat = a_.code[i];
    std::vector<std::pair<int32_t, size_t>> visits;
    for (const Visit& v : seat.visits) {
      const size_t to = reg(bank(v.value), v.reg), from = slot(v.value);
      visits.emplace_back(v.value, to);
      // A value without a slot is computed once more.
      if (v.load) s[to] = from == kNowhere ? v.value : s[from] == v.value ? v.value : -1;
    }
    const auto place = [&](int32_t v) {
      for (const auto& [value, at] : visits)
        if (value == v) return at;
      return home(v);
    };
    std::vector<size_t> temporaries;
    for (const int16_t r : seat.scalars) temporaries.push_back(reg(0, r));
    for (const int16_t r : seat.vectors) temporaries.push_back(reg(1, r));
    for (const int16_t r : seat.masks) temporaries.push_back(reg(counts_.masks == 0 ? 1 : 2, r));
    for (const size_t t : temporaries) s[t] = -1;
    const auto reads = [&](int32_t v) {
      return std::any_of(d.reads.begin(), d.reads.end(), [&](const Read& r) { return r.value == v; });
    };
    if (d.write >= 0 && d.early && !reads(d.write) && place(d.write) != kNowhere) s[place(d.write)] = -1;
    int in_memory = 0;
    for (const Read& r : d.reads) {
      const size_t p = place(r.value);
      const bool allowed = r.memory || (d.update && r.value == d.write);
      if (p == kNowhere && r.memory && is_made_where_read(r.value)) continue;  // a constant beside the code
      if (p == kNowhere) return cat("instruction ", i, ": value ", r.value, " is nowhere");
      if (!is_register(p) && (!allowed || ++in_memory > 1))
        return cat("instruction ", i, ": value ", r.value, " has no register");
      if (s[p] != r.value)
        return cat("instruction ", i, " reads value ", r.value, " where value ", s[p], " lies");
    }
    if (d.write < 0) return "";
    const size_t to = place(d.write);
    if (to == kNowhere) return is_made_where_read(d.write) ? "" : cat("instruction ", i, " writes nowhere");
    if (!is_register(to) && !d.update) return cat("instruction ", i, " has nowhere to write");
    if (std::find(temporaries.begin(), temporaries.end(), to) != temporaries.end())
      return cat("instruction ", i, " writes a temporary");
    for (int32_t& p : s)
      if (p == d.write) p = -1;
    s[to] = d.write;
    for (const Visit& v : seat.visits)
      if (v.store) s[slot(v.value)] = s[reg(bank(v.value), v.reg)];
    return "";
  }

  bool is_made_where_read(int32_t v) const { return d_.cheap[static_cast<size_t>(v)] != 0; }

  const Demands& d_;
  const RegisterCounts counts_;
  const Allocation& a_;
  std::vector<std::vector<size_t>> next_;
  size_t slots_ = 0;
};

}  // namespace

std::string check_allocation(const Demands& demands, const RegisterCounts& counts,
                             const Allocation& allocation, const std::vector<Jump>& jumps) {
  return Check(demands, counts, allocation, jumps).run();
}

}  // namespace tauto::vec
