// See memory_plan.h. The method is "greedy by size" for offset calculation (Pisarchyk and Lee, arXiv
// 2001.03288), with pairs in place tried first.
#include "runtime/memory_plan.h"

#include <algorithm>
#include <numeric>

#include "support/error.h"

namespace tauto {
namespace {

int64_t aligned(int64_t bytes) { return (bytes + kPlanAlignment - 1) / kPlanAlignment * kPlanAlignment; }

// Views resolved: what takes room, for how long, and where a view lies in it.
struct Room {
  int64_t bytes;  // aligned
  int first, last;
};

struct Rooms {
  std::vector<Room> rooms;      // of all buffers; those of views are unused
  std::vector<int> root;        // of each buffer: itself unless it is a view
  std::vector<int64_t> inside;  // offset in the root
  std::vector<int> pair_begin;  // pairs in place as adjacency lists of roots, both ways
  std::vector<int> pairs;

  std::span<const int> partners(int i) const {
    const auto at = static_cast<size_t>(i);
    return std::span(pairs).subspan(static_cast<size_t>(pair_begin[at]),
                                    static_cast<size_t>(pair_begin[at + 1] - pair_begin[at]));
  }
};

void resolve_views(std::span<const BufferNeed> needs, Rooms& r) {
  const size_t n = needs.size();
  r.rooms.resize(n), r.root.resize(n), r.inside.resize(n);
  for (size_t i = 0; i < n; ++i) {
    const BufferNeed& need = needs[i];
    CHECK(need.bytes >= 0 && need.first <= need.last, "buffer ", uint64_t{i}, ": ", need.bytes,
          " bytes, steps ", need.first, " to ", need.last);
    r.rooms[i] = {aligned(need.bytes), need.first, need.last};
    r.root[i] = static_cast<int>(i);
  }
  for (size_t i = 0; i < n; ++i) {
    size_t at = i, hops = 0;
    int64_t offset = 0;
    while (needs[at].view_of >= 0) {
      const auto parent = static_cast<size_t>(needs[at].view_of);
      CHECK(parent < n && ++hops <= n, "buffer ", uint64_t{i}, ": a view of itself or of nothing");
      CHECK(needs[at].view_offset >= 0 && needs[at].view_offset + needs[at].bytes <= needs[parent].bytes,
            "buffer ", uint64_t{at}, ": a view outside its parent");
      offset += needs[at].view_offset;
      at = parent;
    }
    if (at == i) continue;
    r.root[i] = static_cast<int>(at), r.inside[i] = offset;
    r.rooms[at].first = std::min(r.rooms[at].first, needs[i].first);
    r.rooms[at].last = std::max(r.rooms[at].last, needs[i].last);
  }
}

// A pair counts if both are, or fill, whole rooms and the one ends in the step in which the other begins.
bool counts(std::span<const BufferNeed> needs, const Rooms& r, const InPlace& pair, int& earlier,
            int& later) {
  const auto a = static_cast<size_t>(pair.earlier), b = static_cast<size_t>(pair.later);
  CHECK(a < needs.size() && b < needs.size(), "a pair in place of buffers ", pair.earlier, " and ",
        pair.later);
  earlier = r.root[a], later = r.root[b];
  const auto whole = [&](size_t view, int root) {
    return needs[view].bytes == needs[static_cast<size_t>(root)].bytes;
  };
  return earlier != later && whole(a, earlier) && whole(b, later) &&
         r.rooms[static_cast<size_t>(earlier)].last == r.rooms[static_cast<size_t>(later)].first &&
         r.rooms[static_cast<size_t>(earlier)].first < r.rooms[static_cast<size_t>(later)].first;
}

Rooms make_rooms(std::span<const BufferNeed> needs, std::span<const InPlace> in_place) {
  Rooms r;
  resolve_views(needs, r);
  r.pair_begin.assign(needs.size() + 1, 0);
  int a = 0, b = 0;
  for (const InPlace& pair : in_place) {
    if (!counts(needs, r, pair, a, b)) continue;
    ++r.pair_begin[static_cast<size_t>(a) + 1], ++r.pair_begin[static_cast<size_t>(b) + 1];
  }
  std::partial_sum(r.pair_begin.begin(), r.pair_begin.end(), r.pair_begin.begin());
  r.pairs.resize(static_cast<size_t>(r.pair_begin.back()));
  std::vector<int> next = r.pair_begin;
  for (const InPlace& pair : in_place) {
    if (!counts(needs, r, pair, a, b)) continue;
    r.pairs[static_cast<size_t>(next[static_cast<size_t>(a)]++)] = b;
    r.pairs[static_cast<size_t>(next[static_cast<size_t>(b)]++)] = a;
  }
  return r;
}

// Who is alive together with whom, as adjacency lists: few for most buffers, which is what makes planning
// fast.
struct Neighbours {
  std::vector<int> begin, list;

