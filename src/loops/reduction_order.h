// The two orders of docs/semantics.md, "Contraction" and "Reductions", as numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tauto {

// A contraction's ordered reduction axes are cut into blocks: axes of extent 1 are ignored; a block is
// `steps` values of the outermost remaining axis, the largest power of two with steps × inner extents ≤ 144,
// at least 1 (144 = 16 channels of a 3×3 window; why not more: docs/semantics.md, "The spike").
inline constexpr int64_t kBlockTerms = 144;

struct BlockCut {
  int64_t steps = 1;  // values of the outermost axis in a block
  int64_t inner = 1;  // product of the extents inside it
};
inline BlockCut block_cut(std::span<const int64_t> reduction_extents) {
  size_t outermost = 0;
  while (outermost < reduction_extents.size() && reduction_extents[outermost] == 1) ++outermost;
  BlockCut cut;
  for (size_t i = outermost + 1; i < reduction_extents.size(); ++i) cut.inner *= reduction_extents[i];
  while (cut.inner > 0 && cut.steps * 2 * cut.inner <= kBlockTerms) cut.steps *= 2;
  return cut;
}
inline int64_t block_steps(std::span<const int64_t> reduction_extents) {
  return block_cut(reduction_extents).steps;
}

// Roundings that the product of a term goes through: its block is a chain, the sums of blocks are added in
// order, the first to +0.
inline int64_t contraction_roundings(std::span<const int64_t> reduction_extents) {
  const BlockCut cut = block_cut(reduction_extents);
  int64_t terms = 1;
  for (int64_t e : reduction_extents) terms *= e;
  const int64_t block = cut.steps * cut.inner;
  return block >= terms ? terms : block + (terms + block - 1) / block - 1;
}

// A reduction's run: partial results by index modulo 16, gathered from pieces of 256 terms.
inline constexpr int64_t kPartialSums = 16;
inline constexpr int64_t kPieceTerms = 256;

// Roundings that a term of a run goes through: a chain in its piece, the sums of pieces, four to join the
// partial results.
inline int64_t run_roundings(int64_t terms) {
  const int64_t piece = terms < kPieceTerms ? terms : kPieceTerms;
  const int64_t ours =
      (piece + kPartialSums - 1) / kPartialSums + (terms + kPieceTerms - 1) / kPieceTerms + 4;
  return ours < terms ? ours : terms;
}

}  // namespace tauto
