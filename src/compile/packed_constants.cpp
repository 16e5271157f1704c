// Looking packed constants up.
#include "compile/packed_constants.h"

#include "support/error.h"
#include "support/pages.h"

namespace tauto {

const Tensor& PackedConstants::get(const Tensor& original, const Packing& p) {
  std::string key = cat(reinterpret_cast<uint64_t>(original.raw()), " ", text_of(original.type()));
  for (const std::vector<int64_t>* list : {&p.outer_extents, &p.outer_strides, &p.extents, &p.strides}) {
    key += ":";
    for (int64_t v : *list) key += cat(" ", v);
  }
  for (int64_t v : {p.count, p.stride, p.offset, p.tile, p.parts.count, p.parts.stride}) key += cat(" ", v);
  const auto at = packed_.find(key);
  if (at != packed_.end()) return at->second.second;
  const Tensor& now =
      packed_.emplace(std::move(key), std::pair(original, packed(original, p))).first->second.second;
  release_pages({static_cast<const uint8_t*>(original.raw()), static_cast<size_t>(original.bytes())});
  return now;
}

}  // namespace tauto
