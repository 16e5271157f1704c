// Running bound functions.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "compile/bound_step.h"
#include "compile/layouts.h"
#include "compile/profile.h"
#include "compile/stages.h"

namespace tauto {
namespace {

constexpr int64_t kPieceWork = 1 << 15;  // element operations that are worth waking a thread for
constexpr int64_t kPiecesPerThread = 4;
constexpr int64_t kLongKernel =
    1 << 26;  // element operations after which somebody may want to cancel: milliseconds

int64_t element_of(ElementType t, const uint8_t* at, size_t i) {
  const auto as = [&](auto zero) {
    decltype(zero) v;
    std::memcpy(&v, at + i * sizeof(v), sizeof(v));
    return static_cast<int64_t>(v);
  };
  switch (t.bytes()) {
    case 1:
      return t.is_signed() ? as(int8_t{}) : as(uint8_t{});
    case 2:
      return t.is_signed() ? as(int16_t{}) : as(uint16_t{});
    case 4:
      return t.is_signed() ? as(int32_t{}) : as(uint32_t{});
    default:
      return as(int64_t{});  // a u64 above 2^63 - 1 is negative here, and out of range as it should be
  }
}

void copy(void* to, const void* from, int64_t bytes) {
  if (to != from) std::memcpy(to, from, static_cast<size_t>(bytes));
}

}  // namespace

bool worth_threads(const BoundGroup& b) { return (b.steps > 1 || b.bands > 1) && b.work >= kPieceWork; }

void RunState::ask() {
  unasked_ = 0;
  if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
}

void RunState::kernel(const BoundGroup& b, KernelEntry* entry, uint64_t* arguments, size_t count,
                      uint8_t* memory) {
  const bool is_long = o_.cancelled && b.work > kLongKernel;
  const int64_t questions = is_long ? std::min(b.steps, b.work / kLongKernel + 1) : 1;
  if (!pool_ || !worth_threads(b)) {
    arguments[count + 2] = reinterpret_cast<uint64_t>(memory);
    for (int64_t i = 0; i < questions; ++i) {
      if (i > 0) ask();
      const int64_t first = b.steps * i / questions, last = b.steps * (i + 1) / questions;
      arguments[count] = static_cast<uint64_t>(b.from + first * b.step);
      arguments[count + 1] = static_cast<uint64_t>(i + 1 == questions ? b.to : b.from + last * b.step);
      entry(arguments, memory + b.workspace);
    }
    return;
  }
  const int64_t tasks =
      std::max(questions,
               std::min({b.steps, o_.threads * kPiecesPerThread, std::max<int64_t>(2, b.work / kPieceWork)}));
  std::atomic<bool> stop = false;
  const auto piece = [&](int64_t task, int worker) {
    if (is_long && worker == 0 && (*o_.cancelled)()) stop = true;
    if (stop.load(std::memory_order_relaxed)) return;
    thread_local Arena arena;
    const size_t bytes = (count + 3) * sizeof(uint64_t);
    uint8_t* work = arena.require(static_cast<size_t>(b.workspace + b.scratch) + bytes);
    auto* own = reinterpret_cast<uint64_t*>(work + b.workspace + b.scratch);
    std::memcpy(own, arguments, count * sizeof(uint64_t));
    const int64_t first = b.steps * task / tasks, last = b.steps * (task + 1) / tasks;
    own[count] = static_cast<uint64_t>(b.from + first * b.step);
    own[count + 1] = static_cast<uint64_t>(std::min(b.to, b.from + last * b.step));
    own[count + 2] = reinterpret_cast<uint64_t>(work);
    entry(own, work + b.workspace);
  };
  pool_->parallel(tasks, piece, &stop);
  if (stop) throw Cancelled();
}

int64_t bytes_for_bands(std::span<const BoundKernel> kernels, int64_t handed_over) {
  int64_t work = 0;
  size_t arguments = 0;
  for (const BoundKernel& k : kernels) {
    work = std::max(work, k.bound->workspace + k.bound->scratch);
    arguments = std::max(arguments, k.arguments.size());
  }
  return handed_over + work + static_cast<int64_t>(arguments * sizeof(uint64_t));
}

void RunState::bands(std::span<const BoundKernel> kernels, int64_t handed_over, uint8_t* memory) {
  const int64_t count = kernels[0].bands->count(), bytes = bytes_for_bands(kernels, handed_over);
  size_t most = 0;
  int64_t work = 0;
  for (const BoundKernel& k : kernels) most = std::max(most, k.arguments.size()), work += k.bound->work;
  const bool is_long = o_.cancelled && work > kLongKernel;
  for (std::atomic<int64_t>& took : took_) took.store(0, std::memory_order_relaxed);
  const auto one = [&](int64_t band, uint8_t* own) {
    auto* arguments = reinterpret_cast<uint64_t*>(own + bytes) - most;
    for (size_t i = 0; i < kernels.size(); ++i) {
      const BoundKernel& k = kernels[i];
      const size_t n = k.arguments.size() - 3;
      std::memcpy(arguments, k.arguments.data(), n * sizeof(uint64_t));
      for (size_t a = 0; a < k.bands->strides.size(); ++a)
        arguments[a] += static_cast<uint64_t>(k.bands->offset(a, band));
      for (const auto& [argument, at] : k.handed_over)
        arguments[argument] = reinterpret_cast<uint64_t>(own + at);
      arguments[n] = static_cast<uint64_t>(k.bound->from);
      arguments[n + 1] = static_cast<uint64_t>(k.bound->to);
      arguments[n + 2] = reinterpret_cast<uint64_t>(own + handed_over);
      const int64_t started = watched_ ? now() : 0;
      k.entry(arguments, own + handed_over + k.bound->workspace);
      if (watched_) took_[i].fetch_add(now() - started, std::memory_order_relaxed);
    }
  };
  if (!pool_ || count < 2 || work < kPieceWork) {
    for (int64_t i = 0; i < count; ++i) {
      if (is_long && i > 0) ask();
      one(i, memory);
    }
    return;
  }
  const int64_t tasks = std::min(count, is_long ? count : o_.threads * kPiecesPerThread);
  std::atomic<bool> stop = false;
  const auto piece = [&](int64_t task, int worker) {
    if (is_long && worker == 0 && (*o_.cancelled)()) stop = true;
    thread_local Arena arena;
    uint8_t* own = arena.require(static_cast<size_t>(bytes));
    for (int64_t i = count * task / tasks; i < count * (task + 1) / tasks; ++i) {
      if (stop.load(std::memory_order_relaxed)) return;
      one(i, own);
    }
  };
  pool_->parallel(tasks, piece, &stop);
  if (stop) throw Cancelled();
}

int64_t RunState::begin() {
  outer_.push_back(0);
  return now();
}

void RunState::end(const CompiledFunction& c, size_t k, const Env& env, int64_t started, int depth) {
  const int64_t took = now() - started, self = took - outer_.back();
  outer_.pop_back();
  if (!outer_.empty()) outer_.back() += took;
  if (o_.profile) o_.profile->add(c, k, env, started, took, self, depth);
  if (e_.debug() >= 4) say(cat("tauto: ", name_of(c, c.groups[k]), ": ", self / 1000, " us"));
}

void RunState::end(const CompiledFunction& c, std::span<const BoundKernel> kernels, const Env& env,
                   int64_t started, int depth) {
  if (kernels.size() == 1) return end(c, kernels[0].group, env, started, depth);
  const int64_t took = now() - started;
  outer_.pop_back();
  if (!outer_.empty()) outer_.back() += took;
  double all = 0;  // of all threads
  for (size_t i = 0; i < kernels.size(); ++i) all += static_cast<double>(took_[i]);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const auto own =
        static_cast<int64_t>(static_cast<double>(took) * static_cast<double>(took_[i]) / std::max(all, 1.0));
    if (o_.profile) o_.profile->add(c, kernels[i].group, env, started, own, own, depth);
    if (e_.debug() >= 4) say(cat("tauto: ", name_of(c, c.groups[kernels[i].group]), ": ", own / 1000, " us"));
    started += own;
  }
}

