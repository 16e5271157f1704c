// Cuts flattened axes into strips.
#include "ops/contraction_strips.h"

namespace tauto {

Strips strips_of(const ContractionPhase& phase, const std::vector<ContractionAxis>& axes, int64_t first,
                 int64_t count) {
  Strips s;
  const int64_t inner = axes.empty() ? 1 : axes.back().extent;
  const auto checked_step = [&](const ContractionAxis& x, size_t k, size_t c) {
    return x.index[k][static_cast<size_t>(phase.operand[k].checked[c])];
  };
  if (!axes.empty()) {
    s.out = axes.back().out, s.at = axes.back().at;
    for (size_t k = 0; k < 2; ++k)
      for (size_t c = 0; c < phase.operand[k].checked.size(); ++c)
        s.index[k][c] = checked_step(axes.back(), k, c);
  }
  for (int64_t at = first; at < first + count;) {
    Strip p;
    p.first = at - first;
    p.count = std::min(inner - at % inner, first + count - at);
    int64_t rest = at;
    for (size_t i = axes.size(); i-- > 0;) {
      const ContractionAxis& x = axes[i];
      const int64_t v = rest % x.extent;
      rest /= x.extent;
      p.out += v * x.out;
      for (size_t k = 0; k < 2; ++k) {
        p.at[k] += v * x.at[k];
        for (size_t c = 0; c < phase.operand[k].checked.size(); ++c)
          p.index[k][c] += v * checked_step(x, k, c);
      }
    }
    s.list.push_back(p);
    at += p.count;
  }
  return s;
}

Strips strips_with_gaps(const std::vector<ContractionAxis>& axes, const Ints& strides) {
  Strips s;
  if (axes.empty()) {
    s.list.emplace_back();
    return s;
  }
  s.out = axes.back().out;
  int64_t lines = 1;
  for (size_t i = 0; i + 1 < axes.size(); ++i) lines *= axes[i].extent;
  for (int64_t n = 0; n < lines; ++n) {
    Strip p;
    p.count = axes.back().extent;
    int64_t rest = n;
    for (size_t i = axes.size() - 1; i-- > 0;) {
      const int64_t v = rest % axes[i].extent;
      rest /= axes[i].extent;
      p.first += v * strides[i];
      p.out += v * axes[i].out;
    }
    s.list.push_back(p);
  }
  return s;
}

Place::Place(const ContractionPhase& phase) {
  for (size_t k = 0; k < 2; ++k) {
    at[k] = phase.operand[k].at;
    for (const auto& x : phase.operand[k].indices) index[k].push_back(x.divisor == 1 ? x.start : 0);
  }
}

void Place::move(const ContractionAxis& axis, int64_t by) {
  out += by * axis.out;
  for (size_t k = 0; k < 2; ++k) {
    at[k] += by * axis.at[k];
    for (size_t d = 0; d < index[k].size(); ++d) index[k][d] += by * axis.index[k][d];
  }
}

}  // namespace tauto
