// How weights become integers: q in −(2^(bits−1) − 1) … 2^(bits−1) − 1 (of one bit: −1 and 1), with one scale
// for all or one for each output channel.
//
//   absmax   s = max|w| / qmax, q = rne(w / s)       Jacob et al., arXiv 1712.05877; by channel:
//                                                     Krishnamoorthi, arXiv 1806.08342
//   mse      the s among 96 fractions of that one which gives the least Σ (w − s q)²: few bits do better to
//            cut the largest weights                  Choukroun et al., arXiv 1902.06822
//   twn      2 bits: q = sign(w) where |w| > 0.7 mean|w|, else 0; s = mean|w| of the others
//                                                     Li, Liu: Ternary weight networks, arXiv 1605.04711
//   xnor     1 bit: q = w < 0 ? −1 : 1, s = mean|w|   Rastegari et al.: XNOR-Net, arXiv 1603.05279
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/tensor.h"

namespace tauto {

enum class WeightRule : uint8_t { AbsMax, Mse, Twn, Xnor };
std::string_view name_of(WeightRule r);
std::optional<WeightRule> weight_rule_named(std::string_view name);

struct IntegerWeights {
  Tensor q;                  // i8, of w's shape
  std::vector<float> scale;  // one, or one for each channel
  // Why there are none: weights that are all equal, or not finite, or scales that f32 cannot hold.
  std::string refused;
};
// `channels`: the dim of w along which scales differ; -1: one scale. bits: 1, 2, 4 or 8.
IntegerWeights integer_weights(const Tensor& w, int64_t channels, int bits, WeightRule rule);

// A bias as i32 of the scale `x_scale` · scale of its channel; nothing where an element would need more than
// 30 bits. b: one element for each channel, f32.
std::optional<Tensor> integer_bias(const Tensor& b, float x_scale, const std::vector<float>& scale);

}  // namespace tauto
