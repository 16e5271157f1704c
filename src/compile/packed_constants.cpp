// Looking packed constants up.
#include "compile/packed_constants.h"

#include "support/error.h"

namespace tauto {

const Tensor& PackedConstants::get(const Tensor& original, const Packing& p) {
  std::string key = cat(reinterpret_cast<uint64_t>(original.raw()), " ", text_of(original.type()));
  for (const std::vector<int64_t>* list : {&p.outer_extents, &p.outer_strides, &p.extents, &p.strides}) {
    key += ":";
    for (int64_t v : *list) key += cat(" ", v);
  }
  for (int64_t v : {p.count, p.stride, p.offset, p.tile}) key += cat(" ", v);
  const auto at = packed_.find(key);
  if (at != packed_.end()) return at->second.second;
  return packed_.emplace(std::move(key), std::pair(original, packed(original, p))).first->second.second;
}

}  // namespace tauto
