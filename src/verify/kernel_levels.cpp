// Calling conventions of kernels, outside of a bound program.
#include "verify/kernel_levels.h"

#include <cstring>

#include "codegen/x64/encode.h"
#include "support/error.h"
#include "support/float_environment.h"

namespace tauto::proof {

int64_t number(const Dim& d, const Env& sizes) {
  const auto v = evaluate(d, sizes);
  CHECK(v.has_value(), "size ", text_of(d));
  return *v;
}

std::vector<uint64_t> arguments_of(const Generated& g, const std::vector<void*>& buffers, const Env& sizes,
                                   std::vector<uint8_t>& workspace) {
  std::vector<uint64_t> all;
  for (void* p : buffers) all.push_back(reinterpret_cast<uint64_t>(p));
  for (const Dim& d : g.sizes) all.push_back(static_cast<uint64_t>(number(d, sizes)));
  all.push_back(static_cast<uint64_t>(number(g.parallel_from, sizes)));
  all.push_back(static_cast<uint64_t>(number(g.parallel_to, sizes)));
  workspace.resize(static_cast<size_t>(number(g.workspace, sizes)) + 64);
  all.push_back((reinterpret_cast<uint64_t>(workspace.data()) + 63) / 64 * 64);
  return all;
}

void call_code(const Executable& e, const CompiledGroup& g, const std::vector<uint64_t>& arguments) {
  std::vector<uint8_t> scratch(static_cast<size_t>(vec::caller_scratch(g.built->generated.program)) + 64);
  void* const aligned = reinterpret_cast<void*>((reinterpret_cast<uint64_t>(scratch.data()) + 63) / 64 * 64);
  const FloatEnvironment environment;
  e.code().function<void(const uint64_t*, void*)>(g.kernel)(arguments.data(), aligned);
}

Tensor flat_packed(ElementType type, int64_t elements, const void* data, const Packing& p) {
  Tensor t(type, {elements});
  std::memcpy(t.raw(), data, static_cast<size_t>(t.bytes()));
  return packed(t, p);
}

}  // namespace tauto::proof
