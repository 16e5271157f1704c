// For the life of an object: a configuration folder (with the user's key) and a cache of a test's own, empty.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "support/error.h"

namespace tauto::testing {

class OwnFolders {
 public:
  OwnFolders() {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    set("XDG_CONFIG_HOME", root_ + "/config", config_);
    set("TAUTO_CACHE", root_ + "/cache", cache_);
  }
  ~OwnFolders() {
    restore("XDG_CONFIG_HOME", config_);
    restore("TAUTO_CACHE", cache_);
    std::filesystem::remove_all(root_);
  }
  OwnFolders(const OwnFolders&) = delete;

  std::string key() const { return root_ + "/config/tauto/key"; }
  std::string programs() const { return root_ + "/cache/programs"; }
  std::string file(const std::string& name) const { return root_ + "/" + name; }

 private:
  static void set(const char* name, const std::string& value, std::optional<std::string>& before) {
    if (const char* was = std::getenv(name)) before = was;
    ::setenv(name, value.c_str(), 1);
  }
  static void restore(const char* name, const std::optional<std::string>& before) {
    before ? ::setenv(name, before->c_str(), 1) : ::unsetenv(name);
  }

  const std::string root_ = cat(::testing::TempDir(), "own_folders_", ::getpid());
  std::optional<std::string> config_, cache_;
};

}  // namespace tauto::testing
