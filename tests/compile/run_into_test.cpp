// Runs on the caller's memory: at any address, strided, over the inputs; nothing allocated once sizes are
// known; cancelled inside a kernel and inside a loop.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "allocations.h"
#include "compile/executable.h"
#include "graph/text.h"
#include "interpret/interpret.h"
#include "support/error.h"
#include "tauto/model.h"

namespace tauto {
namespace {

// A Model is made of a file.
Model model_of(const std::string& functions) {
  const std::string path =
      (std::filesystem::temp_directory_path() / cat("tauto_run_into_", getpid())).string();
  std::ofstream(path) << "module test semantics " << kSemanticsVersion << "\n" << functions;
  Model m = Model::load(path);
  std::filesystem::remove(path);
  return m;
}

void run(const Model& m, const std::vector<Input>& in, const std::vector<Output>& out, int threads = 1) {
  m.run_into(in, out, nullptr, threads);
}

const char* const kState = R"(
func main(%0 "h": f32[N, 24], %1 "x": f32[N, 24]) -> ("h", "y") {
  %2 = mul(%0, %1) : f32[N, 24]
  %3 = add(%2, %0) : f32[N, 24]
  %4 = tanh(%3) : f32[N, 24]
  %5 = reduce_sum(%4) {axes: [1], keepdims: 0} : f32[N]
  return %4, %5
}
)";

std::vector<float> ramp(size_t n, float first) {
  std::vector<float> v(n);
  for (size_t i = 0; i < n; ++i) v[i] = first + 0.01f * static_cast<float>(i);
  return v;
}

TEST(RunInto, WritesWhereTheCallerWantsAlsoUnalignedAndStrided) {
  const Model m = model_of(kState);
  const std::vector<float> h = ramp(3 * 24, 0.1f), x = ramp(3 * 24, -0.3f);
  const std::vector<Array> want = m.run({Array::of<float>({3, 24}, h), Array::of<float>({3, 24}, x)});
  const std::vector<int64_t> shape{3, 24}, sums{3};
  const std::vector<int64_t> columns{4, 3 * 4}, every{8}, backwards{-4};
  std::vector<uint8_t> odd(3 * 24 * 4 + 1);
  std::memcpy(odd.data() + 1, x.data(), x.size() * 4);
  std::vector<float> transposed(3 * 24);
  for (size_t i = 0; i < 3; ++i)
    for (size_t j = 0; j < 24; ++j) transposed[j * 3 + i] = h[i * 24 + j];
  for (int round = 0; round < 3; ++round) {  // sizes are new, then known
    std::vector<uint8_t> to(3 * 24 * 4 + 3);
    std::vector<float> y(6, -7.0f), out(3 * 24), reversed(3);
    run(m, {{"f32", shape, transposed.data(), columns}, {"f32", shape, odd.data() + 1}},
        {{"f32", shape, to.data() + 3}, {"f32", sums, y.data(), every}});
    EXPECT_EQ(std::memcmp(to.data() + 3, want[0].data, 3 * 24 * 4), 0);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(y[2 * i], want[1].values<float>()[i]);
      EXPECT_EQ(y[2 * i + 1], -7.0f);
    }
    run(m, {{"f32", shape, h.data()}, {"f32", shape, x.data()}},
        {{"f32", shape, out.data(), columns}, {"f32", sums, reversed.data() + 2, backwards}}, 2);
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(reversed[2 - i], want[1].values<float>()[i]);
      for (size_t j = 0; j < 24; ++j) EXPECT_EQ(out[j * 3 + i], want[0].values<float>()[i * 24 + j]);
    }
  }
}

TEST(RunInto, UpdatesAStateWhereItLies) {
  const Model m = model_of(kState);
  const std::vector<int64_t> shape{3, 24}, sums{3};
  const std::vector<float> x = ramp(3 * 24, -0.3f);
  std::vector<float> h = ramp(3 * 24, 0.1f), y(3);
  Array state = Array::of<float>({3, 24}, h);
  for (int step = 0; step < 6; ++step) {
    const std::vector<Array> want = m.run({state, Array::of<float>({3, 24}, x)});
    run(m, {{"f32", shape, h.data()}, {"f32", shape, x.data()}},
        {{"f32", shape, h.data()}, {"f32", sums, y.data()}});
    EXPECT_EQ(std::memcmp(h.data(), want[0].data, h.size() * 4), 0) << step;
    EXPECT_EQ(std::memcmp(y.data(), want[1].data, y.size() * 4), 0) << step;
    state = want[0];
  }
}

