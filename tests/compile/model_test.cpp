// The C++ API, on a graph that is written here.
#include "tauto/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

#include "support/error.h"

namespace tauto {
namespace {

// The name is this process's own: shards of the tests run side by side and may share a folder.
Model model_of(const std::string& body, const std::vector<std::string>& allow = {}) {
  const std::string path = ::testing::TempDir() + cat("model_test_", ::getpid(), ".graph");
  std::ofstream(path) << "module g semantics " << semantics_version() << "\n\n" << body;
  Model model = Model::load(path, false, allow);
  std::remove(path.c_str());
  return model;
}

const char kAdd[] =
    "func main(%0 \"x\": f32[N, 3], %1 \"y\": f32[3]) -> (\"z\") {\n"
    "  %2 = add(%0, %1) : f32[N, 3]\n"
    "  return %2\n"
    "}\n";

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Model, RunsOnArrays) {
  const Model m = model_of(kAdd);
  ASSERT_EQ(m.inputs().size(), 2u);
  EXPECT_EQ(m.inputs()[0].name, "x");
  EXPECT_EQ(m.inputs()[0].type, "f32[N, 3]");
  EXPECT_EQ(m.outputs()[0].type, "f32[N, 3]");
  const float x[] = {1, 2, 3, 4, 5, 6}, y[] = {10, 20, 30};
  const std::vector<Array> z = m.run({Array::of<float>({2, 3}, x), Array::of<float>({3}, y)});
  ASSERT_EQ(z.size(), 1u);
  EXPECT_EQ(z[0].shape, (std::vector<int64_t>{2, 3}));
  const std::span<const float> got = z[0].values<float>();
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), (std::vector<float>{11, 22, 33, 14, 25, 36}));
  EXPECT_NE(m.text().find("add(%0, %1)"), std::string::npos);
}

TEST(Model, SaysWhatIsRequired) {
  const Model m = model_of(kAdd);
  const float x[] = {1, 2, 3};
  const Array a = Array::of<float>({1, 3}, x);
  EXPECT_EQ(message([&] { m.run({a}); }), "run: required 2 inputs (\"x\", \"y\"), got 1");
  EXPECT_EQ(message([&] { m.run({a, a}); }), "run: input \"y\": required f32[3], got f32[1, 3]");
  EXPECT_EQ(message([&] { Array::of<float>({4}, x); }), "array f32[4]: required 4 values, got 3");
  EXPECT_EQ(message([&] { a.values<double>(); }), "array: required elements of f64, got f32");
  Array odd = a;
  odd.element = "float";
  EXPECT_EQ(message([&] {
              m.run({odd, a});
            }),
            "run: input \"x\": required an element type like f32, got \"float\"");
  EXPECT_NE(message([&] { Model::from_bytes({}); }), "no error");
}

TEST(Model, AllowedRewritesAreApplied) {
  const Model m = model_of(kAdd, {"flush-to-zero"});
  const float x[] = {0x1p-130f, 2, -0x1p-127f}, y[] = {0, 1, 0};
  const std::vector<Array> z = m.run({Array::of<float>({1, 3}, x), Array::of<float>({3}, y)});
  EXPECT_EQ(z[0].values<float>()[0], 0.0f);
  EXPECT_EQ(z[0].values<float>()[1], 3.0f);
  EXPECT_NE(m.text().find("where"), std::string::npos);
  EXPECT_NE(message([] { model_of(kAdd, {"fast"}); }).find("got \"fast\""), std::string::npos);
}

TEST(Model, ManyThreadsMayRunOneModel) {
  const Model m = model_of(kAdd);
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const float own = static_cast<float>(t), x[] = {own, 2, 3};
      const std::vector<Array> in{Array::of<float>({1, 3}, x), Array::of<float>({3}, x)};
      for (int i = 0; i < 200; ++i) {
        const std::vector<Array> out = m.run(in, {}, 1 + i % 2);
        if (out[0].values<float>()[0] != 2 * own) ++wrong;
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Model, StopsWhenAsked) {
  const Model m = model_of(kAdd);
  const float x[] = {1, 2, 3};
  EXPECT_EQ(message([&] {
              m.run({Array::of<float>({1, 3}, x), Array::of<float>({3}, x)}, [] { return true; });
            }),
            "cancelled");
}

}  // namespace
}  // namespace tauto
