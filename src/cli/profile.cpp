// A profile as a table: a line for each group of nodes, the slowest first, then what is not in any line.
#include "cli/profile.h"

#include <algorithm>
#include <cstdio>

#include "compile/peak.h"

namespace tauto::cli {
namespace {

constexpr size_t kMostNames = 4;

std::string fixed(double v, int digits) {
  char text[48];
  std::snprintf(text, sizeof text, "%.*f", digits, v);
  return text;
}

// Every column but the last to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> width;
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (width.size() <= i) width.push_back(0);
      width[i] = std::max(width[i], row[i].size());
    }
  std::string s;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      if (!last) s += std::string(width[i] - row[i].size(), ' ');
      s += row[i] + (last ? "\n" : "  ");
    }
  }
  return s;
}

std::string names(const std::vector<std::string>& list, const char* quote) {
  std::string s;
  for (size_t i = 0; i < list.size() && i < kMostNames; ++i) s += cat(i ? ", " : "", quote, list[i], quote);
  if (list.size() > kMostNames) s += cat(" and ", list.size() - kMostNames, " more");
  return s;
}

}  // namespace

std::string profile_table(const Executable& e, const std::vector<Profile>& runs, int threads) {
  const Peak& peak = measured_peak(e.isa());
  const std::vector<ProfileLine> lines = lines_of(e, runs);
  const double total = median_seconds(runs);
  std::string s = cat("profile: ", runs.size(), runs.size() == 1 ? " run" : " runs (medians)", " on ",
                      threads, threads == 1 ? " thread" : " threads", ", ", isa_name(e.isa()),
                      "; one core measured: ", fixed(peak.flops * 1e-9, 1), " GFLOP/s f32, ",
                      fixed(peak.l2 * 1e-9, 1), " GB/s L2, ", fixed(peak.memory * 1e-9, 1), " GB/s memory\n");
  std::vector<std::vector<std::string>> rows = {
      {"us", "%", "calls", "GFLOP/s", "% peak", "kB", "GB/s", "bound by", "% roof", "what"}};
  const double between = median_between(runs);
  double flops = 0, bytes = 0;
  const auto share = [&](double t) { return total > 0 ? fixed(100 * t / total, 1) : "-"; };
  const auto rate = [](double amount, double t) {
    return amount > 0 && t > 0 ? fixed(amount / t * 1e-9, 1) : std::string("-");
  };
  const auto of_peak = [&](double amount, double t) {
    return amount > 0 && t > 0 ? fixed(100 * amount / t / (peak.flops * threads), 1) : std::string("-");
  };
  for (const ProfileLine& l : lines) {
    flops += l.work.flops, bytes += l.work.bytes;
    const auto calls = static_cast<double>(l.calls);
    Roof roof = roof_of(l.work.flops / calls, l.work.bytes / calls, peak, threads);
    const bool counted = l.work.bytes > 0;
    rows.push_back({fixed(l.seconds * 1e6, 1), share(l.seconds), cat(l.calls), rate(l.work.flops, l.seconds),
                    of_peak(l.work.flops, l.seconds), counted ? fixed(l.work.bytes * 1e-3, 1) : "-",
                    rate(l.work.bytes, l.seconds), counted ? roof.bound : "-",
                    counted && l.seconds > 0 ? fixed(100 * roof.seconds * calls / l.seconds, 1) : "-",
                    cat(l.function == "main" ? "" : "@" + l.function + " ", l.name,
                        l.operators.size() > 1 ? cat(": ", names(l.operators, "")) : "",
                        l.sources.empty() ? "" : cat("  from ", names(l.sources, "\"")))});
  }
  rows.push_back(
      {fixed(between * 1e6, 1), share(between), "-", "-", "-", "-", "-", "-", "-", "between the kernels"});
  rows.push_back({fixed(total * 1e6, 1), share(total), "-", rate(flops, total), of_peak(flops, total),
                  fixed(bytes * 1e-3, 1), rate(bytes, total), "-", "-", "all of a run"});
  return s + aligned(rows);
}

}  // namespace tauto::cli
