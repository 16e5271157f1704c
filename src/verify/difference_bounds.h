// How far apart two relu networks can be over a box of inputs: differential symbolic propagation.
//
// A and B are chains of layers of the same shape (verify/relu_chain.h). With z the values of A before a relu
// and z + d those of B, the difference is propagated by itself instead of subtracting two bounds (ReluDiff,
// Paulsen, Wang, Wang, arXiv 2001.03662; NeuroDiff, arXiv 2009.09943):
//
//   d' = W_B f + (W_B - W_A) a + (b_B - b_A),    a = relu(z),   f = relu(z + d) - relu(z).
//
// z and d are affine forms over common symbols in [-1, 1], that is zonotopes (Singh et al., "Fast and effective
// robustness certification", 2018; for differences Teuber, Kern, Janzen, Beckert, arXiv 2410.20207): one
// symbol for each input, one for each relu that the box does not decide, one for each rounding. So what A and
// B have in common cancels, and what reaches a neuron on several paths meets there with its signs.
//
//   a of an undecided relu, z in [l, u]:   u (z - l) / (u - l) less at most -l u / (u - l), a new symbol
//   f where both are on: d. Elsewhere f lies between 0 and d, f >= -u_A, f <= u_B, and f - d >= l_A,
//     f - d <= -l_B; of f = s d + [..], s a multiple of 1/4, the one with the narrowest rest is taken
//   l, u of A: those of its form; where they leave a relu undecided also those of substituting backwards, with a
//     lower and an upper line for each relu (DeepPoly, CROWN)
//
// **Rounding of both implementations is inside.** Values are those of executions, not of real numbers: the
// layer of each network adds an error of at most γ_n (Σ|W||x| + |b|) + underflow, in any order of additions,
// fused or not. Each gets a symbol of its own; those of A by themselves matter only to its ranges. So every
// bound holds for whatever legal execution of A is compared with whatever legal execution of B.
//
// Centres are computed in f64, coefficients in f32: a form is a statement about values, and how it was come by does
// not matter as long as what its coefficients are off by is charged. That is at most γ Σ|W| (|centre| +
// Σ|coefficients|) over all symbols of a form, which for d is far below the rounding of the executions, and for A
// as much again.
//
// A neuron that is off in both throughout a box is off in each part of it: a search hands that down.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "support/vnnlib.h"
#include "verify/relu_chain.h"

namespace tauto::region {

class DifferenceBounds {
 public:
  explicit DifferenceBounds(const PairOfChains& pair);  // which must outlive it
  explicit DifferenceBounds(PairOfChains&&) = delete;
  ~DifferenceBounds();
  DifferenceBounds(DifferenceBounds&&) noexcept;

  // Bounds over a box of inputs. Replaces those before. `off`: what off() was for a box that this one is part of;
  // nothing: unknown.
  void run(std::span<const Range> box, std::span<const uint8_t> off = {});
  // 1 for each neuron, layer after layer, that is off in both networks throughout the box.
  std::span<const uint8_t> off() const;

  // B - A, by output.
  std::span<const Range> difference() const;
  double largest() const;  // of |difference|; infinity: nothing is known
  // The outputs i and j of A: bounds of A_i - A_j, and of B_i - B_j.
  Range margin_a(size_t i, size_t j) const;
  Range margin_b(size_t i, size_t j) const;
  // Outputs of A at the box's centre, about: for guessing only.
  std::span<const double> centre_a() const;

  // How much of the bound of output i is due to each input, by the relus that it leaves undecided too: the
  // input to split.
  void influence(size_t output, std::span<double> by_input) const;
  // How each input moves the difference of output i.
  void slopes(size_t output, std::span<double> by_input) const;
  // The same for the margin of output i over j in B.
  void margin_influence(size_t i, size_t j, std::span<double> by_input) const;
  void margin_slopes(size_t i, size_t j, std::span<double> by_input) const;
  size_t undecided() const;  // relus of A

 private:
  struct State;
  std::unique_ptr<State> s_;
};

}  // namespace tauto::region
