// Decisions on scores, see decision.h.
#include "verify/decision.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>

#include "support/half.h"

namespace tauto::equivalence {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kScore = 0.5;  // of a box that counts

[[noreturn]] void refuse(const std::string& text) {
  fail(
      "same: --decision: required top1, topk:K, argmin, threshold:T, sequence, boxes:IOU or a .py file, got "
      "\"",
      text, "\"");
}

double number_after(const std::string& text, size_t colon) {
  double v = 0;
  const char* end = text.data() + text.size();
  const auto [p, status] = std::from_chars(text.data() + colon + 1, end, v);
  if (status != std::errc() || p != end || !std::isfinite(v)) refuse(text);
  return v;
}

// One row of scores: the classes in the order of the rule, as far as K + 1 of them.
std::vector<int64_t> ranked(const double* row, int64_t classes, int64_t most, bool smallest) {
  std::vector<int64_t> order(static_cast<size_t>(classes));
  std::iota(order.begin(), order.end(), 0);
  const auto before = [&](int64_t a, int64_t b) {
    if (row[a] != row[b]) return smallest ? row[a] < row[b] : row[a] > row[b];
    return a < b;
  };
  std::partial_sort(order.begin(), order.begin() + std::min(most, classes), order.end(), before);
  order.resize(static_cast<size_t>(std::min(most, classes)));
  return order;
}

}  // namespace

DecisionRule parse_decision(const std::string& text) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  using Kind = DecisionRule::Kind;
  DecisionRule rule;
  if (text.ends_with(".py")) {
    rule.kind = Kind::Custom;
    rule.program = text;
  } else if (colon == std::string::npos) {
    if (text != "top1" && text != "argmin" && text != "sequence") refuse(text);
    rule.kind = text == "top1" ? Kind::Top1 : text == "argmin" ? Kind::ArgMin : Kind::Sequence;
  } else {
    const double v = number_after(text, colon);
    rule.threshold = v;
    if (name == "topk" && v >= 1 && v == std::floor(v) && v < 1e9) {
      rule.kind = Kind::TopK;
      rule.k = static_cast<int64_t>(v);
    } else if (name == "threshold") {
      rule.kind = Kind::Threshold;
    } else if (name == "boxes" && v > 0 && v <= 1) {
      rule.kind = Kind::Boxes;
    } else {
      refuse(text);
    }
  }
  return rule;
}

std::string text_of(const DecisionRule& rule) {
  switch (rule.kind) {
    case DecisionRule::Kind::Top1:
      return "top1";
    case DecisionRule::Kind::TopK:
      return cat("topk:", rule.k);
    case DecisionRule::Kind::ArgMin:
      return "argmin";
    case DecisionRule::Kind::Threshold:
      return cat("threshold:", rule.threshold);
    case DecisionRule::Kind::Sequence:
      return "sequence";
    case DecisionRule::Kind::Boxes:
      return cat("boxes:", rule.threshold);
    case DecisionRule::Kind::Custom:
      return rule.program;
  }
  return "";
}

std::string tie_rule(const DecisionRule& rule) {
  switch (rule.kind) {
    case DecisionRule::Kind::Threshold:
      return "a score of exactly the threshold is above it";
    case DecisionRule::Kind::Boxes:
      return "a box goes to the first partner of the largest overlap; exactly the threshold counts";
    case DecisionRule::Kind::Custom:
      return "";
    default:
      return "of equal scores the lower index";
  }
}

size_t require_fit(const DecisionRule& rule, const NamedTypes& outputs, const std::string& chosen) {
  size_t at = outputs.size();
  const bool boxes = rule.kind == DecisionRule::Kind::Boxes;
  for (size_t i = 0; i < outputs.size() && at == outputs.size(); ++i) {
    const auto& [name, type] = outputs[i];
    if (!chosen.empty() ? name == chosen : type.is_tensor() && type.element.is_float()) at = i;
    if (chosen.empty() && boxes && at == i &&
        (!type.ranked || type.rank() == 0 || type.dims.back() != Dim(4)))
      at = outputs.size();
  }
  std::string list;
  for (const auto& [name, type] : outputs) list += cat(list.empty() ? "" : ", ", '"', name, "\": ", type);
  const std::string where = cat("same: --decision ", text_of(rule), ": required ");
  if (at == outputs.size())
    fail(where,
         !chosen.empty() ? cat("an output named \"", chosen, "\"")
         : boxes         ? "an output of boxes, f32[…, 4]"
                         : "an output of floats",
         ", got ", list);
  const auto& [name, type] = outputs[at];
  if (!type.is_tensor() || !type.element.is_float()) fail(where, "scores, got \"", name, "\": ", type);
  using Kind = DecisionRule::Kind;
  if (rule.kind == Kind::Custom || rule.kind == Kind::Threshold || !type.ranked) return at;
  if (type.rank() == 0) fail(where, "an axis of classes, got \"", name, "\": ", type);
  const Dim& classes = type.dims.back();
  const int64_t least = rule.kind == Kind::TopK ? rule.k + 1 : boxes ? 4 : 2;
  if (classes.is_literal() && classes.literal() < least)
    fail(where, "at least ", least, " classes, got \"", name, "\": ", type);
  return at;
}

