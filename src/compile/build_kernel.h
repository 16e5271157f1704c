// One kernel: tensor expression → nest → plan → scheduled loops → vector program → machine code.
//
// Layers of a network repeat: kernels that are equal up to the names of their buffers are built once and
// shared. Constants are no part of what is built; each user packs its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "codegen/generate.h"
#include "compile/kernels.h"
#include "schedule/schedule.h"
#include "support/cpu.h"

namespace tauto {

struct BuiltKernel {
  Nest nest;
  Plan plan;
  Scheduled scheduled;  // under the name of the first kernel that it was built for
  Generated generated;
  std::vector<uint8_t> bytes;
  std::string reason;  // why there is none of the above, or ""
};

class KernelBuilder {
 public:
  explicit KernelBuilder(Isa isa) : isa_(isa) {}
  // `plan`: null for the default's.
  std::shared_ptr<const BuiltKernel> build(const Group& g, const Plan* plan);

 private:
  Isa isa_;
  std::map<std::string, std::shared_ptr<const BuiltKernel>> built_;  // by structure and plan
};

}  // namespace tauto
