// Compiled and interpreted, see on_every_isa.h.
#include "compile/on_every_isa.h"

#include <gtest/gtest.h>

#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/cpu.h"

namespace tauto::testing {

std::string bits_of(const std::vector<Value>& tensors) {
  std::string s;
  for (const Value& v : tensors) s += content_hash(v.tensor) + " ";
  return s;
}

void expect_interpreted(const std::shared_ptr<const Module>& m, const std::vector<Value>& inputs,
                        const std::function<void(const Executable&, Isa)>& look) {
  const std::string expected = bits_of(interpret(*m, inputs));
  for (const Isa isa : {Isa::Avx2, Isa::Avx512, Isa::Avx2NoVnni, Isa::Avx512NoVnni}) {
    if (is_avx512(isa) && !this_cpu().features.avx512) continue;
    CompileOptions options;
    options.isa = isa;
    const auto e = compile(m, options);
    if (look) look(*e, isa);
    for (const int threads : {1, 3}) {
      ExecuteOptions run;
      run.threads = threads;
      EXPECT_EQ(bits_of(e->run(inputs, run)), expected) << isa_name(isa) << ", " << threads << " threads:\n"
                                                        << print(*m).text;
    }
  }
}

}  // namespace tauto::testing
