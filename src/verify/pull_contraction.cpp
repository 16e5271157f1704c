// Lanes are functionals, so that any index map runs at the speed of vectors: each pair of an output and a
// term is one multiply-add of all lanes. Outputs that no functional depends on (a dead relu's) are skipped.
#include "verify/pull_contraction.h"

#include <algorithm>

namespace tauto {
namespace {

// One operand's index map: its flat index, and the dims in which a point may lie outside.
struct Side {
  std::vector<BoundAccess::Index> dims;
  Ints strides;
  std::vector<size_t> checked;
  std::vector<int64_t> delta;  // per term: what it adds to the flat index
  std::vector<int64_t> moves;  // per term and checked dim: what it adds to the index there

  Side(const BoundAccess& a, size_t k, const std::vector<Ints>& terms) : dims(a.operands[k]) {
    strides.assign(dims.size(), 1);
    for (size_t d = dims.size(); d-- > 1;) strides[d - 1] = strides[d] * dims[d].dim;
    for (size_t d = 0; d < dims.size(); ++d) {
      int64_t lo = dims[d].offset, hi = lo;
      for (size_t i = 0; i < a.extents.size(); ++i) {
        const int64_t reach = dims[d].coefficients[i] * (a.extents[i] - 1);
        (reach < 0 ? lo : hi) += reach;
      }
      if (dims[d].divisor != 1 || lo < 0 || hi >= dims[d].dim) checked.push_back(d);
    }
    for (const Ints& t : terms) {
      int64_t flat = 0;
      const auto move = [&](size_t d) {
        int64_t m = 0;
        for (size_t i = 0; i < t.size(); ++i)
          m += dims[d].coefficients[static_cast<size_t>(a.outputs) + i] * t[i];
        return m;
      };
      for (size_t d = 0; d < dims.size(); ++d) flat += move(d) * strides[d];
      for (size_t d : checked) moves.push_back(move(d));
      delta.push_back(flat);
    }
  }

  // At an output: the flat index of the first term, and the index in each checked dim.
  int64_t at(const Ints& output, std::vector<int64_t>& index) const {
    int64_t flat = 0;
    index.clear();
    for (size_t d = 0, c = 0; d < dims.size(); ++d) {
      int64_t i = dims[d].offset;
      for (size_t k = 0; k < output.size(); ++k) i += dims[d].coefficients[k] * output[k];
      flat += i * strides[d];
      if (c < checked.size() && checked[c] == d) index.push_back(i), ++c;
    }
    return flat;
  }
  // The element of term t, or −1 outside.
  int64_t element(int64_t flat, const std::vector<int64_t>& index, size_t t) const {
    int64_t i = flat + delta[t];
    for (size_t c = 0; c < checked.size(); ++c) {
      const BoundAccess::Index& x = dims[checked[c]];
      const int64_t at = index[c] + moves[t * checked.size() + c];
      if (at < 0 || at % x.divisor != 0 || at / x.divisor >= x.dim) return -1;
      if (x.divisor != 1) i += (at / x.divisor - at) * strides[checked[c]];
    }
    return i;
  }
};

std::vector<Ints> points_of(std::span<const int64_t> extents) {
  std::vector<Ints> all;
  int64_t count = 1;
  for (int64_t e : extents) count *= e;
  Ints at(extents.size(), 0);
  for (int64_t i = 0; i < count; ++i) {
    all.push_back(at);
    for (size_t d = at.size(); d-- > 0;) {
      if (++at[d] < extents[d]) break;
      at[d] = 0;
    }
  }
  return all;
}

template <int L>
void pull(const BoundAccess& a, const std::array<const double*, 2>& x, const double* out,
          const std::array<double*, 2>& in) {
  const auto outputs = static_cast<size_t>(a.outputs);
  const std::vector<Ints> terms = points_of(std::span(a.extents).subspan(outputs));
  const Side sides[2] = {{a, 0, terms}, {a, 1, terms}};
  Ints at(outputs, 0);
  int64_t count = 1;
  for (size_t i = 0; i < outputs; ++i) count *= a.extents[i];
  std::vector<int64_t> index[2];
  for (int64_t o = 0; o < count; ++o) {
    double row[L];
    bool any = false;
    for (int l = 0; l < L; ++l) row[l] = out[o * L + l], any |= row[l] != 0;
    if (any) {
      const int64_t flat[2] = {sides[0].at(at, index[0]), sides[1].at(at, index[1])};
      for (size_t t = 0; t < terms.size(); ++t) {
        const int64_t i0 = sides[0].element(flat[0], index[0], t),
                      i1 = sides[1].element(flat[1], index[1], t);
        if (i0 < 0 || i1 < 0) continue;
        if (in[0]) {
          double* to = in[0] + i0 * L;
          const double w = x[1][i1];
          for (int l = 0; l < L; ++l) to[l] += w * row[l];
        }
        if (in[1]) {
          double* to = in[1] + i1 * L;
          const double w = x[0][i0];
          for (int l = 0; l < L; ++l) to[l] += w * row[l];
        }
      }
    }
    for (size_t d = outputs; d-- > 0;) {
      if (++at[d] < a.extents[d]) break;
      at[d] = 0;
    }
  }
}

}  // namespace

void pull_contraction(const BoundAccess& access, const double* a, const double* b, const double* out,
                      int lanes, double* in0, double* in1) {
  switch (lanes) {
    case 4:
      return pull<4>(access, {a, b}, out, {in0, in1});
    case 8:
      return pull<8>(access, {a, b}, out, {in0, in1});
    case 12:
      return pull<12>(access, {a, b}, out, {in0, in1});
    default:
      CHECK(lanes == 16);
      return pull<16>(access, {a, b}, out, {in0, in1});
  }
}

}  // namespace tauto