  Neighbours(const std::vector<int>& members, std::span<const Room> rooms) {
    std::vector<int> by_first = members, active;
    const auto room = [&](int i) -> const Room& { return rooms[static_cast<size_t>(i)]; };
    std::sort(by_first.begin(), by_first.end(), [&](int a, int b) { return room(a).first < room(b).first; });
    std::vector<std::pair<int, int>> meetings;
    meetings.reserve(8 * members.size());
    begin.assign(rooms.size() + 1, 0);
    for (int i : by_first) {
      std::erase_if(active, [&](int a) { return room(a).last < room(i).first; });
      for (int a : active) {
        meetings.emplace_back(a, i);
        ++begin[static_cast<size_t>(a) + 1], ++begin[static_cast<size_t>(i) + 1];
      }
      active.push_back(i);
    }
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    list.resize(2 * meetings.size());
    std::vector<int> next = begin;
    for (const auto& [a, b] : meetings) {
      list[static_cast<size_t>(next[static_cast<size_t>(a)]++)] = b;
      list[static_cast<size_t>(next[static_cast<size_t>(b)]++)] = a;
    }
  }
  std::span<const int> of(int i) const {
    const auto at = static_cast<size_t>(i);
    return std::span(list).subspan(static_cast<size_t>(begin[at]),
                                   static_cast<size_t>(begin[at + 1] - begin[at]));
  }
};

// A buffer that has its place.
struct Placed {
  int64_t begin, end;
  int index;
};

// The smallest gap that fits, or the end; the obstacles are sorted by where they begin.
int64_t best_gap(std::span<const Placed> obstacles, int64_t bytes) {
  int64_t best = -1, best_size = INT64_MAX, end = 0;
  for (const Placed& p : obstacles) {
    const int64_t gap = p.begin - end;
    if (gap >= bytes && gap < best_size) best = end, best_size = gap;
    end = std::max(end, p.end);
  }
  return best >= 0 ? best : end;
}

bool is_partner(std::span<const int> partners, int index) {
  return std::find(partners.begin(), partners.end(), index) != partners.end();
}

// Where a partner begins, if nothing else is in the way there; or -1.
int64_t gap_in_place(std::span<const Placed> obstacles, int64_t bytes, std::span<const int> partners) {
  for (const Placed& partner : obstacles) {
    if (!is_partner(partners, partner.index)) continue;
    const int64_t begin = partner.begin, end = begin + bytes;
    const bool free = std::none_of(obstacles.begin(), obstacles.end(), [&](const Placed& p) {
      return p.begin < end && begin < p.end && !(p.begin == begin && is_partner(partners, p.index));
    });
    if (free) return begin;
  }
  return -1;
}

}  // namespace

MemoryPlan plan_memory(std::span<const BufferNeed> needs, std::span<const InPlace> in_place) {
  const Rooms r = make_rooms(needs, in_place);
  std::vector<int> order;
  for (size_t i = 0; i < needs.size(); ++i) {
    if (r.root[i] == static_cast<int>(i) && r.rooms[i].bytes > 0) order.push_back(static_cast<int>(i));
  }
  const auto room_of = [&](int i) -> const Room& { return r.rooms[static_cast<size_t>(i)]; };
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    const Room &x = room_of(a), &y = room_of(b);
    return x.bytes != y.bytes ? x.bytes > y.bytes : x.first != y.first ? x.first < y.first : a < b;
  });

  const Neighbours neighbours(order, r.rooms);
  MemoryPlan plan;
  plan.offsets.assign(needs.size(), -1);
  std::vector<Placed> obstacles;
  for (int i : order) {
    const int64_t bytes = room_of(i).bytes;
    obstacles.clear();
    for (int k : neighbours.of(i)) {
      const int64_t begin = plan.offsets[static_cast<size_t>(k)];
      if (begin >= 0) obstacles.push_back({begin, begin + room_of(k).bytes, k});
    }
    std::sort(obstacles.begin(), obstacles.end(), [](const Placed& a, const Placed& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.index < b.index;
    });
    const std::span<const int> partners = r.partners(i);
    int64_t begin = partners.empty() ? -1 : gap_in_place(obstacles, bytes, partners);
    if (begin < 0) begin = best_gap(obstacles, bytes);
    plan.offsets[static_cast<size_t>(i)] = begin;
    plan.total = std::max(plan.total, begin + bytes);
  }
  for (int64_t& offset : plan.offsets) offset = std::max<int64_t>(offset, 0);  // what takes no room
  for (size_t i = 0; i < needs.size(); ++i) {
    plan.offsets[i] = plan.offsets[static_cast<size_t>(r.root[i])] + r.inside[i];
  }
  return plan;
}

