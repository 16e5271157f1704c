// Which nodes of the public networks have no lowering, and why.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "onnx/import.h"
#include "ops/lower_node.h"
#include "ops/ops.h"
#include "paths.h"

namespace tauto::testing {
namespace {

namespace fs = std::filesystem;

struct Survey {
  int64_t nodes = 0, lowered = 0;
  std::map<std::string, std::pair<int, std::string>> refused;  // what and why: how often, an example

  void add(const Module& m, const std::string& model) {
    for (const auto& [name, f] : m.functions)
      for (const Node& n : f->nodes) {
        if (n.inputs.empty()) continue;
        ++nodes;
        try {
          const loops::Kernel k = lowering_of(*f, n).kernel();
          EXPECT_EQ(loops::verify(k), "") << model << ": " << text_of(k);
          ++lowered;
        } catch (const NotLowered& e) {
          auto& [count, example] = refused[cat(n.op->name, ": ", e.reason)];
          ++count;
          example = model;
        }
      }
  }
};

TEST(Lowering, OfThePublicNetworks) {
  const std::string folder = cache_path("models");
  if (folder.empty()) GTEST_SKIP() << "no real models: run `make models` once";
  std::vector<std::string> paths;
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(folder))
    if (e.path().extension() == ".onnx") paths.push_back(e.path().string());
  std::sort(paths.begin(), paths.end());
  Survey all;
  for (const std::string& path : paths) {
    const std::string model = fs::path(path).parent_path().filename().string();
    try {
      all.add(onnx::import_model(onnx::load_model(path)), model);
    } catch (const Error& e) {
      std::printf("%s: left out: %s\n", model.c_str(), e.what());
    }
  }
  std::printf("lowered %lld of %lld nodes of the public networks; not:\n",
              static_cast<long long>(all.lowered), static_cast<long long>(all.nodes));
  for (const auto& [what, found] : all.refused)
    std::printf("  %4d  %s  (%s)\n", found.first, what.c_str(), found.second.c_str());
  EXPECT_GT(all.lowered, 0);
}

}  // namespace
}  // namespace tauto::testing
