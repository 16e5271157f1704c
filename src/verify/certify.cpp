// Decisions as inequalities, and the attempt to separate each.
#include "verify/certify.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace tauto {

Decision parse_decision(const std::string& text) {
  Decision d;
  const auto number = [&](size_t from, auto& v) {
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + from, end, v);
    return error == std::errc() && at == end && from < text.size();
  };
  if (text == "top1") return d;
  if (text == "argmin") {
    d.kind = Decision::Kind::ArgMin;
    return d;
  }
  if (text.starts_with("topk:")) {
    d.kind = Decision::Kind::TopK;
    if (number(5, d.k) && d.k >= 1) return d;
  }
  if (text.starts_with("threshold:")) {
    d.kind = Decision::Kind::Threshold;
    if (number(10, d.threshold) && std::isfinite(d.threshold)) return d;
  }
  fail("decision: required top1, argmin, topk:K or threshold:T, got \"", text, "\"");
}

std::string text_of(const Decision& d) {
  switch (d.kind) {
    case Decision::Kind::Top1:
      return "top1";
    case Decision::Kind::ArgMin:
      return "argmin";
    case Decision::Kind::TopK:
      return cat("topk:", d.k);
    case Decision::Kind::Threshold:
      break;
  }
  return cat("threshold:", d.threshold);
}

namespace {

// The inequalities of a decision at the centre; errors are filled in later.
void separate(const Tensor& t, const Decision& d, Certificate& c) {
  const double* v = t.data<double>();
  if (d.kind == Decision::Kind::Threshold) {
    for (int64_t i = 0; i < t.count(); ++i) {
      const bool over = v[i] > d.threshold;
      if (over) c.winners.push_back(i);
      c.separations.push_back({over ? i : -1, over ? -1 : i, std::fabs(v[i] - d.threshold), 0, false});
    }
    return;
  }
  const int64_t classes = t.rank() == 0 ? 1 : t.dim(t.rank() - 1);
  const double sign = d.kind == Decision::Kind::ArgMin ? -1 : 1;
  if (d.k >= classes)
    fail("decision ", text_of(d), ": required more than ", d.k, " elements along the last axis, got ",
         type_of(t));
  for (int64_t row = 0; classes > 0 && row < t.count() / classes; ++row) {
    std::vector<int64_t> order(static_cast<size_t>(classes));
    std::iota(order.begin(), order.end(), row * classes);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return sign * v[a] > sign * v[b]; });
    const auto chosen = order.begin() + d.k;
    c.winners.insert(c.winners.end(), order.begin(), chosen);
    for (auto a = order.begin(); a != chosen; ++a)
      for (auto b = chosen; b != order.end(); ++b) {
        Separation s{*a, *b, sign * (v[*a] - v[*b]), 0, false};
        if (sign < 0) std::swap(s.above, s.below);
        c.separations.push_back(s);
      }
  }
}

double radius_of(std::span<const double> r, int64_t i) {
  return r.empty() || i < 0 ? 0 : r[static_cast<size_t>(i)];
}

bool is_decided(const Separation& s) { return s.margin > s.error; }

// How far the margin exceeds the error, the less the closer; NaN is closest.
double distance(const Separation& s) {
  const double d = s.error > 0 ? s.margin / s.error : s.margin > 0 ? num::kInf : 0;
  return d == d ? d : -num::kInf;
}
bool is_closer(const Separation& a, const Separation& b) { return distance(a) < distance(b); }

// Radii first, then functionals, the closest pairs first, until one is not decided. Which one, if any.
const Separation* bound(const ErrorPropagation& p, const Decision& d, Certificate& c) {
  const std::span<const double> radius = p.radius(d.output);
  std::vector<Separation*> asked;
  for (Separation& s : c.separations) {
    s.error = above(radius_of(radius, s.above) + radius_of(radius, s.below) + 0x1p-50 * s.margin);
    s.by_radius = is_decided(s);
    if (!s.by_radius) asked.push_back(&s);
  }
  std::stable_sort(asked.begin(), asked.end(),
                   [](const Separation* a, const Separation* b) { return is_closer(*a, *b); });
  constexpr size_t kAtOnce = 16;
  for (size_t first = 0; first < asked.size(); first += kAtOnce) {
    const std::span<Separation*> part(asked.data() + first, std::min(kAtOnce, asked.size() - first));
    std::vector<Functional> functionals;
    for (const Separation* s : part) {
      if (!(s->margin > 0)) return s;  // a tie, or NaN
      Functional g{d.output, {}};
      if (s->above >= 0) g.terms.emplace_back(s->above, 1.0);
      if (s->below >= 0) g.terms.emplace_back(s->below, -1.0);
      functionals.push_back(std::move(g));
    }
    const std::vector<FunctionalBound> bounds = p.bound(functionals);
    for (size_t i = 0; i < part.size(); ++i)
      part[i]->error = std::min(part[i]->error, above(bounds[i].error + 0x1p-50 * part[i]->margin));
    for (const Separation* s : part)
      if (!is_decided(*s)) return s;
  }
  return nullptr;
}

}  // namespace

Certificate certify(ErrorPropagation& p, std::vector<Value> inputs, const Decision& decision,
                    const CertifyOptions& options) {
  Certificate c;
  const auto attempt = [&] {
    c.separations.clear(), c.winners.clear();
    const Tensor& t = p.centre(decision.output);
    if (!t.type().is_float())
      fail("decision ", text_of(decision), ": required an output of floats, got ", type_of(t));
    separate(t, decision, c);
    const Separation* open = bound(p, decision, c);
    c.certified = !open;
    if (open)
      c.reason = cat("elements ", open->above, " and ", open->below, ": margin ", open->margin, ", bound ",
                     open->error);
    if (!c.separations.empty()) c.closest = c.separations[0];
    for (const Separation& s : c.separations)
      if (is_closer(s, c.closest)) c.closest = s;
  };
  try {
    p.run(std::move(inputs), options.propagation);
    attempt();
    if (!c.certified && options.refine_limit > 0) {
      c.refined = p.refine(options.refine_limit);
      if (!c.refined.empty()) attempt();
    }
  } catch (const Unbounded& e) {
    c.certified = false;
    c.reason = e.what();
    return c;
  }
  if (c.certified) c.reason.clear();
  return c;
}

}  // namespace tauto
