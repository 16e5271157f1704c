// What is compared, and every sample of it: bits, distances, decisions.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/text.h"
#include "support/sha256.h"
#include "verify/comparison.h"

namespace tauto::equivalence {
namespace {

bool equal_bits(const Value& a, const Value& b) { return a == b; }

std::string hash_of(const Module& m) {
  const auto printed = print(m);
  Sha256 hash;
  hash.add(printed.text.data(), printed.text.size());
  return hex(hash.digest());
}

bool row_equal(const Value& a, const Value& b, int64_t i) {
  if (a.tensor.type().is_string()) return rows_of(a.tensor, i, 1) == rows_of(b.tensor, i, 1);
  const int64_t row = a.tensor.bytes() / std::max<int64_t>(a.tensor.dim(0), 1);
  const char* x = static_cast<const char*>(a.tensor.raw()) + i * row;
  const char* y = static_cast<const char*>(b.tensor.raw()) + i * row;
  // NaNs of any sign and payload are one: only then the slow way.
  return row == 0 || std::memcmp(x, y, static_cast<size_t>(row)) == 0 ||
         canonical_nan(rows_of(a.tensor, i, 1)) == canonical_nan(rows_of(b.tensor, i, 1));
}

void measure(OutputDifference& d, const Value& a, const Value& b) {
  if (!a.is_tensor() || a.tensor.type().is_string() ||
      !(a.tensor.type().is_float() || a.tensor.type().is_integer() || a.tensor.type().is_bool()))
    return;
  const std::vector<double> x = as_doubles(a.tensor), y = as_doubles(b.tensor);
  for (size_t i = 0; i < x.size(); ++i) {
    ++d.elements;
    if (std::isfinite(x[i])) d.scale = std::max(d.scale, std::fabs(x[i]));
    if (x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i]))) continue;
    ++d.differ;
    const double distance = std::fabs(x[i] - y[i]);
    d.most = std::max(d.most, std::isnan(distance) ? std::numeric_limits<double>::infinity() : distance);
    if (std::isfinite(distance)) d.mean += distance;
  }
}

}  // namespace

namespace {

// Any NaN in an output of floats: for decisions that do not say which they read.
bool has_nan(const NamedTypes& outputs, const std::vector<Tensor>& values) {
  for (size_t k = 0; k < values.size(); ++k) {
    const Type& t = outputs[k].second;
    if (!t.is_tensor() || !t.element.is_float() || t.element.is_small_float()) continue;
    const std::vector<double> v = as_doubles(values[k]);
    if (std::any_of(v.begin(), v.end(), [](double x) { return std::isnan(x); })) return true;
  }
  return false;
}

}  // namespace

std::string text_of_decision(const std::vector<int64_t>& what) {
  std::string s;
  for (size_t i = 0; i < what.size() && i < 12; ++i) s += cat(i ? " " : "", what[i]);
  return what.size() > 12 ? s + " …" : s;
}

void Comparison::describe() {
  r_.a = a_.spec();
  r_.b = b_.spec();
  r_.a_is = a_.describe();
  r_.b_is = b_.describe();
  r_.semantics = kSemanticsVersion;
  r_.samples = s_.count();
  r_.batched = s_.batched();
  r_.data = s_.origin();
  r_.data_sha256 = s_.sha256();
  if (o_.rule) {
    r_.decision = text_of(*o_.rule);
    r_.ties = tie_rule(*o_.rule);
    decides_ = require_fit(*o_.rule, a_.outputs(), o_.output);
    if (o_.rule->kind == DecisionRule::Kind::Custom) {
      custom_.emplace(o_.rule->program, o_.outside);
      r_.ties = custom_->ties();
    }
    r_.budget_text = o_.budget.flips
                         ? cat("flips <= ", percent(*o_.budget.flips), " at ", percent(o_.budget.confidence))
                         : "no unexcused flip";
  }
  const RunInputs inputs = a_.model().order(s_.inputs(0, std::max<int64_t>(s_.fixed(), 1)));
  source_ = a_.model().module(inputs);
  program_ = b_.model().module(b_.model().order(s_.inputs(0, std::max<int64_t>(s_.fixed(), 1))));
  r_.a_sha256 = hash_of(*source_);
  r_.b_sha256 = hash_of(*program_);
  for (const LedgerEntry& entry : program_->ledger) r_.ledger.push_back(tauto::text_of(entry));
  one_program_ = *source_ == *program_;
  r_.graph = source_graph(*source_);
  for (const auto& [name, type] : a_.outputs()) r_.differences.push_back({name});
}