void BoundFunction::place(uint8_t* memory, uint8_t* scratch) {
  placed_ = memory;
  scratch_at_ = scratch;
  for (const auto& [slot, offset] : in_block_) at_[slot] = memory + offset;
  for (Step& s : steps_) {
    for (BoundKernel& k : s.kernels)
      for (const auto& [argument, slot] : k.fixed)
        k.arguments[argument] = reinterpret_cast<uint64_t>(at_[slot]);
    for (const auto& body : s.bodies)
      if (body) body->place(memory + own_, scratch);
  }
}

BoundFunction::Place BoundFunction::place_of(uint32_t slot) const {
  if (slot < inputs_.size()) return {Place::Kind::Input, slot, nullptr};
  for (size_t i = 0; i < result_slots_.size(); ++i)
    if (result_slots_[i] == slot && written_[i])
      return {Place::Kind::Result, static_cast<int64_t>(i), nullptr};
  for (const auto& [in_block, offset] : in_block_)
    if (in_block == slot) return {Place::Kind::Block, offset, nullptr};
  return {Place::Kind::Address, 0, at_[slot]};
}

std::vector<BoundFunction::Call> BoundFunction::calls() const {
  std::vector<Call> calls;
  for (const Step& s : steps_) {
    for (const BoundKernel& k : s.kernels) calls.push_back(call_of(s, k));
    if (s.kind == Step::Kind::Kernel) continue;
    Call c;
    c.group = s.group;
    c.node = s.node;
    c.kind = s.kind == Step::Kind::Reference ? Call::Kind::Reference : Call::Kind::Control;
    for (const uint32_t slot : s.inputs) c.reads.push_back(place_of(slot));
    for (const uint32_t slot : s.outputs) c.writes.push_back(place_of(slot));
    if (s.kind == Step::Kind::Reference) {
      for (const TensorType& t : s.results) c.bytes.push_back(t.bytes());
    } else {
      add_control(c, s);
    }
    calls.push_back(std::move(c));
  }
  return calls;
}

