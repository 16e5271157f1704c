// The C++ API: load a model, give it arrays, get arrays.
//
//   const tauto::Model model = tauto::Model::load("model.onnx");
//   const float x[] = {1, 2, 3};
//   std::vector<tauto::Array> y = model.run({tauto::Array::of<float>({1, 3}, x)});
//   for (float v : y[0].values<float>()) …
//
// Mistakes in models and inputs are thrown as tauto::Error, a std::runtime_error whose text says where, what
// was required and what was given. A Model may be used by
// several threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "tauto/version.h"

namespace tauto {

// Changed whenever a definition in docs/semantics.md changes a bit of some result.
int semantics_version();

// A tensor. `element` is one of f32 f64 f16 bf16, i8 … i64, u8 … u64, bool, and those that take a byte each:
// i4 i2 u4 u2 f8e4m3fn f8e4m3fnuz f8e5m2 f8e5m2fnuz f8e8m0 f4e2m1. Elements lie in row-major order, aligned
// to their size; `owner` keeps them alive.
struct Array {
  std::string element;
  std::vector<int64_t> shape;
  std::shared_ptr<const void> owner;
  const void* data = nullptr;

  int64_t count() const;

  // A copy of the values. T: float, double, bool or an integer type.
  template <class T>
  static Array of(std::vector<int64_t> shape, std::span<const T> values) {
    return copy(element_of<T>(), std::move(shape), values.data(), values.size(), sizeof(T));
  }
  // Error: the elements are of another type.
  template <class T>
  std::span<const T> values() const {
    require(element_of<T>());
    return {static_cast<const T*>(data), static_cast<size_t>(count())};
  }

 private:
  template <class T>
  static const char* element_of() {
    if constexpr (std::is_same_v<T, bool>) return "bool";
    if constexpr (std::is_same_v<T, float>) return "f32";
    if constexpr (std::is_same_v<T, double>) return "f64";
    static_assert(std::is_arithmetic_v<T>, "float, double, bool or an integer type");
    constexpr const char* kSigned[] = {"i8", "i16", "i32", "i64"};
    constexpr const char* kUnsigned[] = {"u8", "u16", "u32", "u64"};
    constexpr int kIndex = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return std::is_signed_v<T> ? kSigned[kIndex] : kUnsigned[kIndex];
  }
  static Array copy(const char* element, std::vector<int64_t> shape, const void* data, size_t count,
                    size_t bytes);
  void require(const char* element) const;
};

// An input or output: its name, and its type as graphs print it: f32[N, 3, 224, 224].
struct Slot {
  std::string name, type;
};

// Arrays in memory that the caller keeps, at any address: elements row-major, side by side, or as many bytes
// apart along each dimension as `strides` says.
struct Input {
  std::string_view element;
  std::span<const int64_t> shape;
  const void* data = nullptr;
  std::span<const int64_t> strides = {};
};
struct Output {
  std::string_view element;
  std::span<const int64_t> shape;
  void* data = nullptr;
  std::span<const int64_t> strides = {};
};

class LoadedModel;

class Model {
 public:
  // A file: ONNX, the text of a graph, or an artifact that `save` or `tauto compile -o` wrote. An artifact's
  // machine code runs if this user wrote it or with `trust`; otherwise its graph is compiled again.
  // `allow`: rewrites that may change results within a stated bound (docs/contracts.md), "winograd" for one.
  static Model load(const std::string& path, bool trust = false, const std::vector<std::string>& allow = {});
  // The bytes of an ONNX file without external data; they are copied.
  static Model from_bytes(std::span<const uint8_t> bytes);

  std::vector<Slot> inputs() const;
  std::vector<Slot> outputs() const;

  // One array for each of inputs(), in their order; returns one for each of outputs(). Models with strings,
  // sequences or optionals among them are for the command and for Python. `cancelled` is asked now and then;
  // when it says true, run throws "cancelled". The number of threads decides no bit.
  std::vector<Array> run(const std::vector<Array>& inputs, const std::function<bool()>& cancelled = {},
                         int threads = 1) const;

  // The same on arrays of the caller's. Outputs have the types and shapes of the results; they may overlap
  // the inputs, so that a state is updated where it lies. What they hold after an error is not defined. With
  // sizes that were run before nothing is allocated, and nothing copied but what is strided, not aligned to
  // its size, or overlaps. `cancelled` may be null.
  void run_into(std::span<const Input> inputs, std::span<const Output> outputs,
                const std::function<bool()>* cancelled = nullptr, int threads = 1) const;

  // Writes the graph with its machine code for this CPU, signed with this user's key.
  void save(const std::string& path) const;

  // The graph that defines the results, as text.
  std::string text() const;

 private:
  explicit Model(std::shared_ptr<const LoadedModel> m) : m_(std::move(m)) {}
  std::shared_ptr<const LoadedModel> m_;
};

}  // namespace tauto