void Comparison::compare_samples() {
  const int64_t unit = s_.batched() ? (s_.fixed() > 0 ? s_.fixed() : o_.batch) : 1;
  std::vector<int64_t> starts;
  for (int64_t i = 0; i < s_.count(); i += unit) starts.push_back(i);
  if (o_.stop_early) {  // in a drawn order, so that the first ones are a sample of all
    uint64_t state = o_.seed;
    for (size_t i = starts.size(); i > 1; --i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      std::swap(starts[i - 1], starts[(state >> 33) % i]);
    }
  }
  if (o_.rule && o_.budget.flips && *o_.budget.flips > 0 && *o_.budget.flips < 1)
    sequential_.emplace(*o_.budget.flips, 1 - o_.budget.confidence);
  for (const int64_t first : starts) {
    if (o_.cancelled && (*o_.cancelled)()) throw Cancelled();
    if (o_.progress) o_.progress("comparing", r_.compared, s_.count());
    compare(first, std::min(unit, s_.count() - first));
    if (o_.stop_early && sequential_ && sequential_->answer() != SequentialTest::Answer::Open) {
      stopped_ = r_.compared < s_.count();
      break;
    }
  }
  for (OutputDifference& d : r_.differences)
    if (d.elements > 0) d.mean /= static_cast<double>(d.elements);
}

void Comparison::compare(int64_t first, int64_t count) {
  const std::vector<Value> inputs = s_.inputs(first, count);
  const std::vector<Value> a = a_.run(inputs), b = b_.run(inputs);
  bool same_shapes = true;
  for (size_t k = 0; k < a.size(); ++k) {
    if (a[k].is_tensor() != b[k].is_tensor() ||
        (a[k].is_tensor() &&
         (a[k].tensor.shape() != b[k].tensor.shape() || a[k].tensor.type() != b[k].tensor.type()))) {
      if (!o_.rule || o_.rule->kind != DecisionRule::Kind::Boxes)
        fail("same: output \"", a_.outputs()[k].first, "\": ", r_.a, " gives ", tauto::text_of(type_of(a[k])),
             ", ", r_.b, " gives ", tauto::text_of(type_of(b[k])));
      same_shapes = false;
    }
  }
  if (same_shapes)
    for (size_t k = 0; k < a.size(); ++k) measure(r_.differences[k], a[k], b[k]);
  const bool rows = s_.batched();
  std::vector<Decided> da, db;
  if (custom_) da = custom_->decide(a_.outputs(), a, count), db = custom_->decide(b_.outputs(), b, count);
  for (int64_t i = 0; i < count; ++i) {
    bool equal = true;
    for (size_t k = 0; k < a.size() && equal; ++k)
      equal = rows && same_shapes ? row_equal(a[k], b[k], i) : equal_bits(a[k], b[k]);
    r_.equal_bits += equal;
    if (!equal && first_difference_ < 0) first_difference_ = first + i;
    ++r_.compared;
    if (o_.rule) decide_sample(first + i, i, a, b, da, db);
  }
}

Tensor Comparison::row(const Value& v, int64_t i) const {
  if (!v.is_tensor()) fail("same: --decision: required outputs that are tensors");
  return s_.batched() ? rows_of(v.tensor, i, 1) : v.tensor;
}

void Comparison::decide_sample(int64_t sample, int64_t i, const std::vector<Value>& a,
                               const std::vector<Value>& b, std::vector<Decided>& da,
                               std::vector<Decided>& db) {
  Decided x, y;
  bool flip;
  if (custom_ || o_.rule->kind == DecisionRule::Kind::Boxes) {
    std::vector<Tensor> ra, rb;
    for (const Value& v : a) ra.push_back(row(v, i));
    for (const Value& v : b) rb.push_back(row(v, i));
    if (custom_) {
      x = std::move(da[static_cast<size_t>(i)]), y = std::move(db[static_cast<size_t>(i)]);
      flip = !(x == y);
    } else {
      flip = !same_boxes(*o_.rule, a_.outputs(), ra, rb);
    }
    x.margin = std::numeric_limits<double>::quiet_NaN();
    x.nan = has_nan(a_.outputs(), ra), y.nan = has_nan(b_.outputs(), rb);
  } else {
    x = decide(*o_.rule, row(a[decides_], i));
    y = decide(*o_.rule, row(b[decides_], i));
    flip = !(x == y);
  }
  r_.nan_a += x.nan;
  r_.nan_b += y.nan;
  if (x.nan && y.nan) return;  // no decision to flip
  r_.ties_seen += x.tied;
  if (sequential_) sequential_->add(flip);
  int64_t label = -1;
  if (const auto& labels = s_.labels();
      !labels.empty() && x.what.size() == labels.size() / static_cast<size_t>(s_.count())) {
    const size_t n = x.what.size();
    const std::vector<int64_t> right(
        labels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(sample) * n),
        labels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(sample + 1) * n));
    ++r_.labelled;
    const bool a_right = x.what == right, b_right = y.what == right;
    r_.right_a += a_right;
    r_.right_b += b_right;
    r_.right_to_wrong += a_right && !b_right;
    r_.wrong_to_right += !a_right && b_right;
    if (n == 1) label = right[0];
  }
  r_.margins.push_back({x.margin, flip, false, false});
  margin_samples_.push_back(sample);
  if (!flip) return;
  ++flips_;
  if (r_.flips.size() < kMostFlips)
    r_.flips.push_back({sample,
                        y.nan || !x.nan ? text_of_decision(x.what) : "NaN",
                        y.nan ? "NaN" : text_of_decision(y.what),
                        x.margin,
                        x.tied,
                        false,
                        "",
                        {},
                        label});
}

}  // namespace tauto::equivalence
