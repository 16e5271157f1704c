// The table of operators, built from the list.
#include <algorithm>
#include <string_view>

#include "ops/ops.h"

namespace tauto {

static constexpr const Op* kTable[] = {
#define TAUTO_ENTRY(name) &ops::name,
    TAUTO_OPS(TAUTO_ENTRY)
#undef TAUTO_ENTRY
};

static constexpr std::string_view kNames[] = {
#define TAUTO_NAME(name) #name,
    TAUTO_OPS(TAUTO_NAME)
#undef TAUTO_NAME
};
static_assert(std::is_sorted(std::begin(kNames), std::end(kNames)), "find_op bisects the list");

std::span<const Op* const> all_ops() { return kTable; }

const Op* find_op(std::string_view name) {
  const auto at = std::lower_bound(std::begin(kTable), std::end(kTable), name,
                                   [](const Op* op, std::string_view n) { return op->name < n; });
  return at != std::end(kTable) && (*at)->name == name ? *at : nullptr;
}

}  // namespace tauto