BoundFunction::Call BoundFunction::call_of(const Step& s, const BoundKernel& k) const {
  Call c;
  c.group = k.group;
  c.bands = k.bands;
  c.handed_over = s.handed_over;
  c.goes_on = &k != &s.kernels.back();
  const size_t buffers = c_.groups[k.group].group.arguments.size();
  for (size_t i = 0; i < buffers; ++i)
    c.reads.push_back({Place::Kind::Address, 0, reinterpret_cast<const void*>(k.arguments[i])});
  for (const auto* list : {&k.fixed, &k.varying})
    for (const auto& [argument, slot] : *list) c.reads.at(argument) = place_of(slot);
  for (const auto& [argument, at] : k.handed_over) c.reads.at(argument) = {Place::Kind::Band, at, nullptr};
  c.sizes.assign(k.arguments.begin() + static_cast<std::ptrdiff_t>(buffers), k.arguments.end() - 3);
  return c;
}

void BoundFunction::add_control(Call& c, const Step& s) const {
  for (const auto& body : s.bodies)
    if (body || (s.kind == Step::Kind::If)) c.bodies.push_back(body.get());
  c.states = s.states;
  const BoundFunction* any = s.bodies[0] ? s.bodies[0].get() : s.bodies[1].get();
  // A loop's body gives its condition first; what is stacked has an element for each trip.
  const size_t skip = s.kind == Step::Kind::Loop ? 1 : 0;
  for (size_t k = 0; k < s.outputs.size(); ++k) {
    const int64_t element = any->results()[k + skip].bytes();
    c.bytes.push_back(k < s.states || s.length < 0 ? element : element * s.length);
  }
  const auto place = [&](uint32_t slot) { return place_of(slot); };
  for (size_t k = 0; k < s.spare.size(); ++k) c.aside.emplace_back(place(s.spare[k]), c.bytes[k]);
  for (size_t k = 0; k < s.own.size(); ++k) c.aside.emplace_back(place(s.own[k]), k == 0 ? 8 : 1);
  if (s.kind != Step::Kind::Scan && s.kind != Step::Kind::Loop) return;
  const size_t stacked = s.outputs.size() - s.states, sequences = s.strides.size() - stacked;
  const auto end = [&](size_t which, int64_t element) {
    return s.strides[which] * (std::max<int64_t>(s.length, 1) - 1) + element;
  };
  for (size_t k = 0; k < sequences; ++k) c.read_ends.push_back(end(k, any->inputs()[s.states + k].bytes()));
  for (size_t k = 0; k < stacked; ++k)
    c.write_ends.push_back(end(sequences + k, any->results()[s.states + k + skip].bytes()));
}

std::vector<BoundFunction::Place> BoundFunction::result_places() const {
  std::vector<Place> places;
  for (const uint32_t slot : result_slots_) places.push_back(place_of(slot));
  return places;
}

