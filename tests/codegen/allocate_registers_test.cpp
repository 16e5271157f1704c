// Whatever is demanded: a read finds what the last write of its value left, on every path through the loops.
//
// Random demands are allocated, then acted out: registers and slots hold (value, version); temporaries leave
// garbage behind; loops run 0 to 3 times.
#include "codegen/allocate_registers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>

#include "codegen/check_allocation.h"
#include "support/error.h"

namespace tauto::vec {
namespace {

struct Content {
  int32_t value = -1, version = -1;
  friend bool operator==(Content, Content) = default;
};

class Drawing {  // of random demands
 public:
  Drawing(uint64_t seed, int values, int instructions) : random_(seed) {
    for (int v = 0; v < values; v++) {
      demands.values.push_back(
          std::array{Class::Scalar, Class::Vector, Class::Vector, Class::Mask}[random_() % 4]);
      demands.cheap.push_back(0);
    }
    demands.entry = {0, 1};
    demands.values[0] = demands.values[1] = Class::Scalar;
    assigned_ = demands.entry;
    block(instructions, 0);
  }
  Demands demands;

 private:
  size_t below(size_t n) { return random_() % n; }

  Demand some() {
    Demand d;
    for (size_t k = below(4); k-- > 0;)
      d.reads.push_back({assigned_[below(assigned_.size())], below(2) == 0});
    if (below(5) == 0) d.scalars = static_cast<uint8_t>(below(3));
    if (below(5) == 0) d.vectors = static_cast<uint8_t>(below(3));
    if (below(8) == 0) d.masks = 1;
    d.early = below(6) == 0;
    return d;
  }

  void block(int instructions, int depth) {
    while (instructions-- > 0) {
      if (depth < 3 && below(12) == 0) {
        const size_t begin = demands.code.size(), known = assigned_.size();
        demands.code.push_back(some());
        block(static_cast<int>(below(12)), depth + 1);
        demands.code[begin].loop_end = static_cast<int32_t>(demands.code.size());
        demands.code.push_back(some());
        if (below(2) == 0) demands.code.back().write = assigned_[below(known)];
        assigned_.resize(known);  // the body may not have run
        continue;
      }
      Demand d = some();
      if (below(4) > 0) {
        d.write = below(3) > 0 ? static_cast<int32_t>(below(demands.values.size()))
                               : assigned_[below(assigned_.size())];
        d.update = below(2) == 0 && std::any_of(d.reads.begin(), d.reads.end(),
                                                [&](const Read& r) { return r.value == d.write; });
        demands.code.push_back(d);
        if (std::find(assigned_.begin(), assigned_.end(), d.write) == assigned_.end())
          assigned_.push_back(d.write);
      } else {
        demands.code.push_back(d);
      }
    }
  }

  std::mt19937_64 random_;
  std::vector<int32_t> assigned_;
};

class Act {
 public:
  Act(const Demands& d, const RegisterCounts& c, const Allocation& a, uint64_t seed)
      : demands_(d), counts_(c), allocation_(a), random_(seed), version_(d.values.size(), 0) {
    for (int32_t v : d.entry) write(v, home_or_slot(v));
    run(0, static_cast<int32_t>(d.code.size()));
  }
  std::string broken;

 private:
  using Place = std::array<int, 3>;  // register or slot, bank, number

  int bank(int32_t v) const {
    const Class c = demands_.values[static_cast<size_t>(v)];
    return c == Class::Scalar ? 0 : c == Class::Vector || counts_.masks == 0 ? 1 : 2;
  }
  Place home_or_slot(int32_t v) const {
    const int16_t home = allocation_.home[static_cast<size_t>(v)];
    return home >= 0 ? Place{0, bank(v), home} : Place{1, bank(v), allocation_.slot[static_cast<size_t>(v)]};
  }
  void write(int32_t v, Place p) { memory_[p] = {v, version_[static_cast<size_t>(v)]}; }
  void expect(int32_t v, Place p, int32_t i) {
    if (broken.empty() && !(memory_[p] == Content{v, version_[static_cast<size_t>(v)]}))
      broken = cat("instruction ", i, " reads value ", v, ", found value ", memory_[p].value);
  }

  void run(int32_t from, int32_t to) {
    for (int32_t i = from; i < to && broken.empty(); i++) {
      step(i);
      const int32_t end = demands_.code[static_cast<size_t>(i)].loop_end;
      if (end < 0) continue;
      for (uint64_t trips = random_() % 4; trips-- > 0;) run(i + 1, end + 1);
      i = end;
    }
  }