TEST(RunInto, SaysWhatIsRequired) {
  const Model m = model_of(kState);
  const std::vector<int64_t> shape{3, 24}, sums{3}, two{2};
  std::vector<float> h(3 * 24), y(3);
  const auto message = [&](std::vector<Output> out) -> std::string {
    try {
      run(m, {{"f32", shape, h.data()}, {"f32", shape, h.data()}}, out);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(message({{"f32", shape, h.data()}}), "run: required 2 outputs, got 1");
    EXPECT_EQ(message({{"f32", shape, h.data()}, {"f32", two, y.data()}}),
              "run: output \"y\": required f32[3], got f32[2]");
    EXPECT_EQ(message({{"f64", shape, h.data()}, {"f32", sums, y.data()}}),
              "run: output \"h\": required f32[3, 24], got f64[3, 24]");
    EXPECT_EQ(message({{"f32", shape, h.data(), two}, {"f32", sums, y.data()}}),
              "run: output \"h\": required 2 strides, got 1");
    EXPECT_EQ(message({{"f32", shape, nullptr}, {"f32", sums, y.data()}}),
              "run: output \"h\": required elements, got a null pointer");
    EXPECT_EQ(message({{"f32", shape, h.data()}, {"f32", sums, y.data()}}), "");
  }
}

TEST(RunInto, AllocatesNothingOnceSizesAreKnown) {
  if (!counts_allocations()) GTEST_SKIP() << "a sanitizer has malloc";
  const Model m = model_of(kState);
  const std::vector<float> x = ramp(300 * 24, -0.3f);
  std::vector<float> h = ramp(300 * 24, 0.1f), y(300);
  const std::vector<int64_t> sizes[] = {{300, 24}, {7, 24}}, sums[] = {{300}, {7}};
  const std::vector<int64_t> every{4, 300 * 4};
  for (const int threads : {1, 2}) {
    const auto run = [&](int round) {
      const size_t k = static_cast<size_t>(round % 2);
      const Input in[] = {{"f32", sizes[k], h.data()}, {"f32", sizes[k], x.data()}};
      const Output out[] = {{"f32", sizes[k], h.data()}, {"f32", sums[k], y.data()}};
      m.run_into(in, out, nullptr, threads);
    };
    for (int round = 0; round < 8; ++round) run(round);  // both sizes, in place, and each thread's own memory
    const int64_t before = allocations();
    for (int round = 0; round < 20; ++round) run(round);
    EXPECT_EQ(allocations(), before) << threads << " threads";
  }
}

// ---- cancellation ----

TEST(Cancelled, InsideOneHugeKernel) {
  const auto m = std::make_shared<const Module>(parse_module(cat("module m semantics ", kSemanticsVersion, R"(
func main(%0 "x": f32[1024, 1024], %1 "w": f32[1024, 1024]) -> ("y") {
  %2 = contract(%0, %1) {access: over {i: 1024, j: 1024 | k: 1024} [i, k] [k, j]} : f32[1024, 1024]
  return %2
}
)")));
  const auto e = compile(m, {});
  ASSERT_EQ(e->functions().at("main").groups.size(), 1u);
  std::vector<Value> in{Tensor(f32, {1024, 1024}), Tensor(f32, {1024, 1024})};
  for (Value& v : in)
    for (int64_t i = 0; i < v.tensor.count(); ++i) v.tensor.data<float>()[i] = static_cast<float>(i % 7) - 3;
  const std::vector<Value> want = e->run(in, {});
  for (const int threads : {1, 2}) {
    int asked = 0, end = -1;
    const std::function<bool()> cancelled = [&] { return ++asked == end; };
    ExecuteOptions o;
    o.threads = threads;
    o.cancelled = &cancelled;
    EXPECT_TRUE(e->run(in, o) == want);  // in pieces, the same bits
    const int whole = asked;
    EXPECT_GT(whole, 4) << threads;
    asked = 0, end = 3;
    EXPECT_THROW(e->run(in, o), Cancelled);
    EXPECT_LE(asked, 4);
  }
}

TEST(Cancelled, InsideALongLoop) {
  const auto m = std::make_shared<const Module>(parse_module(cat("module m semantics ", kSemanticsVersion, R"(
func body(%0 "i": i64[], %1 "c": bool[], %2 "x": f32[4]) -> ("c", "x") {
  %3 = sin(%2) : f32[4]
  return %1, %3
}
func main(%0 "x": f32[4], %1 "n": i64[]) -> ("x") {
  %2 = bool[] {true}
  %3 = loop(%1, %2, %0) {body: @body, carried: 1} : (f32[4])
  %4 = item(%3) {index: 0} : f32[4]
  return %4
}
)")));
  const auto e = compile(m, {});
  const auto start = std::chrono::steady_clock::now();
  const std::function<bool()> cancelled = [&] {
    return std::chrono::steady_clock::now() - start > std::chrono::milliseconds(30);
  };
  ExecuteOptions o;
  o.cancelled = &cancelled;
  EXPECT_THROW(e->run({Tensor(f32, {4}), Tensor::scalar<int64_t>(int64_t{1} << 40)}, o), Cancelled);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));  // of years
}

}  // namespace
}  // namespace tauto
