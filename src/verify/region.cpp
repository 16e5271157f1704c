// The search, see region.h.
#include "verify/region.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <limits>
#include <mutex>
#include <thread>

#include "support/error.h"
#include "support/float_environment.h"
#include "verify/region_state.h"

namespace tauto::region {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kDeepest = 200;  // splits; f32 has fewer numbers between any two
constexpr double kWriteEvery = 10;
constexpr double kLooking = 1e8;  // multiplications spent on random inputs, about

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// The f32 number nearest to x within [lo, hi]; nothing if there is none.
std::optional<float> inside(double x, const Range& r) {
  const auto f = static_cast<float>(std::clamp(x, r.lo, r.hi));
  const float inf = std::numeric_limits<float>::infinity();
  for (const float g : {f, std::nextafter(f, inf), std::nextafter(f, -inf)})
    if (static_cast<double>(g) >= r.lo && static_cast<double>(g) <= r.hi) return g;
  return std::nullopt;
}

// Both networks in f64: where to look, never what counts.
class Guess {
 public:
  explicit Guess(const PairOfChains& pair) : pair_(pair) {
    for (const LayerPair& l : pair.layers)
      for (auto [to, from] : {std::pair(&a_, &l.a), std::pair(&b_, &l.b)}) {
        std::vector<double>& w = to->emplace_back(from->size());
        for (size_t i = 0; i < l.out; ++i)
          for (size_t k = 0; k < l.in; ++k) w[k * l.out + i] = (*from)[i * l.in + k];
      }
  }
  void run(std::span<const float> x) {
    a.assign(x.begin(), x.end()), b = a;
    for (size_t k = 0; k < pair_.layers.size(); ++k) {
      const LayerPair& l = pair_.layers[k];
      layer(a_[k], l.bias_a, l, a);
      layer(b_[k], l.bias_b, l, b);
    }
  }
  double difference() const {
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(b[i] - a[i]));
    return most;
  }
  std::vector<double> a, b;

 private:
  void layer(const std::vector<double>& w, const std::vector<double>& bias, const LayerPair& l,
             std::vector<double>& v) {
    next_ = bias;
    for (size_t k = 0; k < l.in; ++k) {
      const double x = v[k];
      if (x == 0) continue;
      const double* row = &w[k * l.out];
      for (size_t i = 0; i < l.out; ++i) next_[i] += x * row[i];
    }
    if (l.relu)
      for (double& y : next_) y = std::max(y, 0.0);
    v.swap(next_);
  }
  const PairOfChains& pair_;
  std::vector<std::vector<double>> a_, b_;  // weights, in × out
  std::vector<double> next_;
};

template <class T>
size_t choice(const std::vector<T>& v, Goal::Kind kind) {
  const auto at = kind == Goal::Kind::ArgMin ? std::min_element(v.begin(), v.end())
                                             : std::max_element(v.begin(), v.end());
  return static_cast<size_t>(at - v.begin());
}

template <class T>
bool refutes(const std::vector<T>& a, const std::vector<T>& b, const Goal& goal, size_t* output = nullptr) {
  if (goal.kind != Goal::Kind::Epsilon) return choice(a, goal.kind) != choice(b, goal.kind);
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::fabs(static_cast<double>(b[i]) - static_cast<double>(a[i]));
    if (d > most) {
      most = d;
      if (output) *output = i;
    }
  }
  return most > goal.epsilon;
}

class Search {
 public:
  Search(const PairOfChains& pair, const std::vector<Box>& boxes, const Goal& goal, const Evaluate& evaluate,
         const SearchOptions& options)
      : pair_(pair), boxes_(boxes), goal_(goal), evaluate_(evaluate), options_(options) {}

  Found run() {
    const FloatEnvironment environment;
    threads_ = options_.threads > 0 ? options_.threads
                                    : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    stacks_.resize(static_cast<size_t>(threads_));
    held_.resize(static_cast<size_t>(threads_));
    last_written_ = Clock::now();
    if (!options_.state.empty() && std::filesystem::exists(options_.state)) {
      SearchState s = read_state(options_.state, identity());
      found_ = s.found;
      for (size_t i = 0; i < s.open.size(); ++i) stacks_[i % stacks_.size()].push_back(std::move(s.open[i]));
    } else {
      for (const Box& b : boxes_) stacks_[0].push_back({b, 0, 1 / static_cast<double>(boxes_.size()), {}});
      const double before = thread_seconds();
      look();
      found_.cpu_seconds += thread_seconds() - before;
    }
    for (const auto& s : stacks_) waiting_ += s.size();
    if (found_.kind != Found::Kind::Refuted) work();
    return finish();
  }