  void step(int32_t i) {
    const Demand& d = demands_.code[static_cast<size_t>(i)];
    const Seat& seat = allocation_.code[static_cast<size_t>(i)];
    std::map<int32_t, Place> visits;
    for (const Visit& v : seat.visits) {
      visits[v.value] = {0, bank(v.value), v.reg};
      if (v.load)
        memory_[visits[v.value]] =
            memory_[{1, bank(v.value), allocation_.slot[static_cast<size_t>(v.value)]}];
    }
    const auto place = [&](int32_t v) { return visits.count(v) ? visits[v] : home_or_slot(v); };
    for (int16_t r : seat.scalars) memory_[{0, 0, r}] = {};
    for (int16_t r : seat.vectors) memory_[{0, 1, r}] = {};
    for (int16_t r : seat.masks) memory_[{0, counts_.masks == 0 ? 1 : 2, r}] = {};
    const bool updates =
        std::any_of(d.reads.begin(), d.reads.end(), [&](const Read& r) { return r.value == d.write; });
    if (d.write >= 0 && d.early && !updates) memory_[place(d.write)] = {};
    int slots = 0;
    for (const Read& r : d.reads) {
      const Place p = place(r.value);
      const bool allowed = r.memory || (d.update && r.value == d.write);
      if (p[0] == 1 && (!allowed || ++slots > 1) && broken.empty())
        broken = cat("instruction ", i, ": value ", r.value, " has no register");
      expect(r.value, p, i);
    }
    if (d.write < 0) return;
    version_[static_cast<size_t>(d.write)]++;
    for (int16_t r : seat.scalars) memory_[{0, 0, r}] = {};
    for (int16_t r : seat.vectors) memory_[{0, 1, r}] = {};
    if (place(d.write)[0] == 1 && !d.update && broken.empty())
      broken = cat("instruction ", i, " has nowhere to write");
    write(d.write, place(d.write));
    for (int16_t r : seat.scalars)
      if (place(d.write) == Place{0, 0, r} && broken.empty())
        broken = cat("instruction ", i, " writes a temporary");
    for (const Visit& v : seat.visits)
      if (v.store)
        memory_[{1, bank(v.value), allocation_.slot[static_cast<size_t>(v.value)]}] =
            memory_[visits[v.value]];
  }

  const Demands& demands_;
  const RegisterCounts& counts_;
  const Allocation& allocation_;
  std::mt19937_64 random_;
  std::vector<int32_t> version_;
  std::map<Place, Content> memory_;
};

TEST(AllocateRegisters, ReadsFindTheLastWrite) {
  int64_t spilled = 0, seated = 0;
  for (uint64_t seed = 0; seed < 600; seed++) {
    const int values = 4 + static_cast<int>(seed % 60);
    const Drawing drawing(seed, values, 10 + static_cast<int>(seed % 90));
    for (const RegisterCounts& c :
         {RegisterCounts{15, 32, 7}, RegisterCounts{15, 16, 0}, RegisterCounts{6, 8, 5}}) {
      const Allocation a = allocate_registers(drawing.demands, c);
      for (uint64_t path = 0; path < 3; path++) {
        const Act act(drawing.demands, c, a, path);
        ASSERT_EQ(act.broken, "") << "seed " << seed << ", path " << path << ", vectors " << c.vectors;
      }
      (a.spilled > 0 ? spilled : seated)++;
    }
  }
  EXPECT_GT(spilled, 150);  // both ways must have been met
  EXPECT_GT(seated, 150);
}

std::vector<Jump> jumps_of(const Demands& d) {
  std::vector<Jump> jumps;
  for (int32_t i = 0; i < static_cast<int32_t>(d.code.size()); i++)
    if (const int32_t end = d.code[static_cast<size_t>(i)].loop_end; end >= 0) {
      jumps.push_back({i, end + 1});
      jumps.push_back({end, i + 1});
    }
  return jumps;
}

// The check of all paths agrees with what is acted out on some, also where the allocation is damaged: what is
// acted out to be wrong it must find.
TEST(CheckAllocation, FindsWhatActingFinds) {
  int found = 0, harmless = 0;
  for (uint64_t seed = 0; seed < 300; seed++) {
    const Drawing drawing(seed, 4 + static_cast<int>(seed % 60), 10 + static_cast<int>(seed % 90));
    const RegisterCounts c = seed % 2 == 0 ? RegisterCounts{15, 32, 7} : RegisterCounts{6, 8, 5};
    Allocation a = allocate_registers(drawing.demands, c);
    const std::vector<Jump> jumps = jumps_of(drawing.demands);
    ASSERT_EQ(check_allocation(drawing.demands, c, a, jumps), "") << "seed " << seed;
    std::mt19937_64 random(seed);
    for (int k = 0; k < 4; k++) {
      Allocation damaged = a;
      int16_t& home = damaged.home[random() % damaged.home.size()];
      if (home < 0) continue;
      home = static_cast<int16_t>((home + 1) % 5);
      bool broken = false;
      for (uint64_t path = 0; path < 4; path++)
        broken = broken || !Act(drawing.demands, c, damaged, path).broken.empty();
      const bool seen = !check_allocation(drawing.demands, c, damaged, jumps).empty();
      EXPECT_TRUE(seen || !broken) << "seed " << seed << ", damage " << k;
      (seen ? found : harmless)++;
    }
  }
  EXPECT_GT(found, 100);
  EXPECT_GT(harmless, 10);
}

TEST(AllocateRegisters, WhatFitsIsNotSpilled) {  // n values that live together, in n registers
  for (int n : {1, 7, 15}) {
    Demands d;
    for (int v = 0; v < n; v++) {
      d.values.push_back(Class::Vector);
      d.cheap.push_back(0);
      d.code.push_back({});
      d.code.back().write = v;
    }
    Demand all;
    for (int v = 0; v < n; v++) all.reads.push_back({v, false});
    d.code.push_back(all);
    EXPECT_EQ(allocate_registers(d, {15, n, 0}).spilled, 0);
  }
}

}  // namespace
}  // namespace tauto::vec
