// Precisions and plans as text, see precision.h.
#include <charconv>
#include <cmath>

#include "graph/scanner.h"
#include "passes/precision.h"

namespace tauto {
namespace {

constexpr std::string_view kHead = "precision plan 1";
constexpr std::string_view kAll =
    "int8, int4, int2, int1, f16, bf16 or bf16.dp, then any of channel, tensor, affine, symmetric, dynamic, "
    "minmax, "
    "percentile:P, "
    "mse, a8, a4, a2, a1, weights=absmax, weights=mse, weights=twn, weights=xnor";

std::optional<double> number_of(std::string_view s) {
  double v = 0;
  const auto [end, status] = std::from_chars(s.data(), s.data() + s.size(), v);
  if (status != std::errc() || end != s.data() + s.size()) return std::nullopt;
  return v;
}

std::string shortest(double v, bool single) {
  char text[32];
  const auto end =
      single ? std::to_chars(text, text + 32, static_cast<float>(v)) : std::to_chars(text, text + 32, v);
  return {text, end.ptr};
}

}  // namespace

Precision parse_precision(std::string_view text, std::string_view where) {
  Precision p;
  const auto wrong = [&](std::string_view got) { fail(where, ": required ", kAll, ", got \"", got, '"'); };
  bool first = true, rule = false;
  for (size_t from = 0; from <= text.size();) {
    const size_t end = std::min(text.find(',', from), text.size());
    const std::string_view w = text.substr(from, end - from);
    from = end + 1;
    if (first) {
      first = false;
      if (w == "f32" || w == "f16" || w == "bf16" || w == "bf16.dp") {
        p.system = w == "f32"    ? NumberSystem::F32
                   : w == "f16"  ? NumberSystem::F16
                   : w == "bf16" ? NumberSystem::BF16
                                 : NumberSystem::BF16Dp;
        if (end != text.size()) fail(where, ": required nothing behind ", w, ", got \"", text, '"');
        return p;
      }
      if (w == "int8" || w == "int4" || w == "int2" || w == "int1")
        p.bits = w[3] - '0';
      else
        wrong(text);
    } else if (w == "channel" || w == "tensor") {
      p.per_channel = w == "channel";
    } else if (w == "affine" || w == "symmetric") {
      p.symmetric = w == "symmetric";
    } else if (w == "dynamic") {
      p.dynamic = true;
    } else if (w == "minmax") {
      p.ranges = RangeRule::MinMax;
    } else if (w == "mse") {
      p.ranges = RangeRule::Mse;
    } else if (w.starts_with("percentile:")) {
      const auto v = number_of(w.substr(11));
      if (!v || !(*v > 50 && *v <= 100))
        fail(where, ": percentile: required more than 50, at most 100, got \"", w.substr(11), '"');
      p.ranges = RangeRule::Percentile;
      p.percentile = *v;
    } else if (w == "a8" || w == "a4" || w == "a2" || w == "a1") {
      p.activation_bits = w[1] - '0';
    } else if (w.starts_with("weights=") && weight_rule_named(w.substr(8))) {
      p.weights = *weight_rule_named(w.substr(8));
      rule = true;
    } else {
      wrong(w);
    }
  }
  if (!rule)
    p.weights = p.bits == 8   ? WeightRule::AbsMax
                : p.bits == 4 ? WeightRule::Mse
                : p.bits == 2 ? WeightRule::Twn
                              : WeightRule::Xnor;
  const auto needs = [&](WeightRule r, int bits) {
    if (p.weights == r && p.bits != bits)
      fail(where, ": weights=", name_of(r), ": required int", bits, ", got \"", text, '"');
  };
  needs(WeightRule::Twn, 2), needs(WeightRule::Xnor, 1);
  if (p.bits == 1 && p.weights != WeightRule::Xnor)
    fail(where, ": int1: required weights=xnor, got \"", text, '"');
  if (p.dynamic && (p.symmetric || p.activation_bits != 8 || p.ranges != RangeRule::MinMax))
    fail(where, ": dynamic: required affine activations of 8 bits by minmax, got \"", text, '"');
  return p;
}

std::string text_of(const Precision& p) {
  if (p.system == NumberSystem::F32) return "f32";
  if (p.system == NumberSystem::BF16Dp) return "bf16.dp";
  if (p.system != NumberSystem::Integer) return p.system == NumberSystem::F16 ? "f16" : "bf16";
  std::string s =
      cat("int", p.bits, p.per_channel ? ",channel" : ",tensor", p.symmetric ? ",symmetric" : ",affine");
  if (p.dynamic)
    s += ",dynamic";
  else if (p.ranges == RangeRule::MinMax)
    s += ",minmax";
  else if (p.ranges == RangeRule::Mse)
    s += ",mse";
  else
    s += cat(",percentile:", shortest(p.percentile, false));
  if (p.activation_bits != 8) s += cat(",a", p.activation_bits);
  return cat(s, ",weights=", name_of(p.weights));
}

std::string text_of(const PrecisionPlan& plan) {
  std::string s = cat(kHead, "\n");
  for (const NodePrecision& n : plan.nodes) {
    s += cat(quote(n.node), ' ', text_of(n.how));
    if (n.how.system == NumberSystem::F32 && !n.reason.empty()) s += " " + quote(n.reason);
    if (n.how.needs_data()) s += cat(" x ", shortest(n.scale, true), ' ', n.zero);
    s += "\n";
  }
  return s;
}

PrecisionPlan parse_precision_plan(std::string_view text, std::string_view where) {
  PrecisionPlan plan;
  if (text.substr(0, kHead.size()) != kHead)
    fail(where, ": required a plan (\"", kHead, "\"), got \"",
         text.substr(0, std::min(text.find('\n'), size_t{40})), '"');
  for (text.remove_prefix(kHead.size()); !text.empty();) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \r") == line.npos) continue;
    Scanner name(line);
    NodePrecision n;
    n.node = name.quoted();
    const std::string_view rest = line.substr(name.mark());
    const size_t blank = std::min(rest.find(' '), rest.size());
    n.how = parse_precision(rest.substr(0, blank), where);
    Scanner s(rest.substr(blank));
    if (n.how.system == NumberSystem::F32) {
      if (!s.at_end()) n.reason = s.quoted();
    } else if (n.how.needs_data()) {
      s.expect("x");
      const std::string scale = s.number("a scale");
      n.scale = static_cast<float>(number_of(scale).value_or(0));
      if (!(n.scale > 0) || !std::isfinite(n.scale))
        fail(where, ": node \"", n.node, "\": required a scale > 0, got ", scale);
      n.zero = s.integer("a zero point");
      const auto [least, most] = ends_of(n.how);
      if (n.zero < least || n.zero > most)
        fail(where, ": node \"", n.node, "\": required a zero point from ", least, " to ", most, ", got ",
             n.zero);
    }
    s.expect_end();
    plan.nodes.push_back(std::move(n));
  }
  return plan;
}

}  // namespace tauto