int64_t liveness_bound(std::span<const BufferNeed> needs, std::span<const InPlace> in_place) {
  const Rooms r = make_rooms(needs, in_place);
  std::vector<std::pair<int, int64_t>> changes;  // (step, bytes that come or go at its beginning)
  for (size_t i = 0; i < needs.size(); ++i) {
    if (r.root[i] != static_cast<int>(i)) continue;
    const Room& room = r.rooms[i];
    changes.emplace_back(room.first, room.bytes);
    changes.emplace_back(room.last + 1, -room.bytes);
    int64_t saved = 0;  // in the one step in which both are alive
    for (int partner : r.partners(static_cast<int>(i))) {
      const Room& other = r.rooms[static_cast<size_t>(partner)];
      if (other.last == room.first) saved = std::max(saved, std::min(room.bytes, other.bytes));
    }
    if (saved == 0) continue;
    changes.emplace_back(room.first, -saved);
    changes.emplace_back(room.first + 1, saved);
  }
  std::sort(changes.begin(), changes.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  int64_t now = 0, most = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    now += changes[i].second;
    if (i + 1 == changes.size() || changes[i + 1].first != changes[i].first) most = std::max(most, now);
  }
  return most;
}

std::string plan_problem(std::span<const BufferNeed> needs, std::span<const InPlace> in_place,
                         const MemoryPlan& plan) {
  const Rooms r = make_rooms(needs, in_place);
  if (plan.offsets.size() != needs.size()) return "a plan of another program";
  for (size_t i = 0; i < needs.size(); ++i) {
    const int64_t begin = plan.offsets[i], end = begin + needs[i].bytes;
    if (begin < 0 || end > plan.total) return cat("buffer ", uint64_t{i}, " lies outside the arena");
    if (r.root[i] != static_cast<int>(i)) {
      if (begin != plan.offsets[static_cast<size_t>(r.root[i])] + r.inside[i]) {
        return cat("view ", uint64_t{i}, " lies outside its parent");
      }
      continue;
    }
    if (begin % kPlanAlignment) return cat("buffer ", uint64_t{i}, " is not aligned");
    for (size_t k = 0; k < i; ++k) {
      if (r.root[k] != static_cast<int>(k)) continue;
      const bool together = r.rooms[i].first <= r.rooms[k].last && r.rooms[k].first <= r.rooms[i].last;
      const bool overlap = begin < plan.offsets[k] + needs[k].bytes && plan.offsets[k] < end;
      const bool allowed =
          begin == plan.offsets[k] && is_partner(r.partners(static_cast<int>(i)), static_cast<int>(k));
      if (together && overlap && !allowed) {
        return cat("buffers ", uint64_t{k}, " and ", uint64_t{i}, " overlap while both are alive");
      }
    }
  }
  return "";
}

}  // namespace tauto
