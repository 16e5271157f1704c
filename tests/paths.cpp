// The absolute paths of this build, given by CMake to this file alone.
#include "paths.h"

#include <cstdlib>
#include <filesystem>

namespace tauto::testing {

static std::string if_exists(const std::string& path) { return std::filesystem::exists(path) ? path : ""; }

std::string source_path(const std::string& name) { return TAUTO_SOURCE_DIR "/" + name; }

std::string build_path(const std::string& name) { return TAUTO_BINARY_DIR "/" + name; }

std::string shared_path(const std::string& name) {
  const char* shared = std::getenv("TAUTO_SHARED");
  return if_exists((shared ? std::string(shared) : TAUTO_SOURCE_DIR "/../shared") + "/" + name);
}

std::string cache_path(const std::string& name) {
  const char* cache = std::getenv("TAUTO_CACHE");
  const char* home = std::getenv("HOME");
  const bool given = cache && *cache && std::string(cache) != "off";
  return if_exists((given ? std::string(cache) : std::string(home ? home : ".") + "/.cache/tauto") + "/" +
                   name);
}

}  // namespace tauto::testing
