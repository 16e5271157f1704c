// Runs one operator through the builder and the interpreter, as a model would meet it.
#pragma once

#include <random>

#include "graph/builder.h"
#include "interpret/interpret.h"
#include "ops/ops.h"

namespace tauto {

// How much is known when the graph is built. Results must not depend on it.
struct Known {
  bool values = true;  // integer inputs of rank <= 1 (axes, starts, shapes …) are constants, else parameters
  bool dims = true;    // dims of parameters are literals, else one symbol each
  Rep rep = Rep::Exact;
};
inline constexpr Known kEverything{}, kShapesOnly{false, true}, kValuesOnly{true, false},
    kNothing{false, false};

// All results of a tuple, or the one result.
std::vector<Value> run_op(const Op& op, std::vector<Value> in, Attributes attributes = {}, Known known = {});
Tensor run_tensor(const Op& op, std::vector<Value> in, Attributes attributes = {}, Known known = {});
// The message of the Error that the builder or the interpreter throws.
std::string error_of(const Op& op, std::vector<Value> in, Attributes attributes = {}, Known known = {});

// Random shapes and tensors for property tests.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t between(int64_t lo, int64_t hi) {
    return lo + static_cast<int64_t>(engine_() % static_cast<uint64_t>(hi - lo + 1));
  }
  bool coin() { return between(0, 1) == 1; }
  Shape shape(int64_t rank, int64_t largest = 4, int64_t least = 0);
  Tensor ints(Shape shape, int64_t lo = -9, int64_t hi = 9);    // i64
  Tensor floats(Shape shape, int64_t lo = -9, int64_t hi = 9);  // f32, halves of integers: many ties

 private:
  std::mt19937_64 engine_;
};

// Calls f(index, i) for each index of `shape` in row-major order.
template <class F>
void each_index(const Shape& shape, F f) {
  Shape index(shape.size(), 0);
  const int64_t n = element_count(shape);
  for (int64_t i = 0; i < n; ++i) {
    f(static_cast<const Shape&>(index), i);
    for (size_t d = shape.size(); d-- > 0;) {
      if (++index[d] < shape[d]) break;
      index[d] = 0;
    }
  }
}
int64_t linear(const Shape& shape, const Shape& index);

}  // namespace tauto
