// The C++ API over LoadedModel.
#include "tauto/model.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "compile/loaded_model.h"
#include "graph/text.h"

namespace tauto {
namespace {

std::vector<Slot> slots(const NamedTypes& list) {
  std::vector<Slot> r;
  for (const auto& [name, type] : list) r.push_back({name, text_of(type)});
  return r;
}

constexpr size_t kMostInputs = 16;  // and results, of the short way

bool is_aligned(const void* data, ElementType t) {
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(std::min<int64_t>(t.bytes(), 8)) == 0;
}

Tensor tensor_of(Array a, const std::string& where) {
  const auto element = element_type_named(a.element);
  if (!element || element->is_string())
    fail(where, ": required an element type like f32, got \"", a.element, "\"");
  const int64_t count = element_count(a.shape);
  if (count > 0 && !a.data) fail(where, ": required elements, got a null pointer");
  if (!is_aligned(a.data, *element))
    fail(where, ": required elements aligned to their size, got an odd address");
  if (count == 0) return Tensor(*element, std::move(a.shape));
  return Tensor(*element, std::move(a.shape), std::move(a.owner), a.data);
}

// The results if all is ready for such inputs; else nothing, and the long way works or says what is wrong.
std::vector<Array> run_ready(const LoadedModel& m, const std::vector<Array>& inputs,
                             const ExecuteOptions& options) {
  TensorView views[kMostInputs];
  const void* given[kMostInputs];
  if (inputs.size() > kMostInputs) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const auto element = element_type_named(inputs[i].element);
    if (!element || element->is_string() || !inputs[i].data || !is_aligned(inputs[i].data, *element))
      return {};
    views[i] = {*element, inputs[i].shape, inputs[i].data};
    given[i] = inputs[i].data;
  }
  std::optional<ReadyRun> ready = m.ready({views, inputs.size()});
  if (!ready) return {};
  std::vector<Array> results;
  void* places[kMostInputs];
  const std::vector<TensorType>& types = ready->function().results();
  if (types.size() > kMostInputs) return {};
  results.reserve(types.size());
  for (const TensorType& t : types) {
    const auto bytes = static_cast<size_t>(t.bytes() + 63) / 64 * 64;
    std::shared_ptr<void> memory(std::aligned_alloc(64, bytes), std::free);
    if (!memory) throw std::bad_alloc();
    places[results.size()] = memory.get();
    results.push_back({text_of(t.type), t.shape, memory, memory.get()});
  }
  if (!ready->run(given, places, options)) return {};
  return results;
}

}  // namespace

int semantics_version() { return kSemanticsVersion; }

int64_t Array::count() const { return element_count(shape); }

Array Array::copy(const char* element, std::vector<int64_t> shape, const void* data, size_t count,
                  size_t bytes) {
  const int64_t required = element_count(shape);
  if (required != static_cast<int64_t>(count))
    fail("array ", element, std::span<const int64_t>(shape), ": required ", required, " values, got ", count);
  const auto memory = std::make_shared<std::vector<uint64_t>>((count * bytes + 7) / 8);
  if (count > 0) std::memcpy(memory->data(), data, count * bytes);
  const void* at = memory->data();
  return {element, std::move(shape), memory, at};
}

void Array::require(const char* wanted) const {
  if (element != wanted) fail("array: required elements of ", wanted, ", got ", element);
}

Model Model::load(const std::string& path, bool trust) {
  LoadOptions options;
  options.trust = trust;
  return Model(std::make_shared<const LoadedModel>(LoadedModel::load(path, options)));
}

void Model::save(const std::string& path) const { m_->save(path); }

Model Model::from_bytes(std::span<const uint8_t> bytes) {
  return Model(std::make_shared<const LoadedModel>(
      LoadedModel::from_bytes(own(std::vector<uint8_t>(bytes.begin(), bytes.end())), "model")));
}

std::vector<Slot> Model::inputs() const { return slots(m_->inputs()); }
std::vector<Slot> Model::outputs() const { return slots(m_->outputs()); }

std::vector<Array> Model::run(const std::vector<Array>& inputs, const std::function<bool()>& cancelled,
                              int threads) const {
  ExecuteOptions options;
  options.threads = threads;
  if (cancelled) options.cancelled = &cancelled;
  if (std::vector<Array> results = run_ready(*m_, inputs, options); !results.empty()) return results;
  std::vector<Value> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool known = i < m_->inputs().size();
    values.push_back(tensor_of(inputs[i], known ? cat("run: input \"", m_->inputs()[i].first, "\"") : "run"));
  }
  std::vector<Array> results;
  size_t i = 0;
  for (Value& v : m_->execute(m_->order(std::move(values)), options)) {
    const std::string& name = m_->outputs()[i++].first;
    if (!v.is_tensor() || v.tensor.type().is_string())
      fail("run: output \"", name, "\": required a tensor of numbers, got ", type_of(v));
    const auto owner = std::make_shared<const Tensor>(std::move(v.tensor));
    results.push_back({text_of(owner->type()), owner->shape(), owner, owner->raw()});
  }
  return results;
}

std::string Model::text() const { return print(*m_->module()).text; }

}  // namespace tauto
