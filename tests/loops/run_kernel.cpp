// Kernels on tensors.
#include "loops/run_kernel.h"

#include <cstring>

#include "ops/evaluate.h"

namespace tauto::testing {

std::vector<Tensor> random_memory(const loops::Kernel& k, const std::vector<int64_t>& symbols,
                                  std::mt19937_64& random) {
  std::vector<Tensor> memory;
  for (const loops::BufferPtr& b : k.buffers) {
    memory.push_back(random_tensor(b->type, {loops::elements_of(k, *b, symbols)}, random));
    if (b->type.bits >= 8) continue;
    auto* byte = static_cast<uint8_t*>(memory.back().raw());  // in the range of its few bits
    for (int64_t i = 0; i < memory.back().count(); ++i)
      byte[i] = static_cast<uint8_t>(loops::literal(b->type, byte[i]).as<loops::Literal>()->bits);
  }
  return memory;
}

std::vector<Tensor> run_kernel(const loops::Kernel& k, const std::vector<Tensor>& memory,
                               const std::vector<int64_t>& symbols) {
  std::vector<Tensor> copies;
  std::vector<void*> addresses;
  for (const Tensor& t : memory) {
    copies.emplace_back(t.type(), t.shape());
    std::memcpy(copies.back().raw(), t.raw(), static_cast<size_t>(t.count() * t.element_bytes()));
    addresses.push_back(copies.back().raw());
  }
  loops::evaluate(k, addresses, symbols);
  for (Tensor& t : copies) t = canonical_nan(t);
  return copies;
}

Tensor run_kernel_to_last(const loops::Kernel& k, std::vector<Tensor> inputs,
                          const std::vector<int64_t>& symbols) {
  const loops::Buffer& out = *k.buffers.back();
  inputs.emplace_back(out.type, Shape{loops::elements_of(k, out, symbols)});
  return run_kernel(k, inputs, symbols).back();
}

}  // namespace tauto::testing
