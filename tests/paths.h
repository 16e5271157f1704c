// Where the tests find files: the source tree, the build folder, and data that may lie beside the tree.
// Only paths.cpp knows the absolute paths, so that all other tests compile the same in every clone.
#pragma once

#include <string>

namespace tauto::testing {

std::string source_path(const std::string& name);  // tests/golden/… in the tree
std::string build_path(const std::string& name);   // the command "tauto", plugins
std::string shared_path(const std::string& name);  // TAUTO_SHARED or ../shared; "" if it is not there
std::string cache_path(
    const std::string& name);  // fetched models, TAUTO_CACHE or ~/.cache/tauto; "" if not there

}  // namespace tauto::testing
