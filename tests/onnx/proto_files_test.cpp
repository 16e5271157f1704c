// The protobuf layer on files that others wrote: reading and writing again loses nothing, and tensors decode.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "onnx/decode_tensor.h"
#include "onnx/proto.h"
#include "paths.h"

namespace tauto::onnx {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_below(const std::string& folder, const std::string& extension) {
  std::vector<std::string> paths;
  if (folder.empty() || !fs::exists(folder)) return paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().extension() == extension) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string onnx_test_data() {
  if (const char* given = std::getenv("TAUTO_ONNX_DATA")) return given;
  const std::string lib = testing::source_path(".venv/lib");
  if (fs::exists(lib))
    for (const fs::directory_entry& python : fs::directory_iterator(lib)) {
      const fs::path data = python.path() / "site-packages/onnx/backend/test/data";
      if (fs::exists(data)) return data.string();
    }
  return "";
}

TEST(Proto, RealModelsRoundTrip) {
  std::vector<std::string> paths = files_below(testing::cache_path("models"), ".onnx");
  for (std::string& path : files_below(testing::shared_path("data"), ".onnx"))
    paths.push_back(std::move(path));
  if (paths.empty()) GTEST_SKIP() << "no real models: run `make models` once";
  for (const std::string& path : paths) {
    const Model model = load_model(path);
    const std::string bytes = write_model(model.proto);
    EXPECT_LE(bytes.size(), model.storage->file.size()) << path;
    EXPECT_TRUE(write_model(read_model(own(bytes), path).proto) == bytes) << path;
    for (const TensorProto& t : model.proto.graph->initializer) decode_tensor(t, model.storage);
  }
}

// The package's own writer puts fields in the same order, so nothing may be lost, added or moved.
TEST(Proto, OnnxTestDataAreReproducedByteForByte) {
  const std::string folder = onnx_test_data();
  if (folder.empty()) GTEST_SKIP() << "no onnx package in .venv: run `make setup`, or set TAUTO_ONNX_DATA";
  const std::vector<std::string> paths = files_below(folder, ".onnx");
  EXPECT_GT(paths.size(), 1800u);
  for (const std::string& path : paths) {
    const Model model = load_model(path);
    EXPECT_TRUE(write_model(model.proto) == model.storage->file.text()) << path;
    for (const TensorProto& t : model.proto.graph->initializer) decode_tensor(t, model.storage);
    const auto check = [&](const std::vector<ValueInfoProto>& values, const char* prefix) {
      for (const std::string& pb : files_below(fs::path(path).parent_path().string(), ".pb")) {
        const std::string stem = fs::path(pb).stem().string();
        if (stem.find(prefix) != 0) continue;
        const size_t index = static_cast<size_t>(std::stoi(stem.substr(std::string(prefix).size())));
        ASSERT_LT(index, values.size()) << pb;
        const Box<TypeProto>& type = values[index].type;
        const Bytes file = map_file(pb);
        if (type && type->sequence_type) {
          EXPECT_TRUE(write_sequence(read_sequence(file, pb).proto) == file.text()) << pb;
        } else if (type && type->optional_type) {
          EXPECT_TRUE(write_optional(read_optional(file, pb).proto) == file.text()) << pb;
        } else {
          const Document<TensorProto> tensor = read_tensor(file, pb);
          EXPECT_TRUE(write_tensor(tensor.proto) == file.text()) << pb;
          decode_tensor(tensor.proto, tensor.storage);
        }
      }
    };
    check(model.proto.graph->input, "input_");
    check(model.proto.graph->output, "output_");
  }
}

}  // namespace
}  // namespace tauto::onnx