bool BoundFunction::run(RunState& r, const void* const* inputs, void* const* results, int depth) {
  for (size_t i = 0; i < inputs_.size(); ++i)
    at_[i] = const_cast<uint8_t*>(static_cast<const uint8_t*>(inputs[i]));
  for (size_t i = 0; i < results_.size(); ++i)
    if (written_[i]) at_[result_slots_[i]] = static_cast<uint8_t*>(results[i]);
  struct Running {
    bool& flag;
    explicit Running(bool& f) : flag(f) { flag = true; }
    ~Running() { flag = false; }
  } running(running_);
  if (const size_t open = r.open(); !steps(r, depth)) {
    r.give_up(open);
    return false;
  }
  for (size_t i = 0; i < results_.size(); ++i)
    if (!written_[i]) copy(results[i], at_[result_slots_[i]], results_[i].bytes());
  return true;
}

// Before the step runs.
void BoundFunction::fill(RunState& r, size_t step) {
  for (const Probed& p : probed_)
    if (p.is_filled && p.steps == step + 1)
      std::memset(at_[p.slot], r.probes()->fill, static_cast<size_t>(p.type.bytes()));
}

void BoundFunction::log(RunState& r, const Probed& p) {
  Tensor t(p.type.type, p.type.shape);
  std::memcpy(t.raw(), at_[p.slot], static_cast<size_t>(t.bytes()));
  r.probes()->values.push_back(
      {c_.function->name, p.node, p.is_blocked ? unblocked(t, c_.block) : std::move(t), {}});
}

bool BoundFunction::steps(RunState& r, int depth) {
  size_t logged = 0;
  const bool probed = r.probes() && !probed_.empty();
  const auto log_before = [&](size_t step) {
    for (; logged < probed_.size() && probed_[logged].steps <= step; ++logged) log(r, probed_[logged]);
  };
  for (Step& s : steps_) {
    if (probed) {
      const auto step = static_cast<size_t>(&s - steps_.data());
      log_before(step);
      fill(r, step);
    }
    const int64_t started = r.watched() ? r.begin() : 0;
    if (s.kind == Step::Kind::Kernel) {
      for (BoundKernel& k : s.kernels) {
        r.poll(k.bound->work);
        for (const BoundKernel::Check& c : k.checks)
          for (size_t i = c.first; i < c.count; i += c.every) {
            const int64_t v = element_of(c.type, at_[c.slot], i);
            if (v < c.least || v >= c.end) return false;
          }
        for (const auto& [argument, slot] : k.varying)
          k.arguments[argument] = reinterpret_cast<uint64_t>(at_[slot]);
      }
      BoundKernel& k = s.kernels[0];
      if (k.bands)
        r.bands(s.kernels, s.handed_over, scratch_at_);
      else
        r.kernel(*k.bound, k.entry, k.arguments.data(), k.arguments.size() - 3, scratch_at_);
      if (r.watched()) r.end(c_, s.kernels, env_, started, depth);
      if (depth == 0)
        for (const BoundKernel& done : s.kernels) r.done(c_.groups[done.group]);
      continue;
    } else if (!(s.kind == Step::Kind::Reference ? reference(r, s, depth) : control(r, s, depth))) {
      return false;
    }
    if (r.watched()) r.end(c_, s.group, env_, started, depth);
    if (depth == 0) r.done(c_.groups[s.group]);
  }
  if (probed) log_before(steps_.size());
  return true;
}

bool BoundFunction::control(RunState& r, Step& s, int depth) {
  r.poll(1 << 10);
  if (s.kind == Step::Kind::Scan) return scan(r, s, depth);
  if (s.kind == Step::Kind::Loop) return loop(r, s, depth);
  const size_t skip = s.kind == Step::Kind::If ? 1 : 0;
  BoundFunction* body = s.bodies[skip == 1 && *at_[s.inputs[0]] == 0 ? 1 : 0].get();
  if (!body) return false;
  const void* in[kMostValues];
  void* out[kMostValues];
  for (size_t i = skip; i < s.inputs.size(); ++i) in[i - skip] = at_[s.inputs[i]];
  for (size_t i = 0; i < s.outputs.size(); ++i) out[i] = at_[s.outputs[i]];
  return body->run(r, in, out, depth + 1);
}

