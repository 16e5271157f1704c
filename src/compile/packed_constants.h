// Constants in the order of tiles, each once: programs for different sizes of one model share them.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "schedule/schedule.h"

namespace tauto {

class PackedConstants {
 public:
  const Tensor& get(const Tensor& original, const Packing& p);

 private:
  // By where the original lies and its packing; the original is kept, so that nothing else comes to lie
  // there.
  std::map<std::string, std::pair<Tensor, Tensor>> packed_;
};

}  // namespace tauto