 private:
  std::string identity() const {
    return cat(options_.identity, " goal ", static_cast<int>(goal_.kind), " epsilon ", goal_.epsilon);
  }

  // --- the threads ----------------------------------------------------------------------------------------
  void work() {
    std::vector<std::thread> others;
    for (int t = 1; t < threads_; ++t) others.emplace_back([this, t] { serve(static_cast<size_t>(t)); });
    serve(0);
    for (std::thread& t : others) t.join();
    if (error_) std::rethrow_exception(error_);
  }

  void serve(size_t me) {
    const FloatEnvironment environment;
    try {
      DifferenceBounds bounds(pair_);
      Guess guess(pair_);
      double counted = thread_seconds();
      const auto count = [&] {
        const double now = thread_seconds();
        found_.cpu_seconds += now - counted;
        counted = now;
      };
      std::unique_lock lock(mutex_);
      for (;;) {
        if (stop_) break;
        std::optional<OpenBox> box = take(me);
        if (!box) {
          if (busy_ == 0) break;
          changed_.wait(lock);
          continue;
        }
        ++busy_;
        held_[me] = box;
        lock.unlock();
        Step step = look_at(*box, bounds, guess);
        lock.lock();
        --busy_;
        held_[me].reset();
        count();
        settle(me, *box, std::move(step));
      }
      count();
      changed_.notify_all();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      stop_ = true;
      changed_.notify_all();
    }
  }

  std::optional<OpenBox> take(size_t me) {
    if (!stacks_[me].empty()) {
      OpenBox b = std::move(stacks_[me].back());
      stacks_[me].pop_back();
      --waiting_;
      return b;
    }
    auto most = std::max_element(stacks_.begin(), stacks_.end(),
                                 [](const auto& a, const auto& b) { return a.size() < b.size(); });
    if (most->empty()) return std::nullopt;
    OpenBox b = std::move(most->front());
    most->pop_front();
    --waiting_;
    return b;
  }

  // --- one box --------------------------------------------------------------------------------------------
  struct Step {
    bool decided = false, stuck = false;
    double bound = 0, seen = 0;
    std::vector<OpenBox> halves;
    std::vector<float> candidate;  // refutes in f64
  };