Decided decide(const DecisionRule& rule, const Tensor& t) {
  const std::vector<double> scores = as_doubles(t);
  Decided d;
  d.margin = std::numeric_limits<double>::infinity();
  d.nan = std::any_of(scores.begin(), scores.end(), [](double v) { return std::isnan(v); });
  if (d.nan) {
    d.margin = kNan;
    return d;
  }
  const auto less = [&](double margin) {
    if (margin < d.margin) d.margin = margin;
    if (margin == 0) d.tied = true;
  };
  if (rule.kind == DecisionRule::Kind::Threshold) {
    for (const double v : scores) {
      d.what.push_back(v >= rule.threshold);
      less(std::fabs(v - rule.threshold));
    }
    return d;
  }
  const int64_t classes = t.rank() > 0 ? t.shape().back() : 0;
  const int64_t k = rule.kind == DecisionRule::Kind::TopK ? rule.k : 1;
  if (classes <= k)
    fail("same: --decision ", text_of(rule), ": required at least ", k + 1, " classes, got ",
         text_of(type_of(t)));
  const bool smallest = rule.kind == DecisionRule::Kind::ArgMin;
  for (size_t at = 0; at < scores.size(); at += static_cast<size_t>(classes)) {
    const double* row = scores.data() + at;
    std::vector<int64_t> order = ranked(row, classes, k + 1, smallest);
    const double last = row[order[static_cast<size_t>(k - 1)]], next = row[order[static_cast<size_t>(k)]];
    less(last == next ? 0 : std::fabs(last - next));  // two infinities are a tie
    order.pop_back();
    std::sort(order.begin(), order.end());
    d.what.insert(d.what.end(), order.begin(), order.end());
  }
  if (rule.kind == DecisionRule::Kind::Sequence) {
    std::vector<int64_t> read;
    for (size_t i = 0; i < d.what.size(); ++i)
      if (d.what[i] != 0 && (i == 0 || d.what[i] != d.what[i - 1])) read.push_back(d.what[i]);
    d.what = std::move(read);
  }
  return d;
}

std::vector<double> as_doubles(const Tensor& t) {
  std::vector<double> v(static_cast<size_t>(t.count()));
  const auto copy = [&](auto zero) {
    for (size_t i = 0; i < v.size(); ++i) {
      const auto x = t.data<decltype(zero)>()[i];
      if constexpr (std::is_same_v<decltype(zero), Half> || std::is_same_v<decltype(zero), BFloat>)
        v[i] = static_cast<double>(static_cast<float>(x));
      else
        v[i] = static_cast<double>(x);
    }
  };
  const ElementType e = t.type();
  if (t.rep() == Rep::Ideal && e.is_float()) return copy(double{}), v;
  if (e == f32) return copy(float{}), v;
  if (e == f64) return copy(double{}), v;
  if (e == f16) return copy(Half{}), v;
  if (e == bf16) return copy(BFloat{}), v;
  if (e.is_integer() || e.is_bool()) {
    const std::vector<int64_t> ints = t.as_ints();
    std::copy(ints.begin(), ints.end(), v.begin());
    return v;
  }
  fail("elements ", e, " are no scores");
}

namespace {

struct Box {
  double at[4], score;
  int64_t label;
};

double overlap(const Box& a, const Box& b) {
  const auto side = [](double lo, double hi) { return std::max(0.0, hi - lo); };
  const auto area = [&](const Box& x) { return side(x.at[0], x.at[2]) * side(x.at[1], x.at[3]); };
  const double both = side(std::max(a.at[0], b.at[0]), std::min(a.at[2], b.at[2])) *
                      side(std::max(a.at[1], b.at[1]), std::min(a.at[3], b.at[3]));
  const double either = area(a) + area(b) - both;
  return either > 0 ? both / either : 0;
}

std::vector<Box> boxes_of(const DecisionRule& rule, const NamedTypes& types,
                          const std::vector<Tensor>& outputs) {
  const size_t at = require_fit(rule, types, "");
  const std::vector<double> corners = as_doubles(outputs[at]);
  const size_t count = corners.size() / 4;
  const Tensor *scores = nullptr, *labels = nullptr;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i == at || outputs[i].count() != static_cast<int64_t>(count)) continue;
    (outputs[i].type().is_float() ? scores : labels) = &outputs[i];
  }
  const std::vector<double> score = scores ? as_doubles(*scores) : std::vector<double>(count, 1);
  const std::vector<double> label = labels ? as_doubles(*labels) : std::vector<double>(count, 0);
  std::vector<Box> list;
  for (size_t i = 0; i < count; ++i)
    if (score[i] >= kScore)
      list.push_back({{corners[4 * i], corners[4 * i + 1], corners[4 * i + 2], corners[4 * i + 3]},
                      score[i],
                      static_cast<int64_t>(label[i])});
  return list;
}

}  // namespace

bool same_boxes(const DecisionRule& rule, const NamedTypes& types, const std::vector<Tensor>& a,
                const std::vector<Tensor>& b) {
  const std::vector<Box> mine = boxes_of(rule, types, a);
  std::vector<Box> theirs = boxes_of(rule, types, b);
  if (mine.size() != theirs.size()) return false;
  for (const Box& x : mine) {
    auto best = theirs.end();
    double most = -1;
    for (auto i = theirs.begin(); i != theirs.end(); ++i)
      if (i->label == x.label && overlap(x, *i) > most) most = overlap(x, *i), best = i;
    if (best == theirs.end() || !(most >= rule.threshold)) return false;
    theirs.erase(best);
  }
  return true;
}

}  // namespace tauto::equivalence
