// The stages of one kernel, and those already built.
#include "compile/build_kernel.h"

#include "codegen/x64/encode.h"
#include "loops/structure.h"
#include "schedule/dots.h"
#include "support/cpu.h"
#include "support/error.h"

namespace tauto {
namespace {

BuiltKernel stages(const Group& g, Isa isa, const Plan* plan) {
  BuiltKernel k;
  try {
    const bool wide = is_avx512(isa);
    const int bytes = wide ? 64 : 32;
    Target target{lanes_for(g.kernel, bytes),
                  wide ? 32 : 16,
                  this_cpu().l1,
                  this_cpu().l2,
                  has_vnni(isa, this_cpu().features),
                  has_bf16(isa, this_cpu().features)};
    k.nest = flatten(g.kernel);
    for (const KernelArgument& a : g.arguments)
      k.nest.constant.push_back(a.kind == KernelArgument::Kind::Constant);
    Carried carried = carry_out(k.nest, plan, target);
    if (const int lanes = lanes_for(carried.scheduled.kernel, bytes); lanes < target.lanes) {
      target.lanes = lanes;  // an index in 64 bits differs between lanes
      carried = carry_out(k.nest, plan, target);
    }
    k.plan = std::move(carried.plan);
    k.scheduled = std::move(carried.scheduled);
    k.generated = generate(k.scheduled.kernel, target.lanes, target.registers);
    // Linear in the program's length, and what it finds would be a wrong result.
    const std::string broken = vec::check(k.generated.program);
    CHECK(broken.empty(), k.generated.program.name, ": ", broken);
    k.bytes = vec::encode(k.generated.program, vec::x64_features_of(isa));
  } catch (const NotScheduled& e) {
    k.reason = e.reason;
  } catch (const NotGenerated& e) {
    k.reason = e.reason;
  } catch (const Error& e) {
    k.reason = e.what();
  }
  return k;
}

}  // namespace

std::shared_ptr<const BuiltKernel> KernelBuilder::build(const Group& g, const Plan* plan) {
  std::string key = plan ? "plan\n" + text_of(*plan) : "";
  for (const KernelArgument& a : g.arguments) key += static_cast<char>('0' + static_cast<int>(a.kind));
  key += loops::structure_of(g.kernel);
  std::shared_ptr<const BuiltKernel>& k = built_[std::move(key)];
  if (!k) k = std::make_shared<const BuiltKernel>(stages(g, isa_, plan));
  return k;
}

}  // namespace tauto
