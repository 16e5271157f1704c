// A comparison as one HTML file that needs nothing else: the JSON (verify/same_json.h), pictures of the
// samples that flip where samples are pictures, and a page that draws them (verify/page/).
#pragma once

#include "verify/same.h"

namespace tauto::equivalence {

std::string report_page(const std::string& json, const Samples& samples, const NamedTypes& inputs,
                        const SameResult& r);

}  // namespace tauto::equivalence