  Step look_at(const OpenBox& box, DifferenceBounds& bounds, Guess& guess) const {
    Step s;
    bounds.run(box.box, box.off);
    s.bound = bounds.largest();
    std::vector<double> weight(pair_.inputs(), 0);
    std::vector<double> slope(pair_.inputs(), 0);
    if (goal_.kind == Goal::Kind::Epsilon) {
      if ((s.decided = s.bound <= goal_.epsilon)) return s;
      if (s.bound < std::numeric_limits<double>::infinity()) {
        size_t worst = 0;
        const auto reach = [&](size_t i) {
          return std::max(-bounds.difference()[i].lo, bounds.difference()[i].hi);
        };
        for (size_t i = 1; i < pair_.outputs(); ++i)
          if (reach(i) > reach(worst)) worst = i;
        const bool up = bounds.difference()[worst].hi >= -bounds.difference()[worst].lo;
        bounds.slopes(worst, slope);
        if (!up)
          for (double& v : slope) v = -v;
        bounds.influence(worst, weight);
      }
    } else if (s.bound < std::numeric_limits<double>::infinity()) {
      const std::vector<double> a(bounds.centre_a().begin(), bounds.centre_a().end());
      const size_t best = choice(a, goal_.kind);
      size_t rival = best;
      double least = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < a.size(); ++i) {
        if (i == best) continue;
        const bool greatest = goal_.kind == Goal::Kind::Top1;
        const size_t over = greatest ? best : i, under = greatest ? i : best;
        const double margin = std::min(bounds.margin_a(over, under).lo, bounds.margin_b(over, under).lo);
        if (margin < least) least = margin, rival = i;
      }
      if ((s.decided = least > 0)) return s;
      bounds.margin_influence(best, rival, weight);
      // Towards the rival.
      bounds.margin_slopes(best, rival, slope);
      if (goal_.kind == Goal::Kind::Top1)
        for (double& v : slope) v = -v;
    }
    for (const bool corner : {false, true}) {
      std::vector<float> x;
      for (size_t j = 0; j < slope.size(); ++j) {
        const Range& r = box.box[j];
        const double at = !corner || slope[j] == 0 ? r.lo / 2 + r.hi / 2 : slope[j] > 0 ? r.hi : r.lo;
        const std::optional<float> f = inside(at, r);
        if (!f) break;
        x.push_back(*f);
      }
      if (x.size() < slope.size()) break;
      guess.run(x);
      s.seen = std::max(s.seen, guess.difference());
      if (refutes(guess.a, guess.b, goal_)) {
        s.candidate = std::move(x);
        break;
      }
    }
    split(box, weight, bounds.off(), s);
    return s;
  }

  static bool splits(const Range& r) {
    const double m = r.lo / 2 + r.hi / 2;
    return m > r.lo && m < r.hi && static_cast<float>(r.lo) < static_cast<float>(r.hi);
  }

  void split(const OpenBox& box, const std::vector<double>& weight, std::span<const uint8_t> off,
             Step& s) const {
    size_t at = box.box.size();
    for (size_t j = 0; j < box.box.size(); ++j)
      if (splits(box.box[j]) && (at == box.box.size() || weight[j] > weight[at] ||
                                 (weight[j] == weight[at] && width(box.box[j]) > width(box.box[at]))))
        at = j;
    if (at == box.box.size() || box.depth >= kDeepest) {
      s.stuck = true;
      return;
    }
    OpenBox low{box.box, box.depth + 1, box.share / 2, {off.begin(), off.end()}}, high = low;
    low.box[at].hi = high.box[at].lo = box.box[at].lo / 2 + box.box[at].hi / 2;
    s.halves.push_back(std::move(high));
    s.halves.push_back(std::move(low));
  }
  static double width(const Range& r) { return r.hi - r.lo; }

  // With the mutex held.
  void settle(size_t me, OpenBox& box, Step step) {
    if (found_.boxes == 0 || box.depth == 0) found_.first_bound = std::max(found_.first_bound, step.bound);
    ++found_.boxes;
    found_.deepest = std::max(found_.deepest, box.depth);
    found_.seen = std::max(found_.seen, step.seen);
    if (step.decided) {
      ++found_.leaves;
      found_.closed += box.share;
      found_.bound = std::max(found_.bound, step.bound);
    } else {
      if (!step.candidate.empty() && confirm(step.candidate)) return;
      if (step.stuck) stuck_.push_back(std::move(box));
      for (OpenBox& half : step.halves) stacks_[me].push_back(std::move(half)), ++waiting_;
      changed_.notify_all();
    }
    if (waiting_ == 0 && busy_ == 0) changed_.notify_all();
    if (found_.boxes % 64 == 0) look_at_the_clock();
    if (options_.most_boxes > 0 && found_.boxes >= options_.most_boxes && waiting_ > 0)
      stop(cat(options_.most_boxes, " boxes were looked at"));
  }

  void stop(const std::string& reason) {
    if (found_.reason.empty()) found_.reason = reason;
    stop_ = true;
    changed_.notify_all();
  }

  void look_at_the_clock() {
    if (options_.progress) options_.progress(found_.closed);
    const auto now = Clock::now();
    if (options_.cancelled && (*options_.cancelled)()) stop("interrupted");
    if (options_.seconds > 0 && found_.cpu_seconds > options_.seconds)
      stop(cat(options_.seconds, " s of processor time are used up"));
    if (!options_.state.empty() && std::chrono::duration<double>(now - last_written_).count() > kWriteEvery)
      write();
  }

  // Machine code says what counts. With the mutex held, or alone.
  bool confirm(const std::vector<float>& x) {
    Outputs y = evaluate_(x);
    size_t output = 0;
    if (!refutes(y.a, y.b, goal_, &output)) return false;
    found_.kind = Found::Kind::Refuted;
    found_.witness = x;
    found_.outputs = std::move(y);
    found_.output = output;
    stop_ = true;
    changed_.notify_all();
    return true;
  }

  // --- random inputs, and uphill from the best ------------------------------------------------------------
  void look() {
    double products = 1;
    for (const LayerPair& l : pair_.layers) products += 2 * static_cast<double>(l.a.size());
    const auto count = static_cast<int64_t>(
        std::clamp(kLooking / products, 16.0, std::max(16.0, static_cast<double>(options_.samples))));
    Guess guess(pair_);
    uint64_t state = 1;
    const auto uniform = [&] {  // SplitMix64 (Steele, Lea, Flood 2014)
      uint64_t z = state += 0x9e3779b97f4a7c15u;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
    };
    // How good an input is: the difference, or how little is missing to another decision.
    const auto worth = [&] {
      if (goal_.kind == Goal::Kind::Epsilon) return guess.difference();
      const size_t best = choice(guess.a, goal_.kind);
      double least = std::numeric_limits<double>::infinity();
      for (size_t i = 0; i < guess.b.size(); ++i)
        if (i != best) least = std::min(least, std::fabs(guess.b[best] - guess.b[i]));
      return -least;
    };
    for (const Box& box : boxes_) {
      std::vector<float> best, x(box.size());
      double most = -std::numeric_limits<double>::infinity();
      for (int64_t n = 0; n < count; ++n) {
        const bool near = n > count / 2 && !best.empty();
        const double step = near ? std::ldexp(1.0, -static_cast<int>(n % 12)) : 1;
        bool good = true;
        for (size_t j = 0; j < box.size(); ++j) {
          const double from = near ? static_cast<double>(best[j]) + (uniform() - 0.5) * step * width(box[j])
                                   : box[j].lo + uniform() * width(box[j]);
          const std::optional<float> f = inside(from, box[j]);
          good = good && f;
          x[j] = f.value_or(0);
        }
        if (!good) return;  // no f32 number in it
        guess.run(x);
        found_.seen = std::max(found_.seen, guess.difference());
        if (refutes(guess.a, guess.b, goal_) && confirm(x)) return;
        if (const double w = worth(); w > most) most = w, best = x;
      }
    }
  }

  // --- the end --------------------------------------------------------------------------------------------
  void write() {
    SearchState s{found_, {}};
    for (const auto& stack : stacks_) s.open.insert(s.open.end(), stack.begin(), stack.end());
    s.open.insert(s.open.end(), stuck_.begin(), stuck_.end());
    for (const std::optional<OpenBox>& held : held_)
      if (held) s.open.push_back(*held);
    write_state(options_.state, identity(), s);
    last_written_ = Clock::now();
  }

  Found finish() {
    found_.left = static_cast<int64_t>(stuck_.size());
    for (const auto& stack : stacks_) found_.left += static_cast<int64_t>(stack.size());
    if (found_.kind != Found::Kind::Refuted) {
      found_.kind = found_.left == 0 ? Found::Kind::Proved : Found::Kind::Open;
      if (found_.kind == Found::Kind::Proved) found_.closed = 1;
      if (found_.kind == Found::Kind::Open && found_.reason.empty())
        found_.reason = cat(stuck_.size(), " boxes are too small to split");
    }
    if (options_.state.empty()) return found_;
    if (found_.kind == Found::Kind::Open)
      write();
    else
      std::filesystem::remove(options_.state);
    return found_;
  }

  const PairOfChains& pair_;
  const std::vector<Box>& boxes_;
  const Goal& goal_;
  const Evaluate& evaluate_;
  const SearchOptions& options_;
  int threads_ = 1;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::deque<OpenBox>> stacks_;
  std::vector<OpenBox> stuck_;
  std::vector<std::optional<OpenBox>> held_;  // in the hands of each thread
  size_t waiting_ = 0;
  int busy_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  Found found_;
  Clock::time_point last_written_;
};

}  // namespace

Found search(const PairOfChains& pair, const std::vector<Box>& boxes, const Goal& goal,
             const Evaluate& evaluate, const SearchOptions& options) {
  for (const Box& b : boxes)
    if (b.size() != pair.inputs())
      fail("required a box of ", pair.inputs(), " inputs as the networks have, got ", b.size());
  if (goal.kind == Goal::Kind::Epsilon && !(goal.epsilon >= 0 && std::isfinite(goal.epsilon)))
    fail("--epsilon: required a finite number of 0 or more, got ", goal.epsilon);
  return Search(pair, boxes, goal, evaluate, options).run();
}

}  // namespace tauto::region
