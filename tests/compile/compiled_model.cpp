// See compiled_model.h.
#include "compile/compiled_model.h"

#include <random>

#include "graph/text.h"

namespace tauto::testing {

Tensor random_floats(Shape shape, uint64_t seed) {
  std::mt19937_64 random(seed);
  Tensor t(f32, std::move(shape));
  for (int64_t i = 0; i < t.count(); ++i)
    t.data<float>()[i] = static_cast<float>(static_cast<int64_t>(random() % 2001) - 1000) / 512;
  return t;
}

ModuleText compiled_model(uint64_t seed) {
  const Tensor weights = random_floats({80, 70}, seed), bias = random_floats({70}, seed + 1),
               order = random_floats({5000}, seed + 2);
  ModuleText m;
  m.text = cat("module several semantics ", kSemanticsVersion, "\n\n");
  int count = 0;
  for (const Tensor* t : {&weights, &bias, &order}) {
    m.text += cat("const @c", count++, " : ", type_of(*t), " sha256:", content_hash(*t), "\n");
    m.side.resize((m.side.size() + 63) / 64 * 64);
    m.side.append(static_cast<const char*>(t->raw()), static_cast<size_t>(t->bytes()));
  }
  m.text += R"(
func main(%0 "x": f32[N, 80]) -> ("y", "picked", "flat") {
  %1 = @c0  # "w"
  %2 = contract(%0, %1) {access: over {i: N, j: 70 | k: 80} [i, k] [k, j]} : f32[N, 70]  # "MatMul_1"
  %3 = @c1
  %4 = add(%2, %3) : f32[N, 70]  # "Add_2"
  %5 = relu(%4) : f32[N, 70]  # "Relu_3"
  %6 = @c2
  %7 = nonzero(%6) : i64[1, ?0]  # "NonZero_4"
  %8 = i64[1] {-1}
  %9 = reshape(%5, %8) : f32[70*N]  # "Reshape_5"
  %10 = exp(%9) : f32[70*N]
  return %5, %7, %10
}
)";
  return m;
}

std::vector<Value> compiled_model_inputs(int64_t rows) { return {random_floats({rows, 80}, 99)}; }

}  // namespace tauto::testing
