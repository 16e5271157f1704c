// Bound index maps, blocks, and the evaluator for any number; machine numbers go by tiles
// (contraction_tiles.h).
#include "ops/contraction.h"

#include "ops/contraction_phase.h"
#include "ops/contraction_tiles.h"

namespace tauto {

BoundAccess::BoundAccess(const Access& a, std::span<const Tensor* const> tensors) : outputs(a.outputs) {
  for (const Dim& d : a.extents) extents.push_back(d.literal());
  for (size_t i = 0; i < a.operands.size(); ++i) {
    operands.emplace_back();
    CHECK(tensors[i]->shape().size() == a.operands[i].size());
    for (size_t d = 0; d < a.operands[i].size(); ++d) {
      const AxisIndex& from = a.operands[i][d];
      Index index;
      index.coefficients.assign(extents.size(), 0);
      for (const AxisTerm& t : from.terms)
        index.coefficients[static_cast<size_t>(t.axis)] = t.coefficient.literal();
      index.offset = from.offset.literal();
      index.divisor = from.divisor;
      index.dim = tensors[i]->shape()[d];
      operands.back().push_back(std::move(index));
    }
  }
}

int64_t BoundAccess::reduction_terms() const {
  int64_t n = 1;
  for (size_t i = static_cast<size_t>(outputs); i < extents.size(); ++i) n *= extents[i];
  return n;
}

namespace {

// One output after the other, one term after the other: for numbers that are no machine numbers, and for
// outputs with terms outside an operand `k` with only[k], because a zero in the place of these terms would
// show.
template <class C>
class OneByOne {
 public:
  OneByOne(const ContractionPhase& phase, const C* a, const C* b, C* out, C zero, const EvalContext& context,
           std::optional<std::array<bool, 2>> only)
      : phase_(phase),
        terms_(phase.terms()),
        data_{a, b},
        out_(out + phase.out),
        zero_(zero),
        context_(context),
        only_(only) {}

  void run() {
    std::vector<ContractionAxis> axes;
    for (const auto* list : {&phase_.batch, &phase_.free[0], &phase_.free[1]})
      axes.insert(axes.end(), list->begin(), list->end());
    Ints at(axes.size(), 0);
    for (int64_t done = 0;; ++done) {
      if (done % 64 == 0) context_.poll();
      int64_t out = 0;
      for (size_t k = 0; k < 2; ++k) {
        start_[k] = phase_.operand[k].at;
        index_[k].clear();
        for (int d : phase_.operand[k].checked) {
          const auto& x = phase_.operand[k].indices[static_cast<size_t>(d)];
          int64_t index = x.divisor == 1 ? x.start : 0;
          for (size_t i = 0; i < axes.size(); ++i) index += at[i] * axes[i].index[k][static_cast<size_t>(d)];
          index_[k].push_back(index);
        }
      }
      for (size_t i = 0; i < axes.size(); ++i) {
        out += at[i] * axes[i].out;
        for (size_t k = 0; k < 2; ++k) start_[k] += at[i] * axes[i].at[k];
      }
      if (!only_ || ((*only_)[0] && reaches_outside(0)) || ((*only_)[1] && reaches_outside(1))) {
        C sum = zero_;
        for (int64_t b = 0; b < terms_.blocks(); ++b) sum = sum + block(b);
        out_[out] = sum;
      }
      size_t i = at.size();
      for (; i-- > 0;) {
        if (++at[i] < axes[i].extent) break;
        at[i] = 0;
      }
      if (i == static_cast<size_t>(-1)) return;
    }
  }

 private:
  C block(int64_t b) const {
    const int64_t first = terms_.first(b), begin = terms_.begin(b), count = terms_.count(b);
    C chain = zero_;
    for (int64_t t = begin; t < begin + count; ++t)
      if (inside(0, t, first) && inside(1, t, first))
        chain = num::fma(element(0, t, first), element(1, t, first), chain);
    return chain;
  }
  // Whether the current output has terms outside operand k, or may have.
  bool reaches_outside(size_t k) const {
    const ContractionOperand& o = phase_.operand[k];
    for (size_t c = 0; c < o.checked.size(); ++c) {
      const auto d = static_cast<size_t>(o.checked[c]);
      const auto& x = o.indices[d];
      int64_t lo = x.divisor == 1 ? 0 : x.start, hi = lo;
      for (size_t i = 0; i < phase_.reduction.size(); ++i)
        (phase_.reduction_steps[k][d][i] < 0 ? lo : hi) +=
            phase_.reduction_steps[k][d][i] * (phase_.reduction[i] - 1);
      if (x.divisor != 1) lo = lo / x.divisor - 1, hi = hi / x.divisor + 1;
      if (index_[k][c] + lo < 0 || index_[k][c] + hi >= x.extent) return true;
    }
    return false;
  }
  const C& element(size_t k, int64_t t, int64_t first) const {
    return data_[k][start_[k] + first * terms_.shift[k] + terms_.taps[k][static_cast<size_t>(t)]];
  }
  bool inside(size_t k, int64_t t, int64_t first) const {
    const ContractionOperand& o = phase_.operand[k];
    for (size_t c = 0; c < o.checked.size(); ++c) {
      const int64_t index =
          index_[k][c] + first * terms_.index_shift[k][c] + terms_.indices[k][c][static_cast<size_t>(t)];
      if (index < 0 || index >= o.indices[static_cast<size_t>(o.checked[c])].extent) return false;
    }
    return true;
  }

  const ContractionPhase& phase_;
  const ContractionTerms terms_;
  const C* data_[2];
  C* out_;
  C zero_;
  const EvalContext& context_;
  std::optional<std::array<bool, 2>> only_;
  int64_t start_[2] = {0, 0};  // of the current output in the operands
  Ints index_[2];              // its checked indices
};

}  // namespace

template <class C>
void contract(const BoundAccess& access, const C* a, const C* b, C* out, C zero, const EvalContext& context) {
  if (element_count(access.output_shape()) == 0) return;
  std::optional<std::array<bool, 2>> only;
  if constexpr (std::is_arithmetic_v<C>) {
    only = contract_tiled(access, a, b, out, context);
    if (only && !(*only)[0] && !(*only)[1]) return;
  }
  for (int64_t i = 0; i < phase_count(access); ++i) {
    const ContractionPhase phase = phase_of(access, i);
    OneByOne<C>(phase, a, b, out, zero, context, only).run();
  }
}

template void contract(const BoundAccess&, const float*, const float*, float*, float, const EvalContext&);
template void contract(const BoundAccess&, const double*, const double*, double*, double, const EvalContext&);
template void contract(const BoundAccess&, const int32_t*, const int32_t*, int32_t*, int32_t,
                       const EvalContext&);
template void contract(const BoundAccess&, const int64_t*, const int64_t*, int64_t*, int64_t,
                       const EvalContext&);
template void contract(const BoundAccess&, const FlushedFloat*, const FlushedFloat*, FlushedFloat*,
                       FlushedFloat, const EvalContext&);
template void contract(const BoundAccess&, const IInterval*, const IInterval*, IInterval*, IInterval,
                       const EvalContext&);
template void contract(const BoundAccess&, const Term*, const Term*, Term*, Term, const EvalContext&);

}  // namespace tauto