bool BoundFunction::scan(RunState& r, Step& s, int depth) {
  BoundFunction& body = *s.bodies[0];
  const size_t sequences = s.strides.size() - (s.outputs.size() - s.states);
  const void* in[kMostValues];
  void* out[kMostValues];
  for (size_t i = 0; i < s.inputs.size(); ++i) in[i] = at_[s.inputs[i]];
  const auto element = [&](uint32_t slot, size_t which, int64_t i) {
    return at_[slot] + s.strides[which] * (s.backwards[which] ? s.length - 1 - i : i);
  };
  for (int64_t i = 0; i < s.length; ++i) {
    r.poll(1 << 10);
    // The last iteration writes the states where the result lies.
    for (size_t k = 0; k < s.states; ++k)
      out[k] = at_[(s.length - 1 - i) % 2 == 0 ? s.outputs[k] : s.spare[k]];
    for (size_t k = 0; k < sequences; ++k) in[s.states + k] = element(s.inputs[s.states + k], k, i);
    for (size_t k = s.states; k < s.outputs.size(); ++k)
      out[k] = element(s.outputs[k], sequences + k - s.states, i);
    if (!body.run(r, in, out, depth + 1)) return false;
    for (size_t k = 0; k < s.states; ++k) in[k] = out[k];
  }
  return true;
}

bool BoundFunction::loop(RunState& r, Step& s, int depth) {
  BoundFunction& body = *s.bodies[0];
  int64_t trips = 0, i = 0;
  std::memcpy(&trips, at_[s.inputs[0]], sizeof(trips));
  const bool begins = *at_[s.inputs[1]] != 0;
  if (s.length >= 0 && (trips != s.length || !begins)) return false;
  const void* in[kMostValues];
  void* out[kMostValues];
  uint8_t *counter = at_[s.own[0]], *condition = at_[s.own[1]], *next = at_[s.own[2]];
  in[0] = counter;
  in[1] = condition;
  *condition = 1;
  for (size_t k = 2; k < s.inputs.size(); ++k) in[k] = at_[s.inputs[k]];
  out[0] = next;
  for (bool go = begins; go && i < trips; ++i) {
    r.poll(1 << 10);
    std::memcpy(counter, &i, sizeof(i));
    for (size_t k = 0; k < s.states; ++k) out[1 + k] = at_[i % 2 == 0 ? s.outputs[k] : s.spare[k]];
    for (size_t k = s.states; k < s.outputs.size(); ++k)
      out[1 + k] = at_[s.outputs[k]] + s.strides[k - s.states] * i;
    if (!body.run(r, in, out, depth + 1)) return false;
    for (size_t k = 0; k < s.states; ++k) in[2 + k] = out[1 + k];
    if (!s.counted) go = *next != 0;
  }
  for (size_t k = 0; k < s.states; ++k) copy(at_[s.outputs[k]], in[2 + k], body.inputs()[2 + k].bytes());
  return true;
}

bool BoundFunction::reference(RunState& r, Step& s, int depth) {
  const auto view = [&](const TensorType& t, uint32_t slot) {
    return Tensor(t.type, t.shape, std::shared_ptr<const void>(), at_[slot]);
  };
  const std::vector<Id>& ids = c_.function->node(s.node).inputs;
  std::vector<Value> in;
  for (size_t i = 0; i < ids.size(); ++i) {
    const Tensor t = view(s.given[i], s.inputs[i]);
    in.emplace_back(c_.blocked.count(ids[i]) ? unblocked(t, c_.block) : t);
  }
  Env env = env_;
  const Value v = evaluate_node(e_.module(), *c_.function, s.node, std::move(in), env, r.interpret(),
                                [&](const std::string& callee, std::vector<Value> given) {
                                  return r.call(callee, std::move(given), env, depth + 1);
                                });
  const std::span<const Value> results = v.is_tensor() ? std::span(&v, 1) : std::span(v.parts);
  if (results.size() != s.results.size()) return false;
  for (size_t i = 0; i < results.size(); ++i) {
    const Value& one = results[i];
    if (!one.is_tensor() || one.tensor.type() != s.results[i].type ||
        one.tensor.shape() != s.results[i].shape)
      return false;
    const Tensor t = c_.blocked.count(s.node) ? blocked(one.tensor, c_.block) : one.tensor;
    copy(at_[s.outputs[i]], t.raw(), t.bytes());
  }
  return true;
}

}  // namespace tauto
