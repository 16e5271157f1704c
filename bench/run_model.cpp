// A network through the C++ API, timed: run_model MODEL CASE THREADS OUTPUTS. It speaks the protocol of
// worker.py (which see), so that the campaign compares the C++ entry with the Python one.
#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "support/error.h"
#include "support/file.h"
#include "support/npz.h"
#include "tauto/model.h"

namespace {

using Clock = std::chrono::steady_clock;
using tauto::Array;
using tauto::NpyArray;

constexpr double kBatch = 100e-6, kLong = 1.0;  // as in worker.py

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

const struct {
  const char *descr, *element;
} kElements[] = {{"<f4", "f32"}, {"<f8", "f64"}, {"<f2", "f16"}, {"|i1", "i8"},
                 {"<i2", "i16"}, {"<i4", "i32"}, {"<i8", "i64"}, {"|u1", "u8"},
                 {"<u2", "u16"}, {"<u4", "u32"}, {"<u8", "u64"}, {"|b1", "bool"}};

Array array_of(const NpyArray& a, const std::string& name) {
  for (const auto& one : kElements) {
    if (a.descr != one.descr) continue;
    const tauto::Bytes bytes = tauto::aligned(a.data, 64);
    return {one.element, a.shape, bytes.owner, bytes.data()};
  }
  tauto::fail("input \"", name, "\": required numbers, got ", a.descr);
}

NpyArray npy_of(const Array& a) {
  for (const auto& one : kElements) {
    if (a.element != one.element) continue;
    const auto bytes = static_cast<size_t>(a.count()) * static_cast<size_t>(one.descr[2] - '0');
    return {one.descr, a.shape, {a.owner, {static_cast<const uint8_t*>(a.data), bytes}}, {}};
  }
  tauto::fail("output: required numbers, got ", a.element);
}

// The inputs in the model's order.
std::vector<Array> read_inputs(const tauto::Model& model, const std::string& path) {
  const tauto::NamedArrays stored = tauto::read_npz(tauto::map_file(path), path);
  const auto find = [&](const std::string& name) -> const NpyArray& {
    for (const auto& [key, value] : stored) {
      if (key == name) return value;
    }
    tauto::fail(path, ": required an array \"", name, "\"");
  };
  const std::vector<std::string>& names = find("input_names").strings;
  std::vector<Array> inputs;
  for (const tauto::Slot& slot : model.inputs()) {
    const auto at = std::find(names.begin(), names.end(), slot.name);
    if (at == names.end()) tauto::fail(path, ": required an input \"", slot.name, "\"");
    inputs.push_back(array_of(find(tauto::cat("in_", int64_t{at - names.begin()})), slot.name));
  }
  return inputs;
}

void save_outputs(const tauto::Model& model, const std::vector<Array>& outputs, const std::string& path) {
  NpyArray names{"<U", {static_cast<int64_t>(outputs.size())}, {}, {}};
  tauto::NamedArrays all;
  for (size_t i = 0; i < outputs.size(); ++i) {
    names.strings.push_back(model.outputs()[i].name);
    all.emplace_back(tauto::cat("out_", uint64_t{i}), npy_of(outputs[i]));
  }
  all.emplace_back("output_names", std::move(names));
  tauto::write_file(path, tauto::write_npz(all));
}

std::vector<double> measure(const tauto::Model& model, const std::vector<Array>& inputs, int threads,
                            double seconds) {
  const auto timed = [&](int times) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < times; ++i) model.run(inputs, {}, threads);
    return since(begin) / times;
  };
  const Clock::time_point begin = Clock::now();
  double once = timed(1);
  if (once >= kLong) return {once};
  while (since(begin) < 0.2 * seconds) once = std::min(once, timed(1));
  const int batch = std::max(1, static_cast<int>(kBatch / std::max(once, 1e-9)));
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  while (times.size() < 3 || since(start) < seconds) times.push_back(timed(batch));
  return times;
}

void serve(const std::string& path, const std::string& case_path, int threads,
           const std::string& outputs_path) {
  Clock::time_point begin = Clock::now();
  const tauto::Model model = tauto::Model::load(path);
  std::printf("loaded %.6f %s\n", since(begin), tauto::kVersion);
  std::fflush(stdout);
  const std::vector<Array> inputs = read_inputs(model, case_path);
  begin = Clock::now();
  const std::vector<Array> outputs = model.run(inputs, {}, threads);
  const double first = since(begin);
  save_outputs(model, outputs, outputs_path);
  std::printf("ran %.9f\n", first);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    double seconds = 0;
    words >> word >> seconds;
    if (word != "time") tauto::fail("required time, got ", word);
    std::printf("times");
    for (double t : measure(model, inputs, threads, seconds)) std::printf(" %.9f", t);
    std::printf("\n");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s MODEL CASE THREADS OUTPUTS\n", argv[0]);
    return 2;
  }
  try {
    serve(argv[1], argv[2], std::atoi(argv[3]), argv[4]);
  } catch (const std::exception& error) {
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::printf("error %s\n", text.c_str());
    return 1;
  }
  return 0;
}
